//! Documents of the registry as its client writes and reads them: what provisioning sends to a hub
//! elsewhere (iot-hub-service-api.md 4, 4.1, 7).

use provost_model::{DeviceAuth, DeviceId, InitialTwin};
use serde_json::{Map, Value, json};

use super::auth::AuthOutput;

/// The body of `PUT /devices/{id}`: a new identity, or the `stored` one with this credential. What
/// else the stored one says (status, reason, scope) stays, for a PUT replaces everything.
pub fn device_write(
    stored: Option<Map<String, Value>>,
    device_id: &DeviceId,
    auth: &DeviceAuth,
    iot_edge: bool,
) -> Value {
    let mut body = stored.unwrap_or_else(|| {
        let mut fresh = Map::new();
        fresh.insert("deviceId".to_owned(), device_id.as_str().into());
        fresh.insert("status".to_owned(), "enabled".into());
        fresh
    });
    let authentication = serde_json::to_value(AuthOutput::of(auth)).unwrap_or_default();
    body.insert("authentication".to_owned(), authentication);
    body.insert("capabilities".to_owned(), json!({ "iotEdge": iot_edge }));
    Value::Object(body)
}

/// The body of the `PATCH /twins/{id}` that gives a new device its first twin.
pub fn initial_twin_patch(twin: &InitialTwin) -> Value {
    json!({ "tags": twin.tags, "properties": { "desired": twin.desired } })
}

/// Tags and desired properties of the answer of `GET /twins/{id}`, without what the hub added to
/// them.
pub fn carried_twin(twin: &Value) -> InitialTwin {
    let part = |path: &str| {
        let mut part = twin
            .pointer(path)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        part.retain(|name, _| !name.starts_with('$'));
        part
    };
    InitialTwin {
        tags: part("/tags"),
        desired: part("/properties/desired"),
    }
}

#[cfg(test)]
mod tests {
    use provost_model::{DeviceStatus, Slots};

    use super::*;
    use crate::hub::service::DeviceInput;

    #[test]
    fn an_update_keeps_what_it_does_not_know() {
        let stored = json!({ "deviceId": "d", "status": "disabled", "statusReason": "stolen",
            "authentication": { "type": "sas" }, "etag": "x", "parentScopes": ["p"] });
        let auth = DeviceAuth::SelfSigned(Slots {
            primary: Some("AB".repeat(32)),
            secondary: None,
        });
        let id = DeviceId::parse("d").unwrap();
        let body = device_write(stored.as_object().cloned(), &id, &auth, true);
        assert_eq!(
            (&body["statusReason"], &body["parentScopes"][0]),
            (&json!("stolen"), &json!("p"))
        );
        let read = DeviceInput::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!((read.status, read.iot_edge), (Some(DeviceStatus::Disabled), true));
        let fresh = DeviceInput::parse(device_write(None, &id, &auth, false).to_string().as_bytes()).unwrap();
        assert_eq!(fresh.status, Some(DeviceStatus::Enabled));
        assert_eq!(
            fresh.authentication.unwrap().thumbprints.primary,
            Some("AB".repeat(32))
        );
    }

    #[test]
    fn what_the_hub_added_to_a_twin_is_not_carried() {
        let twin = json!({ "tags": { "hall": 7 }, "properties": { "desired":
            { "speed": 3, "$version": 4, "$metadata": {} }, "reported": { "x": 1 } } });
        let carried = carried_twin(&twin);
        let expected = json!({ "tags": { "hall": 7 }, "properties": { "desired": { "speed": 3 } } });
        assert_eq!(initial_twin_patch(&carried), expected);
    }
}
