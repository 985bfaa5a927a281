use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use provost_model::Secret;
use rustls_pki_types::alg_id;

use crate::frame::Spki;
use crate::issue::IssueError;
use crate::text::{PemBlocks, decode};
use crate::{KeyKind, PublicKeyInfo, encode};

/// The kinds of key made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256, signs with SHA-256.
    P256,
    /// ECDSA on P-384, signs with SHA-384.
    P384,
    /// RSA of 2048 bits (read keys may be larger), signs PKCS #1 1.5 with SHA-256.
    Rsa2048,
    /// Ed25519.
    Ed25519,
}

impl KeyAlgorithm {
    /// How the owner of this public key signs.
    pub(crate) fn of_public_key(spki_der: &[u8]) -> Result<Self, IssueError> {
        let spki = Spki::parse(spki_der).map_err(|_| IssueError::PublicKey)?;
        let key = PublicKeyInfo::of(spki);
        match (key.kind, key.bits) {
            (KeyKind::Ec, 256) => Ok(Self::P256),
            (KeyKind::Ec, 384) => Ok(Self::P384),
            (KeyKind::Rsa, _) => Ok(Self::Rsa2048),
            (KeyKind::Ed25519, _) => Ok(Self::Ed25519),
            _ => Err(IssueError::Key),
        }
    }

    /// The `AlgorithmIdentifier` of its signatures; ECDSA has no parameters (RFC 5758 3.2).
    pub(crate) fn identifier_der(self) -> Vec<u8> {
        let content = match self {
            Self::P256 => alg_id::ECDSA_SHA256,
            Self::P384 => alg_id::ECDSA_SHA384,
            Self::Rsa2048 => alg_id::RSA_PKCS1_SHA256,
            Self::Ed25519 => alg_id::ED25519,
        };
        encode::tlv(encode::SEQUENCE, &[content.as_ref()])
    }
}

/// A private key in memory with its public half. Shows nothing of itself.
pub struct KeyPair(Inner);

enum Inner {
    Ec(KeyAlgorithm, EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl KeyPair {
    /// A fresh key from the cryptographic library's own random source.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, IssueError> {
        let inner = match algorithm {
            KeyAlgorithm::P256 | KeyAlgorithm::P384 => {
                EcdsaKeyPair::generate(ec(algorithm)).map(|key| Inner::Ec(algorithm, key))
            }
            KeyAlgorithm::Rsa2048 => {
                RsaKeyPair::generate(KeySize::Rsa2048).map(|key| Inner::Rsa(Box::new(key)))
            }
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate().map(Inner::Ed25519),
        };
        inner.map(Self).map_err(|_| IssueError::Key)
    }

    /// Reads an unencrypted PKCS #8 key.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, IssueError> {
        for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::P384] {
            if let Ok(key) = EcdsaKeyPair::from_pkcs8(ec(algorithm), der) {
                return Ok(Self(Inner::Ec(algorithm, key)));
            }
        }
        if let Ok(key) = Ed25519KeyPair::from_pkcs8(der) {
            return Ok(Self(Inner::Ed25519(key)));
        }
        let key = RsaKeyPair::from_pkcs8(der).map_err(|_| IssueError::Key)?;
        Ok(Self(Inner::Rsa(Box::new(key))))
    }

    /// Reads the first private key of a PEM text: PKCS #8, or the older `EC PRIVATE KEY` and
    /// `RSA PRIVATE KEY`, never encrypted.
    pub fn from_pem(text: &str) -> Result<Self, IssueError> {
        let (label, body) = PemBlocks(text)
            .filter_map(Result::ok)
            .find(|(label, _)| label.ends_with("PRIVATE KEY"))
            .ok_or(IssueError::Key)?;
        let der = Secret::new(decode(body).map_err(|_| IssueError::Key)?);
        match label {
            "PRIVATE KEY" => Self::from_pkcs8_der(der.expose()),
            "EC PRIVATE KEY" => [KeyAlgorithm::P256, KeyAlgorithm::P384]
                .into_iter()
                .find_map(|algorithm| {
                    let key = EcdsaKeyPair::from_private_key_der(ec(algorithm), der.expose());
                    key.ok().map(|key| Self(Inner::Ec(algorithm, key)))
                })
                .ok_or(IssueError::Key),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(der.expose())
                .map(|key| Self(Inner::Rsa(Box::new(key))))
                .map_err(|_| IssueError::Key),
            _ => Err(IssueError::Key),
        }
    }

    /// The key as unencrypted PKCS #8.
    pub fn to_pkcs8_der(&self) -> Result<Secret<Vec<u8>>, IssueError> {
        let der = match &self.0 {
            Inner::Ec(_, key) => key.to_pkcs8v1().map(|document| document.as_ref().to_vec()),
            Inner::Rsa(key) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(key.as_ref()).map(|document| document.as_ref().to_vec())
            }
            Inner::Ed25519(key) => key.to_pkcs8v1().map(|document| document.as_ref().to_vec()),
        };
        der.map(Secret::new).map_err(|_| IssueError::Key)
    }

    /// The key as unencrypted PKCS #8 PEM.
    pub fn to_pkcs8_pem(&self) -> Result<Secret<String>, IssueError> {
        Ok(Secret::new(provost_model::pem(
            "PRIVATE KEY",
            self.to_pkcs8_der()?.expose(),
        )))
    }

    /// The kind of key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        match &self.0 {
            Inner::Ec(algorithm, _) => *algorithm,
            Inner::Rsa(_) => KeyAlgorithm::Rsa2048,
            Inner::Ed25519(_) => KeyAlgorithm::Ed25519,
        }
    }

    /// The public half as `SubjectPublicKeyInfo` DER.
    pub fn public_key_der(&self) -> Result<Vec<u8>, IssueError> {
        let document = match &self.0 {
            Inner::Ec(_, key) => AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()),
            Inner::Rsa(key) => AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()),
            Inner::Ed25519(key) => AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()),
        };
        document
            .map(|der| der.as_ref().to_vec())
            .map_err(|_| IssueError::Key)
    }

    /// Signs with the algorithm named at [`KeyAlgorithm`]; ECDSA signatures are DER.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        let random = SystemRandom::new();
        let signed = match &self.0 {
            Inner::Ec(_, key) => key.sign(&random, message).map(|made| made.as_ref().to_vec()),
            Inner::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map(|()| signature)
            }
            Inner::Ed25519(key) => key.try_sign(message).map(|made| made.as_ref().to_vec()),
        };
        signed.map_err(|_| IssueError::Key)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({:?})", self.algorithm())
    }
}

fn ec(algorithm: KeyAlgorithm) -> &'static EcdsaSigningAlgorithm {
    match algorithm {
        KeyAlgorithm::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        _ => &ECDSA_P256_SHA256_ASN1_SIGNING,
    }
}
