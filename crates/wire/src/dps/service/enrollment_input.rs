use provost_model::{DeviceId, EnrollmentGroupId, RegistrationId};
use serde_json::{Map, Value};

use super::attestation_input::AttestationInput;
use super::settings::{SettingsInput, twin_collection};
use crate::json::{self, BodyError, Members};

/// `IndividualEnrollment` as sent (dps-service-api.md 3.1). Read-only members are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentInput {
    /// Must agree with the address.
    pub registration_id: RegistrationId,
    /// The device's name in the hub.
    pub device_id: Option<DeviceId>,
    /// Free-form.
    pub optional_device_information: Option<Map<String, Value>>,
    /// How the device proves itself.
    pub attestation: AttestationInput,
    /// The rest.
    pub settings: SettingsInput,
}

impl EnrollmentInput {
    /// Reads the body of a PUT.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        Self::read(&Members::root(&json::parse(body)?)?)
    }

    pub(super) fn read(entry: &Members<'_>) -> Result<Self, BodyError> {
        Ok(Self {
            registration_id: entry.required("registrationId", RegistrationId::parse)?,
            device_id: entry.parsed("deviceId", DeviceId::parse)?,
            optional_device_information: entry.map("optionalDeviceInformation")?.map(twin_collection),
            attestation: AttestationInput::read(entry)?,
            settings: SettingsInput::read(entry)?,
        })
    }
}

/// `EnrollmentGroup` as sent (dps-service-api.md 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInput {
    /// Must agree with the address.
    pub id: EnrollmentGroupId,
    /// How its devices prove themselves.
    pub attestation: AttestationInput,
    /// The rest.
    pub settings: SettingsInput,
}

impl GroupInput {
    /// Reads the body of a PUT.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        Self::read(&Members::root(&json::parse(body)?)?)
    }

    pub(super) fn read(entry: &Members<'_>) -> Result<Self, BodyError> {
        Ok(Self {
            id: entry.required("enrollmentGroupId", EnrollmentGroupId::parse)?,
            attestation: AttestationInput::read(entry)?,
            settings: SettingsInput::read(entry)?,
        })
    }
}

#[cfg(test)]
mod tests;
