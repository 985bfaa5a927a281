use crate::registry::CaId;
use crate::{CredentialPolicyName, NamespaceName, Timestamp, Uuid};

/// An issuing CA and how its leaves are made (certificate-management.md 1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialPolicy {
    /// Whose.
    pub namespace: NamespaceName,
    /// Its name there.
    pub name: CredentialPolicyName,
    /// Another one when a policy of the same name is made anew.
    pub uuid: Uuid,
    /// Days a leaf is valid.
    pub validity_days: u32,
    /// The issuing CA hangs under the customer's root, not under the namespace's ("bring your own root").
    pub is_external: bool,
    /// The CA that signs now.
    pub issuing: Option<CaId>,
    /// A CA whose signing request waits for the customer, or for a root that is kept offline: it is to sign
    /// as soon as it has its certificate.
    pub pending: Option<CaId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Where a policy under a customer's root stands (certificate-management.md 1.5).
///
/// | issuing | pending | status |
/// |---|---|---|
/// | - | request | `PendingActivation` |
/// | CA | - | `Active` |
/// | CA | request | `ActiveButPendingRenewal` |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByorStatus {
    /// A signing request is out; nothing is issued.
    PendingActivation,
    /// The signed issuing CA was accepted.
    Active,
    /// It still issues, and a new signing request is out.
    ActiveButPendingRenewal,
}

impl ByorStatus {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingActivation => "PendingActivation",
            Self::Active => "Active",
            Self::ActiveButPendingRenewal => "ActiveButPendingRenewal",
        }
    }
}

impl CredentialPolicy {
    /// Where it stands; `None` for one under the namespace's own root.
    pub fn byor_status(&self) -> Option<ByorStatus> {
        if !self.is_external {
            return None;
        }
        Some(match (&self.issuing, &self.pending) {
            (None, _) => ByorStatus::PendingActivation,
            (Some(_), None) => ByorStatus::Active,
            (Some(_), Some(_)) => ByorStatus::ActiveButPendingRenewal,
        })
    }
}
