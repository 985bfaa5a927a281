use std::fmt;

use serde_json::{Map, Value};

use crate::registry::CaId;
use crate::{DpsName, HubName, NamespaceName, Timestamp, Uuid};

/// What devices, credentials and policies live in (certificate-management.md 1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name, unique in this program.
    pub name: NamespaceName,
    /// Never changes and is never used again.
    pub uuid: Uuid,
    /// Free text, echoed.
    pub location: String,
    /// Free, echoed.
    pub tags: Map<String, Value>,
    /// `identity` and `properties` as the client wrote them, without what the server says itself.
    pub document: Map<String, Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The root CA of a namespace: `credentials/default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Whose.
    pub namespace: NamespaceName,
    /// Free text, echoed.
    pub location: String,
    /// Free, echoed.
    pub tags: Map<String, Value>,
    /// The root.
    pub root: CaId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Who is linked to a namespace; each to one at most, a namespace to any number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NamespaceLink {
    /// A provisioning service.
    Dps(DpsName),
    /// A hub.
    Hub(HubName),
}

impl fmt::Display for NamespaceLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dps(name) => write!(f, "the provisioning service {name}"),
            Self::Hub(name) => write!(f, "the hub {name}"),
        }
    }
}
