use provost_model::registry::KeyRef;

use crate::KeyProviderError;

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
    /// Makes a key that is durable when this returns.
    fn generate(&self, purpose: &KeyPurpose) -> Result<KeyRef, KeyProviderError>;

    /// The public half as `SubjectPublicKeyInfo` DER, and the kind.
    fn public(&self, key: &KeyRef) -> Result<(Vec<u8>, KeyAlgorithm), KeyProviderError>;

    /// Signs the message (which it hashes itself); the signature is DER (`ECDSA-Sig-Value`).
    fn sign(&self, key: &KeyRef, message: &[u8]) -> Result<Vec<u8>, KeyProviderError>;

    /// Destroys a key for ever; one that is gone already is no error.
    fn destroy(&self, key: &KeyRef) -> Result<(), KeyProviderError>;

    /// Whether keys can be used now.
    fn health(&self) -> Result<(), KeyProviderError>;
}
