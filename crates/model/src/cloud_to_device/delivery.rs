use super::{LockToken, MessageOutcome};
use crate::Timestamp;

/// How a message waits for its device. Every state but these two has ended.
///
/// | from | event | to |
/// |---|---|---|
/// | enqueued | its time is over | ends `Expired` |
/// | enqueued | taken | locked, counted once more |
/// | enqueued | purged | ends `Purged` |
/// | locked | the lock is over, deliveries left | enqueued |
/// | locked | the lock is over, none left | ends `DeliveryCountExceeded` |
/// | locked | completed with its token | ends `Success` |
/// | locked | rejected with its token | ends `Rejected` |
/// | locked | abandoned with its token | as when the lock is over |
/// | locked | settled with another token, or too late | refused, lock lost |
/// | locked | taken | refused, not available |
/// | locked | purged | ends `Purged` |
///
/// The time of a message is not over while it is locked: whoever holds it may still complete it.
/// Sources: iot-hub-device-api.md 6 and 10.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    expires_at: Timestamp,
    /// How often it was taken.
    count: u32,
    lock: Option<Lock>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Lock {
    token: LockToken,
    until: Timestamp,
}

/// What became of a message by an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It waits on.
    Waits(Delivery),
    /// It is over.
    Ended(MessageOutcome),
}

/// The token is not that of a lock that still holds (412002).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lock of the message is lost")]
pub struct LockLost;

impl Delivery {
    /// A message that just came.
    pub fn enqueued(expires_at: Timestamp) -> Self {
        Self {
            expires_at,
            count: 0,
            lock: None,
        }
    }

    /// A message as it was stored.
    pub fn restored(expires_at: Timestamp, count: u32, lock: Option<(LockToken, Timestamp)>) -> Self {
        Self {
            expires_at,
            count,
            lock: lock.map(|(token, until)| Lock { token, until }),
        }
    }

    /// When its time is over.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How often it was taken.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Token and end of the lock it is under.
    pub fn lock(&self) -> Option<(&LockToken, Timestamp)> {
        self.lock.as_ref().map(|lock| (&lock.token, lock.until))
    }

    /// What time alone has done to it by now.
    pub fn at(self, now: Timestamp, max_count: u32) -> Settled {
        match &self.lock {
            Some(lock) if lock.until > now => Settled::Waits(self),
            Some(_) => self.returned(now, max_count),
            None if self.expires_at <= now => Settled::Ended(MessageOutcome::Expired),
            None => Settled::Waits(self),
        }
    }

    /// Takes it; `None` while another delivery holds it.
    #[must_use]
    pub fn taken(self, token: LockToken, until: Timestamp) -> Option<Self> {
        match self.lock {
            Some(_) => None,
            None => Some(Self {
                count: self.count.saturating_add(1),
                lock: Some(Lock { token, until }),
                ..self
            }),
        }
    }

    /// The device has dealt with it.
    ///
    /// # Errors
    /// [`LockLost`].
    pub fn completed(&self, token: &LockToken, now: Timestamp) -> Result<MessageOutcome, LockLost> {
        self.check(token, now).map(|()| MessageOutcome::Success)
    }

    /// The device does not want it.
    ///
    /// # Errors
    /// [`LockLost`].
    pub fn rejected(&self, token: &LockToken, now: Timestamp) -> Result<MessageOutcome, LockLost> {
        self.check(token, now).map(|()| MessageOutcome::Rejected)
    }

    /// The device gives it back.
    ///
    /// # Errors
    /// [`LockLost`].
    pub fn abandoned(self, token: &LockToken, now: Timestamp, max_count: u32) -> Result<Settled, LockLost> {
        self.check(token, now)?;
        Ok(self.returned(now, max_count))
    }

    fn check(&self, token: &LockToken, now: Timestamp) -> Result<(), LockLost> {
        let lock = self.lock.as_ref().ok_or(LockLost)?;
        if lock.token == *token && lock.until > now {
            Ok(())
        } else {
            Err(LockLost)
        }
    }

    /// Back in the queue, if it may be delivered again and its time is not over.
    fn returned(self, now: Timestamp, max_count: u32) -> Settled {
        if self.count >= max_count {
            Settled::Ended(MessageOutcome::DeliveryCountExceeded)
        } else if self.expires_at <= now {
            Settled::Ended(MessageOutcome::Expired)
        } else {
            Settled::Waits(Self { lock: None, ..self })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000;
    const MAX: u32 = 3;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn token() -> LockToken {
        LockToken::new("t")
    }

    fn enqueued(expires: i64, count: u32) -> Delivery {
        Delivery::restored(at(expires), count, None)
    }

    fn locked(expires: i64, count: u32, until: i64) -> Delivery {
        Delivery::restored(at(expires), count, Some((token(), at(until))))
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Time,
        Take,
        Complete,
        Reject,
        Abandon,
        CompleteWithAnother,
    }

    fn outcome(state: Delivery, event: Event) -> String {
        let word = |settled: Settled| match settled {
            Settled::Waits(delivery) => match delivery.lock() {
                Some(_) => format!("locked {}", delivery.count()),
                None => format!("enqueued {}", delivery.count()),
            },
            Settled::Ended(outcome) => outcome.as_str().to_owned(),
        };
        let ended = |ended: Result<MessageOutcome, LockLost>| match ended {
            Ok(outcome) => outcome.as_str().to_owned(),
            Err(LockLost) => "lost".to_owned(),
        };
        match event {
            Event::Time => word(state.at(at(NOW), MAX)),
            Event::Take => match state.taken(token(), at(NOW + 60)) {
                Some(taken) => word(Settled::Waits(taken)),
                None => "not available".to_owned(),
            },
            Event::Complete => ended(state.completed(&token(), at(NOW))),
            Event::Reject => ended(state.rejected(&token(), at(NOW))),
            Event::Abandon => state
                .abandoned(&token(), at(NOW), MAX)
                .map_or_else(|_| "lost".to_owned(), word),
            Event::CompleteWithAnother => ended(state.completed(&LockToken::new("u"), at(NOW))),
        }
    }

    #[test]
    fn every_state_and_every_event() {
        let (later, past) = (NOW + 10, NOW);
        // Time, take, complete, reject, abandon, complete with another token.
        let table = [
            (enqueued(later, 0), "enqueued 0|locked 1|lost|lost|lost|lost"),
            (enqueued(later, 2), "enqueued 2|locked 3|lost|lost|lost|lost"),
            (enqueued(past, 1), "Expired|locked 2|lost|lost|lost|lost"),
            (
                locked(later, 1, later),
                "locked 1|not available|Success|Rejected|enqueued 1|lost",
            ),
            (
                locked(past, 1, later),
                "locked 1|not available|Success|Rejected|Expired|lost",
            ),
            (
                locked(later, MAX, later),
                "locked 3|not available|Success|Rejected|DeliveryCountExceeded|lost",
            ),
            (
                locked(later, 1, past),
                "enqueued 1|not available|lost|lost|lost|lost",
            ),
            (locked(past, 1, past), "Expired|not available|lost|lost|lost|lost"),
            (
                locked(past, MAX, past),
                "DeliveryCountExceeded|not available|lost|lost|lost|lost",
            ),
        ];
        let events = [
            Event::Time,
            Event::Take,
            Event::Complete,
            Event::Reject,
            Event::Abandon,
            Event::CompleteWithAnother,
        ];
        for (state, expected) in table {
            for (event, expected) in events.into_iter().zip(expected.split('|')) {
                assert_eq!(outcome(state.clone(), event), expected, "{state:?} {event:?}");
            }
        }
    }
}
