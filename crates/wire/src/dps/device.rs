//! The provisioning service's device side: HTTPS addresses, MQTT topics, bodies
//! (dps-device-api.md 2 and 3).

mod answer;
mod request;
mod route;
mod topic;
mod username;

use crate::ApiVersion;

pub use answer::{OperationStatus, RegistrationStateView, issues_certificates};
pub use request::RegisterRequest;
pub use route::{DeviceOperation, DeviceRoute, parse_route};
pub use topic::{
    AnswerTopic, RESPONSE_FILTER, RequestTopic, answer_topic, parse_answer, parse_request, register_topic,
    status_topic,
};
pub use username::{Username, UsernameError};

/// Seconds a device is told to wait before its next poll: Java ignores values outside 2 to 5
/// (dps-device-api.md 0.3 rule 2).
pub const RETRY_AFTER: u32 = 2;

/// Whether a device speaks a version from before reprovisioning, in which an assignment is for ever
/// (dps-device-api.md 1.5 and 8.2).
pub fn is_before_reprovisioning(version: &ApiVersion) -> bool {
    version.is_until("2018-04-01")
}

/// Header with the error number of an error answer.
pub const HEADER_ERROR_CODE: &str = "x-ms-error-code";
/// Header with the tracking id, on every answer.
pub const HEADER_REQUEST_ID: &str = "x-ms-request-id";
/// Value of `Strict-Transport-Security`, on every answer.
pub const STRICT_TRANSPORT_SECURITY: &str = "max-age=31536000; includeSubDomains";
/// Value of `Content-Type`, on every answer with a body.
pub const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// The SAS audience of a device: `{idScope}/registrations/{registrationId}` (dps-device-api.md 2.2).
pub fn sas_audience(id_scope: &str, registration_id: &str) -> String {
    format!("{id_scope}/registrations/{registration_id}")
}
