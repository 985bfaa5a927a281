//! `[hub]`: the hubs of this program.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use provost_hub::JobOptions;
use provost_model::{MAX_PARTITIONS, Pace};
use serde::Deserialize;

use super::messages::MessagesSection;

/// `[hub]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HubSection {
    /// Partitions of the telemetry of a hub that has none yet.
    pub telemetry_partitions: Option<u16>,
    /// A device certificate that stands on the CRL of its CA is refused, beside one whose identifier was revoked.
    pub refuse_revoked_serials: bool,
    /// Renewal errors as the real service was seen to number them.
    pub measured_renewal_codes: bool,
    /// How jobs are run.
    pub jobs: JobsSection,
    /// Messages to devices.
    pub c2d: MessagesSection,
}

impl HubSection {
    /// The number of partitions, 4 when none is given.
    pub(super) fn telemetry_partitions(&self) -> Result<u16> {
        match self.telemetry_partitions.unwrap_or(4) {
            count @ 1..=MAX_PARTITIONS => Ok(count),
            count => bail!("[hub] telemetry_partitions is {count}, not 1 to {MAX_PARTITIONS}"),
        }
    }
}

/// `[hub.jobs]`, see [`JobOptions`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobsSection {
    /// How often a device of any job has its turn, as `50/s`.
    pub pace: Option<String>,
    /// Devices of one job at a time.
    pub concurrency: Option<usize>,
    /// Jobs of a hub that wait or run at a time.
    pub active: Option<usize>,
    /// Days an ended job is kept.
    pub history_days: Option<u64>,
    /// Ended jobs kept at most.
    pub history_count: Option<usize>,
}

impl JobsSection {
    /// The options with defaults filled in.
    pub(super) fn options(&self) -> Result<JobOptions> {
        let default = JobOptions::default();
        let pace = self.pace.as_deref().filter(|text| !text.is_empty());
        let pace = pace
            .map(|text| Pace::parse(text).map_err(|error| anyhow!("`hub.jobs.pace` is `{text}`, it {error}")))
            .transpose()?;
        Ok(JobOptions {
            pace,
            concurrency: self.concurrency.unwrap_or(default.concurrency).clamp(1, 10_000),
            active: self.active.unwrap_or(default.active),
            history: self.history_days.map_or(default.history, |days| {
                Duration::from_secs(days.saturating_mul(86_400))
            }),
            history_count: self.history_count.unwrap_or(default.history_count),
        })
    }
}
