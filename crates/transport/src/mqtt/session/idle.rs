//! How long a session may be silent.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// One and a half times the keep-alive a client asked for, at most `longest`; 0 asks for `longest`.
pub(super) fn silence(keep_alive: u16, longest: Duration) -> Duration {
    match keep_alive {
        0 => longest,
        seconds => (Duration::from_secs(u64::from(seconds)) * 3 / 2).min(longest),
    }
}

/// A deadline that moves with every packet, and one that does not.
pub(super) struct Patience {
    silence: Duration,
    end: Option<Instant>,
    heard_at: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Patience {
    /// Begins now; `end` is when the session ends whatever is heard.
    pub(super) fn new(silence: Duration, end: Option<Instant>) -> Self {
        let now = Instant::now();
        let sleep = Box::pin(sleep_until(first(now + silence, end)));
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
            let deadline = first(self.heard_at + self.silence, self.end);
            if deadline <= Instant::now() {
                return;
            }
            self.sleep.as_mut().reset(deadline);
        }
    }
}

fn first(silence: Instant, end: Option<Instant>) -> Instant {
    end.map_or(silence, |end| end.min(silence))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: Duration = Duration::from_secs(1767);

    #[test]
    fn silence_is_one_and_a_half_keep_alives_within_the_cap() {
        assert_eq!(silence(5, CAP), Duration::from_millis(7500));
        assert_eq!(silence(0, CAP), CAP);
        assert_eq!(silence(u16::MAX, CAP), CAP);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_heard_moves_the_deadline_but_not_the_end() {
        let started = Instant::now();
        let end = started + Duration::from_secs(100);
        let mut patience = Patience::new(Duration::from_mins(1), Some(end));
        tokio::time::advance(Duration::from_secs(50)).await;
        patience.heard();
        patience.ran_out().await;
        assert_eq!(started.elapsed().as_secs(), 100);

        let started = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(10), None);
        tokio::time::advance(Duration::from_secs(9)).await;
        patience.heard();
        patience.ran_out().await;
        assert_eq!(started.elapsed().as_secs(), 19);
    }
}
