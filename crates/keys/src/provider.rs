use aws_lc_rs::digest::{self, Digest};
use provost_model::registry::KeyRef;

use crate::{KeyProviderError, PendingSignature};

/// The kinds of key made for CAs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256, signs with SHA-256.
    P256,
    /// ECDSA on P-384, signs with SHA-384.
    P384,
}

impl KeyAlgorithm {
    /// The word files and people use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// The hash of a message as it is signed.
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        digest::digest(self.hash(), message).as_ref().to_vec()
    }

    /// Takes bytes for such a hash.
    pub(crate) fn hashed(self, bytes: &[u8]) -> Result<Digest, KeyProviderError> {
        Digest::import_less_safe(bytes, self.hash()).map_err(|_| {
            KeyProviderError::Refused(format!(
                "{} bytes are not a hash that {} signs",
                bytes.len(),
                self.as_str()
            ))
        })
    }

    fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::P256 => &digest::SHA256,
            Self::P384 => &digest::SHA384,
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::P256, Self::P384]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
    }
}

/// What a key is made for: bound to it, shown to whoever looks after the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPurpose {
    /// Names the key among the provider's, e.g. `ica-3f…`; 1 to 64 of `[A-Za-z0-9-]`.
    pub label: String,
    /// The kind.
    pub algorithm: KeyAlgorithm,
}

impl KeyPurpose {
    /// Refuses a label that is not one.
    pub(crate) fn check(&self) -> Result<(), KeyProviderError> {
        let is_label = (1..=64).contains(&self.label.len())
            && self
                .label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_label.then_some(()).ok_or_else(|| {
            KeyProviderError::Refused("a key's label has 1 to 64 letters, digits and hyphens".to_owned())
        })
    }
}

/// A place where private keys live and from which they never come.
///
/// The calls block (a disk, a token): call them where that is allowed.
pub trait KeyProvider: Send + Sync {
    /// Chooses where a key is going to be, which no other key is or will be. Nothing is made: it can be written
    /// down first, so that whatever is made after it is found again.
    fn reserve(&self, purpose: &KeyPurpose) -> Result<KeyRef, KeyProviderError>;

    /// Makes the key that [`Self::reserve`] chose a place for, once; it is durable when this returns. When it
    /// fails there may be one all the same.
    fn make(&self, key: &KeyRef, purpose: &KeyPurpose) -> Result<(), KeyProviderError>;

    /// Both in one, for who writes nothing down.
    fn generate(&self, purpose: &KeyPurpose) -> Result<KeyRef, KeyProviderError> {
        let key = self.reserve(purpose)?;
        self.make(&key, purpose)?;
        Ok(key)
    }

    /// The public half as `SubjectPublicKeyInfo` DER, and the kind.
    fn public(&self, key: &KeyRef) -> Result<(Vec<u8>, KeyAlgorithm), KeyProviderError>;

    /// Signs the message (which it hashes itself); the signature is DER (`ECDSA-Sig-Value`).
    fn sign(&self, key: &KeyRef, message: &[u8]) -> Result<Vec<u8>, KeyProviderError>;

    /// Signs what was hashed already, with the hash that goes with the key's kind: 32 bytes for P-256, 48 for P-384.
    ///
    /// A provider that only takes whole messages refuses.
    fn sign_digest(&self, key: &KeyRef, digest: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        let _ = digest;
        Err(KeyProviderError::Refused(format!(
            "`{}` signs whole messages only",
            key.0
        )))
    }

    /// Begins a signature over the message and does not block: for who has many under way. `None` where whoever asks signs
    /// himself, or when too much is under way: then [`Self::sign`] is to be called where one may block. Not both: what was begun
    /// is never asked for again.
    fn begin_signing(&self, key: &KeyRef, message: &[u8]) -> Option<PendingSignature> {
        let _ = (key, message);
        None
    }

    /// Destroys a key for ever; one that is gone already is no error.
    fn destroy(&self, key: &KeyRef) -> Result<(), KeyProviderError>;

    /// Whether keys can be used now.
    fn health(&self) -> Result<(), KeyProviderError>;
}
