//! Rate limits per key: a cell of the generic cell rate algorithm for each device or address.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often something may happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Time that earns one more event.
    pub period: Duration,
    /// Events that may happen at once after a rest, at least 1.
    pub burst: u32,
}

/// Limits events per key, with a bound on the number of keys it remembers.
///
/// Keys are kept in two generations. When the young one is full it becomes the old one and the
/// old one is forgotten, so memory is bounded, eviction costs nothing per event, and what is
/// forgotten is what was not seen for longest. A forgotten key starts rested.
#[derive(Debug)]
pub struct Throttle<K> {
    rate: Rate,
    keys_per_generation: usize,
    generations: Mutex<Generations<K>>,
}

/// Each key with its theoretical arrival time: when it will be fully rested.
#[derive(Debug)]
struct Generations<K> {
    young: HashMap<K, Instant>,
    old: HashMap<K, Instant>,
}

impl<K: Eq + Hash> Throttle<K> {
    /// Remembers at most `max_keys` keys (at least 2).
    pub fn new(rate: Rate, max_keys: usize) -> Self {
        let generations = Generations {
            young: HashMap::new(),
            old: HashMap::new(),
        };
        let keys_per_generation = (max_keys / 2).max(1);
        Self {
            rate,
            keys_per_generation,
            generations: Mutex::new(generations),
        }
    }

    /// Counts an event at `now`, or says after which wait it would be allowed. A refused event
    /// is not counted, so a peer that waits as told is let in.
    pub fn check<Q>(&self, key: &Q, now: Instant) -> Result<(), Duration>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let known = generations.young.get(key).or_else(|| generations.old.get(key));
        let rested_at = known.map_or(now, |rested_at| (*rested_at).max(now));
        let tolerance = self.rate.period.saturating_mul(self.rate.burst.max(1) - 1);
        let wait = rested_at.duration_since(now).saturating_sub(tolerance);
        let (rested_at, verdict) = if wait.is_zero() {
            (
                rested_at.checked_add(self.rate.period).unwrap_or(rested_at),
                Ok(()),
            )
        } else {
            (rested_at, Err(wait))
        };
        // A refused key is written, too: who keeps asking must not be forgotten.
        if let Some(entry) = generations.young.get_mut(key) {
            *entry = rested_at;
            return verdict;
        }
        if generations.young.len() >= self.keys_per_generation {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key.to_owned(), rested_at);
        verdict
    }

    /// How many keys are remembered.
    pub fn key_count(&self) -> usize {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.len().saturating_add(generations.old.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn throttle(burst: u32, max_keys: usize) -> Throttle<String> {
        Throttle::new(
            Rate {
                period: SECOND,
                burst,
            },
            max_keys,
        )
    }

    #[test]
    fn a_burst_is_followed_by_the_steady_rate() {
        let (throttle, start) = (throttle(3, 10), Instant::now());
        for _ in 0..3 {
            assert_eq!(throttle.check("a", start), Ok(()));
        }
        assert_eq!(throttle.check("a", start), Err(SECOND));
        assert_eq!(throttle.check("a", start + SECOND / 4), Err(SECOND * 3 / 4));
        assert_eq!(throttle.check("a", start + SECOND), Ok(()));
        assert_eq!(throttle.check("a", start + SECOND), Err(SECOND));
    }

    #[test]
    fn a_rest_earns_no_more_than_the_burst() {
        let (throttle, start) = (throttle(2, 10), Instant::now());
        assert_eq!(throttle.check("a", start), Ok(()));
        let later = start + SECOND * 1_000;
        let allowed = (0..10).filter(|_| throttle.check("a", later).is_ok()).count();
        assert_eq!(allowed, 2);
    }

    #[test]
    fn keys_do_not_disturb_each_other() {
        let (throttle, start) = (throttle(1, 10), Instant::now());
        assert_eq!(throttle.check("a", start), Ok(()));
        assert_eq!(throttle.check("b", start), Ok(()));
        assert!(throttle.check("a", start).is_err());
    }

    #[test]
    fn the_number_of_keys_is_bounded_and_recent_keys_stay() {
        let (throttle, start) = (throttle(1, 100), Instant::now());
        for number in 0..10_000 {
            throttle.check(number.to_string().as_str(), start).unwrap();
        }
        assert!(throttle.key_count() <= 100, "{}", throttle.key_count());
        assert!(throttle.check("9999", start).is_err());
        assert!(throttle.check("9970", start).is_err());
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_refuses_nothing_new() {
        let (throttle, start) = (throttle(1, 10), Instant::now() + SECOND);
        assert_eq!(throttle.check("a", start), Ok(()));
        assert_eq!(
            throttle.check("a", start.checked_sub(SECOND).unwrap()),
            Err(SECOND * 2)
        );
        assert_eq!(throttle.check("b", start.checked_sub(SECOND).unwrap()), Ok(()));
    }
}
