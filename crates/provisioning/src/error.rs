use provost_access::{AccessError, Forbidden};
use provost_attestation::possession::PossessionError;
use provost_attestation::sas::SasError;
use provost_model::registry::CertificateRefusal;
use provost_model::{AccessRight, ErrorKind};
use provost_pki::CertificateError;
use provost_store::StoreError;

use crate::{Refused, issuing};

/// A kind of thing an operation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Noun {
    /// An individual enrollment.
    Enrollment,
    /// An enrollment group.
    Group,
    /// A registration record.
    Registration,
    /// A CA certificate of an instance.
    CaCertificate,
    /// A run of a device through provisioning.
    Operation,
    /// A provisioning service instance.
    Instance,
    /// A refusal that is kept for the operator.
    Refusal,
    /// A hub an instance may assign devices to.
    LinkedHub,
    /// A shared access policy of an instance or a hub.
    AccessPolicy,
    /// A hub.
    Hub,
    /// An administration token.
    AdminToken,
}

impl Noun {
    fn words(self) -> &'static str {
        match self {
            Self::Enrollment => "enrollment",
            Self::Group => "enrollment group",
            Self::Registration => "registration record",
            Self::CaCertificate => "CA certificate",
            Self::Operation => "operation",
            Self::Instance => "provisioning service",
            Self::Refusal => "refusal with this tracking id",
            Self::LinkedHub => "linked hub",
            Self::AccessPolicy => "shared access policy",
            Self::Hub => "hub",
            Self::AdminToken => "administration token",
        }
    }

    /// The last two digits of the entity family 2xx (dps-service-api.md 2.7).
    fn digits(self) -> u32 {
        match self {
            Self::Enrollment | Self::Operation => 1,
            Self::Registration => 2,
            Self::Group => 4,
            Self::CaCertificate => 5,
            Self::Instance | Self::LinkedHub => 6,
            Self::Refusal => 7,
            Self::AccessPolicy => 8,
            Self::Hub => 9,
            Self::AdminToken => 10,
        }
    }
}

/// Why the provisioning service did not do something.
#[derive(Debug, thiserror::Error)]
pub enum ProvisioningError {
    /// No instance has this ID scope.
    #[error("ID scope is not known")]
    UnknownScope,
    /// The device is not admitted.
    #[error("device was refused: {}", .0.refusal)]
    Refused(Box<Refused>),
    /// The service API was called without a usable token.
    #[error("caller has no valid token: {reason}")]
    NoToken {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The token of a service API caller is over.
    #[error("token has expired")]
    ExpiredToken,
    /// The roles of an administrator do not allow it.
    #[error("{0}")]
    Forbidden(Forbidden),
    /// The policy does not hold the right.
    #[error("right {0:?} is missing")]
    RightMissing(AccessRight),
    /// The request itself is wrong.
    #[error("{message}")]
    Invalid {
        /// Azure's number, in the family 400.
        code: u32,
        /// What the caller may read.
        message: String,
    },
    /// A certificate in a request cannot be used.
    #[error("{member}: {error}")]
    Certificate {
        /// Which member of the request.
        member: &'static str,
        /// Why.
        #[source]
        error: CertificateError,
    },
    /// The certificate sent to prove possession of a CA does not.
    #[error(transparent)]
    Possession(#[from] PossessionError),
    /// Verification was asked for before a code.
    #[error("CA certificate has no verification code")]
    NoVerificationCode,
    /// The thing named does not exist.
    #[error("{} not found", .0.words())]
    NotFound(Noun),
    /// The thing to be created exists.
    #[error("{} already exists", .0.words())]
    AlreadyExists(Noun),
    /// The entity tag is another one, or none was given where a different record exists.
    #[error("precondition failed: the {} has changed or exists", .0.words())]
    PreconditionFailed(Noun),
    /// As many as there may be exist.
    #[error("there may be at most {limit} of this kind of {}", .noun.words())]
    Quota {
        /// Of what.
        noun: Noun,
        /// The limit.
        limit: usize,
    },
    /// What a registration rests on changed again and again while it was made.
    #[error("enrollment changes too fast to register")]
    Moving,
    /// The device's request for a certificate is refused.
    #[error("no certificate is issued: {0}")]
    NoCertificate(CertificateRefusal),
    /// The store failed.
    #[error("store failed")]
    Store(#[from] StoreError),
}

impl From<AccessError> for ProvisioningError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::NoToken { reason } => Self::NoToken { reason },
            AccessError::Forbidden(forbidden) => Self::Forbidden(forbidden),
            AccessError::Store(error) => Self::Store(error),
        }
    }
}

impl From<Forbidden> for ProvisioningError {
    fn from(forbidden: Forbidden) -> Self {
        Self::Forbidden(forbidden)
    }
}

