//! Modules of devices as services write and read them (iot-hub-service-api.md 11).

use provost_model::twin::Twin;
use provost_model::{DeviceId, Etag, MAX_MANAGED_BY, ModuleId, ModuleIdentity};
use serde::Serialize;
use serde_json::{Map, Value};

use super::auth::{AuthInput, AuthOutput, ThumbprintsOutput, auth_kind_word};
use super::device_output::Presence;
use super::twin_output::section;
use crate::json::{self, BodyError, Members};
use crate::time;

/// A module identity as sent. Read-only members are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModuleInput {
    /// Must agree with the address when present.
    pub device_id: Option<DeviceId>,
    /// Must agree with the address when present.
    pub module_id: Option<ModuleId>,
    /// Who looks after it.
    pub managed_by: Option<String>,
    /// How it proves itself; absent on create means keys made by the server.
    pub authentication: Option<AuthInput>,
    /// Informative; bulk items compare it.
    pub etag: Option<Etag>,
}

impl ModuleInput {
    /// Reads the body of a PUT.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        Self::read(&Members::root(&value)?, "deviceId", "etag")
    }

    /// Reads a module whose device and etag have these names: bulk items spell them `id` and `eTag`.
    pub(super) fn read(module: &Members<'_>, device_id: &str, etag: &str) -> Result<Self, BodyError> {
        let managed_by = module.remark("managedBy", MAX_MANAGED_BY)?;
        Ok(Self {
            device_id: module.parsed(device_id, DeviceId::parse)?,
            module_id: module.parsed("moduleId", ModuleId::parse)?,
            managed_by: managed_by.filter(|text| !text.is_empty()).map(str::to_owned),
            authentication: AuthInput::read(module)?,
            etag: module
                .text(etag)?
                .filter(|tag| !tag.is_empty())
                .map(Etag::from_text),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    device_id: &'a str,
    module_id: &'a str,
    managed_by: Option<&'a str>,
    generation_id: &'a str,
    etag: &'a str,
    connection_state: Presence,
    connection_state_updated_time: String,
    last_activity_time: String,
    // Messages go to devices only.
    cloud_to_device_message_count: u32,
    authentication: AuthOutput,
}

/// A module identity, keys included. Times are never null: C# cannot read that.
pub fn module(identity: &ModuleIdentity, presence: Presence) -> Value {
    let output = Identity {
        device_id: identity.device_id.as_str(),
        module_id: identity.module_id.as_str(),
        managed_by: identity.managed_by.as_deref(),
        generation_id: &identity.generation_id,
        etag: identity.etag.as_str(),
        connection_state: presence,
        connection_state_updated_time: time::iso_or_never(identity.connection_updated_at),
        last_activity_time: time::iso_or_never(identity.last_activity_at),
        cloud_to_device_message_count: 0,
        authentication: AuthOutput::of(&identity.auth),
    };
    serde_json::to_value(output).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModuleTwin<'a> {
    device_id: &'a str,
    module_id: &'a str,
    model_id: &'a str,
    etag: String,
    device_etag: &'a str,
    // A module has no status of its own.
    status: &'static str,
    status_update_time: String,
    connection_state: Presence,
    last_activity_time: String,
    cloud_to_device_message_count: u32,
    authentication_type: &'static str,
    x509_thumbprint: ThumbprintsOutput,
    version: i64,
    tags: &'a Map<String, Value>,
    properties: Properties,
}

#[derive(Serialize)]
struct Properties {
    desired: Map<String, Value>,
    reported: Map<String, Value>,
}

/// A module's twin as services see it (iot-hub-service-api.md 7.1).
pub fn module_twin(identity: &ModuleIdentity, twin: &Twin, presence: Presence) -> Value {
    let output = ModuleTwin {
        device_id: identity.device_id.as_str(),
        module_id: identity.module_id.as_str(),
        model_id: &twin.model_id,
        etag: twin.etag().to_string(),
        device_etag: identity.etag.as_str(),
        status: "enabled",
        status_update_time: time::iso_or_never(None),
        connection_state: presence,
        last_activity_time: time::iso_or_never(identity.last_activity_at),
        cloud_to_device_message_count: 0,
        authentication_type: auth_kind_word(identity.auth.kind()),
        x509_thumbprint: ThumbprintsOutput::of(&identity.auth),
        version: twin.version,
        tags: &twin.tags,
        properties: Properties {
            desired: section(&twin.desired),
            reported: section(&twin.reported),
        },
    };
    serde_json::to_value(output).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provost_model::{DeviceAuth, InitialTwin, Timestamp};
    use serde_json::json;

    use super::*;

    fn identity() -> ModuleIdentity {
        ModuleIdentity {
            device_id: DeviceId::parse("d").unwrap(),
            module_id: ModuleId::parse("m").unwrap(),
            generation_id: "1".to_owned(),
            etag: Etag::from_text("e"),
            managed_by: Some("IotEdge".to_owned()),
            auth: DeviceAuth::None,
            connection_updated_at: None,
            last_activity_at: None,
        }
    }

    #[test]
    fn what_is_shown_can_be_sent_again() {
        let shown = module(&identity(), Presence::Disconnected);
        assert_eq!(shown["managedBy"], "IotEdge");
        assert_eq!(shown["lastActivityTime"], "0001-01-01T00:00:00Z");
        let read = ModuleInput::parse(shown.to_string().as_bytes()).unwrap();
        assert_eq!(
            (read.device_id, read.module_id),
            (Some(identity().device_id), Some(identity().module_id))
        );
        assert_eq!(read.managed_by.as_deref(), Some("IotEdge"));
        assert!(read.authentication.is_some());
    }

    #[test]
    fn twin_names_the_module() {
        let twin = Twin::new(&InitialTwin::default(), Timestamp::default(), time::iso);
        let shown = module_twin(&identity(), &twin, Presence::Connected);
        assert_eq!(
            (&shown["deviceId"], &shown["moduleId"]),
            (&json!("d"), &json!("m"))
        );
        assert_eq!(shown["properties"]["desired"]["$version"], 1);
        assert_eq!(shown["connectionState"], "Connected");
    }

    #[test]
    fn values_are_judged() {
        for (body, path) in [
            (json!({"moduleId": "a/b"}), "`moduleId`"),
            (json!({"managedBy": "x".repeat(129)}), "`managedBy`"),
            (json!({"managedBy": "a\u{0}b"}), "`managedBy`"),
        ] {
            let error = ModuleInput::parse(body.to_string().as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(path), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ModuleInput::parse(&bytes);
        }
    }
}
