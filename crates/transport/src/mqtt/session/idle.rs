//! How long a session may be silent.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use provost_model::{Clock, Timestamp};
use tokio::time::{Instant, Sleep, sleep_until};

/// One and a half times the keep-alive a client asked for, at most `longest`; 0 asks for `longest`.
pub(super) fn silence(keep_alive: u16, longest: Duration) -> Duration {
    match keep_alive {
        0 => longest,
        seconds => (Duration::from_secs(u64::from(seconds)) * 3 / 2).min(longest),
    }
}

/// The timer counts while the machine runs and knows nothing of a clock that was set: the clock is looked at this often.
const LOOK: Duration = Duration::from_mins(1);

/// When a session ends whatever is heard: an instant of the service's clock.
pub(super) struct Deadline {
    until: Timestamp,
    clock: Arc<dyn Clock>,
    /// The same by the timer, from when it was begun. What comes first counts: a clock that is set back lengthens nothing.
    at: Instant,
}

impl Deadline {
    pub(super) fn new(until: Timestamp, clock: Arc<dyn Clock>) -> Self {
        let at = Instant::now() + until.since(clock.now());
        Self { until, clock, at }
    }

    fn is_over(&self) -> bool {
        self.at <= Instant::now() || self.until <= self.clock.now()
    }

    /// When to look again.
    fn next(&self) -> Instant {
        let left = self.until.since(self.clock.now()).min(LOOK);
        self.at.min(Instant::now() + left)
    }
}

/// A deadline that moves with every packet, and one that does not.
pub(super) struct Patience {
    silence: Duration,
    end: Option<Deadline>,
    heard_at: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Patience {
    /// Begins now; `end` is when the session ends whatever is heard. A clock that is set, or a machine that slept, is
    /// noticed within a minute.
    pub(super) fn new(silence: Duration, end: Option<Deadline>) -> Self {
        let now = Instant::now();
        let sleep = Box::pin(sleep_until(first(now + silence, end.as_ref())));
        Self {
            silence,
            end,
            heard_at: now,
            sleep,
        }
    }

    /// Notes that something was heard. The timer itself is moved only when it fires: a packet costs
    /// no timer work.
    pub(super) fn heard(&mut self) {
        self.heard_at = Instant::now();
    }

    /// Waits until the session was silent for too long or its end came. Cancel-safe.
    pub(super) async fn ran_out(&mut self) {
        loop {
            self.sleep.as_mut().await;
            let silent_at = self.heard_at + self.silence;
            if silent_at <= Instant::now() || self.end.as_ref().is_some_and(Deadline::is_over) {
                return;
            }
            self.sleep.as_mut().reset(first(silent_at, self.end.as_ref()));
        }
    }
}

fn first(silence: Instant, end: Option<&Deadline>) -> Instant {
    end.map_or(silence, |end| end.next().min(silence))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const CAP: Duration = Duration::from_secs(1767);

    #[test]
    fn silence_is_one_and_a_half_keep_alives_within_the_cap() {
        assert_eq!(silence(5, CAP), Duration::from_millis(7500));
        assert_eq!(silence(0, CAP), CAP);
        assert_eq!(silence(u16::MAX, CAP), CAP);
    }

    /// A clock that goes with the timer until it is set.
    struct Watch {
        started: Instant,
        set: Mutex<Duration>,
    }

    impl Watch {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                started: Instant::now(),
                set: Mutex::default(),
            })
        }
    }

    impl Clock for Watch {
        fn now(&self) -> Timestamp {
            let set = *self.set.lock().unwrap();
            Timestamp::from_unix_seconds(1_000_000).after(self.started.elapsed() + set)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_heard_moves_the_deadline_but_not_the_end() {
        let clock = Watch::new();
        let end = clock.now().after(Duration::from_secs(100));
        let mut patience = Patience::new(Duration::from_mins(1), Some(Deadline::new(end, clock.clone())));
        tokio::time::advance(Duration::from_secs(50)).await;
        patience.heard();
        patience.ran_out().await;
        assert_eq!(clock.started.elapsed().as_secs(), 100);

        let started = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(10), None);
        tokio::time::advance(Duration::from_secs(9)).await;
        patience.heard();
        patience.ran_out().await;
        assert_eq!(started.elapsed().as_secs(), 19);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_ends_the_session_within_a_minute() {
        let clock = Watch::new();
        let end = clock.now().after(Duration::from_hours(24));
        let mut patience = Patience::new(Duration::from_hours(48), Some(Deadline::new(end, clock.clone())));
        tokio::time::advance(Duration::from_secs(130)).await;
        *clock.set.lock().unwrap() = Duration::from_hours(30);
        let set_at = Instant::now();
        patience.ran_out().await;
        assert!(
            set_at.elapsed() <= Duration::from_mins(1),
            "{:?}",
            set_at.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_lengthens_nothing() {
        let clock = Watch::new();
        *clock.set.lock().unwrap() = Duration::from_hours(1);
        let end = clock.now().after(Duration::from_mins(10));
        let mut patience = Patience::new(Duration::from_hours(48), Some(Deadline::new(end, clock.clone())));
        *clock.set.lock().unwrap() = Duration::ZERO;
        patience.ran_out().await;
        assert_eq!(clock.started.elapsed().as_secs(), 600);
    }
}
