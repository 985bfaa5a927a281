use provost_model::twin::{DesiredNotification, Twin, TwinSection};
use serde_json::{Map, Value};

use crate::json::{self, BodyError};

/// The twin as its device sees it: desired and reported, each with `$version`, without tags and
/// `$metadata` (iot-hub-device-api.md 7.1).
pub fn twin_document(twin: &Twin) -> Vec<u8> {
    let mut document = Map::new();
    document.insert("desired".to_owned(), section(&twin.desired));
    document.insert("reported".to_owned(), section(&twin.reported));
    json::to_bytes(&document)
}

/// The payload of a desired notification: the patch and the new `$version`
/// (iot-hub-device-api.md 7.3).
pub fn desired_patch(notification: &DesiredNotification) -> Vec<u8> {
    json::to_bytes(&versioned(&notification.patch, notification.version))
}

/// Reads the payload of a reported patch; it must be an object.
pub fn parse_reported(body: &[u8]) -> Result<Map<String, Value>, BodyError> {
    match json::parse(body)? {
        Value::Object(map) => Ok(map),
        _ => Err(BodyError::Shape {
            path: "reported".to_owned(),
            reason: "must be an object".to_owned(),
        }),
    }
}

fn section(section: &TwinSection) -> Value {
    Value::Object(versioned(&section.value, section.version))
}

fn versioned(value: &Map<String, Value>, version: i64) -> Map<String, Value> {
    let mut map = value.clone();
    map.insert("$version".to_owned(), Value::from(version));
    map
}

#[cfg(test)]
mod tests {
    use provost_model::twin::TwinWrite;
    use provost_model::{InitialTwin, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::time;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn device_sees_versions_and_neither_tags_nor_metadata() {
        let initial = InitialTwin {
            tags: object(&json!({"line": 7})),
            desired: object(&json!({"interval": 5})),
        };
        let twin = Twin::new(&initial, Timestamp::default(), time::iso);
        assert_eq!(
            String::from_utf8(twin_document(&twin)).unwrap(),
            r#"{"desired":{"interval":5,"$version":1},"reported":{"$version":1}}"#
        );
    }

    #[test]
    fn notification_is_the_patch_and_its_version() {
        let mut twin = Twin::new(&InitialTwin::default(), Timestamp::default(), time::iso);
        let write = TwinWrite {
            tags: None,
            desired: Some(object(&json!({"a": null, "b": 1}))),
        };
        let notification = twin
            .patch(&write, Timestamp::default(), time::iso)
            .unwrap()
            .unwrap();
        assert_eq!(
            String::from_utf8(desired_patch(&notification)).unwrap(),
            r#"{"a":null,"b":1,"$version":2}"#
        );
    }

    #[test]
    fn reported_patch_is_an_object() {
        assert_eq!(parse_reported(br#"{"a":1}"#).unwrap(), object(&json!({"a": 1})));
        assert!(parse_reported(b"").is_err());
        assert_eq!(parse_reported(b"{").unwrap_err().hub_code(), 400_006);
    }
}
