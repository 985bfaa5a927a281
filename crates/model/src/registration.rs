use std::net::IpAddr;

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

/// A device's place: its hub and its name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The hub.
    pub hub: HubName,
    /// The device's name in it.
    pub device_id: DeviceId,
}

/// How a device came, as far as the choice of its hub depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// The address it came from, when there was a connection.
    pub address: Option<IpAddr>,
    /// It speaks an api-version from before reprovisioning (dps-device-api.md 8.2).
    pub is_before_reprovisioning: bool,
}

/// Where a registration stands.
///
/// | from | event | to |
/// |---|---|---|
/// | any | register, entry enabled, hub found | `Assigned` |
/// | any | register, entry enabled, no hub or hub refuses | `Failed` |
/// | any | register, entry disabled | `Disabled` |
/// | any | register, something outside the program is needed | `Assigning` |
/// | `Assigning` | the leased run ends | `Assigned`, `Failed` or `Disabled` |
///
/// Source: dps-device-api.md 2.4 and 8.1. A run that needs nothing outside the program ends in the
/// transaction it begins in; a device is told `assigning` once all the same.
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
    /// A webhook is asked or a hub elsewhere is written to; see [`crate::PendingRegistration`].
    Assigning,
}

impl RegistrationState {
    /// The assignment this state holds.
    pub fn assignment(&self) -> Option<Assignment> {
        match self {
            Self::Assigned { hub, device_id, .. } => Some(Assignment {
                hub: hub.clone(),
                device_id: device_id.clone(),
            }),
            Self::Failed(_) | Self::Disabled | Self::Assigning => None,
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
    /// The assignment before, kept when a run ends without one: a device that was disabled for a
    /// while comes back to the hub it had. `None` while assigned.
    pub kept: Option<Assignment>,
    /// The run this outcome belongs to.
    pub operation: OperationId,
    /// What a custom allocation handed to the device.
    pub payload: Option<Value>,
    /// The certificate the run was issued, by its number; `None` when the device asked for none.
    pub issued: Option<i64>,
    /// Changes with every run.
    pub etag: Etag,
    /// The first run.
    pub created_at: Timestamp,
    /// The latest run.
    pub updated_at: Timestamp,
}

impl RegistrationRecord {
    /// The assignment the device has, or had before its latest run ended without one.
    pub fn last_assignment(&self) -> Option<Assignment> {
        self.state.assignment().or_else(|| self.kept.clone())
    }
}
