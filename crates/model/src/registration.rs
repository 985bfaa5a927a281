use serde_json::Value;

use crate::{DeviceId, EnrollmentGroupId, Etag, HubName, OperationId, RegistrationId, Timestamp};

/// How an assignment came about (dps-device-api.md 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Substatus {
    /// The first one.
    InitialAssignment,
    /// Another hub, the twin carried over.
    DeviceDataMigrated,
    /// Another hub or a reset, the twin made anew.
    DeviceDataReset,
    /// The same assignment again.
    ReprovisionedToInitialAssignment,
}

/// Why a registration ended without an assignment though the device proved itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationFailure {
    /// Azure's number, e.g. 400208.
    pub code: u32,
    /// What the device and the operator may read.
    pub message: String,
}

/// Where a registration stands.
///
/// | from | event | to |
/// |---|---|---|
/// | any | register, entry enabled, hub found | `Assigned` |
/// | any | register, entry enabled, no hub or hub refuses | `Failed` |
/// | any | register, entry disabled | `Disabled` |
///
/// Source: dps-device-api.md 2.4 and 8.1. `assigning` is what a device is told between its register
/// and its first poll; with an outcome committed at once it is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationState {
    /// The device has a hub.
    Assigned {
        /// Its hub.
        hub: HubName,
        /// Its name there.
        device_id: DeviceId,
        /// How it came about.
        substatus: Substatus,
    },
    /// No assignment.
    Failed(RegistrationFailure),
    /// The entry that matched is disabled.
    Disabled,
}

impl RegistrationState {
    /// The hub and device ID, when there is an assignment.
    pub fn assignment(&self) -> Option<(&HubName, &DeviceId)> {
        match self {
            Self::Assigned { hub, device_id, .. } => Some((hub, device_id)),
            Self::Failed(_) | Self::Disabled => None,
        }
    }
}

/// The stored outcome of a device's latest run through provisioning (dps-service-api.md 3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationRecord {
    /// The device.
    pub registration_id: RegistrationId,
    /// The group that admitted it; `None` for an individual enrollment.
    pub group: Option<EnrollmentGroupId>,
    /// Whether the device proved itself with a certificate.
    pub by_certificate: bool,
    /// Where it stands.
    pub state: RegistrationState,
    /// The run this outcome belongs to.
    pub operation: OperationId,
    /// What a custom allocation handed to the device.
    pub payload: Option<Value>,
    /// Changes with every run.
    pub etag: Etag,
    /// The first run.
    pub created_at: Timestamp,
    /// The latest run.
    pub updated_at: Timestamp,
}
