//! What was heard last about the health of the keys, and since when nothing was.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How old an answer may be, and how long one is waited for.
const AGE: Duration = Duration::from_secs(1);

/// Whether keys can be used, as far as it was heard.
#[derive(Default)]
pub(super) struct HeardHealth {
    heard: Mutex<Heard>,
    answered: Condvar,
}

struct Heard {
    said: bool,
    answered_at: Option<Instant>,
    /// Since when an answer is waited for.
    asked_at: Option<Instant>,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            said: true,
            answered_at: None,
            asked_at: None,
        }
    }
}

impl Heard {
    fn is_fresh(&self) -> bool {
        self.answered_at.is_some_and(|at| at.elapsed() <= AGE)
    }

    /// What was said before counts while somebody asks, but no longer than an answer may take.
    fn now(&self) -> bool {
        self.said && self.asked_at.is_none_or(|at| at.elapsed() <= AGE)
    }
}

impl HeardHealth {
    /// What was heard a moment ago, or is heard now. `health` is asked in a thread of its own, which whoever
    /// hangs keeps; nobody asks a second time meanwhile.
    pub(super) fn ask(self: &Arc<Self>, health: impl FnOnce() -> bool + Send + 'static) -> bool {
        let mut heard = self.lock();
        if heard.asked_at.is_some() || heard.is_fresh() {
            return heard.now();
        }
        heard.asked_at = Some(Instant::now());
        let listener = Arc::clone(self);
        let asking = thread::Builder::new()
            .name("keys-health".to_owned())
            .spawn(move || listener.hear(health()));
        if asking.is_err() {
            heard.asked_at = None;
            return false;
        }
        let waits = |heard: &mut Heard| heard.asked_at.is_some();
        let waited = self.answered.wait_timeout_while(heard, AGE, waits);
        let (heard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        heard.said && !timeout.timed_out()
    }

    fn hear(&self, said: bool) {
        *self.lock() = Heard {
            said,
            answered_at: Some(Instant::now()),
            asked_at: None,
        };
        self.answered.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn keys_that_do_not_answer_cannot_be_used_until_they_do() {
        let health = Arc::new(HeardHealth::default());
        assert!(health.ask(|| true));
        health.lock().answered_at = None;
        let (answer, asked) = channel::<()>();
        let begun = Instant::now();
        assert!(!health.ask(move || asked.recv().is_ok()), "nobody answers");
        assert!(begun.elapsed() < 10 * AGE);
        // Whoever comes next is not told what was said before, and does not wait.
        let begun = Instant::now();
        assert!(!health.ask(|| true), "asked once only");
        assert!(begun.elapsed() < AGE);
        answer.send(()).unwrap();
        let deadline = Instant::now() + 20 * AGE;
        while !health.ask(|| true) {
            assert!(Instant::now() < deadline);
            thread::yield_now();
        }
    }

    #[test]
    fn an_answer_counts_for_a_second() {
        let health = Arc::new(HeardHealth::default());
        assert!(!health.ask(|| false));
        assert!(!health.ask(|| true), "heard a moment ago");
        health.lock().answered_at = Instant::now().checked_sub(2 * AGE);
        assert!(health.ask(|| true));
    }
}
