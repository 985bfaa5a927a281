use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::aws_lc_rs as algorithm;

use crate::Certificate;
use crate::frame::Spki;

/// Why a signature was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The algorithm is not one of ours (SHA-1 among them), or does not fit the key.
    #[error("signature algorithm is not supported for this key")]
    UnsupportedAlgorithm,
    /// The signature was not made with this key over these bytes.
    #[error("signature does not match")]
    BadSignature,
}

/// Verifies that `issuer`'s key signed `child`. Names, dates and usages are not looked at.
///
/// ECDSA P-256, P-384, P-521; RSA 2048 to 8192 bits, PKCS #1 1.5 and PSS; Ed25519; SHA-256,
/// SHA-384 and SHA-512. SHA-1 is refused.
pub fn verify_signature(child: &Certificate, issuer: &Certificate) -> Result<(), SignatureError> {
    let (algorithm, signature) = (child.signature_algorithm(), child.signature());
    verify(issuer.spki(), algorithm, child.tbs(), signature)
}

/// Verifies a signature of any signed structure; `algorithm` is the content of its `AlgorithmIdentifier`.
///
/// DEVIATION: ECDSA with a NULL parameter is read, which RFC 5758 3.2 forbids: Azure's own chains are
/// signed that way (certificate-management.md 2.1). Nothing we make has it.
pub(crate) fn verify(
    spki: Spki<'_>,
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let means = |known: &[u8]| {
        known == algorithm || (known.starts_with(ECDSA) && algorithm.strip_prefix(known) == Some(&NULL))
    };
    let algorithm = CERTIFICATE_ALGORITHMS
        .iter()
        .find(|known| means(known.signature_alg_id().as_ref()) && fits(spki, **known))
        .ok_or(SignatureError::UnsupportedAlgorithm)?;
    algorithm
        .verify_signature(spki.key, message, signature)
        .map_err(|_| SignatureError::BadSignature)
}

/// Whether the content of an `AlgorithmIdentifier` is ECDSA with SHA-256, SHA-384 or SHA-512.
pub(crate) fn is_ecdsa_with_sha_2(algorithm: &[u8]) -> bool {
    matches!(algorithm.strip_prefix(ECDSA), Some([2..=4] | [2..=4, 5, 0]))
}

/// Whether certificates signed so are read at all; Azure's NULL counts as not there.
pub(crate) fn is_known(algorithm: &[u8]) -> bool {
    is_ecdsa_with_sha_2(algorithm)
        || CERTIFICATE_ALGORITHMS
            .iter()
            .any(|known| known.signature_alg_id().as_ref() == algorithm)
}

/// Whether it is ECDSA with the NULL that Azure's chains have.
pub(crate) fn has_null_parameter(algorithm: &[u8]) -> bool {
    matches!(algorithm.strip_prefix(ECDSA), Some([_, 5, 0]))
}

/// How the content of every `AlgorithmIdentifier` of ECDSA with SHA-2 begins: 1.2.840.10045.4.3.
const ECDSA: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
const NULL: [u8; 2] = [5, 0];

/// Whether the algorithm is for keys of this kind.
pub(crate) fn fits(spki: Spki<'_>, algorithm: &dyn SignatureVerificationAlgorithm) -> bool {
    algorithm.public_key_alg_id().as_ref() == spki.algorithm
}

/// What a certificate may be signed with, the common ones first.
static CERTIFICATE_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithm::ECDSA_P256_SHA256,
    algorithm::RSA_PKCS1_2048_8192_SHA256,
    algorithm::ECDSA_P384_SHA384,
    algorithm::ED25519,
    algorithm::ECDSA_P256_SHA384,
    algorithm::ECDSA_P256_SHA512,
    algorithm::ECDSA_P384_SHA256,
    algorithm::ECDSA_P384_SHA512,
    algorithm::ECDSA_P521_SHA256,
    algorithm::ECDSA_P521_SHA384,
    algorithm::ECDSA_P521_SHA512,
    algorithm::RSA_PKCS1_2048_8192_SHA384,
    algorithm::RSA_PKCS1_2048_8192_SHA512,
    algorithm::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    algorithm::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    algorithm::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    algorithm::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithm::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithm::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];
