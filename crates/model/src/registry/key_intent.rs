use crate::registry::{Ca, CaId, CaRole, KeyRef, SerialNumber};
use crate::{CredentialPolicyName, NamespaceName, Timestamp};

/// Whose key it is going to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyOwner {
    /// A namespace's root.
    Root,
    /// A policy's issuing CA.
    IssuingCa,
    /// Who signs OCSP responses for a CA.
    OcspResponder,
}

impl KeyOwner {
    const ALL: [Self; 3] = [Self::Root, Self::IssuingCa, Self::OcspResponder];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::IssuingCa => "issuing",
            Self::OcspResponder => "ocspResponder",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|owner| owner.as_str() == text)
    }
}

impl From<CaRole> for KeyOwner {
    fn from(role: CaRole) -> Self {
        match role {
            CaRole::Root => Self::Root,
            CaRole::Issuing => Self::IssuingCa,
        }
    }
}

/// A key that is about to be made, and what it is for: written down before there is a key, and before anything
/// is signed with it or for it.
///
/// | from \ to | given up | (removed) |
/// |---|---|---|
/// | intended | its CA was not completed | its CA was written down, in the same transaction |
/// | given up | | its key is destroyed for good |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyIntent {
    /// Where the key is going to be, is, or was.
    pub key: KeyRef,
    /// What it is for.
    pub owner: KeyOwner,
    /// The CA it is for.
    pub ca: CaId,
    /// Whose CA.
    pub namespace: NamespaceName,
    /// Of which policy; `None` for a root.
    pub policy: Option<CredentialPolicyName>,
    /// The serial number of the certificate that is signed for it; `None` where that is signed elsewhere.
    pub serial: Option<SerialNumber>,
    /// When it was written down.
    pub created_at: Timestamp,
}

impl KeyIntent {
    /// What stood before a CA that was made, as far as the CA tells.
    pub fn of(ca: &Ca) -> Self {
        Self {
            key: ca.key.clone(),
            owner: ca.role.into(),
            ca: ca.id.clone(),
            namespace: ca.namespace.clone(),
            policy: ca.policy.clone(),
            serial: None,
            created_at: ca.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_read_back() {
        for owner in KeyOwner::ALL {
            assert_eq!(KeyOwner::parse(owner.as_str()), Some(owner));
        }
        assert_eq!(KeyOwner::parse("leaf"), None);
    }
}
