use provost_model::{ErrorKind, NamespaceName};
use provost_store::StoreError;

use crate::Permission;

/// Why somebody is no administrator, or not of this.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is no usable token.
    #[error("caller has no valid token: {reason}")]
    NoToken {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The roles of the token do not allow it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed.
    #[error("store failed")]
    Store(#[from] StoreError),
}

impl AccessError {
    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoToken { .. } => ErrorKind::Unauthenticated,
            Self::Forbidden(_) => ErrorKind::Forbidden,
            Self::Store(error) => error.kind(),
        }
    }
}

/// A token's roles do not allow something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token `{name}` does not allow `{permission}`{}", of(namespace.as_ref()))]
pub struct Forbidden {
    /// Whose token.
    pub name: String,
    /// What was asked for.
    pub permission: Permission,
    /// Where.
    pub namespace: Option<NamespaceName>,
}

fn of(namespace: Option<&NamespaceName>) -> String {
    namespace.map_or_else(String::new, |namespace| format!(" in the namespace {namespace}"))
}
