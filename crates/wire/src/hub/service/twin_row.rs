use std::borrow::Cow;
use std::cell::OnceCell;

use provost_model::query::{Path, Row};
use provost_model::twin::{Twin, TwinSection};
use provost_model::{DeviceId, DeviceIdentity};
use serde_json::{Map, Value, json};

use super::device_output::Presence;
use super::twin_output::{section, twin};

/// A twin as queries see it: with the attributes of [`twin`], of which only what is asked for is
/// made (iot-hub-service-api.md 8.2).
#[derive(Debug)]
pub struct TwinRow<'a> {
    identity: &'a DeviceIdentity,
    twin: &'a Twin,
    presence: Presence,
    // Everything but tags and properties.
    head: OnceCell<Value>,
}

impl<'a> TwinRow<'a> {
    /// The row of a device.
    pub fn new(identity: &'a DeviceIdentity, twin: &'a Twin, presence: Presence) -> Self {
        Self {
            identity,
            twin,
            presence,
            head: OnceCell::new(),
        }
    }

    /// Names the device.
    pub fn device_id(&self) -> &DeviceId {
        &self.identity.device_id
    }

    /// The whole twin, as `SELECT *` gives it.
    pub fn document(&self) -> Value {
        twin(self.identity, self.twin, self.presence)
    }

    fn head(&self) -> &Value {
        self.head.get_or_init(|| {
            let bare = Twin {
                tags: Map::new(),
                desired: without_properties(&self.twin.desired),
                reported: without_properties(&self.twin.reported),
                model_id: self.twin.model_id.clone(),
                ..*self.twin
            };
            twin(self.identity, &bare, self.presence)
        })
    }
}

impl Row for TwinRow<'_> {
    fn attribute(&self, path: &Path) -> Option<Cow<'_, Value>> {
        match path.first() {
            "tags" => match path.rest() {
                [] => Some(Cow::Owned(Value::Object(self.twin.tags.clone()))),
                [name, rest @ ..] => descend(self.twin.tags.get(name)?, rest),
            },
            "properties" => match path.rest() {
                [] => Some(Cow::Owned(json!({
                    "desired": section(&self.twin.desired),
                    "reported": section(&self.twin.reported),
                }))),
                [name, rest @ ..] if name == "desired" => of_section(&self.twin.desired, rest),
                [name, rest @ ..] if name == "reported" => of_section(&self.twin.reported, rest),
                _ => None,
            },
            "deviceId" if path.rest().is_empty() => {
                Some(Cow::Owned(Value::from(self.identity.device_id.as_str())))
            }
            _ => self.head().attribute(path),
        }
    }
}

fn of_section<'a>(part: &'a TwinSection, names: &[String]) -> Option<Cow<'a, Value>> {
    match names {
        [] => Some(Cow::Owned(Value::Object(section(part)))),
        [name] if name == "$version" => Some(Cow::Owned(Value::from(part.version))),
        [name] if name == "$metadata" => Some(Cow::Owned(Value::Object(part.metadata.clone()))),
        [name, first, rest @ ..] if name == "$metadata" => descend(part.metadata.get(first)?, rest),
        [first, rest @ ..] => descend(part.value.get(first)?, rest),
    }
}

fn descend<'a>(value: &'a Value, names: &[String]) -> Option<Cow<'a, Value>> {
    names
        .iter()
        .try_fold(value, |value, name| value.as_object()?.get(name))
        .map(Cow::Borrowed)
}

fn without_properties(section: &TwinSection) -> TwinSection {
    TwinSection {
        value: Map::new(),
        metadata: Map::new(),
        version: section.version,
    }
}

#[cfg(test)]
mod tests {
    use provost_model::{DeviceAuth, DeviceId, DeviceStatus, Etag, InitialTwin, Timestamp};

    use super::*;
    use crate::time;

    #[test]
    fn a_row_has_the_attributes_of_its_document() {
        let identity = DeviceIdentity {
            device_id: DeviceId::parse("dev1").unwrap(),
            generation_id: "1".to_owned(),
            etag: Etag::from_text("e"),
            status: DeviceStatus::Enabled,
            status_reason: None,
            status_updated_at: None,
            auth: DeviceAuth::CertificateAuthority,
            iot_edge: true,
            device_scope: Some("scope".to_owned()),
            connection_updated_at: None,
            last_activity_at: Some(Timestamp::from_unix_seconds(7)),
            cloud_to_device_message_count: 3,
        };
        let object = |value: Value| value.as_object().cloned().unwrap();
        let initial = InitialTwin {
            tags: object(json!({"site": {"floor": 3, "list": [1]}, "name": "x"})),
            desired: object(json!({"period": {"seconds": 5}})),
        };
        let stored = Twin::new(&initial, Timestamp::default(), time::iso);
        let row = TwinRow::new(&identity, &stored, Presence::Connected);
        let document = row.document();
        let mut paths = Vec::new();
        every_path(&document, &mut Vec::new(), &mut paths);
        assert!(paths.len() > 30);
        for path in paths {
            assert_eq!(row.attribute(&path), document.attribute(&path), "{path:?}");
        }
        for absent in [
            "nowhere",
            "tags.nowhere",
            "tags.name.x",
            "properties.other",
            "deviceId.x",
        ] {
            let mut names = absent.split('.').map(str::to_owned);
            let path = Path::new(names.next().unwrap(), names.collect());
            assert_eq!(row.attribute(&path), None);
        }
    }

    fn every_path(value: &Value, names: &mut Vec<String>, found: &mut Vec<Path>) {
        if let [first, rest @ ..] = names.as_slice() {
            found.push(Path::new(first, rest.to_vec()));
        }
        for (name, inner) in value.as_object().into_iter().flatten() {
            names.push(name.clone());
            every_path(inner, names, found);
            names.pop();
        }
    }
}
