use serde_json::{Map, Value};

use crate::{
    CredentialPolicyName, DeviceId, EnrollmentGroupId, Etag, GroupMechanism, HostName, IndividualMechanism,
    RegistrationId, Timestamp,
};

/// Whether an entry admits devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProvisioningStatus {
    /// Devices may register.
    #[default]
    Enabled,
    /// Whoever this entry matches is refused, without a look at any other entry.
    Disabled,
}

/// Which of the two kinds of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnrollmentKind {
    /// One device.
    Individual,
    /// All devices that share a signing certificate or key.
    Group,
}

/// Tags and desired properties a device's twin starts with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InitialTwin {
    /// Tags, without the members clients send as explicit nulls.
    pub tags: Map<String, Value>,
    /// Desired properties.
    pub desired: Map<String, Value>,
}

/// What a repeat registration may change (dps-device-api.md 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReprovisionPolicy {
    /// Choose the hub anew.
    pub update_hub_assignment: bool,
    /// When the hub changes, carry the twin over.
    pub migrate_device_data: bool,
}

impl Default for ReprovisionPolicy {
    fn default() -> Self {
        Self {
            update_hub_assignment: true,
            migrate_device_data: true,
        }
    }
}

/// How a hub is chosen among the candidates (dps-service-api.md 3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AllocationPolicy {
    /// Spread by a hash of the registration, weighted.
    #[default]
    Hashed,
    /// The hub nearest to the device, ties by hash.
    GeoLatency,
    /// The first hub the entry names.
    Static,
    /// A webhook decides.
    Custom,
}

/// The webhook of a custom allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomAllocation {
    /// Where the request is posted; often holds its own secret in the query.
    pub webhook_url: String,
    /// The contract's version, e.g. `2021-10-01`.
    pub api_version: String,
}

/// What an individual enrollment and a group have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentSettings {
    /// May this entry admit devices.
    pub status: ProvisioningStatus,
    /// Copied to the hub identity.
    pub iot_edge: bool,
    /// The twin of a device at its first assignment.
    pub initial_twin: Option<InitialTwin>,
    /// Absent where the client never named one (dps-device-api.md 8.2).
    pub reprovision: Option<ReprovisionPolicy>,
    /// Overrides the instance's policy; absent means the instance's.
    pub allocation: Option<AllocationPolicy>,
    /// Host names of the candidate hubs; empty means every linked hub.
    pub iot_hubs: Vec<HostName>,
    /// Set when the policy is [`AllocationPolicy::Custom`].
    pub custom_allocation: Option<CustomAllocation>,
    /// The policy of the namespace its devices are issued certificates by, when they ask for one
    /// (certificate-management.md 1.8). Whether there is such a policy shows when one asks.
    pub credential_policy: Option<CredentialPolicyName>,
    /// Changes with every write.
    pub etag: Etag,
    /// Never changes.
    pub created_at: Timestamp,
    /// Moves with every write.
    pub updated_at: Timestamp,
}

/// The entry of one device (dps-service-api.md 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndividualEnrollment {
    /// Names the entry.
    pub registration_id: RegistrationId,
    /// The device's name in the hub where it differs from the registration ID.
    pub device_id: Option<DeviceId>,
    /// Free-form information kept for the operator.
    pub optional_device_information: Option<Map<String, Value>>,
    /// How the device proves itself.
    pub mechanism: IndividualMechanism,
    /// The rest.
    pub settings: EnrollmentSettings,
}

impl IndividualEnrollment {
    /// The name the device gets in its hub.
    pub fn assigned_device_id(&self) -> DeviceId {
        self.device_id
            .clone()
            .unwrap_or_else(|| DeviceId::from(&self.registration_id))
    }
}

/// The entry of all devices that share a signing certificate or a key (dps-service-api.md 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentGroup {
    /// Names the group.
    pub id: EnrollmentGroupId,
    /// How its devices prove themselves.
    pub mechanism: GroupMechanism,
    /// The rest.
    pub settings: EnrollmentSettings,
}
