use provost_model::ErrorKind;
use provost_model::twin::TwinError;
use provost_store::StoreError;
use provost_wire::hub::error::name;

/// Why the hub did not do what it was asked (iot-hub-service-api.md 12.2).
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// There is no hub of this host name.
    #[error("there is no such hub")]
    HubNotFound,
    /// The caller's proof is missing, wrong or over.
    #[error("the caller is not authenticated: {0}")]
    Unauthenticated(String),
    /// The caller is known and lacks a right; Azure answers 401 to this as well.
    #[error("the access policy does not grant this")]
    RightMissing,
    /// The request is wrong in itself.
    #[error("{0}")]
    ArgumentInvalid(String),
    /// There is no such device.
    #[error("there is no such device")]
    DeviceNotFound,
    /// The device has no such module.
    #[error("the device has no such module")]
    ModuleNotFound,
    /// The device has a module of this ID.
    #[error("the device has a module of this ID")]
    ModuleAlreadyExists,
    /// The device has as many modules as it may.
    #[error("a device may have {limit} modules")]
    TooManyModules {
        /// Modules allowed.
        limit: usize,
    },
    /// A device of this ID exists.
    #[error("a device of this ID exists")]
    DeviceAlreadyExists,
    /// An entity tag or version did not match.
    #[error("the entity tag or version does not match")]
    PreconditionFailed,
    /// A bulk request has more items than one may hold.
    #[error("one request may hold {limit} devices, not {count}")]
    TooManyDevices {
        /// Items asked for.
        count: usize,
        /// Items allowed.
        limit: usize,
    },
    /// A bulk request names a device twice.
    #[error("the request names device {0} more than once")]
    DeviceDefinedMultipleTimes(String),
    /// A message or method payload is over its limit.
    #[error("{size} bytes are over the limit of {limit}")]
    MessageTooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The device is disabled, not connected or not subscribed to methods.
    #[error("the device is not online")]
    DeviceNotOnline,
    /// The connection was lost while the device worked on a method.
    #[error("the connection to the device was closed")]
    ConnectionClosed,
    /// The device did not answer a method in time.
    #[error("the device did not answer in time")]
    MethodTimeout,
    /// The device has as many methods in flight as it may.
    #[error("the device has too many methods in flight")]
    TooManyMethods,
    /// As many messages wait for the device as may.
    #[error("{limit} messages wait for the device already")]
    QueueFull {
        /// How many may.
        limit: usize,
    },
    /// The message is not, or no longer, held under this lock.
    #[error("the lock of the message is lost")]
    LockLost,
    /// No storage for files is linked to the hub.
    #[error("file upload is not configured")]
    NoFileStorage,
    /// There is no such job.
    #[error("there is no such job")]
    JobNotFound,
    /// A job of this ID exists.
    #[error("a job of this ID exists")]
    JobAlreadyExists,
    /// A job that has ended cannot be called off.
    #[error("the job has ended")]
    JobEnded,
    /// As many jobs as may be are waiting or running.
    #[error("{limit} jobs are waiting or running already")]
    TooManyJobs {
        /// How many may be.
        limit: usize,
    },
    /// The roles of an administrator's token do not allow it.
    #[error(transparent)]
    Forbidden(#[from] provost_access::Forbidden),
    /// A part of Azure's contract that is not offered.
    #[error("{0} is not offered here")]
    NotOffered(&'static str),
    /// The device answered a method with something that is not JSON.
    #[error("the device's answer is not JSON")]
    AnswerNotJson,
    /// There is no such consumer group.
    #[error("there is no such consumer group")]
    ConsumerGroupNotFound,
    /// The hub has as many consumer groups as it may.
    #[error("a hub has at most {limit} consumer groups")]
    TooManyConsumerGroups {
        /// How many it may have.
        limit: usize,
    },
    /// This session was closed by the hub; nothing more may be done through it.
    #[error("the session is closed")]
    SessionClosed,
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HubError {
    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::HubNotFound | Self::Unauthenticated(_) | Self::RightMissing | Self::SessionClosed => {
                ErrorKind::Unauthenticated
            }
            Self::ArgumentInvalid(_)
            | Self::DeviceDefinedMultipleTimes(_)
            | Self::AnswerNotJson
            | Self::NoFileStorage => ErrorKind::Invalid,
            Self::DeviceNotFound
            | Self::ModuleNotFound
            | Self::DeviceNotOnline
            | Self::ConnectionClosed
            | Self::ConsumerGroupNotFound
            | Self::JobNotFound => ErrorKind::NotFound,
            Self::DeviceAlreadyExists | Self::ModuleAlreadyExists | Self::JobAlreadyExists => {
                ErrorKind::AlreadyExists
            }
            Self::PreconditionFailed | Self::LockLost | Self::JobEnded => ErrorKind::PreconditionFailed,
            // No time to wait is told: how long a job takes, nobody knows.
            Self::TooManyJobs { .. } => ErrorKind::Conflict,
            Self::TooManyDevices { .. } | Self::TooManyModules { .. } | Self::MessageTooLarge { .. } => {
                ErrorKind::TooLarge
            }
            Self::MethodTimeout => ErrorKind::Timeout,
            Self::Forbidden(_)
            | Self::TooManyMethods
            | Self::QueueFull { .. }
            | Self::TooManyConsumerGroups { .. }
            | Self::NotOffered(_) => ErrorKind::Forbidden,
            Self::Store(error) => error.kind(),
        }
    }

    /// Azure's number: HTTP status times 1000 plus a sub-code.
    pub fn code(&self) -> u32 {
        match self {
            Self::HubNotFound => 401_001,
            Self::RightMissing => 401_002,
            Self::Unauthenticated(_) | Self::SessionClosed => 401_003,
            Self::ArgumentInvalid(_) | Self::AnswerNotJson => 400_004,
            Self::DeviceDefinedMultipleTimes(_) => 400_011,
            Self::NoFileStorage => 400_022,
            Self::QueueFull { .. } => 403_004,
            Self::Forbidden(_) => 403_000,
            Self::NotOffered(_) => 403_010,
            Self::TooManyMethods => 403_800,
            Self::TooManyConsumerGroups { .. } => 403_002,
            Self::ConsumerGroupNotFound => 404_050,
            Self::DeviceNotFound => 404_001,
            Self::JobNotFound => 404_002,
            Self::ModuleNotFound => 404_010,
            Self::DeviceNotOnline => 404_103,
            Self::ConnectionClosed => 404_104,
            Self::DeviceAlreadyExists => 409_001,
            Self::JobAlreadyExists => 409_104,
            Self::ModuleAlreadyExists => 409_301,
            Self::PreconditionFailed => 412_001,
            Self::LockLost => 412_002,
            Self::JobEnded => 412_003,
            Self::MessageTooLarge { .. } => 413_001,
            Self::TooManyDevices { .. } => 413_002,
            Self::TooManyModules { .. } => 413_003,
            Self::TooManyJobs { .. } => 429_004,
            Self::MethodTimeout => 504_101,
            Self::Store(error) => match error.kind() {
                ErrorKind::Throttled { .. } => 429_001,
                ErrorKind::Unavailable => 503_001,
                _ => 500_001,
            },
        }
    }

    /// The name of the number, e.g. `DeviceNotFound`.
    pub fn name(&self) -> &'static str {
        name(self.code())
    }

    /// What the caller may read.
    pub fn public_message(&self) -> String {
        match self {
            Self::Store(error) => match error.kind() {
                ErrorKind::Throttled { .. } => "too many writes are waiting, try again later".to_owned(),
                ErrorKind::Unavailable => "the service is not available at the moment".to_owned(),
                _ => "internal error".to_owned(),
            },
            other => other.to_string(),
        }
    }
}

