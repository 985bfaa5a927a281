use std::time::Duration;

use anyhow::{Result, bail};
use provost_transport::device_api::RateLimits;
use provost_transport::throttle::Rate;
use serde::Deserialize;

/// `[limits.rates]`: how often clients of a provisioning service may do what; 0 is no limit.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatesSection {
    /// Operations of the service API, for each instance.
    pub service_operations_per_minute: Option<u32>,
    /// Registrations, for each instance.
    pub registrations_per_minute: Option<u32>,
    /// Polls, for each device.
    pub polls_per_10_seconds: Option<u32>,
}

/// `[limits.refusals]`: how often a refused device is judged again.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefusalsSection {
    /// The wait of a device without any attempts left, 1 to 5 seconds.
    pub seconds: Option<u32>,
    /// Attempts a device has before it must wait; 0 is no limit.
    pub per_registration: Option<u32>,
    /// Refused attempts of one source in that time; 0 is no limit.
    pub per_source: Option<u32>,
}

/// The limits with defaults filled in.
pub(super) fn rate_limits(rates: RatesSection, refusals: RefusalsSection) -> Result<RateLimits> {
    let default = RateLimits::default();
    let rate = |count: Option<u32>, time, default| count.map_or(default, |count| Rate::per(count, time));
    let minute = Duration::from_mins(1);
    let Refusals {
        period,
        per_registration,
        per_source,
    } = Refusals::with_defaults(refusals)?;
    Ok(RateLimits {
        service_operations: rate(
            rates.service_operations_per_minute,
            minute,
            default.service_operations,
        ),
        registrations: rate(rates.registrations_per_minute, minute, default.registrations),
        polls: rate(rates.polls_per_10_seconds, Duration::from_secs(10), default.polls),
        refusals_per_registration: (per_registration > 0).then_some(Rate {
            period,
            burst: per_registration,
        }),
        refusals_per_source: Rate::per(per_source, period),
    })
}

struct Refusals {
    period: Duration,
    per_registration: u32,
    per_source: u32,
}

impl Refusals {
    fn with_defaults(section: RefusalsSection) -> Result<Self> {
        let seconds = section.seconds.unwrap_or(4);
        // Nobody is told to wait longer than 5 seconds, and who waits as told must be judged.
        if !(1..=5).contains(&seconds) {
            bail!("`limits.refusals.seconds` is {seconds}, it must be between 1 and 5");
        }
        Ok(Self {
            period: Duration::from_secs(seconds.into()),
            per_registration: section.per_registration.unwrap_or(5),
            per_source: section.per_source.unwrap_or(100),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_is_the_default() {
        let limits = rate_limits(RatesSection::default(), RefusalsSection::default()).unwrap();
        assert_eq!(limits, RateLimits::default());
    }

    #[test]
    fn zero_is_no_limit() {
        let rates = RatesSection {
            service_operations_per_minute: Some(0),
            registrations_per_minute: Some(0),
            polls_per_10_seconds: Some(0),
        };
        let refusals = RefusalsSection {
            per_registration: Some(0),
            per_source: Some(0),
            ..RefusalsSection::default()
        };
        assert_eq!(rate_limits(rates, refusals).unwrap(), RateLimits::NONE);
    }

    #[test]
    fn a_wait_longer_than_clients_are_told_is_refused() {
        for (seconds, is_fine) in [(0, false), (1, true), (5, true), (6, false)] {
            let refusals = RefusalsSection {
                seconds: Some(seconds),
                ..RefusalsSection::default()
            };
            assert_eq!(
                rate_limits(RatesSection::default(), refusals).is_ok(),
                is_fine,
                "{seconds}"
            );
        }
    }
}
