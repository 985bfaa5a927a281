//! Opened keys during a burst of signatures: each for a moment, then wiped, whether somebody asks or not.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::private_key::PrivateKey;

/// Keys opened less than a moment ago.
pub(crate) struct HeldKeys {
    shared: Option<Arc<Shared>>,
    hold: Duration,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    keys: HashMap<String, Held>,
    is_closed: bool,
}

struct Held {
    key: Arc<PrivateKey>,
    until: Instant,
}

impl HeldKeys {
    /// Holds keys so long, counted from their opening however often they are used; zero holds none.
    ///
    /// Where no thread can be had that wipes them, none are held either.
    pub(crate) fn new(hold: Duration) -> Self {
        if hold.is_zero() {
            return Self { shared: None, hold };
        }
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let wiped = Arc::clone(&shared);
        let started = thread::Builder::new()
            .name("held-keys".to_owned())
            .spawn(move || wiped.wipe_in_time());
        Self {
            shared: started.is_ok().then_some(shared),
            hold,
        }
    }

    /// A key that is held.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<PrivateKey>> {
        let state = self.shared.as_ref()?.lock();
        let held = state.keys.get(id)?;
        (held.until > Instant::now()).then(|| Arc::clone(&held.key))
    }

    /// Holds a key that was just opened.
    pub(crate) fn put(&self, id: &str, key: &Arc<PrivateKey>) {
        if let Some(shared) = &self.shared {
            let held = Held {
                key: Arc::clone(key),
                until: Instant::now() + self.hold,
            };
            shared.lock().keys.insert(id.to_owned(), held);
            shared.changed.notify_one();
        }
    }

    /// Lets go of a key at once.
    pub(crate) fn forget(&self, id: &str) {
        if let Some(shared) = &self.shared {
            shared.lock().keys.remove(id);
        }
    }
}

impl Drop for HeldKeys {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            let mut state = shared.lock();
            state.is_closed = true;
            state.keys.clear();
            shared.changed.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that may panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wipe_in_time(&self) {
        let mut state = self.lock();
        while !state.is_closed {
            let now = Instant::now();
            state.keys.retain(|_, held| held.until > now);
            let next = state.keys.values().map(|held| held.until).min();
            state = match next {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let waited = self
                        .changed
                        .wait_timeout(state, until.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyAlgorithm;

    fn key() -> Arc<PrivateKey> {
        Arc::new(PrivateKey::generate(KeyAlgorithm::P256).unwrap())
    }

    #[test]
    fn a_held_key_is_let_go_without_being_asked_for() {
        let held = HeldKeys::new(Duration::from_millis(20));
        let key = key();
        held.put("a", &key);
        assert!(Arc::strong_count(&key) == 2 || held.get("a").is_none());
        let deadline = Instant::now() + Duration::from_secs(10);
        while Arc::strong_count(&key) > 1 {
            assert!(Instant::now() < deadline, "the key is still held");
            thread::yield_now();
        }
        assert!(held.get("a").is_none());
    }

    #[test]
    fn a_forgotten_key_and_all_at_the_end_are_let_go_at_once() {
        let held = HeldKeys::new(Duration::from_hours(1));
        let (one, two) = (key(), key());
        held.put("one", &one);
        held.put("two", &two);
        held.forget("one");
        assert!(held.get("one").is_none() && held.get("two").is_some());
        assert_eq!((Arc::strong_count(&one), Arc::strong_count(&two)), (1, 2));
        drop(held);
        assert_eq!(Arc::strong_count(&two), 1);
    }

    #[test]
    fn zero_holds_nothing() {
        let held = HeldKeys::new(Duration::ZERO);
        let key = key();
        held.put("a", &key);
        assert!(held.get("a").is_none());
        assert_eq!(Arc::strong_count(&key), 1);
    }
}
