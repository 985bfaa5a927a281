//! Cloud-to-device messages: what a back end sends, how it waits for its device, what became of it
//! (iot-hub-device-api.md 6, iot-hub-service-api.md 13).

mod delivery;

use std::fmt;
use std::time::Duration;

pub use self::delivery::{Delivery, LockLost, Settled};
use crate::{DeviceId, Timestamp};

/// What the sender of a message wants to hear about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ack {
    /// Nothing.
    #[default]
    None,
    /// That it was completed.
    Positive,
    /// That it was not.
    Negative,
    /// Either.
    Full,
}

impl Ack {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::None, Self::Positive, Self::Negative, Self::Full];

    /// The wire's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Positive => "positive",
            Self::Negative => "negative",
            Self::Full => "full",
        }
    }

    /// Reads the wire's word, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|ack| word.eq_ignore_ascii_case(ack.as_str()))
    }

    /// Whether this outcome is told.
    pub fn wants(self, outcome: MessageOutcome) -> bool {
        match self {
            Self::None => false,
            Self::Positive => outcome == MessageOutcome::Success,
            Self::Negative => outcome != MessageOutcome::Success,
            Self::Full => true,
        }
    }
}

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageOutcome {
    /// The device completed it.
    Success,
    /// Its time was over before the device took it.
    Expired,
    /// It was delivered as often as it may be and never completed.
    DeliveryCountExceeded,
    /// The device rejected it.
    Rejected,
    /// The queue was emptied.
    Purged,
}

impl MessageOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Expired,
        Self::DeliveryCountExceeded,
        Self::Rejected,
        Self::Purged,
    ];

    /// The `statusCode` of feedback.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Expired => "Expired",
            Self::DeliveryCountExceeded => "DeliveryCountExceeded",
            Self::Rejected => "Rejected",
            Self::Purged => "Purged",
        }
    }

    /// Reads a `statusCode`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| word == outcome.as_str())
    }
}

/// What a message says, as its sender wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudMessage {
    /// Names the message to its sender.
    pub message_id: String,
    /// Names what it answers or belongs to.
    pub correlation_id: Option<String>,
    /// Who it is from.
    pub user_id: Option<String>,
    /// What the body is.
    pub content_type: Option<String>,
    /// How the body is encoded.
    pub content_encoding: Option<String>,
    /// What the sender wants to hear.
    pub ack: Ack,
    /// Application properties, in the order sent.
    pub properties: Vec<(String, String)>,
    /// The payload.
    pub body: Vec<u8>,
}

/// A message in its device's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Grows with every message of the hub.
    pub sequence_number: i64,
    /// When it was accepted.
    pub enqueued_at: Timestamp,
    /// How it waits.
    pub delivery: Delivery,
    /// What it says.
    pub message: CloudMessage,
}

/// What of a queued message is needed to decide about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEntry {
    /// Grows with every message of the hub.
    pub sequence_number: i64,
    /// Names the message to its sender.
    pub message_id: String,
    /// What the sender wants to hear.
    pub ack: Ack,
    /// How it waits.
    pub delivery: Delivery,
}

/// Names one delivery of a message: whoever took it settles it with this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LockToken(String);

impl LockToken {
    /// The token of this text; any text may be asked for, only given ones are found.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LockToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What became of a message, for its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The message.
    pub message_id: String,
    /// Its device.
    pub device_id: DeviceId,
    /// The generation of the device.
    pub generation_id: String,
    /// When it ended.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: MessageOutcome,
}

/// How the queues of a hub work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Messages that may wait for a device.
    pub max_messages: usize,
    /// How long a message waits that names no end.
    pub default_ttl: Duration,
    /// How long one may wait at most.
    pub max_ttl: Duration,
    /// How often a message is delivered at most.
    pub max_delivery_count: u32,
    /// How long a delivery keeps a message from other deliveries.
    pub lock: Duration,
    /// How long feedback waits to be read.
    pub feedback_ttl: Duration,
    /// Feedback that may wait; the oldest beyond it goes.
    pub max_feedback: usize,
}

impl Default for QueueLimits {
    /// Azure's (iot-hub-device-api.md 6); the bound on feedback is ours.
    fn default() -> Self {
        Self {
            max_messages: 50,
            default_ttl: Duration::from_hours(1),
            max_ttl: Duration::from_hours(48),
            max_delivery_count: 10,
            lock: Duration::from_mins(1),
            feedback_ttl: Duration::from_hours(1),
            max_feedback: 100_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for ack in Ack::ALL {
            assert_eq!(Ack::parse(&ack.as_str().to_uppercase()), Some(ack));
        }
        assert_eq!(Ack::parse("some"), None);
        for outcome in MessageOutcome::ALL {
            assert_eq!(MessageOutcome::parse(outcome.as_str()), Some(outcome));
        }
    }

    #[test]
    fn the_sender_hears_what_it_asked_for() {
        for outcome in MessageOutcome::ALL {
            let good = outcome == MessageOutcome::Success;
            assert!(!Ack::None.wants(outcome));
            assert_eq!(Ack::Positive.wants(outcome), good);
            assert_eq!(Ack::Negative.wants(outcome), !good);
            assert!(Ack::Full.wants(outcome));
        }
    }
}
