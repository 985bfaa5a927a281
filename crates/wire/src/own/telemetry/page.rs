use provost_model::{PartitionId, StoredTelemetry, TelemetryCursor, TelemetryPartition};
use serde::{Deserialize, Serialize};

use super::{TelemetryItem, format_cursor};
use crate::{json, time};

/// A page of a hub's telemetry buffer: `{"value":[…],"next":"0-17.1-4","lost":[…]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TelemetryPageView {
    /// The messages; those of a partition in its order.
    pub value: Vec<TelemetryItem>,
    /// What to ask for as `after` next.
    pub next: String,
    /// What retention removed before this reader came to it.
    pub lost: Vec<LostView>,
}

/// Messages a reader came too late for: `{"partitionId":"0","count":12}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LostView {
    /// The partition.
    pub partition_id: String,
    /// How many.
    pub count: i64,
}

impl LostView {
    /// Of one partition.
    pub fn new((partition, count): &(PartitionId, i64)) -> Self {
        Self {
            partition_id: partition.to_string(),
            count: *count,
        }
    }
}

impl TelemetryPageView {
    /// The page of these messages.
    pub fn new(messages: &[StoredTelemetry], next: &TelemetryCursor, lost: &[(PartitionId, i64)]) -> Self {
        Self {
            value: messages.iter().map(TelemetryItem::from).collect(),
            next: format_cursor(next),
            lost: lost.iter().map(LostView::new).collect(),
        }
    }

    /// The bytes to send.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(self)
    }

    /// Reads an answer, for the client side.
    pub fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

/// What a partition holds, in the words of Event Hubs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionView {
    /// The partition.
    pub partition_id: String,
    /// The oldest message kept; when none is kept, the number the next one gets.
    pub beginning_sequence_number: i64,
    /// The newest message; -1 before the first.
    pub last_enqueued_sequence_number: i64,
    /// When it came; null before the first.
    pub last_enqueued_time_utc: Option<String>,
    /// Whether no message is kept.
    pub is_empty: bool,
    /// Bytes kept.
    pub bytes: i64,
    /// Messages retention removed, since the hub was made.
    pub removed: i64,
}

impl From<&TelemetryPartition> for PartitionView {
    fn from(partition: &TelemetryPartition) -> Self {
        Self {
            partition_id: partition.id.to_string(),
            beginning_sequence_number: partition.begin,
            last_enqueued_sequence_number: partition.next - 1,
            last_enqueued_time_utc: partition.last_enqueued_at.map(time::iso),
            is_empty: partition.begin == partition.next,
            bytes: partition.bytes,
            removed: partition.begin,
        }
    }
}

#[cfg(test)]
mod tests {
    use provost_model::{DeviceId, IdentityId, ModuleId, Telemetry, Timestamp};

    use super::*;

    fn stored(module: Option<&str>) -> StoredTelemetry {
        StoredTelemetry {
            partition: PartitionId::new(2).unwrap(),
            sequence_number: 8,
            offset: 900,
            message: Telemetry {
                sender: IdentityId {
                    device_id: DeviceId::parse("press-1").unwrap(),
                    module_id: module.map(|module| ModuleId::parse(module).unwrap()),
                },
                generation_id: "1".to_owned(),
                auth_method: "{}".to_owned(),
                properties: vec![("a".to_owned(), Some("1".to_owned())), ("flag".to_owned(), None)],
                system_properties: vec![("$.ct".to_owned(), Some("text/plain".to_owned()))],
                body: b"hello".to_vec(),
                enqueued_at: Timestamp::default(),
            },
        }
    }

    #[test]
    fn page_shape() {
        let id = PartitionId::new(2).unwrap();
        let next = TelemetryCursor::new([(id, 9)]);
        let page = TelemetryPageView::new(&[stored(None)], &next, &[(id, 3)]);
        assert_eq!(
            String::from_utf8(page.to_json()).unwrap(),
            concat!(
                r#"{"value":[{"partitionId":"2","sequenceNumber":8,"offset":"900","deviceId":"press-1","#,
                r#""enqueuedTimeUtc":"1970-01-01T00:00:00.0000000Z","#,
                r#""properties":{"a":"1","flag":null},"systemProperties":{"ct":"text/plain","#,
                r#""iothub-connection-device-id":"press-1","iothub-connection-auth-generation-id":"1","#,
                r#""iothub-connection-auth-method":"{}","iothub-enqueuedtime":"1970-01-01T00:00:00.0000000Z","#,
                r#""iothub-message-source":"Telemetry"},"body":"aGVsbG8="}],"#,
                r#""next":"2-9","lost":[{"partitionId":"2","count":3}]}"#
            )
        );
        let read = TelemetryPageView::parse(&page.to_json()).unwrap();
        assert_eq!(read.value[0].payload(), b"hello");
        assert_eq!(read, page);
    }

    #[test]
    fn a_module_is_named_beside_its_device() {
        let item = TelemetryItem::from(&stored(Some("m")));
        assert_eq!(
            (item.device_id.as_str(), item.module_id.as_deref()),
            ("press-1", Some("m"))
        );
        assert_eq!(item.system_properties["iothub-connection-module-id"], "m");
    }

    #[test]
    fn an_empty_partition_has_no_last_message() {
        let view = PartitionView::from(&TelemetryPartition::empty(PartitionId::new(0).unwrap()));
        assert_eq!(view.last_enqueued_sequence_number, -1);
        assert!(view.is_empty && view.last_enqueued_time_utc.is_none());
    }
}
