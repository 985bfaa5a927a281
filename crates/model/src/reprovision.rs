//! A fleet that is told to register anew, and watched until it is back.

mod limit;
mod state;

use std::time::Duration;

use serde_json::Value;

pub use self::limit::{FailureLimit, FailureLimitError};
pub use self::state::{ReprovisionEvent, ReprovisionState, ReprovisionStatus};
use crate::{DeviceId, HubName, JobId, Pace, PolicyName, Timestamp};

/// How a fleet is told to register anew.
#[derive(Debug, Clone, PartialEq)]
pub struct ReprovisionPlan {
    /// Which devices: the text of a condition of the query language.
    pub condition: String,
    /// The method that makes a device register anew.
    pub method: String,
    /// What to hand over.
    pub payload: Option<Value>,
    /// How long a device may take to answer.
    pub response_timeout: Duration,
    /// How often a device is called.
    pub pace: Pace,
    /// How long a device may take from its answer until it is back.
    pub return_within: Duration,
    /// How long a device that is not there is waited for.
    pub connect_within: Duration,
    /// Devices that may be called or away at a time; as many as the pace brings when absent.
    pub at_most_away: Option<u32>,
    /// When the run pauses by itself.
    pub pause_on: Option<FailureLimit>,
    /// A device is back although its certificate is the one it had. Keys stay the same anyway.
    pub accept_same_credential: bool,
}

/// A run over a fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct Reprovision {
    /// Its number, never used again.
    pub number: i64,
    /// The hub it is of.
    pub hub: HubName,
    /// Its name there.
    pub id: JobId,
    /// The policy of who asked for it.
    pub policy: PolicyName,
    /// What is done.
    pub plan: ReprovisionPlan,
    /// Where it stands.
    pub status: ReprovisionStatus,
    /// Why it paused by itself.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The last device that was written down for it.
    pub found_until: Option<DeviceId>,
    /// Whether all of its devices are written down.
    pub is_expanded: bool,
    /// What became of them.
    pub counts: ReprovisionCounts,
    /// Devices called, and those of them that were bad, when it was last resumed: what counts for a
    /// pause is what came after.
    pub since: (u64, u64),
}

/// The devices of a run by their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReprovisionCounts {
    /// All that were written down.
    pub devices: u64,
    /// Not called yet.
    pub pending: u64,
    /// Called and still there.
    pub called: u64,
    /// Gone to register.
    pub left: u64,
    /// Back.
    pub returned: u64,
    /// Did not do what they were asked.
    pub failed: u64,
    /// Did not come back in time.
    pub not_returned: u64,
    /// Never there to be called.
    pub skipped: u64,
}

impl ReprovisionCounts {
    /// Devices that were called.
    pub fn asked(&self) -> u64 {
        self.away() + self.returned + self.bad()
    }

    /// Devices that were called and are not back.
    pub fn away(&self) -> u64 {
        self.called + self.left
    }

    /// Devices that were called and are lost for this run.
    pub fn bad(&self) -> u64 {
        self.failed + self.not_returned
    }
}

impl Reprovision {
    /// Why the run has to pause now, if it has to.
    pub fn must_pause(&self) -> Option<String> {
        let limit = self.plan.pause_on?;
        let (asked, bad) = (self.counts.asked(), self.counts.bad());
        let (asked, bad) = (
            asked.saturating_sub(self.since.0),
            bad.saturating_sub(self.since.1),
        );
        let left = self.counts.devices.saturating_sub(self.since.0);
        limit
            .is_over(asked, bad, left)
            .then(|| format!("{bad} of {asked} devices failed or did not return, the limit is {limit}"))
    }
}

/// One device of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReprovisionDevice {
    /// The device.
    pub device_id: DeviceId,
    /// Where it stands.
    pub state: ReprovisionState,
    /// Why, where there is something to say.
    pub reason: Option<String>,
    /// When it was called.
    pub called_at: Option<Timestamp>,
    /// When it was seen to be gone.
    pub left_at: Option<Timestamp>,
    /// When it was back, or was given up.
    pub ended_at: Option<Timestamp>,
    /// The time it has, to connect or to come back.
    pub until: Option<Timestamp>,
    /// SHA-256 thumbprint of the certificate it had when it was called, if it had one.
    pub certificate: Option<[u8; 32]>,
}
