use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::{
    CertificateDer, EnrollmentGroupId, HostName, OperationId, RegistrationRecord, RegistrationState,
    Substatus,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ApiVersion, json, time};

/// `RegistrationOperationStatus` (dps-device-api.md 2.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// The run the device polls.
    pub operation_id: String,
    /// `assigning`, `assigned`, `failed` or `disabled`; never `unassigned`, which C reads as a TPM
    /// challenge (rule 5).
    pub status: String,
    /// Present in every final answer, also when failed (rule 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_state: Option<RegistrationStateView>,
}

impl OperationStatus {
    /// The first answer to a register; always with status 202 (rule 1).
    pub fn assigning(operation: &OperationId) -> Self {
        Self {
            operation_id: operation.as_str().to_owned(),
            status: ASSIGNING.to_owned(),
            registration_state: None,
        }
    }

    /// The final answer; always with status 200.
    pub fn finished(operation: &OperationId, state: RegistrationStateView) -> Self {
        Self {
            operation_id: operation.as_str().to_owned(),
            status: state.status.clone(),
            registration_state: Some(state),
        }
    }

    /// Whether the device has to poll again.
    pub fn is_pending(&self) -> bool {
        self.status == ASSIGNING
    }

    /// The bytes to send.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(self)
    }

    /// Reads an answer, for the client side.
    pub fn parse(body: &[u8]) -> Result<Self, json::BodyError> {
        serde_json::from_slice(body).map_err(|error| json::BodyError::Syntax(error.to_string()))
    }
}

const ASSIGNING: &str = "assigning";

/// `DeviceRegistrationResult`, and without the attestation members the service API's
/// `DeviceRegistrationState` (dps-device-api.md 2.5, dps-service-api.md 3.5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationStateView {
    /// Present when the device proved itself with a certificate. Always without the certificate
    /// facts, as the real service sends it: Java throws when they are there and incomplete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x509: Option<ProofView>,
    /// Present when it proved itself with a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symmetric_key: Option<ProofView>,
    /// The device.
    pub registration_id: String,
    /// The first run.
    #[serde(default)]
    pub created_date_time_utc: String,
    /// Host name of its hub, without scheme or port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_hub: Option<String>,
    /// Its name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// The same word as outside.
    pub status: String,
    /// Only when assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substatus: Option<String>,
    /// Only when failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    /// Only when failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The latest run.
    #[serde(default)]
    pub last_updated_date_time_utc: String,
    /// Base64 of a quoted text.
    #[serde(default)]
    pub etag: String,
    /// What a custom allocation handed to the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// The certificate the run was issued with those above it, leaf first: base64 of DER. Only when the
    /// device asked for one (certificate-management.md 3.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_certificate_chain: Option<Vec<String>>,
}

/// What is told about the proof: nothing but the group, if there is one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProofView {
    /// The group that admitted the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_group_id: Option<String>,
}

impl RegistrationStateView {
    /// What a device of this api-version is told. `hub` is the current host name of the assigned
    /// hub, when there is an assignment.
    pub fn for_device(record: &RegistrationRecord, hub: Option<&HostName>, version: &ApiVersion) -> Self {
        let mut view = Self::for_service(record, hub);
        let proof = ProofView {
            enrollment_group_id: record.group.as_ref().map(EnrollmentGroupId::to_string),
        };
        if record.by_certificate {
            view.x509 = Some(proof);
        } else {
            view.symmetric_key = Some(proof);
        }
        if let RegistrationState::Assigned { substatus, .. } = &record.state {
            view.substatus = Some(substatus_word(told(*substatus, version)).to_owned());
        }
        view
    }

    /// With the certificate the device was issued, for versions that know of one.
    #[must_use]
    pub fn with_chain(mut self, chain: &[CertificateDer], version: &ApiVersion) -> Self {
        if !chain.is_empty() && issues_certificates(version) {
            let encoded = chain.iter().map(|certificate| STANDARD.encode(&certificate.0));
            self.issued_certificate_chain = Some(encoded.collect());
        }
        self
    }

    /// What the service API shows.
    pub fn for_service(record: &RegistrationRecord, hub: Option<&HostName>) -> Self {
        let mut view = Self {
            x509: None,
            symmetric_key: None,
            registration_id: record.registration_id.as_str().to_owned(),
            created_date_time_utc: time::iso(record.created_at),
            assigned_hub: None,
            device_id: None,
            status: status_word(&record.state).to_owned(),
            substatus: None,
            error_code: None,
            error_message: None,
            last_updated_date_time_utc: time::iso(record.updated_at),
            etag: record.etag.as_str().to_owned(),
            payload: record.payload.clone(),
            issued_certificate_chain: None,
        };
        match &record.state {
            RegistrationState::Assigned {
                device_id, substatus, ..
            } => {
                view.assigned_hub = hub.map(HostName::to_string);
                view.device_id = Some(device_id.as_str().to_owned());
                view.substatus = Some(substatus_word(*substatus).to_owned());
            }
            RegistrationState::Failed(failure) => {
                view.error_code = Some(failure.code);
                view.error_message = Some(failure.message.clone());
            }
            RegistrationState::Disabled | RegistrationState::Assigning => {}
        }
        view
    }

    /// The bytes to send: the status lookup's answer is not wrapped.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(self)
    }
}

/// Whether devices of this api-version may ask for certificates (certificate-management.md 1.8, 3.1 step 6).
pub fn issues_certificates(version: &ApiVersion) -> bool {
    version.is_since("2025-07-01")
}

/// Devices before 2021-06-01 are told a repeat as if it were the first time (dps-device-api.md 8.2
/// and 10).
fn told(substatus: Substatus, version: &ApiVersion) -> Substatus {
    match substatus {
        Substatus::ReprovisionedToInitialAssignment if !version.is_since("2021-06-01") => {
            Substatus::InitialAssignment
        }
        other => other,
    }
}

fn status_word(state: &RegistrationState) -> &'static str {
    match state {
        RegistrationState::Assigned { .. } => "assigned",
        RegistrationState::Failed(_) => "failed",
        RegistrationState::Disabled => "disabled",
        RegistrationState::Assigning => ASSIGNING,
    }
}

fn substatus_word(substatus: Substatus) -> &'static str {
    match substatus {
        Substatus::InitialAssignment => "initialAssignment",
        Substatus::DeviceDataMigrated => "deviceDataMigrated",
        Substatus::DeviceDataReset => "deviceDataReset",
        Substatus::ReprovisionedToInitialAssignment => "reprovisionedToInitialAssignment",
    }
}

#[cfg(test)]
mod tests;
