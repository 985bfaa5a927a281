use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::StoredTelemetry;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{json, time};

/// A page of a hub's telemetry buffer: `{"value":[…],"next":n}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TelemetryPage {
    /// The messages, oldest first.
    pub value: Vec<TelemetryItem>,
    /// What to ask for as `after` next.
    pub next: i64,
}

/// A message of the buffer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TelemetryItem {
    /// Grows with every message of the hub.
    pub sequence_number: i64,
    /// The sender.
    pub device_id: String,
    /// When it was accepted.
    pub enqueued_time_utc: String,
    /// Application properties; null for a key without a value. Of a key sent twice the last counts.
    pub properties: Map<String, Value>,
    /// System properties, keys without their `$.` prefix, and the hub's own
    /// `iothub-connection-…` ones.
    pub system_properties: Map<String, Value>,
    /// The payload in base64.
    pub body: String,
}

impl TelemetryPage {
    /// The page of these messages; `next` is the last one's number, or `after` when there is none.
    pub fn new(messages: &[StoredTelemetry], after: i64) -> Self {
        Self {
            value: messages.iter().map(TelemetryItem::from).collect(),
            next: messages.last().map_or(after, |last| last.sequence_number),
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

impl TelemetryItem {
    /// The payload; empty when it is not base64.
    pub fn payload(&self) -> Vec<u8> {
        STANDARD.decode(&self.body).unwrap_or_default()
    }
}

impl From<&StoredTelemetry> for TelemetryItem {
    fn from(stored: &StoredTelemetry) -> Self {
        let message = &stored.message;
        let mut system = pairs(&message.system_properties, |key| {
            key.strip_prefix("$.").unwrap_or(key)
        });
        for (key, value) in [
            ("iothub-connection-device-id", message.device_id.as_str()),
            ("iothub-connection-auth-generation-id", &message.generation_id),
            ("iothub-connection-auth-method", &message.auth_method),
            ("iothub-message-source", "Telemetry"),
        ] {
            system.insert(key.to_owned(), Value::from(value));
        }
        Self {
            sequence_number: stored.sequence_number,
            device_id: message.device_id.as_str().to_owned(),
            enqueued_time_utc: time::iso(message.enqueued_at),
            properties: pairs(&message.properties, |key| key),
            system_properties: system,
            body: STANDARD.encode(&message.body),
        }
    }
}

fn pairs(pairs: &[(String, Option<String>)], name: fn(&str) -> &str) -> Map<String, Value> {
    pairs
        .iter()
        .map(|(key, value)| {
            (
                name(key).to_owned(),
                value.as_deref().map_or(Value::Null, Value::from),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use provost_model::{DeviceId, Telemetry, Timestamp};

    use super::*;

    #[test]
    fn page_shape() {
        let stored = StoredTelemetry {
            sequence_number: 8,
            message: Telemetry {
                device_id: DeviceId::parse("press-1").unwrap(),
                generation_id: "1".to_owned(),
                auth_method: "{}".to_owned(),
                properties: vec![("a".to_owned(), Some("1".to_owned())), ("flag".to_owned(), None)],
                system_properties: vec![("$.ct".to_owned(), Some("text/plain".to_owned()))],
                body: b"hello".to_vec(),
                enqueued_at: Timestamp::default(),
            },
        };
        let page = TelemetryPage::new(&[stored], 7);
        assert_eq!(
            String::from_utf8(page.to_json()).unwrap(),
            concat!(
                r#"{"value":[{"sequenceNumber":8,"deviceId":"press-1","enqueuedTimeUtc":"1970-01-01T00:00:00.0000000Z","#,
                r#""properties":{"a":"1","flag":null},"systemProperties":{"ct":"text/plain","#,
                r#""iothub-connection-device-id":"press-1","iothub-connection-auth-generation-id":"1","#,
                r#""iothub-connection-auth-method":"{}","iothub-message-source":"Telemetry"},"body":"aGVsbG8="}],"next":8}"#
            )
        );
        let read = TelemetryPage::parse(&page.to_json()).unwrap();
        assert_eq!(read.value[0].payload(), b"hello");
        assert_eq!(read, page);
        assert_eq!(TelemetryPage::new(&[], 7).next, 7);
    }
}
