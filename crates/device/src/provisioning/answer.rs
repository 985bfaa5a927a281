//! What the service says to a register or a poll.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use thiserror::Error;

use crate::DeviceError;

/// Final status of a registration.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RegistrationStatus {
    /// The device has a hub.
    Assigned,
    /// The service could not provision it.
    Failed,
    /// Its enrollment is disabled.
    Disabled,
}

/// The final answer to a registration.
#[derive(Clone, Debug)]
pub struct RegistrationOutcome {
    /// Final status.
    pub status: RegistrationStatus,
    /// Host name of the hub, when assigned.
    pub assigned_hub: Option<String>,
    /// Device ID at the hub, when assigned.
    pub device_id: Option<String>,
    /// `errorCode` of a failed registration.
    pub error_code: Option<i64>,
    /// The certificate that was asked for, leaf first, DER; empty when none was issued.
    pub issued_chain: Vec<Vec<u8>>,
    /// How long the device waited between its polls, as part of the whole time.
    pub paused: Duration,
    /// The whole answer.
    pub raw: Value,
}

/// Why there is no final answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The service answered with a status of 300 or more.
    #[error("registration refused with status {status}, code {error_code:?}: {message}")]
    Refused {
        /// Status of the answer.
        status: u16,
        /// `errorCode` of the body.
        error_code: Option<i64>,
        /// `message` of the body.
        message: String,
        /// `trackingId` of the body.
        tracking_id: Option<String>,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// The service was still assigning when patience ended.
    #[error("operation {operation_id} is still assigning")]
    StillAssigning {
        /// The operation to poll later.
        operation_id: String,
    },
    /// The answer is not what the contract says.
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
    /// The connection failed or was refused.
    #[error("connection failed")]
    Connection(#[from] DeviceError),
}

/// One answer, whatever carried it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// What follows from an answer.
#[derive(Debug)]
pub(super) enum Step {
    Assigning { operation_id: String },
    Final(RegistrationOutcome),
}

impl Answer {
    pub(super) fn into_step(self) -> Result<Step, RegisterError> {
        if self.status >= 300 {
            return Err(self.into_refusal());
        }
        let raw: Value =
            serde_json::from_slice(&self.body).map_err(|_| RegisterError::Malformed("body is not json"))?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let status = match raw.get("status").and_then(Value::as_str) {
            Some("assigning") => {
                let operation_id = text(raw.get("operationId"));
                let missing = RegisterError::Malformed("assigning without operationId");
                return Ok(Step::Assigning {
                    operation_id: operation_id.ok_or(missing)?,
                });
            }
            Some("assigned") => RegistrationStatus::Assigned,
            Some("failed") => RegistrationStatus::Failed,
            Some("disabled") => RegistrationStatus::Disabled,
            _ => return Err(RegisterError::Malformed("unknown status")),
        };
        let state = raw.get("registrationState");
        let field = |name: &str| state.and_then(|state| state.get(name));
        let assigned_hub = text(field("assignedHub"));
        let device_id = text(field("deviceId"));
        let error_code = field("errorCode").and_then(Value::as_i64);
        Ok(Step::Final(RegistrationOutcome {
            status,
            assigned_hub,
            device_id,
            error_code,
            issued_chain: issued_chain(field("issuedCertificateChain"))?,
            paused: Duration::ZERO,
            raw,
        }))
    }

    fn into_refusal(self) -> RegisterError {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        RegisterError::Refused {
            status: self.status,
            error_code: body.get("errorCode").and_then(Value::as_i64),
            message: text("message").unwrap_or_default(),
            tracking_id: text("trackingId"),
            retry_after: self.retry_after,
        }
    }
}

/// A list of base64 DER; absent is empty.
pub(crate) fn issued_chain(value: Option<&Value>) -> Result<Vec<Vec<u8>>, RegisterError> {
    let malformed = || RegisterError::Malformed("issued certificate chain");
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    let list = value.as_array().ok_or_else(malformed)?;
    list.iter()
        .map(|one| STANDARD.decode(one.as_str()?).ok())
        .collect::<Option<_>>()
        .ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn assigned_carries_hub_and_device() {
        let body = r#"{"operationId":"4.a","status":"assigned","registrationState":
            {"assignedHub":"hub1.example.net","deviceId":"press-0042","status":"assigned"}}"#;
        let Step::Final(outcome) = answer(200, body).into_step().unwrap() else {
            panic!("not final")
        };
        assert_eq!(outcome.status, RegistrationStatus::Assigned);
        assert_eq!(outcome.assigned_hub.as_deref(), Some("hub1.example.net"));
        assert_eq!(outcome.device_id.as_deref(), Some("press-0042"));
    }

    #[test]
    fn assigning_names_its_operation() {
        let step = answer(202, r#"{"operationId":"4.a","status":"assigning"}"#)
            .into_step()
            .unwrap();
        assert!(matches!(step, Step::Assigning { operation_id } if operation_id == "4.a"));
        assert!(answer(202, r#"{"status":"assigning"}"#).into_step().is_err());
    }

    #[test]
    fn an_error_answer_keeps_its_code() {
        let body = r#"{"errorCode":401002,"trackingId":"t","message":"Unauthorized"}"#;
        let error = answer(401, body).into_step().unwrap_err();
        assert!(matches!(
            error,
            RegisterError::Refused {
                status: 401,
                error_code: Some(401_002),
                ..
            }
        ));
        let error = answer(503, "not json").into_step().unwrap_err();
        assert!(matches!(
            error,
            RegisterError::Refused {
                status: 503,
                error_code: None,
                ..
            }
        ));
    }
}
