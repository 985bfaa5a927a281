//! Jobs of a hub: one thing done to many devices (iot-hub-service-api.md 10).

mod status;

use std::time::Duration;

use serde_json::Value;

pub use self::status::{DeviceJobState, JobEvent, JobStatus};
use crate::twin::TwinWrite;
use crate::{DeviceId, Etag, HubName, JobId, PolicyName, Timestamp};

/// What a job is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Twins are merged into.
    UpdateTwin,
    /// A method is called.
    DeviceMethod,
}

impl JobKind {
    /// The word of it, stored and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UpdateTwin => "scheduleUpdateTwin",
            Self::DeviceMethod => "scheduleDeviceMethod",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::UpdateTwin, Self::DeviceMethod]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// What is done to each device.
#[derive(Debug, Clone, PartialEq)]
pub enum JobWork {
    /// This is merged into its twin.
    Twin {
        /// Only into twins with this tag; `None` for whatever is there.
        etag: Option<Etag>,
        /// What.
        write: TwinWrite,
    },
    /// This method is called.
    Method(JobMethod),
}

/// The method of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobMethod {
    /// Its name.
    pub name: String,
    /// What to hand over.
    pub payload: Option<Value>,
    /// How long a device may take to answer.
    pub response_timeout: Duration,
    /// How long a device that is not there is waited for.
    pub connect_timeout: Duration,
}

impl JobWork {
    /// The kind of it.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Twin { .. } => JobKind::UpdateTwin,
            Self::Method(_) => JobKind::DeviceMethod,
        }
    }
}

/// A job as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its name.
    pub id: JobId,
    /// What is done.
    pub work: JobWork,
    /// To which devices: the text of a condition of the query language.
    pub condition: String,
    /// When it begins; at once when absent.
    pub start_at: Option<Timestamp>,
    /// How long it may take from then on.
    pub max_execution: Duration,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its number, never used again.
    pub number: i64,
    /// The hub it is of.
    pub hub: HubName,
    /// Its name there.
    pub id: JobId,
    /// The policy of who asked for it: twins are written in its name.
    pub policy: PolicyName,
    /// What is done.
    pub work: JobWork,
    /// To which devices.
    pub condition: String,
    /// Where it stands.
    pub status: JobStatus,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it begins.
    pub start_at: Timestamp,
    /// How long it may take from its begin on.
    pub max_execution: Duration,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<String>,
    /// The last device that was written down for it.
    pub found_until: Option<DeviceId>,
    /// Whether all of its devices are written down.
    pub is_expanded: bool,
    /// What became of them.
    pub counts: JobCounts,
}

/// The devices of a job by their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    /// All that were written down.
    pub devices: u64,
    /// Their turn has not come.
    pub pending: u64,
    /// Their method may have been sent.
    pub running: u64,
    /// Done.
    pub succeeded: u64,
    /// Not done.
    pub failed: u64,
}

impl Job {
    /// When its time is over; `None` before it began.
    pub fn ends_at(&self) -> Option<Timestamp> {
        Some(self.started_at?.after(self.max_execution))
    }
}

/// One device of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceJob {
    /// The job's number.
    pub job: i64,
    /// The job's name.
    pub job_id: JobId,
    /// What the job is of.
    pub kind: JobKind,
    /// The device.
    pub device_id: DeviceId,
    /// Where it stands.
    pub state: DeviceJobState,
    /// When it was written down.
    pub created_at: Timestamp,
    /// The last change.
    pub updated_at: Timestamp,
    /// When its turn came.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// What came of it, once it is over.
    pub outcome: Option<DeviceJobOutcome>,
}

/// What came of one device's turn.
#[derive(Debug, Clone, PartialEq)]
pub enum DeviceJobOutcome {
    /// The twin was written.
    Written,
    /// The device answered.
    Answered {
        /// Its own number.
        status: i32,
        /// Its payload.
        payload: Value,
    },
    /// It was not done.
    Failed {
        /// Azure's number of the reason.
        code: u32,
        /// The reason in words.
        reason: String,
    },
}

impl DeviceJobOutcome {
    /// Where the device stands with it.
    pub fn state(&self) -> DeviceJobState {
        match self {
            Self::Written | Self::Answered { .. } => DeviceJobState::Completed,
            Self::Failed { .. } => DeviceJobState::Failed,
        }
    }
}
