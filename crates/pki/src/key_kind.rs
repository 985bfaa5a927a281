use std::fmt;

use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use rustls_pki_types::alg_id;

use crate::frame::Spki;

/// The kind of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA (`rsaEncryption`).
    Rsa,
    /// Elliptic curve P-256, P-384 or P-521, told apart by the number of bits.
    Ec,
    /// Ed25519.
    Ed25519,
    /// Anything else: another curve, another algorithm, or a key that cannot be read.
    Other,
}

/// Kind and size of a certificate's public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKeyInfo {
    /// The kind.
    pub kind: KeyKind,
    /// Size in bits: RSA modulus, curve size; 0 for [`KeyKind::Other`].
    pub bits: usize,
}

/// RSA keys under this many bits are refused everywhere (NIST SP 800-131A).
pub(crate) const MIN_RSA_BITS: usize = 2048;
/// RSA keys over this many bits cost too much to verify with.
pub(crate) const MAX_RSA_BITS: usize = 8192;

impl PublicKeyInfo {
    pub(crate) fn of(spki: Spki<'_>) -> Self {
        let algorithm = spki.algorithm;
        let is = |id: alg_id::AlgorithmIdentifier| algorithm == id.as_ref();
        let (kind, bits) = if is(alg_id::ECDSA_P256) {
            (KeyKind::Ec, 256)
        } else if is(alg_id::ECDSA_P384) {
            (KeyKind::Ec, 384)
        } else if is(alg_id::ECDSA_P521) {
            (KeyKind::Ec, 521)
        } else if is(alg_id::ED25519) {
            (KeyKind::Ed25519, 256)
        } else if let (true, Ok(bits)) = (is(alg_id::RSA_ENCRYPTION), rsa_bits(spki.key)) {
            (KeyKind::Rsa, bits)
        } else {
            (KeyKind::Other, 0)
        };
        Self { kind, bits }
    }

    /// Whether the key is of a kind and size that may take part in a chain.
    pub fn is_acceptable(self) -> bool {
        match self.kind {
            KeyKind::Rsa => (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&self.bits),
            KeyKind::Ec | KeyKind::Ed25519 => true,
            KeyKind::Other => false,
        }
    }
}

impl fmt::Display for PublicKeyInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            KeyKind::Rsa => write!(f, "RSA {}", self.bits),
            KeyKind::Ec => write!(f, "P-{}", self.bits),
            KeyKind::Ed25519 => f.write_str("Ed25519"),
            KeyKind::Other => f.write_str("unsupported key"),
        }
    }
}

/// Whether an elliptic key gives the parameters of its curve instead of its name, which RFC 5480 2.1.1
/// forbids: id-ecPublicKey, then a SEQUENCE.
pub(crate) fn has_explicit_curve(spki: Spki<'_>) -> bool {
    const BEGIN: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x30];
    spki.algorithm.starts_with(BEGIN)
}

/// Bits of the modulus of an `RSAPublicKey` (RFC 8017 A.1.1).
fn rsa_bits(key: &[u8]) -> der::Result<usize> {
    SliceReader::new(key)?.sequence(|reader| {
        let modulus = UintRef::decode(reader)?;
        UintRef::decode(reader)?;
        let bytes = modulus.as_bytes();
        let zeros = bytes.first().map_or(0, |first| first.leading_zeros());
        Ok((bytes.len() * 8).saturating_sub(usize::try_from(zeros).unwrap_or(0)))
    })
}
