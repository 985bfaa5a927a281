//! What a device sends over HTTPS: properties as headers, or several messages as one body
//! (iot-hub-device-api.md 10).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{MAX_PROPERTIES, PropertyBag};
use crate::json::{self, BodyError, Members};

/// The content type of several messages in one body.
pub const EVENT_BATCH: &str = "application/vnd.microsoft.iothub.json";

/// Messages one body may hold.
const MAX_EVENTS: usize = 1000;

const APPLICATION: &str = "iothub-app-";

/// System properties by the names of their headers.
const SYSTEM: [(&str, &str); 9] = [
    ("iothub-messageid", "$.mid"),
    ("iothub-correlationid", "$.cid"),
    ("iothub-userid", "$.uid"),
    ("iothub-to", "$.to"),
    ("iothub-expiry", "$.exp"),
    ("iothub-contenttype", "$.ct"),
    ("iothub-contentencoding", "$.ce"),
    ("iothub-interface-id", "$.ifid"),
    ("iothub-creation-time-utc", "$.ctime"),
];

/// The properties among the headers of a request; everything else in them is passed over.
pub fn event_properties<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> PropertyBag {
    let mut bag = PropertyBag::default();
    for (name, value) in headers {
        put(&mut bag, name, value);
    }
    bag
}

/// Puts a header where it belongs; `false` when it is no property.
fn put(bag: &mut PropertyBag, name: &str, value: &str) -> bool {
    let is_application = name
        .get(..APPLICATION.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(APPLICATION));
    if is_application && let Some(own) = name.get(APPLICATION.len()..) {
        bag.properties.push((own.to_owned(), Some(value.to_owned())));
        return true;
    }
    if name.eq_ignore_ascii_case("iothub-ack") {
        bag.properties
            .push(("iothub-ack".to_owned(), Some(value.to_owned())));
        return true;
    }
    let system = SYSTEM
        .iter()
        .find(|(header, _)| header.eq_ignore_ascii_case(name));
    match system {
        Some((_, key)) => {
            bag.system_properties
                .push(((*key).to_owned(), Some(value.to_owned())));
            true
        }
        None => false,
    }
}

/// Reads `[{"body":"…","base64Encoded":true,"properties":{…}}]`. Names of properties are those of the
/// headers; a name that is none of them is an application property's own.
pub fn parse_events(body: &[u8]) -> Result<Vec<(PropertyBag, Vec<u8>)>, BodyError> {
    let value = json::parse(body)?;
    let items = value.as_array().ok_or_else(|| BodyError::Shape {
        path: "body".to_owned(),
        reason: "must be an array".to_owned(),
    })?;
    if items.len() > MAX_EVENTS {
        return Err(BodyError::Value {
            path: "body".to_owned(),
            reason: format!("holds more than {MAX_EVENTS} messages"),
        });
    }
    items.iter().enumerate().map(event).collect()
}

fn event((position, item): (usize, &Value)) -> Result<(PropertyBag, Vec<u8>), BodyError> {
    let members = Members::of(&format!("[{position}]"), item)?;
    let text = members.text("body")?.unwrap_or_default();
    let body = match members.flag("base64Encoded")? {
        Some(false) => text.as_bytes().to_vec(),
        Some(true) | None => STANDARD
            .decode(text)
            .map_err(|_| members.invalid("body", "is not base64"))?,
    };
    let mut bag = PropertyBag::default();
    let properties = members.map("properties")?.into_iter().flatten();
    for (count, (name, value)) in properties.enumerate() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(members.shape("properties", "must hold texts"));
            }
        };
        if count >= MAX_PROPERTIES {
            return Err(members.invalid("properties", "are too many"));
        }
        if !put(&mut bag, name, &text) {
            bag.properties.push((name.clone(), Some(text)));
        }
    }
    Ok((bag, body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(key: &str, value: &str) -> (String, Option<String>) {
        (key.to_owned(), Some(value.to_owned()))
    }

    #[test]
    fn headers_become_properties() {
        let headers = [
            ("Host", "hub.example"),
            ("IoTHub-MessageId", "m1"),
            ("iothub-app-hall", "7"),
            ("iothub-contenttype", "application/json"),
            ("IoTHub-Ack", "full"),
            ("iothub-unknown", "x"),
        ];
        let bag = event_properties(headers.into_iter());
        assert_eq!(
            bag.system_properties,
            [pair("$.mid", "m1"), pair("$.ct", "application/json")]
        );
        assert_eq!(bag.properties, [pair("hall", "7"), pair("iothub-ack", "full")]);
    }

    #[test]
    fn batch_of_every_client() {
        let body =
            br#"[{"body":"aGk=","properties":{"iothub-app-Hall":"7","IoTHub-MessageId":"m1","own":"x"}},
            {"body":"plain","base64Encoded":false},{"body":"aGk=","base64Encoded":true},{}]"#;
        let events = parse_events(body).unwrap();
        let bodies: Vec<&[u8]> = events.iter().map(|(_, body)| body.as_slice()).collect();
        assert_eq!(bodies, [b"hi".as_slice(), b"plain", b"hi", b""]);
        assert_eq!(events[0].0.properties, [pair("Hall", "7"), pair("own", "x")]);
        assert_eq!(events[0].0.system_properties, [pair("$.mid", "m1")]);
    }

    #[test]
    fn broken_batches_are_named() {
        for (body, code, place) in [
            ("{", 400_006, ""),
            ("{}", 400_006, "`body`"),
            ("[1]", 400_006, "`[0]`"),
            (r#"[{"body":"!"}]"#, 400_004, "`[0].body`"),
            (
                r#"[{"body":"","properties":{"a":[]}}]"#,
                400_006,
                "`[0].properties`",
            ),
        ] {
            let error = parse_events(body.as_bytes()).unwrap_err();
            assert_eq!(error.hub_code(), code, "{body}");
            assert!(error.to_string().contains(place), "{error}");
        }
    }

    #[test]
    fn batch_holds_so_many_messages() {
        let of = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        assert_eq!(parse_events(of(MAX_EVENTS).as_bytes()).unwrap().len(), MAX_EVENTS);
        let error = parse_events(of(MAX_EVENTS + 1).as_bytes()).unwrap_err();
        assert_eq!(error.hub_code(), 400_004);
    }

    proptest! {
        #[test]
        fn never_panics(body in any::<Vec<u8>>(), name in any::<String>(), value in any::<String>()) {
            let _ = parse_events(&body);
            let _ = event_properties([(name.as_str(), value.as_str())].into_iter());
        }
    }
}
