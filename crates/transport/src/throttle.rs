//! Rate limits per key: a cell of the generic cell rate algorithm for each device or address.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use provost_model::Timestamp;

/// How often something may happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Time that earns one more event.
    pub period: Duration,
    /// Events that may happen at once after a rest, at least 1.
    pub burst: u32,
}

impl Rate {
    /// So many events in a time, all of them at once if need be; `None`, no limit, for 0.
    pub fn per(count: u32, time: Duration) -> Option<Self> {
        let period = time.checked_div(count)?;
        Some(Self { period, burst: count })
    }

    /// How long a key without any event left takes until it is rested.
    fn whole(self) -> Duration {
        self.period.saturating_mul(self.burst.max(1))
    }

    /// How long a key that is rested at `rested_at` has to wait for its next event.
    fn wait(self, rested_at: Timestamp, now: Timestamp) -> Option<Duration> {
        let tolerance = self.period.saturating_mul(self.burst.max(1) - 1);
        let wait = rested_at.since(now).saturating_sub(tolerance);
        (!wait.is_zero()).then_some(wait)
    }
}

/// Least and most seconds a client is told to wait: Java ignores anything outside
/// (dps-device-api.md 0.3 rule 2).
pub(crate) const RETRY_AFTER_RANGE: std::ops::RangeInclusive<u32> = 2..=5;

/// A wait as `Retry-After` tells it: whole seconds, within [`RETRY_AFTER_RANGE`].
pub(crate) fn retry_after(wait: Duration) -> u32 {
    let seconds = wait.as_millis().div_ceil(1000);
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    seconds.clamp(*RETRY_AFTER_RANGE.start(), *RETRY_AFTER_RANGE.end())
}

/// Limits events per key, with a bound on the number of keys it remembers.
///
/// Keys are kept in two generations. When the young one is full it becomes the old one and the
/// old one is forgotten, so memory is bounded, eviction costs nothing per event, and what is
/// forgotten is what was not seen for longest. A forgotten key starts rested.
#[derive(Debug)]
pub struct Throttle<K> {
    /// `None` limits nothing and remembers nobody.
    rate: Option<Rate>,
    keys_per_generation: usize,
    generations: Mutex<Generations<K>>,
}

/// Each key with its theoretical arrival time: when it will be fully rested.
#[derive(Debug)]
struct Generations<K> {
    young: HashMap<K, Timestamp>,
    old: HashMap<K, Timestamp>,
}

impl<K: Clone + Eq + Hash> Throttle<K> {
    /// Remembers at most `max_keys` keys (at least 2). Without a rate it limits nothing.
    pub fn new(rate: Option<Rate>, max_keys: usize) -> Self {
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
    pub fn check(&self, key: &K, now: Timestamp) -> Result<(), Duration> {
        let verdict = self.change(key, now, |rate, rested_at| match rate.wait(rested_at, now) {
            None => (rested_at.after(rate.period), Ok(())),
            Some(wait) => (rested_at, Err(wait)),
        });
        verdict.unwrap_or(Ok(()))
    }

    /// How long the key has to wait, when it has to; counts nothing.
    pub fn wait(&self, key: &K, now: Timestamp) -> Option<Duration> {
        let wait = self.change(key, now, |rate, rested_at| (rested_at, rate.wait(rested_at, now)));
        wait.flatten()
    }

    /// Counts an event that happened, allowed or not. However many there were, the key waits no
    /// longer than one period.
    pub fn charge(&self, key: &K, now: Timestamp) {
        self.change(key, now, |rate, rested_at| (rested_at.after(rate.period), ()));
    }

    /// Takes back an event that was counted and did not happen.
    pub fn give_back(&self, key: &K, now: Timestamp) {
        self.change(key, now, |rate, rested_at| (rested_at.before(rate.period), ()));
    }

    /// Makes the key wait one period, as if it had used up its burst.
    pub fn exhaust(&self, key: &K, now: Timestamp) {
        self.change(key, now, |rate, _| (now.after(rate.whole()), ()));
    }

    /// Forgets what the key did.
    pub fn clear(&self, key: &K) {
        let mut generations = self.lock();
        generations.young.remove(key);
        generations.old.remove(key);
    }

    /// How many keys are remembered.
    pub fn key_count(&self) -> usize {
        let generations = self.lock();
        generations.young.len().saturating_add(generations.old.len())
    }

    /// Replaces the key's time by what `change` makes of it. Times stay within one whole rest of
    /// `now`, so that a clock that was set back locks nobody out.
    fn change<R>(
        &self,
        key: &K,
        now: Timestamp,
        change: impl FnOnce(Rate, Timestamp) -> (Timestamp, R),
    ) -> Option<R> {
        let rate = self.rate?;
        let latest = now.after(rate.whole());
        let mut generations = self.lock();
        let known = generations.young.get(key).or_else(|| generations.old.get(key));
        let rested_at = known.map_or(now, |at| (*at).clamp(now, latest));
        let (rested_at, result) = change(rate, rested_at);
        let rested_at = rested_at.min(latest);
        if let Some(entry) = generations.young.get_mut(key) {
            *entry = rested_at;
        } else if rested_at > now {
            // A key that is only looked at is written, too: who keeps asking must not be forgotten.
            if generations.young.len() >= self.keys_per_generation {
                generations.old = std::mem::take(&mut generations.young);
            }
            generations.young.insert(key.clone(), rested_at);
        }
        Some(result)
    }

    fn lock(&self) -> MutexGuard<'_, Generations<K>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const START: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn throttle(burst: u32, max_keys: usize) -> Throttle<String> {
        let period = SECOND;
        Throttle::new(Some(Rate { period, burst }), max_keys)
    }

