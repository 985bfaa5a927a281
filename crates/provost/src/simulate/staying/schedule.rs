use std::time::Duration;

use provost_model::Timestamp;
use tokio::time::Instant;

/// The messages of one device: which are due, and how many the hub has. A device makes them whether
/// it is connected or not; what was made meanwhile is sent when it is back. Nothing is kept, because
/// a message follows from its number.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    first: Instant,
    first_at: Timestamp,
    interval: Duration,
    acknowledged: u64,
    /// Nothing is made after this.
    ends: Option<Instant>,
}

/// A message to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// Counted from 0.
    pub(super) sequence: u64,
    /// When it was made.
    pub(super) made_at: Timestamp,
}

impl Schedule {
    /// One message each `interval`, the first at `first`, which is the instant `first_at`.
    pub(super) fn new(first: Instant, first_at: Timestamp, interval: Duration) -> Self {
        Self {
            first,
            first_at,
            interval: interval.max(Duration::from_millis(1)),
            acknowledged: 0,
            ends: None,
        }
    }

    /// No message is made any more; the first word counts.
    pub(super) fn end(&mut self, now: Instant) {
        self.ends.get_or_insert(now);
    }

    /// How many were made so far.
    pub(super) fn produced(&self, now: Instant) -> u64 {
        let until = self.ends.map_or(now, |ends| ends.min(now));
        let Some(since) = until.checked_duration_since(self.first) else {
            return 0;
        };
        let whole = since.as_nanos() / self.interval.as_nanos().max(1);
        u64::try_from(whole).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// How many the hub has.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// The oldest message the hub has not.
    pub(super) fn due(&self, now: Instant) -> Option<Due> {
        (self.produced(now) > self.acknowledged).then(|| Due {
            sequence: self.acknowledged,
            made_at: self.first_at.after(self.offset()),
        })
    }

    /// The hub has the message that was due.
    pub(super) fn acknowledge(&mut self) {
        self.acknowledged += 1;
    }

    /// How long until a message is due; `longest` when that is later or never.
    pub(super) fn pause(&self, now: Instant, longest: Duration) -> Duration {
        if self.due(now).is_some() {
            return Duration::ZERO;
        }
        if self.ends.is_some() {
            return longest;
        }
        let next = self.first.checked_add(self.offset());
        next.map_or(longest, |next| next.saturating_duration_since(now))
            .min(longest)
    }

    fn offset(&self) -> Duration {
        let count = u32::try_from(self.acknowledged).unwrap_or(u32::MAX);
        self.interval.saturating_mul(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_made_while_nobody_was_connected_is_due_in_order() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start + SECOND, Timestamp::from_micros(0), SECOND);
        assert_eq!(schedule.due(start), None);
        assert_eq!(schedule.pause(start, 9 * SECOND), SECOND);
        let later = start + 3 * SECOND;
        assert_eq!(schedule.produced(later), 3);
        for sequence in 0..3 {
            let made_at = Timestamp::from_micros(i64::try_from(sequence).unwrap() * 1_000_000);
            assert_eq!(schedule.due(later), Some(Due { sequence, made_at }));
            schedule.acknowledge();
        }
        assert_eq!(schedule.due(later), None);
        assert_eq!(schedule.pause(later, 9 * SECOND), SECOND);
    }

    #[test]
    fn nothing_is_made_after_the_end() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, Timestamp::from_micros(0), SECOND);
        schedule.end(start + SECOND);
        schedule.end(start + 5 * SECOND);
        assert_eq!(schedule.produced(start + 60 * SECOND), 2);
        schedule.acknowledge();
        schedule.acknowledge();
        assert_eq!(schedule.pause(start + 60 * SECOND, 9 * SECOND), 9 * SECOND);
    }
}
