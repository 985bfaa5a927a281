use crate::{AllocationPolicy, DpsName, Etag, HostName, HubName, IdScope, Secret, Timestamp};

/// One provisioning service of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpsInstance {
    /// Its stable name.
    pub name: DpsName,
    /// Its name towards devices, unique.
    pub id_scope: IdScope,
    /// The host name of its service API.
    pub host: HostName,
    /// What an enrollment without a policy of its own uses.
    pub allocation: AllocationPolicy,
    /// Key that marks operation IDs as ours (see `provisioning::operation`), 32 bytes.
    pub operation_key: Secret<Vec<u8>>,
    /// Changes with every write.
    pub etag: Etag,
    /// When it was made.
    pub created_at: Timestamp,
    /// Grows with every change of an X.509 group or a CA certificate of the instance: as long as it
    /// stands, so does a decision by chain. The store keeps it.
    pub trust_version: i64,
}

/// A hub devices can be assigned to: one of this program, or one elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    /// Its stable name.
    pub name: HubName,
    /// The host name devices and back ends reach it by, without a port.
    pub host: HostName,
    /// It is elsewhere, reached as its [`crate::RemoteHub`] says.
    pub is_remote: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A hub that a provisioning service may assign devices to (dps-service-api.md 4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedHub {
    /// The hub.
    pub hub: HubName,
    /// Its current host name.
    pub host: HostName,
    /// See [`Hub::is_remote`].
    pub is_remote: bool,
    /// `false`: only used when an enrollment names it.
    pub apply_allocation_policy: bool,
    /// 0 to 1000.
    pub allocation_weight: u32,
}
