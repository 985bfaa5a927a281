//! How often clients of the provisioning service may do what (dps-service-api.md 7).

use std::time::Duration;

use provost_model::{DpsName, RegistrationId, Timestamp};

use super::failure::ThrottledBy;
use crate::throttle::{Rate, Throttle};

/// Instances remembered; there are a handful.
const MAX_INSTANCES: usize = 1_024;
/// Devices whose polls are remembered.
const MAX_DEVICES: usize = 65_536;

/// How often what may be done; `None` is no limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimits {
    /// Operations of the service API, for each instance.
    pub service_operations: Option<Rate>,
    /// Registrations of devices that are admitted, for each instance.
    pub registrations: Option<Rate>,
    /// Polls and status lookups, for each device.
    pub polls: Option<Rate>,
    /// Refused attempts, for each registration ID. Its period is at most the longest `Retry-After`
    /// a client is told, 5 seconds: who waits as told is judged.
    pub refusals_per_registration: Option<Rate>,
    /// Refused attempts, for each source address.
    pub refusals_per_source: Option<Rate>,
}

impl RateLimits {
    /// No limits.
    pub const NONE: Self = Self {
        service_operations: None,
        registrations: None,
        polls: None,
        refusals_per_registration: None,
        refusals_per_source: None,
    };
}

impl Default for RateLimits {
    /// Azure's, and for refused attempts our own.
    fn default() -> Self {
        let (minute, period) = (Duration::from_mins(1), Duration::from_secs(4));
        Self {
            service_operations: Rate::per(1_000, minute),
            registrations: Rate::per(1_000, minute),
            polls: Rate::per(5, Duration::from_secs(10)),
            refusals_per_registration: Some(Rate { period, burst: 5 }),
            refusals_per_source: Rate::per(100, period),
        }
    }
}

/// The rates of devices that proved themselves.
pub(super) struct Rates {
    registrations: Throttle<DpsName>,
    polls: Throttle<(DpsName, RegistrationId)>,
}

impl Rates {
    pub(super) fn new(limits: &RateLimits) -> Self {
        Self {
            registrations: Throttle::new(limits.registrations, MAX_INSTANCES),
            polls: Throttle::new(limits.polls, MAX_DEVICES),
        }
    }

    pub(super) fn registration(&self, dps: &DpsName, now: Timestamp) -> Result<(), (ThrottledBy, Duration)> {
        let wait = self.registrations.check(dps, now);
        wait.map_err(|wait| (ThrottledBy::Registrations, wait))
    }

    /// A registration that was counted was none: the device was refused after all.
    pub(super) fn no_registration(&self, dps: &DpsName, now: Timestamp) {
        self.registrations.give_back(dps, now);
    }

    pub(super) fn poll(
        &self,
        dps: &DpsName,
        id: &RegistrationId,
        now: Timestamp,
    ) -> Result<(), (ThrottledBy, Duration)> {
        let wait = self.polls.check(&(dps.clone(), id.clone()), now);
        wait.map_err(|wait| (ThrottledBy::Polls, wait))
    }
}

/// The rate of the service API.
pub struct ServiceRate(Throttle<DpsName>);

impl ServiceRate {
    /// The rate of these limits.
    pub fn new(limits: &RateLimits) -> Self {
        Self(Throttle::new(limits.service_operations, MAX_INSTANCES))
    }

    /// Counts an operation, or says how long the caller has to wait.
    pub(crate) fn check(&self, dps: &DpsName, now: Timestamp) -> Result<(), Duration> {
        self.0.check(dps, now)
    }
}
