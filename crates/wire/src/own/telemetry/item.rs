use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::{ModuleId, StoredTelemetry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::time;

/// A message of the buffer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TelemetryItem {
    /// The partition: always the same for a device.
    pub partition_id: String,
    /// Grows by one with every message of the partition.
    pub sequence_number: i64,
    /// Where it is in the partition, as Event Hubs tells it.
    pub offset: String,
    /// The sender.
    pub device_id: String,
    /// The module, when one sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_id: Option<String>,
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

impl TelemetryItem {
    /// The payload; empty when it is not base64.
    pub fn payload(&self) -> Vec<u8> {
        STANDARD.decode(&self.body).unwrap_or_default()
    }
}

impl From<&StoredTelemetry> for TelemetryItem {
    fn from(stored: &StoredTelemetry) -> Self {
        let message = &stored.message;
        let module_id = message.sender.module_id.as_ref().map(ModuleId::as_str);
        let enqueued = time::iso(message.enqueued_at);
        let mut system = pairs(&message.system_properties, |key| {
            key.strip_prefix("$.").unwrap_or(key)
        });
        // iot-hub-device-api.md 5: the names Event Hubs shows them by.
        for (key, value) in [
            (
                "iothub-connection-device-id",
                Some(message.sender.device_id.as_str()),
            ),
            ("iothub-connection-module-id", module_id),
            (
                "iothub-connection-auth-generation-id",
                Some(&message.generation_id),
            ),
            ("iothub-connection-auth-method", Some(&message.auth_method)),
            ("iothub-enqueuedtime", Some(&enqueued)),
            ("iothub-message-source", Some("Telemetry")),
        ] {
            if let Some(value) = value {
                system.insert(key.to_owned(), Value::from(value));
            }
        }
        Self {
            partition_id: stored.partition.to_string(),
            sequence_number: stored.sequence_number,
            offset: stored.offset.to_string(),
            device_id: message.sender.device_id.as_str().to_owned(),
            module_id: module_id.map(str::to_owned),
            enqueued_time_utc: enqueued,
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
