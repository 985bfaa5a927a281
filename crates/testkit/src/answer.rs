use bytes::Bytes;
use http::HeaderMap;
use provost_wire::hub::error::{HEADER_ERROR_CODE, name};
use serde_json::Value;

/// What a service answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for messages.
    pub asked: String,
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body; null when it is empty or not JSON.
    pub body: Value,
    /// The body as it came.
    pub raw: Bytes,
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.raw);
        assert_eq!(self.status, status, "{}: {text}", self.asked);
        self.body
    }

    /// The body of an answer with status 200.
    #[track_caller]
    pub fn ok(self) -> Value {
        self.expect(200)
    }

    /// An answer with status 204.
    #[track_caller]
    pub fn no_content(self) {
        self.expect(204);
    }

    /// Checks an error of the provisioning service: status, body and header name the same number.
    #[track_caller]
    pub fn refused(&self, code: u32) {
        let told = (
            self.status,
            self.body["errorCode"].as_u64(),
            self.header("x-ms-error-code"),
        );
        let expected = (status_of(code), Some(u64::from(code)), Some(code.to_string()));
        assert_eq!(told, expected, "{}: {}", self.asked, self.body);
        assert!(self.body["trackingId"].is_string(), "{}", self.body);
        assert!(self.body["message"].is_string(), "{}", self.body);
    }

    /// Checks an error of the hub: status, header and body, in either of its two shapes, name the
    /// same thing (iot-hub-service-api.md 12.1).
    #[track_caller]
    pub fn refused_by_hub(&self, code: u32) {
        let told = (self.status, self.header(HEADER_ERROR_CODE));
        assert_eq!(
            told,
            (status_of(code), Some(name(code).to_owned())),
            "{}: {}",
            self.asked,
            self.body
        );
        let message = self.body["Message"].as_str().expect("a message");
        match serde_json::from_str::<Value>(message) {
            Ok(nested) => assert_eq!(nested["errorCode"], code, "{}", self.asked),
            Err(_) => assert!(
                message.starts_with(&format!("ErrorCode:{};", name(code))),
                "{}: {message}",
                self.asked
            ),
        }
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("header text").to_owned())
    }

    /// The number of an error, whichever service answers; 0 when there is none.
    pub fn code(&self) -> u32 {
        let number = |value: &Value| value.as_u64().and_then(|code| u32::try_from(code).ok());
        if let Some(code) = number(&self.body["errorCode"]) {
            return code;
        }
        let named = self.header(HEADER_ERROR_CODE);
        let base = u32::from(self.status) * 1000;
        let by_name = named.and_then(|named| (base + 1..base + 1000).find(|code| name(*code) == named));
        by_name.unwrap_or(0)
    }
}

fn status_of(code: u32) -> u16 {
    u16::try_from(code / 1000).expect("a status")
}
