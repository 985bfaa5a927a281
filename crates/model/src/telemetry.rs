mod cursor;
mod partition;
mod segment;

use std::time::Duration;

pub use self::cursor::{TelemetryCursor, TelemetryStart};
pub use self::partition::{MAX_PARTITIONS, PartitionId, TelemetryPartition};
pub use self::segment::{
    AcceptedTelemetry, MAX_SEGMENT, SegmentBuilder, SegmentError, StoredSegment, TelemetrySegment,
};

use crate::{ConsumerGroupName, IdentityId, Timestamp};

/// A device-to-cloud message as a device sent it (iot-hub-device-api.md 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// Who sent it.
    pub sender: IdentityId,
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
    /// The partition it is in: always the same for a device.
    pub partition: PartitionId,
    /// Its number in the partition: 0, 1, 2, … without a gap.
    pub sequence_number: i64,
    /// Its place in the partition in bytes, as Event Hubs counts.
    pub offset: i64,
    /// The message.
    pub message: Telemetry,
}

/// How much of the buffer is kept: a message goes when it is older than `age` or when the messages
/// after it already fill `bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Bytes kept for a hub.
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

/// Those who read a hub's telemetry together and remember how far they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// Its name.
    pub name: ConsumerGroupName,
    /// When it was made; `None` for the one that every hub has.
    pub created_at: Option<Timestamp>,
}

/// How far a consumer group came in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The partition.
    pub partition: PartitionId,
    /// The number of the next message to read.
    pub sequence_number: i64,
    /// When it was stored.
    pub updated_at: Timestamp,
}
