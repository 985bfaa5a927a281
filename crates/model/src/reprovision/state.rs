use std::fmt;

/// Where a run over a fleet stands.
///
/// | from | pause | resume | retry | complete | cancel |
/// |---|---|---|---|---|---|
/// | running | paused | running | running | completed | cancelled |
/// | paused | paused | running | running | refused | cancelled |
/// | completed | refused | refused | running | refused | refused |
/// | cancelled | refused | refused | refused | refused | cancelled |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReprovisionStatus {
    /// Devices are called and watched.
    Running,
    /// Nobody is called; those that were are watched.
    Paused,
    /// Every device is back or given up.
    Completed,
    /// It was called off.
    Cancelled,
}

/// What happens to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReprovisionEvent {
    /// Somebody, or too many failures, pause it.
    Pause,
    /// It goes on.
    Resume,
    /// It goes on, and those that failed, did not return or were skipped have another turn.
    Retry,
    /// Nothing is left to do.
    Complete,
    /// Somebody calls it off.
    Cancel,
}

impl ReprovisionStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Running, Self::Paused, Self::Completed, Self::Cancelled];

    /// The status after an event; `None` when it is refused.
    pub fn after(self, event: ReprovisionEvent) -> Option<Self> {
        use ReprovisionEvent as Event;
        match (self, event) {
            (Self::Running | Self::Paused, Event::Pause) => Some(Self::Paused),
            (Self::Running | Self::Paused, Event::Resume)
            | (Self::Running | Self::Paused | Self::Completed, Event::Retry) => Some(Self::Running),
            (Self::Running, Event::Complete) => Some(Self::Completed),
            (Self::Running | Self::Paused | Self::Cancelled, Event::Cancel) => Some(Self::Cancelled),
            (Self::Paused, Event::Complete)
            | (Self::Completed, Event::Pause | Event::Resume | Event::Complete | Event::Cancel)
            | (Self::Cancelled, Event::Pause | Event::Resume | Event::Retry | Event::Complete) => None,
        }
    }

    /// Whether nothing happens to its devices any more.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// The word of it, stored and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for ReprovisionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where one device of a run stands.
///
/// | state | it becomes |
/// |---|---|
/// | pending | called; skipped when it does not connect in time |
/// | called | left; returned; failed; notReturned; pending when it went away before it was asked |
/// | left | returned; failed; notReturned |
/// | failed, notReturned, skipped | pending, when they are tried again |
/// | returned | nothing |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReprovisionState {
    /// Not called yet.
    Pending,
    /// Asked, and still there.
    Called,
    /// Gone to register.
    Left,
    /// Back, with what it was to get.
    Returned,
    /// Did not do what it was asked.
    Failed,
    /// Did not come back in time.
    NotReturned,
    /// Never there to be called.
    Skipped,
}

impl ReprovisionState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Called,
        Self::Left,
        Self::Returned,
        Self::Failed,
        Self::NotReturned,
        Self::Skipped,
    ];

    /// Whether the device may be in `next` after this.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Called | Self::Skipped),
            Self::Called => matches!(
                next,
                Self::Left | Self::Returned | Self::Failed | Self::NotReturned | Self::Pending
            ),
            Self::Left => matches!(next, Self::Returned | Self::Failed | Self::NotReturned),
            Self::Failed | Self::NotReturned | Self::Skipped => next == Self::Pending,
            Self::Returned => false,
        }
    }

    /// The word of it, stored and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Called => "called",
            Self::Left => "left",
            Self::Returned => "returned",
            Self::Failed => "failed",
            Self::NotReturned => "notReturned",
            Self::Skipped => "skipped",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_every_event() {
        use ReprovisionEvent::{Cancel, Complete, Pause, Resume, Retry};
        use ReprovisionStatus::{Cancelled, Completed, Paused, Running};
        let table = [
            (
                Running,
                [
                    Some(Paused),
                    Some(Running),
                    Some(Running),
                    Some(Completed),
                    Some(Cancelled),
                ],
            ),
            (
                Paused,
                [Some(Paused), Some(Running), Some(Running), None, Some(Cancelled)],
            ),
            (Completed, [None, None, Some(Running), None, None]),
            (Cancelled, [None, None, None, None, Some(Cancelled)]),
        ];
        for (from, expected) in table {
            let after = [Pause, Resume, Retry, Complete, Cancel].map(|event| from.after(event));
            assert_eq!(after, expected, "{from}");
        }
        assert_eq!(table.map(|(from, _)| from), ReprovisionStatus::ALL);
    }

    #[test]
    fn every_pair_of_states() {
        use ReprovisionState::{Called, Failed, Left, NotReturned, Pending, Returned, Skipped};
        let allowed = [
            (Pending, Called),
            (Pending, Skipped),
            (Called, Left),
            (Called, Returned),
            (Called, Failed),
            (Called, NotReturned),
            (Called, Pending),
            (Left, Returned),
            (Left, Failed),
            (Left, NotReturned),
            (Failed, Pending),
            (NotReturned, Pending),
            (Skipped, Pending),
        ];
        for from in ReprovisionState::ALL {
            for next in ReprovisionState::ALL {
                assert_eq!(
                    from.may_become(next),
                    allowed.contains(&(from, next)),
                    "{from:?} {next:?}"
                );
            }
        }
    }

    #[test]
    fn words_read_back() {
        for state in ReprovisionState::ALL {
            assert_eq!(ReprovisionState::parse(state.as_str()), Some(state));
        }
        for status in ReprovisionStatus::ALL {
            assert_eq!(ReprovisionStatus::parse(status.as_str()), Some(status));
        }
    }
}
