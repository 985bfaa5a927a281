use std::time::Duration;

/// Durations of one kind, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Latencies(Vec<Duration>);

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut sorted: Vec<Duration> = durations.into_iter().collect();
        sorted.sort_unstable();
        Self(sorted)
    }
}

impl Latencies {
    /// The nearest-rank percentile: the smallest duration that `percent` of all do not exceed.
    /// Zero when there are none.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }

    /// The percentiles that are reported, in milliseconds.
    pub(super) fn p50_p95_p99(&self) -> [f64; 3] {
        [50, 95, 99].map(|percent| milliseconds(self.percentile(percent)))
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How many a second; zero when no time passed.
pub(super) fn rate(count: usize, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds == 0.0 {
        return 0.0;
    }
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    round(f64::from(count) / seconds)
}

/// Milliseconds with two decimals.
fn milliseconds(time: Duration) -> f64 {
    round(time.as_secs_f64() * 1000.0)
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(milliseconds: impl IntoIterator<Item = u64>) -> Latencies {
        milliseconds.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "whole milliseconds")]
    fn percentiles_are_nearest_rank() {
        let hundred = latencies((1..=100).rev());
        assert_eq!(hundred.p50_p95_p99(), [50.0, 95.0, 99.0]);
        assert_eq!(hundred.percentile(100), Duration::from_millis(100));
        assert_eq!(latencies([7]).p50_p95_p99(), [7.0, 7.0, 7.0]);
        assert_eq!(latencies([1, 2]).percentile(50), Duration::from_millis(1));
        assert_eq!(latencies([1, 2, 3]).percentile(50), Duration::from_millis(2));
        assert_eq!(latencies([]).percentile(99), Duration::ZERO);
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "rounded to two decimals")]
    fn rates_are_per_second() {
        assert_eq!(rate(100, Duration::from_secs(3)), 33.33);
        assert_eq!(rate(100, Duration::ZERO), 0.0);
    }
}
