use std::fmt;

use crate::{CertificateDer, CredentialPolicyName, NamespaceName, Random, Timestamp};

/// Names one CA: 32 lower-case hexadecimal digits, part of its subject and of its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaId(String);

impl CaId {
    /// A fresh one.
    pub fn generate(random: &dyn Random) -> Self {
        Self(random.hex(16))
    }

    /// Reads 32 hexadecimal digits of any case.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a private key is: what a key provider gave out for it. No secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyRef(pub String);

impl KeyRef {
    const OFFLINE: &str = "offline";

    /// Stands for the key of a root that is kept offline: nobody here has it, and no provider knows it.
    pub fn offline() -> Self {
        Self(Self::OFFLINE.to_owned())
    }

    /// The key is not here and never was.
    pub fn is_offline(&self) -> bool {
        self.0 == Self::OFFLINE
    }
}

/// What a CA is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaRole {
    /// A namespace's root: signs issuing CAs and their CRL.
    Root,
    /// A policy's: signs leaves and their CRL.
    Issuing,
}

impl CaRole {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuing => "issuing",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Root, Self::Issuing]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

/// What a CA may still do.
///
/// | from \ to | active | spare | retired | revoked | closed |
/// |---|---|---|---|---|---|
/// | pending | its certificate came, or ours was signed | its certificate came, and another one signs | | | given up |
/// | spare | the one that signed was revoked | | | | ended, or its policy or credential is deleted |
/// | active | | | replaced by renewal | issuer revoked | policy or credential deleted |
/// | retired | | | | issuer revoked | policy or credential deleted, or all it signed expired |
/// | revoked, closed | | | | | |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaState {
    /// It has a key and no certificate yet.
    Pending,
    /// It has its certificate and signs nothing: it takes the place of one that is revoked. No hub trusts it.
    Spare,
    /// It signs.
    Active,
    /// Another one signs; hubs still trust what it signed, and it signs its CRL.
    Retired,
    /// No longer trusted; it signs nothing more.
    Revoked,
    /// Its policy is gone. What it signed goes on, and it signs its CRL until the last of that has expired; then
    /// its key is destroyed.
    Closed,
}

impl CaState {
    /// Whether it signs nothing any more and never will again, for no policy.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Revoked | Self::Closed)
    }

    const ALL: [Self; 6] = [
        Self::Pending,
        Self::Spare,
        Self::Active,
        Self::Retired,
        Self::Revoked,
        Self::Closed,
    ];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Spare => "spare",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
            Self::Closed => "closed",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether a CA may go from this state to another.
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Active | Self::Spare | Self::Closed)
                | (Self::Spare, Self::Active | Self::Closed)
                | (Self::Active, Self::Retired | Self::Revoked | Self::Closed)
                | (Self::Retired, Self::Revoked | Self::Closed)
        )
    }
}

/// A CA of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ca {
    /// Its name.
    pub id: CaId,
    /// Whose.
    pub namespace: NamespaceName,
    /// The policy it was made for; `None` for a root.
    pub policy: Option<CredentialPolicyName>,
    /// What it is for.
    pub role: CaRole,
    /// The root that signed it; `None` for a root and for one under a customer's root.
    pub parent: Option<CaId>,
    /// What it may still do.
    pub state: CaState,
    /// Where its key is; [`KeyRef::offline`] of a root whose key is not here.
    pub key: KeyRef,
    /// Its subject, e.g. `CN=ica-…`.
    pub subject: String,
    /// The signing request, DER, of one under a customer's root or under one that is kept offline.
    pub signing_request: Option<Vec<u8>>,
    /// Its certificate, once there is one.
    pub certificate: Option<CertificateDer>,
    /// What follows it in the chain of a device, root last; empty for a root.
    pub issuers: Vec<CertificateDer>,
    /// First instant of its certificate.
    pub not_before: Option<Timestamp>,
    /// Last instant of its certificate.
    pub not_after: Option<Timestamp>,
    /// Into how many parts its CRL is cut; fixed when it is made, 1 for one whole CRL.
    pub shards: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_states() {
        let allowed = [
            (CaState::Pending, CaState::Active),
            (CaState::Pending, CaState::Spare),
            (CaState::Pending, CaState::Closed),
            (CaState::Spare, CaState::Active),
            (CaState::Spare, CaState::Closed),
            (CaState::Active, CaState::Retired),
            (CaState::Active, CaState::Revoked),
            (CaState::Active, CaState::Closed),
            (CaState::Retired, CaState::Revoked),
            (CaState::Retired, CaState::Closed),
        ];
        for from in CaState::ALL {
            for to in CaState::ALL {
                assert_eq!(
                    from.may_become(to),
                    allowed.contains(&(from, to)),
                    "{from:?} {to:?}"
                );
            }
            assert_eq!(CaState::parse(from.as_str()), Some(from));
        }
    }
}