impl ProvisioningError {
    /// What a refused device is told over HTTP.
    pub(crate) const REFUSED: u32 = 401_002;

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid {
            code: 400_004,
            message: message.into(),
        }
    }

    pub(crate) fn service_token(error: &SasError) -> Self {
        match error {
            SasError::Malformed { .. } => Self::NoToken {
                reason: "malformed token",
            },
            SasError::BadSignature => Self::NoToken {
                reason: "signature does not match",
            },
            SasError::Expired { .. } => Self::ExpiredToken,
        }
    }

    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownScope | Self::Refused(_) | Self::NoToken { .. } | Self::ExpiredToken => {
                ErrorKind::Unauthenticated
            }
            Self::Forbidden(_) | Self::RightMissing(_) | Self::Quota { .. } => ErrorKind::Forbidden,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::AlreadyExists(_) => ErrorKind::AlreadyExists,
            Self::PreconditionFailed(_) => ErrorKind::PreconditionFailed,
            Self::Moving | Self::NoCertificate(CertificateRefusal::Busy) => {
                ErrorKind::Throttled { retry_after: 2 }
            }
            Self::NoCertificate(CertificateRefusal::Unavailable) => ErrorKind::Unavailable,
            Self::Invalid { .. }
            | Self::Certificate { .. }
            | Self::Possession(_)
            | Self::NoVerificationCode
            | Self::NoCertificate(_) => ErrorKind::Invalid,
            Self::Store(error) => error.kind(),
        }
    }

    /// Azure's number where it has one, else ours from the free families
    /// (dps-device-api.md 2.8, dps-service-api.md 2.7).
    pub fn code(&self) -> u32 {
        match self {
            Self::UnknownScope | Self::Refused(_) => Self::REFUSED,
            Self::NoToken { .. } => 401_000,
            Self::ExpiredToken => 401_003,
            Self::Forbidden(_) | Self::RightMissing(_) => 403_001,
            Self::Quota { .. } => 403_102,
            Self::Invalid { code, .. } => *code,
            Self::Certificate { .. } => 400_000,
            Self::Possession(_) | Self::NoVerificationCode => 400_053,
            Self::NotFound(noun) => 404_200 + noun.digits(),
            Self::AlreadyExists(noun) => 409_200 + noun.digits(),
            Self::PreconditionFailed(noun) => 412_200 + noun.digits(),
            Self::Moving => 429_001,
            Self::NoCertificate(refusal) => issuing::code(refusal),
            Self::Store(error) => match error.kind() {
                ErrorKind::Throttled { .. } => 429_001,
                ErrorKind::Unavailable => 503_000,
                _ => 500_000,
            },
        }
    }

    /// The number told over MQTT, where the real service says 401000 for SAS failures
    /// (dps-device-api.md 2.8).
    pub fn code_over_mqtt(&self) -> u32 {
        match self {
            Self::Refused(refused) if refused.refusal.is_about_sas() => 401_000,
            other => other.code(),
        }
    }

    /// What the caller may read: devices learn no more than the real service tells them, operators
    /// get the reason.
    pub fn public_message(&self) -> String {
        match self {
            Self::UnknownScope => "Unauthorized".to_owned(),
            Self::Refused(refused) => refused.refusal.public_message().to_owned(),
            Self::Moving => "Too many requests. Try again later.".to_owned(),
            Self::NoCertificate(refusal) => refusal.to_string(),
            Self::Store(error) => match error.kind() {
                ErrorKind::Throttled { .. } => "Too many requests. Try again later.".to_owned(),
                ErrorKind::Unavailable => "The service is unavailable. Try again later.".to_owned(),
                _ => "Internal error.".to_owned(),
            },
            other => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_reference() {
        for (error, code) in [
            (ProvisioningError::UnknownScope, 401_002),
            (ProvisioningError::NotFound(Noun::Enrollment), 404_201),
            (ProvisioningError::NotFound(Noun::Operation), 404_201),
            (ProvisioningError::NotFound(Noun::Registration), 404_202),
            (ProvisioningError::NotFound(Noun::Group), 404_204),
            (ProvisioningError::AlreadyExists(Noun::Enrollment), 409_201),
            (ProvisioningError::AlreadyExists(Noun::Group), 409_204),
            (ProvisioningError::PreconditionFailed(Noun::Registration), 412_202),
            (ProvisioningError::ExpiredToken, 401_003),
            (
                ProvisioningError::RightMissing(AccessRight::EnrollmentRead),
                403_001,
            ),
            (ProvisioningError::Store(StoreError::Busy), 429_001),
            (ProvisioningError::Store(StoreError::Stopped), 500_000),
        ] {
            assert_eq!(error.code(), code, "{error}");
        }
    }

    #[test]
    fn internal_errors_tell_nothing() {
        let error = ProvisioningError::Store(StoreError::Inconsistent {
            table: "t",
            column: "c",
            key: "secret".into(),
        });
        assert_eq!(error.public_message(), "Internal error.");
    }
}
