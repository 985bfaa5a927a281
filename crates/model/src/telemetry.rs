use std::time::Duration;

use crate::{DeviceId, Timestamp};

/// A device-to-cloud message as a device sent it (iot-hub-device-api.md 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// The sender.
    pub device_id: DeviceId,
    /// The sender's generation.
    pub generation_id: String,
    /// How the sender proved itself: the JSON text of `iothub-connection-auth-method`.
    pub auth_method: String,
    /// Application properties in the order sent; `None` is a key without `=`.
    pub properties: Vec<(String, Option<String>)>,
    /// System properties, keys with their `$.` prefix.
    pub system_properties: Vec<(String, Option<String>)>,
    /// The payload.
    pub body: Vec<u8>,
    /// When it was accepted.
    pub enqueued_at: Timestamp,
}

/// A message with its place in the hub's buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTelemetry {
    /// Grows with every message of the hub.
    pub sequence_number: i64,
    /// The message.
    pub message: Telemetry,
}

/// How much of the buffer is kept: a message goes when it is older than `age` or when the messages
/// after it already fill `bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Payload and property bytes kept for a hub.
    pub bytes: u64,
    /// Age of the oldest message kept.
    pub age: Duration,
}

impl Default for Retention {
    /// 256 MiB and one day.
    fn default() -> Self {
        Self {
            bytes: 256 * 1024 * 1024,
            age: Duration::from_hours(24),
        }
    }
}
