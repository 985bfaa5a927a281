use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair as _,
};
use provost_model::Secret;

use crate::{KeyAlgorithm, KeyProviderError};

/// A private key in memory, for as long as a signature takes. The library wipes it when it is dropped.
pub(crate) struct PrivateKey {
    pair: EcdsaKeyPair,
    algorithm: KeyAlgorithm,
}

impl PrivateKey {
    /// A fresh key from the cryptographic library's own random source.
    pub(crate) fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyProviderError> {
        EcdsaKeyPair::generate(signing(algorithm))
            .map(|pair| Self { pair, algorithm })
            .map_err(|_| failed("make a key"))
    }

    /// Reads unencrypted PKCS #8; `None` when it is none of this kind.
    pub(crate) fn from_pkcs8(algorithm: KeyAlgorithm, der: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(signing(algorithm), der).ok()?;
        Some(Self { pair, algorithm })
    }

    /// The key as unencrypted PKCS #8.
    pub(crate) fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, KeyProviderError> {
        let document = self.pair.to_pkcs8v1().map_err(|_| failed("write a key"))?;
        Ok(Secret::new(document.as_ref().to_vec()))
    }

    /// The public half as `SubjectPublicKeyInfo` DER.
    pub(crate) fn public_der(&self) -> Result<Vec<u8>, KeyProviderError> {
        AsDer::<PublicKeyX509Der<'_>>::as_der(self.pair.public_key())
            .map(|der| der.as_ref().to_vec())
            .map_err(|_| failed("write a public key"))
    }

    /// Signs the message, which is hashed here; the signature is DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        self.pair
            .sign(&SystemRandom::new(), message)
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| failed("sign"))
    }

    /// Signs the hash of a message; the signature is DER.
    pub(crate) fn sign_digest(&self, digest: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        let digest = self.algorithm.hashed(digest)?;
        let signature = self.pair.sign_digest(&digest).map_err(|_| failed("sign"))?;
        Ok(signature.as_ref().to_vec())
    }
}

fn signing(algorithm: KeyAlgorithm) -> &'static EcdsaSigningAlgorithm {
    match algorithm {
        KeyAlgorithm::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        KeyAlgorithm::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
    }
}

fn failed(what: &str) -> KeyProviderError {
    KeyProviderError::Unavailable(format!("the cryptographic library could not {what}"))
}
