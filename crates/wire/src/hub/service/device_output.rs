use provost_model::{DeviceIdentity, DeviceStatus};
use serde::Serialize;
use serde_json::Value;

use super::auth::AuthOutput;
use crate::time;

/// Whether a device has a live connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Presence {
    /// It has.
    Connected,
    /// It has not.
    Disconnected,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    device_id: &'a str,
    generation_id: &'a str,
    etag: &'a str,
    connection_state: Presence,
    status: &'static str,
    status_reason: Option<&'a str>,
    connection_state_updated_time: String,
    status_updated_time: String,
    last_activity_time: String,
    cloud_to_device_message_count: u32,
    authentication: AuthOutput,
    capabilities: Capabilities,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parent_scopes: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Capabilities {
    pub(super) iot_edge: bool,
}

pub(super) fn status_word(status: DeviceStatus) -> &'static str {
    match status {
        DeviceStatus::Enabled => "enabled",
        DeviceStatus::Disabled => "disabled",
    }
}

/// A device identity (iot-hub-service-api.md 4), keys included. Times are never null: C# cannot read
/// that.
pub fn device(identity: &DeviceIdentity, presence: Presence) -> Value {
    let output = Output {
        device_id: identity.device_id.as_str(),
        generation_id: &identity.generation_id,
        etag: identity.etag.as_str(),
        connection_state: presence,
        status: status_word(identity.status),
        status_reason: identity.status_reason.as_deref(),
        connection_state_updated_time: time::iso_or_never(identity.connection_updated_at),
        status_updated_time: time::iso_or_never(identity.status_updated_at),
        last_activity_time: time::iso_or_never(identity.last_activity_at),
        cloud_to_device_message_count: identity.cloud_to_device_message_count,
        authentication: AuthOutput::of(&identity.auth),
        capabilities: Capabilities {
            iot_edge: identity.iot_edge,
        },
        device_scope: identity.device_scope.as_deref(),
        // A leaf's parent is its scope; an edge device's own scope is not its parent.
        parent_scopes: identity
            .device_scope
            .as_deref()
            .filter(|_| !identity.iot_edge)
            .into_iter()
            .collect(),
    };
    serde_json::to_value(output).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use provost_model::{DeviceAuth, DeviceId, Etag, KeyPair, Slots, SymmetricKey, Timestamp};

    use super::*;
    use crate::hub::service::DeviceInput;
    use crate::json::to_bytes;

    fn identity(auth: DeviceAuth) -> DeviceIdentity {
        DeviceIdentity {
            device_id: DeviceId::parse("dev1").unwrap(),
            generation_id: "637534345627501371".to_owned(),
            etag: Etag::from_text("ODgxNTgwOA=="),
            status: DeviceStatus::Enabled,
            status_reason: None,
            status_updated_at: None,
            auth,
            iot_edge: false,
            device_scope: None,
            connection_updated_at: None,
            last_activity_at: Some(Timestamp::from_unix_seconds(0)),
            cloud_to_device_message_count: 0,
        }
    }

    #[test]
    fn sas_device() {
        let key = || SymmetricKey::from_bytes(vec![0; 16]).unwrap();
        let auth = DeviceAuth::Sas(KeyPair {
            primary: key(),
            secondary: key(),
        });
        let value = device(&identity(auth), Presence::Disconnected);
        assert_eq!(
            value.to_string(),
            concat!(
                r#"{"deviceId":"dev1","generationId":"637534345627501371","etag":"ODgxNTgwOA==","#,
                r#""connectionState":"Disconnected","status":"enabled","statusReason":null,"#,
                r#""connectionStateUpdatedTime":"0001-01-01T00:00:00Z","statusUpdatedTime":"0001-01-01T00:00:00Z","#,
                r#""lastActivityTime":"1970-01-01T00:00:00.0000000Z","cloudToDeviceMessageCount":0,"#,
                r#""authentication":{"symmetricKey":{"primaryKey":"AAAAAAAAAAAAAAAAAAAAAA==","#,
                r#""secondaryKey":"AAAAAAAAAAAAAAAAAAAAAA=="},"x509Thumbprint":{"primaryThumbprint":null,"#,
                r#""secondaryThumbprint":null},"type":"sas"},"capabilities":{"iotEdge":false}}"#
            )
        );
    }

    #[test]
    fn what_is_shown_is_read_back() {
        let slots = Slots {
            primary: Some("AB".repeat(32)),
            secondary: None,
        };
        for auth in [
            DeviceAuth::SelfSigned(slots.clone()),
            DeviceAuth::CertificateAuthority,
            DeviceAuth::None,
        ] {
            let value = device(&identity(auth.clone()), Presence::Connected);
            assert_eq!(value["connectionState"], "Connected");
            let read = DeviceInput::parse(&to_bytes(&value)).unwrap();
            let read_auth = read.authentication.unwrap();
            assert_eq!(read_auth.kind, Some(auth.kind()));
            assert!(read_auth.keys.is_blank());
            if let DeviceAuth::SelfSigned(_) = auth {
                assert_eq!(read_auth.thumbprints, slots);
            }
        }
    }
}
