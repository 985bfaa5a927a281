use std::sync::Arc;

use crate::issue::{IssueError, KeyAlgorithm, KeyPair};

/// A private key that signs, wherever it is: in memory, in a sealed file, in a token.
pub trait Signer: Send + Sync {
    /// The public half as `SubjectPublicKeyInfo` DER.
    ///
    /// # Errors
    /// [`IssueError::Key`] or [`IssueError::Signer`] when the key cannot be reached.
    fn public_key_der(&self) -> Result<Vec<u8>, IssueError>;

    /// The kind of key, which also says how it signs: see [`KeyAlgorithm`].
    fn algorithm(&self) -> KeyAlgorithm;

    /// Signs the message, which it hashes itself; ECDSA signatures are DER (`ECDSA-Sig-Value`).
    ///
    /// # Errors
    /// As [`public_key_der`](Self::public_key_der).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError>;
}

impl Signer for KeyPair {
    fn public_key_der(&self) -> Result<Vec<u8>, IssueError> {
        Self::public_key_der(self)
    }

    fn algorithm(&self) -> KeyAlgorithm {
        Self::algorithm(self)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        Self::sign(self, message)
    }
}

impl<T: Signer + ?Sized> Signer for Arc<T> {
    fn public_key_der(&self) -> Result<Vec<u8>, IssueError> {
        T::public_key_der(self)
    }

    fn algorithm(&self) -> KeyAlgorithm {
        T::algorithm(self)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        T::sign(self, message)
    }
}
