//! The queues of cloud-to-device messages.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Result, bail};
use provost_model::QueueLimits;
use serde::Deserialize;

/// `[hub.c2d]`, see [`QueueLimits`].
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessagesSection {
    /// Messages that may wait for a device.
    pub max_messages: Option<usize>,
    /// Seconds a message waits that names no end.
    pub default_ttl_seconds: Option<u64>,
    /// Seconds one may wait at most.
    pub max_ttl_seconds: Option<u64>,
    /// How often one is delivered at most.
    pub max_delivery_count: Option<u32>,
    /// Seconds a delivery keeps a message from other deliveries.
    pub lock_seconds: Option<u64>,
    /// Seconds feedback waits to be read.
    pub feedback_ttl_seconds: Option<u64>,
    /// Feedback that may wait in a hub.
    pub max_feedback: Option<usize>,
}

/// The longest time there is: two days (iot-hub-device-api.md 6).
const MAX_SECONDS: u64 = 48 * 60 * 60;

impl MessagesSection {
    /// The limits with defaults filled in.
    pub(super) fn limits(self) -> Result<QueueLimits> {
        let default = QueueLimits::default();
        let seconds = |name, value: Option<u64>, range, usual: Duration| {
            let value = value.unwrap_or(usual.as_secs());
            within(name, value, range).map(Duration::from_secs)
        };
        let max_ttl = seconds(
            "max_ttl_seconds",
            self.max_ttl_seconds,
            1..=MAX_SECONDS,
            default.max_ttl,
        )?;
        Ok(QueueLimits {
            max_messages: within(
                "max_messages",
                self.max_messages.unwrap_or(default.max_messages),
                1..=1000,
            )?,
            default_ttl: seconds(
                "default_ttl_seconds",
                self.default_ttl_seconds,
                1..=max_ttl.as_secs(),
                default.default_ttl.min(max_ttl),
            )?,
            max_ttl,
            max_delivery_count: within(
                "max_delivery_count",
                self.max_delivery_count.unwrap_or(default.max_delivery_count),
                1..=100,
            )?,
            lock: seconds("lock_seconds", self.lock_seconds, 5..=300, default.lock)?,
            feedback_ttl: seconds(
                "feedback_ttl_seconds",
                self.feedback_ttl_seconds,
                60..=MAX_SECONDS,
                default.feedback_ttl,
            )?,
            max_feedback: within(
                "max_feedback",
                self.max_feedback.unwrap_or(default.max_feedback),
                1..=10_000_000,
            )?,
        })
    }
}

fn within<T: PartialOrd + std::fmt::Display>(name: &str, value: T, range: RangeInclusive<T>) -> Result<T> {
    if range.contains(&value) {
        Ok(value)
    } else {
        bail!(
            "`hub.c2d.{name}` is {value}, it must be between {} and {}",
            range.start(),
            range.end()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_ranges() {
        let limits = |text: &str| toml::from_str::<MessagesSection>(text).unwrap().limits();
        assert_eq!(limits("").unwrap(), QueueLimits::default());
        let short = limits("max_ttl_seconds = 60").unwrap();
        assert_eq!(short.default_ttl, Duration::from_mins(1));
        for text in [
            "max_messages = 0",
            "max_ttl_seconds = 172801",
            "max_ttl_seconds = 60\ndefault_ttl_seconds = 61",
            "max_delivery_count = 101",
            "lock_seconds = 4",
            "lock_seconds = 301",
        ] {
            let error = limits(text).unwrap_err().to_string();
            assert!(error.contains("hub.c2d."), "{text}: {error}");
        }
    }
}
