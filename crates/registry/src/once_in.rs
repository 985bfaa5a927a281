use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use provost_model::Timestamp;

/// Something that is done once in a while, whoever looks how often.
#[derive(Debug, Default)]
pub(crate) struct OnceIn(Mutex<Option<Timestamp>>);

impl OnceIn {
    /// Whether it is time; if it is, the time counts anew.
    pub(crate) fn is_due(&self, now: Timestamp, every: Duration) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| now.since(at) < every) {
            return false;
        }
        *last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_at_once_and_then_after_the_time() {
        let (once, hour) = (OnceIn::default(), Duration::from_hours(1));
        let at = |seconds| Timestamp::from_unix_seconds(seconds);
        assert!(once.is_due(at(0), hour));
        assert!(!once.is_due(at(3_599), hour));
        assert!(once.is_due(at(3_600), hour));
        assert!(!once.is_due(at(3_601), hour));
    }
}
