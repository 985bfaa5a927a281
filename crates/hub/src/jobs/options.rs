use std::time::Duration;

use provost_model::Pace;

/// How jobs are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOptions {
    /// How often a device of any job has its turn; as fast as it goes when absent.
    pub pace: Option<Pace>,
    /// Devices of one job that are worked on at a time.
    pub concurrency: usize,
    /// Jobs of a hub that may wait or run at a time; more are refused (429004).
    pub active: usize,
    /// How long ended jobs are kept.
    pub history: Duration,
    /// How many ended jobs are kept at most.
    pub history_count: usize,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            pace: None,
            concurrency: 256,
            active: 100,
            history: Duration::from_hours(30 * 24),
            history_count: 10_000,
        }
    }
}
