use provost_access::Forbidden;
use provost_ca::CaError;
use provost_model::ErrorKind;
use provost_model::registry::CaId;
use provost_store::StoreError;

/// Why the Device Registry does not do something.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The caller's roles do not allow it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// What was named is not there.
    #[error("the {noun} {name} is not there")]
    NotFound {
        /// The kind of thing.
        noun: &'static str,
        /// Its name.
        name: String,
    },
    /// The request itself is wrong.
    #[error("{message}")]
    Invalid {
        /// The word az prints.
        code: &'static str,
        /// In words.
        message: String,
    },
    /// What stands does not allow it.
    #[error("{message}")]
    Conflict {
        /// The word az prints.
        code: &'static str,
        /// In words.
        message: String,
    },
    /// The resource is not as the caller's `If-Match` or `If-None-Match` says.
    #[error("the {noun} is not in the state that If-Match or If-None-Match names")]
    PreconditionFailed {
        /// The kind of thing.
        noun: &'static str,
    },
    /// Making a CA took so long that its key was given up.
    #[error("making the CA {0} took too long, and its key was given up")]
    KeyGivenUp(CaId),
    /// A key could not be used.
    #[error("a key of a CA cannot be used")]
    Ca(#[from] CaError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl RegistryError {
    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Forbidden(_) => ErrorKind::Forbidden,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::PreconditionFailed { .. } => ErrorKind::PreconditionFailed,
            Self::KeyGivenUp(_) => ErrorKind::Unavailable,
            Self::Ca(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    /// The word of the error body.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "AuthorizationFailed",
            Self::NotFound { .. } => "ResourceNotFound",
            Self::Invalid { code, .. } | Self::Conflict { code, .. } => code,
            Self::PreconditionFailed { .. } => "PreconditionFailed",
            Self::KeyGivenUp(_) | Self::Ca(_) => "KeysUnavailable",
            Self::Store(error) => match error.kind() {
                ErrorKind::Throttled { .. } => "TooManyRequests",
                ErrorKind::Unavailable => "ServiceUnavailable",
                _ => "InternalServerError",
            },
        }
    }

    /// What the caller is told: what he can act upon, and nothing of our insides.
    pub fn public_message(&self) -> String {
        match self {
            Self::KeyGivenUp(_) | Self::Ca(_) => {
                "the keys of the certificate authorities cannot be used at the moment".to_owned()
            }
            Self::Store(_) => "the request cannot be served at the moment".to_owned(),
            other => other.to_string(),
        }
    }

    pub(crate) fn not_found(noun: &'static str, name: impl Into<String>) -> Self {
        Self::NotFound {
            noun,
            name: name.into(),
        }
    }

    pub(crate) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict {
            code,
            message: message.into(),
        }
    }
}
