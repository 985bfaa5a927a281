//! Errors of the Device Registry as answers: the only place that knows them on HTTP.

use provost_model::ErrorKind;
use provost_registry::RegistryError;
use provost_wire::BodyError;
use provost_wire::arm::ArmError;

use crate::http::api::call::Call;
use crate::http::api::reply::{Answer, log, with_retry_after};

/// Why an operation of the Device Registry is refused.
pub(in crate::http::api) enum RegistryFailure {
    Service(RegistryError),
    Body(BodyError),
}

impl From<RegistryError> for RegistryFailure {
    fn from(error: RegistryError) -> Self {
        Self::Service(error)
    }
}

impl From<BodyError> for RegistryFailure {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl RegistryFailure {
    /// The body is `{"error":{"code","message","target"}}`, whose code is a word.
    pub(in crate::http::api) fn answer(&self, call: &Call) -> Answer {
        match self {
            Self::Body(error) => {
                log(call, error.kind(), error.code(), error);
                let body = ArmError::new("InvalidRequestContent", error.public_message()).about(error.path());
                Answer::json(400, body.to_json())
            }
            Self::Service(error) => {
                let (kind, status) = (error.kind(), status(error.kind()));
                log(call, kind, u32::from(status) * 1000, error);
                let body = ArmError::new(error.code(), error.public_message()).about(target(error));
                with_retry_after(Answer::json(status, body.to_json()), kind)
            }
        }
    }
}

/// The member an error of the service is about, as bodies call it.
fn target(error: &RegistryError) -> Option<&'static str> {
    match error.code() {
        "ExternalDeviceIdTaken" | "ExternalDeviceIdImmutable" => Some("properties.externalDeviceId"),
        "PolicyNotFound" => Some("properties.policy.resourceId"),
        "PolicyImmutable" => {
            Some("properties.certificate.certificateAuthorityConfiguration.bringYourOwnRoot")
        }
        "ValidityOutOfRange" => {
            Some("properties.certificate.leafCertificateConfiguration.validityPeriodInDays")
        }
        "CertificateChainInvalid" => Some("certificateChain"),
        _ => None,
    }
}

fn status(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::Invalid => 400,
        ErrorKind::Unauthenticated => 401,
        ErrorKind::Forbidden => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::AlreadyExists | ErrorKind::Conflict => 409,
        ErrorKind::PreconditionFailed => 412,
        ErrorKind::TooLarge => 413,
        ErrorKind::Throttled { .. } => 429,
        ErrorKind::Unavailable => 503,
        _ => 500,
    }
}
