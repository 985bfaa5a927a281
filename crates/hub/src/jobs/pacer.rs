use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use provost_model::Pace;
use tokio::time::{Instant, sleep_until};

/// Falls behind by no more than this are made up for.
const SLACK: Duration = Duration::from_millis(100);

/// Gives turns at a pace: each waits for its instant.
#[derive(Debug)]
pub(crate) struct Pacer {
    interval: Option<Duration>,
    next: Mutex<Instant>,
}

impl Pacer {
    pub(crate) fn new(pace: Option<Pace>) -> Self {
        Self {
            interval: pace.map(Pace::interval),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for the next turn. One that is not waited for to the end is lost.
    pub(crate) async fn turn(&self) {
        if let Some(interval) = self.interval {
            sleep_until(self.take(interval, Instant::now())).await;
        }
    }

    fn take(&self, interval: Duration, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let turn = (*next).max(earliest);
        *next = turn + interval;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_the_pace() {
        let pacer = Pacer::new(Some(Pace::parse("50/s").unwrap()));
        let began = Instant::now();
        for _ in 0..101 {
            pacer.turn().await;
        }
        let took = began.elapsed();
        assert!(
            took >= Duration::from_millis(1_890) && took <= Duration::from_millis(2_010),
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_not_made_up_for() {
        let pacer = Pacer::new(Some(Pace::parse("10/s").unwrap()));
        pacer.turn().await;
        tokio::time::advance(Duration::from_mins(1)).await;
        let began = Instant::now();
        for _ in 0..11 {
            pacer.turn().await;
        }
        assert!(began.elapsed() >= Duration::from_millis(800));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_pace_nobody_waits() {
        let pacer = Pacer::new(None);
        let began = Instant::now();
        for _ in 0..1_000 {
            pacer.turn().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
