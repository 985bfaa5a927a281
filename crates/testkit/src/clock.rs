use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use provost_model::{Clock, Timestamp};

/// A clock that stands still until it is moved.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl Default for ManualClock {
    /// Stands at 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_767_225_600_000_000)))
    }
}

impl ManualClock {
    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("a duration a test can mean");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// An hour from now, cut to whole seconds: the dates of certificates are.
    pub fn in_an_hour(&self) -> Timestamp {
        let second = Timestamp::from_unix_seconds(self.now().unix_seconds());
        second.after(Duration::from_hours(1))
    }

    /// Jumps.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
