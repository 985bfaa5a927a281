use serde_json::{Map, Value};

use crate::registry::DeviceIdentifier;
use crate::{CredentialPolicyName, DeviceId, Etag, HubName, NamespaceName, RegistryDeviceName, Timestamp};

/// A device of a namespace (certificate-management.md 1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryDevice {
    /// Whose.
    pub namespace: NamespaceName,
    /// Its name there.
    pub name: RegistryDeviceName,
    /// What its leaves must say.
    pub identifier: DeviceIdentifier,
    /// Its name in the hub.
    pub external_device_id: DeviceId,
    /// Whether it may connect and be issued certificates; apart from whether its certificates are valid.
    pub enabled: bool,
    /// The policy of its certificates; a device that was not made by provisioning has none.
    pub policy: Option<CredentialPolicyName>,
    /// The hub it was assigned to.
    pub hub: Option<HubName>,
    /// `location`, `tags`, `manufacturer`, `attributes` …, as the client wrote them, kept as one document of
    /// the resource's own shape without what the server says itself.
    pub document: Map<String, Value>,
    /// Grows by one with every change.
    pub version: i64,
    /// Changes with every write.
    pub etag: Etag,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was last enabled, disabled or revoked.
    pub transition_at: Timestamp,
}
