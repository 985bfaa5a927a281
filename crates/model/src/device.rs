use crate::{DeviceId, Etag, IdentityId, KeyPair, ModuleId, Slots, Timestamp};

/// May the device connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceStatus {
    /// Yes.
    #[default]
    Enabled,
    /// No; its live session is closed.
    Disabled,
}

/// How a hub device proves itself (iot-hub-service-api.md 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceAuth {
    /// `sas`: a token signed with one of two keys.
    Sas(KeyPair),
    /// `selfSigned`: a certificate with one of these thumbprints, each 40 (SHA-1) or 64 (SHA-256)
    /// upper-case hexadecimal digits.
    SelfSigned(Slots<String>),
    /// `certificateAuthority`: a chain to a verified CA of the hub, leaf CN equal to the device ID.
    CertificateAuthority,
    /// `none`: the device never authenticates itself.
    None,
}

/// [`DeviceAuth`] without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceAuthKind {
    /// `sas`.
    Sas,
    /// `selfSigned`.
    SelfSigned,
    /// `certificateAuthority`.
    CertificateAuthority,
    /// `none`.
    None,
}

impl DeviceAuth {
    /// Which kind this is.
    pub fn kind(&self) -> DeviceAuthKind {
        match self {
            Self::Sas(_) => DeviceAuthKind::Sas,
            Self::SelfSigned(_) => DeviceAuthKind::SelfSigned,
            Self::CertificateAuthority => DeviceAuthKind::CertificateAuthority,
            Self::None => DeviceAuthKind::None,
        }
    }
}

/// A device's record in a hub's identity registry (iot-hub-service-api.md 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceIdentity {
    /// Names the device in the hub.
    pub device_id: DeviceId,
    /// Digits; another one after delete and re-create.
    pub generation_id: String,
    /// Changes with every write of the identity (not of the twin).
    pub etag: Etag,
    /// May it connect.
    pub status: DeviceStatus,
    /// Free text, up to [`MAX_STATUS_REASON`] characters.
    pub status_reason: Option<String>,
    /// When `status` last changed; `None` before the first change.
    pub status_updated_at: Option<Timestamp>,
    /// How it proves itself.
    pub auth: DeviceAuth,
    /// May it act as an edge gateway.
    pub iot_edge: bool,
    /// Made by the server for edge devices, set by the operator for their children.
    pub device_scope: Option<String>,
    /// Last connect or disconnect; kept coarsely.
    pub connection_updated_at: Option<Timestamp>,
    /// Last sign of life; kept coarsely.
    pub last_activity_at: Option<Timestamp>,
    /// Messages that wait for it.
    pub cloud_to_device_message_count: u32,
}

/// A module's record (iot-hub-service-api.md 11). It has no status: it may connect as long as its
/// device may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleIdentity {
    /// The device it belongs to.
    pub device_id: DeviceId,
    /// Names it there.
    pub module_id: ModuleId,
    /// Digits; another one after delete and re-create.
    pub generation_id: String,
    /// Changes with every write of the identity (not of the twin).
    pub etag: Etag,
    /// Who looks after it, e.g. `IotEdge`; free text, up to [`MAX_MANAGED_BY`] characters.
    pub managed_by: Option<String>,
    /// How it proves itself.
    pub auth: DeviceAuth,
    /// Last connect or disconnect; kept coarsely.
    pub connection_updated_at: Option<Timestamp>,
    /// Last sign of life; kept coarsely.
    pub last_activity_at: Option<Timestamp>,
}

impl ModuleIdentity {
    /// Its full name.
    pub fn id(&self) -> IdentityId {
        IdentityId::module(self.device_id.clone(), self.module_id.clone())
    }
}

/// Modules a device may have (iot-hub-service-api.md 11).
pub const MAX_MODULES: usize = 50;

/// Limit of [`ModuleIdentity::managed_by`] in characters.
pub const MAX_MANAGED_BY: usize = 128;

/// Limit of [`DeviceIdentity::status_reason`] in characters (iot-hub-service-api.md 4).
pub const MAX_STATUS_REASON: usize = 128;
