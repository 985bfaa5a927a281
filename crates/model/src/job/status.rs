use std::fmt;

/// Where a job stands (iot-hub-service-api.md 10.2).
///
/// | from | start | complete | fail | cancel |
/// |---|---|---|---|---|
/// | queued | running | refused | refused | cancelled |
/// | scheduled | running | refused | refused | cancelled |
/// | running | running | completed | failed | cancelled |
/// | completed, failed | refused | refused | refused | refused |
/// | cancelled | refused | refused | refused | cancelled |
///
/// A running job that starts is one that is taken up again after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// Taken in, to be started at once.
    Queued,
    /// Taken in, to be started later.
    Scheduled,
    /// Its devices have their turn.
    Running,
    /// Every device had its turn, whatever became of it.
    Completed,
    /// It ended before every device had its turn.
    Failed,
    /// It was called off.
    Cancelled,
}

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobEvent {
    /// Its time has come.
    Start,
    /// The last device had its turn.
    Complete,
    /// Its time is over, or its devices cannot be found.
    Fail,
    /// Somebody calls it off.
    Cancel,
}

impl JobStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Scheduled,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The status after an event; `None` when it is refused.
    pub fn after(self, event: JobEvent) -> Option<Self> {
        match (self, event) {
            (Self::Queued | Self::Scheduled | Self::Running, JobEvent::Start) => Some(Self::Running),
            (Self::Running, JobEvent::Complete) => Some(Self::Completed),
            (Self::Running, JobEvent::Fail) => Some(Self::Failed),
            (Self::Queued | Self::Scheduled | Self::Running | Self::Cancelled, JobEvent::Cancel) => {
                Some(Self::Cancelled)
            }
            (Self::Queued | Self::Scheduled, JobEvent::Complete | JobEvent::Fail)
            | (Self::Completed | Self::Failed, _)
            | (Self::Cancelled, JobEvent::Start | JobEvent::Complete | JobEvent::Fail) => None,
        }
    }

    /// Whether nothing happens to it any more.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The word of it, stored and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where one device of a job stands.
///
/// | from | to | when |
/// |---|---|---|
/// | pending | running | its method is about to be sent; twin updates go straight on |
/// | running | pending | it went away before the method was sent |
/// | pending, running | completed | done, or answered with whatever status |
/// | pending, running | failed | not done: the error says why |
/// | pending | cancelled | the job was called off |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceJobState {
    /// Its turn has not come, or it is waited for.
    Pending,
    /// Its method may have been sent.
    Running,
    /// Done.
    Completed,
    /// Not done.
    Failed,
    /// Called off before its turn.
    Cancelled,
}

impl DeviceJobState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_every_event() {
        use JobEvent::{Cancel, Complete, Fail, Start};
        use JobStatus::{Cancelled, Completed, Failed, Queued, Running, Scheduled};
        let table = [
            (Queued, [Some(Running), None, None, Some(Cancelled)]),
            (Scheduled, [Some(Running), None, None, Some(Cancelled)]),
            (
                Running,
                [Some(Running), Some(Completed), Some(Failed), Some(Cancelled)],
            ),
            (Completed, [None; 4]),
            (Failed, [None; 4]),
            (Cancelled, [None, None, None, Some(Cancelled)]),
        ];
        for (from, expected) in table {
            let after = [Start, Complete, Fail, Cancel].map(|event| from.after(event));
            assert_eq!(after, expected, "{from}");
        }
        assert_eq!(table.map(|(from, _)| from), JobStatus::ALL);
    }

    #[test]
    fn what_has_ended_takes_no_more_than_being_called_off_again() {
        for status in JobStatus::ALL.into_iter().filter(|status| status.is_ended()) {
            for event in [JobEvent::Start, JobEvent::Complete, JobEvent::Fail] {
                assert_eq!(status.after(event), None, "{status} {event:?}");
            }
        }
    }

    #[test]
    fn words_read_back() {
        for status in JobStatus::ALL {
            assert_eq!(JobStatus::parse(status.as_str()), Some(status));
        }
        for state in DeviceJobState::ALL {
            assert_eq!(DeviceJobState::parse(state.as_str()), Some(state));
        }
        assert_eq!(JobStatus::parse("enqueued"), None);
    }
}
