use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::json::{self, BodyError, Members};

/// A direct method call as a service asks for it (iot-hub-service-api.md 9).
#[derive(Debug, Clone, PartialEq)]
pub struct MethodRequest {
    /// Which method.
    pub name: String,
    /// What to hand over; `None` when absent or null.
    pub payload: Option<Value>,
    /// How long to wait for the answer: 5 to 300 seconds, 30 when absent.
    pub response_timeout: Duration,
    /// How long to wait for the device to connect: 0 to 300 seconds, 0 when absent.
    pub connect_timeout: Duration,
}

/// Longest method name; no limit is documented, this one keeps topics short.
pub const MAX_METHOD_NAME: usize = 256;

impl MethodRequest {
    /// Reads the body. Times out of range and names that would not fit a topic are 400004.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        Self::read(&Members::root(&value)?)
    }

    /// Reads it where it is a part of a body.
    pub(super) fn read(members: &Members<'_>) -> Result<Self, BodyError> {
        Ok(Self {
            name: members.required("methodName", method_name)?,
            payload: members.value("payload").cloned(),
            response_timeout: seconds(members, "responseTimeoutInSeconds", 5, 30)?,
            connect_timeout: seconds(members, "connectTimeoutInSeconds", 0, 0)?,
        })
    }
}

/// US-ASCII printable without the specials of iot-hub-device-api.md 7.4; `$` is one of them. `+`
/// and `#` would be wildcards in the topic.
pub(crate) fn method_name(text: &str) -> Result<String, &'static str> {
    let allowed = |c: char| c.is_ascii_graphic() && !"$()<>@,;:\\\"/[]?={}+#".contains(c);
    if text.len() > MAX_METHOD_NAME {
        Err("the name is too long")
    } else if text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("the name has a character that is not allowed")
    }
}

fn seconds(members: &Members<'_>, name: &str, least: u64, default: u64) -> Result<Duration, BodyError> {
    const MOST: u64 = 300;
    let asked = match members.integer(name)? {
        None => return Ok(Duration::from_secs(default)),
        Some(asked) => u64::try_from(asked).ok(),
    };
    asked
        .filter(|seconds| (least..=MOST).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| members.invalid(name, format!("must be between {least} and {MOST}")))
}

/// The answer of a call: `{"status":…,"payload":…}`, with the device's own status.
pub fn method_answer(status: i32, payload: &Value) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer<'a> {
        status: i32,
        payload: &'a Value,
    }
    json::to_bytes(&Answer { status, payload })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(body: &Value) -> Result<MethodRequest, BodyError> {
        MethodRequest::parse(body.to_string().as_bytes())
    }

    #[test]
    fn defaults_and_given_times() {
        let request = parse(&json!({"methodName": "reboot"})).unwrap();
        assert_eq!(request.response_timeout.as_secs(), 30);
        assert_eq!((request.connect_timeout.as_secs(), request.payload), (0, None));
        let request = parse(&json!({"methodName": "m", "payload": "", "responseTimeoutInSeconds": 5, "connectTimeoutInSeconds": 300})).unwrap();
        assert_eq!(
            (
                request.response_timeout.as_secs(),
                request.connect_timeout.as_secs()
            ),
            (5, 300)
        );
        assert_eq!(request.payload, Some(json!("")));
    }

    #[test]
    fn out_of_range_is_400004_and_names_the_range() {
        for (member, value) in [
            ("responseTimeoutInSeconds", 4),
            ("responseTimeoutInSeconds", 301),
            ("connectTimeoutInSeconds", -1),
            ("connectTimeoutInSeconds", 301),
        ] {
            let error = parse(&json!({"methodName": "m", member: value})).unwrap_err();
            assert_eq!(error.hub_code(), 400_004);
            assert!(error.to_string().contains("and 300"), "{error}");
        }
    }

    #[test]
    fn names_fit_a_topic() {
        for name in ["a/b", "a?b", "a b", "a+b", "a#b", "ü", ""] {
            assert!(parse(&json!({"methodName": name})).is_err(), "{name}");
        }
        assert!(parse(&json!({"methodName": "re-boot_2.x"})).is_ok());
    }

    #[test]
    fn answer() {
        assert_eq!(
            method_answer(200, &Value::Null),
            br#"{"status":200,"payload":null}"#
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = MethodRequest::parse(&bytes);
        }
    }
}
