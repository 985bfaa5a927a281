use provost_model::DeviceIdentity;
use provost_model::twin::{Twin, TwinSection};
use serde::Serialize;
use serde_json::{Map, Value};

use super::auth::{ThumbprintsOutput, auth_kind_word};
use super::device_output::{Capabilities, Presence, status_word};
use crate::time;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    device_id: &'a str,
    model_id: &'a str,
    etag: String,
    device_etag: &'a str,
    status: &'static str,
    status_reason: Option<&'a str>,
    // The identity spells this member `statusUpdatedTime`.
    status_update_time: String,
    connection_state: Presence,
    last_activity_time: String,
    cloud_to_device_message_count: u32,
    authentication_type: &'static str,
    x509_thumbprint: ThumbprintsOutput,
    capabilities: Capabilities,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_scope: Option<&'a str>,
    version: i64,
    tags: &'a Map<String, Value>,
    properties: Properties,
}

#[derive(Serialize)]
struct Properties {
    desired: Map<String, Value>,
    reported: Map<String, Value>,
}

/// A twin as services see it (iot-hub-service-api.md 7.1).
pub fn twin(identity: &DeviceIdentity, twin: &Twin, presence: Presence) -> Value {
    let output = Output {
        device_id: identity.device_id.as_str(),
        model_id: &twin.model_id,
        etag: twin.etag().to_string(),
        device_etag: identity.etag.as_str(),
        status: status_word(identity.status),
        status_reason: identity.status_reason.as_deref(),
        status_update_time: time::iso_or_never(identity.status_updated_at),
        connection_state: presence,
        last_activity_time: time::iso_or_never(identity.last_activity_at),
        cloud_to_device_message_count: identity.cloud_to_device_message_count,
        authentication_type: auth_kind_word(identity.auth.kind()),
        x509_thumbprint: ThumbprintsOutput::of(&identity.auth),
        capabilities: Capabilities {
            iot_edge: identity.iot_edge,
        },
        device_scope: identity.device_scope.as_deref(),
        version: twin.version,
        tags: &twin.tags,
        properties: Properties {
            desired: section(&twin.desired),
            reported: section(&twin.reported),
        },
    };
    serde_json::to_value(output).unwrap_or_default()
}

pub(super) fn section(section: &TwinSection) -> Map<String, Value> {
    let mut map = section.value.clone();
    map.insert("$metadata".to_owned(), Value::Object(section.metadata.clone()));
    map.insert("$version".to_owned(), Value::from(section.version));
    map
}

#[cfg(test)]
mod tests {
    use provost_model::{DeviceAuth, DeviceId, DeviceStatus, Etag, InitialTwin, Timestamp};

    use super::*;

    #[test]
    fn new_twin() {
        let identity = DeviceIdentity {
            device_id: DeviceId::parse("dev1").unwrap(),
            generation_id: "1".to_owned(),
            etag: Etag::from_text("ODgxNTgwOA=="),
            status: DeviceStatus::Disabled,
            status_reason: Some("stolen".to_owned()),
            status_updated_at: None,
            auth: DeviceAuth::CertificateAuthority,
            iot_edge: false,
            device_scope: None,
            connection_updated_at: None,
            last_activity_at: None,
            cloud_to_device_message_count: 0,
        };
        let value = twin(
            &identity,
            &Twin::new(&InitialTwin::default(), Timestamp::default(), time::iso),
            Presence::Disconnected,
        );
        assert_eq!(
            value.to_string(),
            concat!(
                r#"{"deviceId":"dev1","modelId":"","etag":"AAAAAAAAAAE=","deviceEtag":"ODgxNTgwOA==","#,
                r#""status":"disabled","statusReason":"stolen","statusUpdateTime":"0001-01-01T00:00:00Z","#,
                r#""connectionState":"Disconnected","lastActivityTime":"0001-01-01T00:00:00Z","#,
                r#""cloudToDeviceMessageCount":0,"authenticationType":"certificateAuthority","#,
                r#""x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"#,
                r#""capabilities":{"iotEdge":false},"version":2,"tags":{},"properties":{"#,
                r#""desired":{"$metadata":{"$lastUpdated":"1970-01-01T00:00:00.0000000Z","$lastUpdatedVersion":1},"$version":1},"#,
                r#""reported":{"$metadata":{"$lastUpdated":"1970-01-01T00:00:00.0000000Z"},"$version":1}}}"#
            )
        );
    }
}
