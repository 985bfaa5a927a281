use provost_model::ErrorKind;
use provost_model::registry::CertificateRefusal;
use provost_provisioning::{ProvisioningError, Refused};

use super::Carrier;

/// Azure's number for too many requests (dps-device-api.md 2.8).
pub(crate) const THROTTLED_CODE: u32 = 429_001;
/// And its words.
pub(crate) const THROTTLED_MESSAGE: &str = "Too many requests. Try again later.";

/// Which limit a request met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ThrottledBy {
    /// Refused attempts of this device.
    Registration,
    /// Refused attempts of its source.
    Source,
    /// Registrations of the instance.
    Registrations,
    /// Polls of this device.
    Polls,
}

impl ThrottledBy {
    /// A short fixed word for metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Source => "source",
            Self::Registrations => "registrations",
            Self::Polls => "polls",
        }
    }
}

/// Why a device's request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeviceFailure {
    #[error("the body cannot be read")]
    Body(#[from] provost_wire::BodyError),
    #[error(transparent)]
    Service(#[from] ProvisioningError),
    #[error("the limit of {} is reached", .by.word())]
    Throttled {
        by: ThrottledBy,
        /// Seconds.
        retry_after: u32,
        /// The refusal that was one too many.
        #[source]
        refusal: Option<Box<Self>>,
    },
}

impl DeviceFailure {
    /// Whether the device was judged and not let in, or its signing request was.
    pub(super) fn is_refusal(&self) -> bool {
        let Self::Service(error) = self else {
            return false;
        };
        match error {
            ProvisioningError::UnknownScope
            | ProvisioningError::Refused(_)
            | ProvisioningError::Quota { .. } => true,
            // Verifying a signing request costs as much as a proof.
            ProvisioningError::NoCertificate(refusal) => matches!(
                refusal,
                CertificateRefusal::Unreadable(_) | CertificateRefusal::NotVerified(_)
            ),
            _ => false,
        }
    }

    /// What the operator may ask for later.
    pub(super) fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Service(ProvisioningError::Refused(refused)) => Some(refused),
            _ => None,
        }
    }

    /// Kind, number and words for the device.
    pub(super) fn told(&self, carrier: Carrier) -> (ErrorKind, u32, String) {
        match self {
            Self::Body(error) => (ErrorKind::Invalid, error.code(), error.to_string()),
            Self::Service(error) => {
                let code = match carrier {
                    Carrier::Http => error.code(),
                    Carrier::Mqtt => error.code_over_mqtt(),
                };
                (error.kind(), code, error.public_message())
            }
            Self::Throttled { retry_after, .. } => {
                let kind = ErrorKind::Throttled {
                    retry_after: *retry_after,
                };
                (kind, THROTTLED_CODE, THROTTLED_MESSAGE.to_owned())
            }
        }
    }

    /// Outcome and reason as fixed words, for metrics. Of a refusal that was one too many, this is
    /// the limit; the reason is counted with the attestation.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Body(_) => ("invalid", ""),
            Self::Throttled { by, .. } => ("throttled", by.word()),
            Self::Service(ProvisioningError::Refused(refused)) => ("refused", refused.refusal.reason()),
            Self::Service(ProvisioningError::UnknownScope) => ("refused", "unknownScope"),
            Self::Service(ProvisioningError::Quota { .. }) => ("refused", "quota"),
            Self::Service(error) => match error.kind() {
                ErrorKind::Internal | ErrorKind::Unavailable | ErrorKind::Timeout => ("error", ""),
                ErrorKind::Throttled { .. } => ("throttled", "store"),
                _ => ("invalid", ""),
            },
        }
    }
}
