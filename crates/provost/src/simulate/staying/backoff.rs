use std::time::Duration;

use provost_model::Random;

/// The first pause after the one at once.
const FIRST: Duration = Duration::from_millis(100);

/// How long a device waits before it tries again: at once, then twice as long each time with jitter,
/// as the SDKs do (iot-hub-device-api.md 15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backoff {
    attempts: u32,
    longest: Duration,
}

impl Backoff {
    /// Never waits longer than this.
    pub(super) fn new(longest: Duration) -> Self {
        Self { attempts: 0, longest }
    }

    /// It worked: the next pause is none again.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// How often it was waited since it last worked.
    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The next pause; between half and the whole of what doubling gives.
    pub(super) fn next(&mut self, random: &dyn Random) -> Duration {
        let attempt = self.attempts;
        self.attempts = attempt.saturating_add(1);
        if attempt == 0 {
            return Duration::ZERO;
        }
        let doubled = FIRST.saturating_mul(1 << (attempt - 1).min(20)).min(self.longest);
        doubled / 2 + fraction(doubled / 2, random)
    }
}

/// A random part of a time.
pub(super) fn fraction(time: Duration, random: &dyn Random) -> Duration {
    let mut byte = [0; 1];
    random.fill(&mut byte);
    time * u32::from(byte[0]) / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u8);

    impl Random for Always {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn at_once_then_doubled_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(10));
        let mut pauses = || backoff.next(&Always(0)).as_millis();
        assert_eq!([pauses(), pauses(), pauses(), pauses()], [0, 50, 100, 200]);
        for _ in 0..40 {
            assert!(backoff.next(&Always(255)) <= Duration::from_secs(10));
        }
        assert_eq!(backoff.attempts(), 44);
        backoff.reset();
        assert_eq!(backoff.next(&Always(255)), Duration::ZERO);
    }
}
