use provost_model::ErrorKind;

/// Why a key was not made, used or destroyed. The texts hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyProviderError {
    /// There is no such key, or not here.
    #[error("key `{0}` is not there")]
    NotFound(String),
    /// The key is there and cannot be trusted or opened: wrong passphrase, altered file, imported key.
    #[error("key `{key}` cannot be used: {reason}")]
    Unusable {
        /// Which.
        key: String,
        /// Why.
        reason: String,
    },
    /// The provider does not answer now.
    #[error("keys cannot be reached: {0}")]
    Unavailable(String),
    /// The provider refuses what was asked of it.
    #[error("{0}")]
    Refused(String),
}

impl KeyProviderError {
    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::NotFound(_) | Self::Unusable { .. } | Self::Refused(_) => ErrorKind::Internal,
        }
    }
}