    fn key(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn a_burst_is_followed_by_the_steady_rate() {
        let (throttle, a) = (throttle(3, 10), key("a"));
        for _ in 0..3 {
            assert_eq!(throttle.check(&a, START), Ok(()));
        }
        assert_eq!(throttle.check(&a, START), Err(SECOND));
        assert_eq!(throttle.check(&a, START.after(SECOND / 4)), Err(SECOND * 3 / 4));
        assert_eq!(throttle.check(&a, START.after(SECOND)), Ok(()));
        assert_eq!(throttle.check(&a, START.after(SECOND)), Err(SECOND));
    }

    #[test]
    fn what_is_given_back_may_be_taken_again_and_no_more() {
        let (throttle, a) = (throttle(2, 10), key("a"));
        throttle.give_back(&a, START);
        for _ in 0..2 {
            assert_eq!(throttle.check(&a, START), Ok(()));
        }
        throttle.give_back(&a, START);
        assert_eq!(throttle.check(&a, START), Ok(()));
        assert_eq!(throttle.check(&a, START), Err(SECOND));
    }

    #[test]
    fn a_rest_earns_no_more_than_the_burst() {
        let (throttle, a) = (throttle(2, 10), key("a"));
        assert_eq!(throttle.check(&a, START), Ok(()));
        let later = START.after(SECOND * 1_000);
        let allowed = (0..10).filter(|_| throttle.check(&a, later).is_ok()).count();
        assert_eq!(allowed, 2);
    }

    #[test]
    fn keys_do_not_disturb_each_other() {
        let throttle = throttle(1, 10);
        assert_eq!(throttle.check(&key("a"), START), Ok(()));
        assert_eq!(throttle.check(&key("b"), START), Ok(()));
        assert!(throttle.check(&key("a"), START).is_err());
    }

    #[test]
    fn looking_counts_nothing() {
        let (throttle, a) = (throttle(1, 10), key("a"));
        for _ in 0..10 {
            assert_eq!(throttle.wait(&a, START), None);
        }
        assert_eq!(throttle.key_count(), 0);
        throttle.charge(&a, START);
        assert_eq!(throttle.wait(&a, START), Some(SECOND));
        assert_eq!(throttle.wait(&a, START.after(SECOND)), None);
    }

    #[test]
    fn many_charges_at_once_cost_one_period() {
        let (throttle, a) = (throttle(3, 10), key("a"));
        for _ in 0..100 {
            throttle.charge(&a, START);
        }
        assert_eq!(throttle.wait(&a, START), Some(SECOND));
        assert_eq!(throttle.wait(&a, START.after(SECOND)), None);
    }

    #[test]
    fn an_exhausted_key_waits_and_a_cleared_one_does_not() {
        let (throttle, a) = (throttle(3, 10), key("a"));
        throttle.exhaust(&a, START);
        assert_eq!(throttle.wait(&a, START), Some(SECOND));
        throttle.clear(&a);
        assert_eq!(throttle.wait(&a, START), None);
    }

    #[test]
    fn the_number_of_keys_is_bounded_and_recent_keys_stay() {
        let throttle = throttle(1, 100);
        for number in 0..10_000 {
            throttle.check(&number.to_string(), START).unwrap();
        }
        assert!(throttle.key_count() <= 100, "{}", throttle.key_count());
        assert!(throttle.check(&key("9999"), START).is_err());
        assert!(throttle.check(&key("9970"), START).is_err());
    }

    #[test]
    fn who_keeps_asking_is_not_forgotten() {
        let (throttle, a) = (throttle(1, 100), key("a"));
        throttle.charge(&a, START);
        for number in 0..10_000 {
            throttle.charge(&number.to_string(), START);
            assert!(throttle.wait(&a, START).is_some(), "{number}");
        }
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let (throttle, a) = (throttle(2, 10), key("a"));
        throttle.charge(&a, START);
        throttle.charge(&a, START);
        let before = START.before(Duration::from_hours(1));
        assert_eq!(throttle.wait(&a, before), Some(SECOND));
        assert_eq!(throttle.wait(&a, before.after(SECOND)), None);
    }

    #[test]
    fn a_rate_of_nothing_is_no_limit() {
        assert_eq!(Rate::per(0, SECOND), None);
        let (throttle, a) = (Throttle::new(None, 10), key("a"));
        throttle.exhaust(&a, START);
        assert_eq!(
            (throttle.check(&a, START), throttle.wait(&a, START)),
            (Ok(()), None)
        );
        assert_eq!(throttle.key_count(), 0);
        let rate = Rate::per(5, SECOND * 10).unwrap();
        assert_eq!((rate.period, rate.burst), (SECOND * 2, 5));
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_within_the_range() {
        for (millis, told) in [(0, 2), (2_000, 2), (2_001, 3), (5_000, 5), (60_000, 5)] {
            assert_eq!(retry_after(Duration::from_millis(millis)), told, "{millis}");
        }
    }
}