impl From<TwinError> for HubError {
    fn from(error: TwinError) -> Self {
        match error {
            TwinError::Version { .. } => Self::PreconditionFailed,
            other => Self::ArgumentInvalid(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_of_the_reference() {
        for (error, code, name) in [
            (HubError::DeviceNotFound, 404_001, "DeviceNotFound"),
            (HubError::ModuleNotFound, 404_010, "ModuleNotFound"),
            (
                HubError::ModuleAlreadyExists,
                409_301,
                "ModuleAlreadyExistsOnDevice",
            ),
            (
                HubError::TooManyModules { limit: 50 },
                413_003,
                "TooManyModulesOnDevice",
            ),
            (HubError::DeviceNotOnline, 404_103, "DeviceNotOnline"),
            (
                HubError::ConnectionClosed,
                404_104,
                "DeviceConnectionClosedRemotely",
            ),
            (HubError::MethodTimeout, 504_101, "GatewayTimeout"),
            (HubError::RightMissing, 401_002, "IotHubUnauthorizedAccess"),
            (HubError::Store(StoreError::Busy), 429_001, "ThrottlingException"),
            (HubError::Store(StoreError::Stopped), 500_001, "ServerError"),
        ] {
            assert_eq!((error.code(), error.name()), (code, name));
        }
    }

    #[test]
    fn inner_failures_stay_inside() {
        let error = HubError::Store(StoreError::Inconsistent {
            table: "device",
            column: "auth",
            key: "d".into(),
        });
        assert_eq!(error.public_message(), "internal error");
    }
}
