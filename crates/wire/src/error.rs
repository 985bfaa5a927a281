use std::collections::BTreeMap;

use provost_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{json, time};

/// The error body of the provisioning service, and the inner one of the hub
/// (dps-device-api.md 2.8, iot-hub-service-api.md 12.1):
/// `{"errorCode","trackingId","message","info"?,"timestampUtc"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// Azure's number: HTTP status times 1000 plus a sub-code.
    pub error_code: u32,
    /// What the operator finds in the log.
    #[serde(default)]
    pub tracking_id: String,
    /// What the caller may read.
    #[serde(default)]
    pub message: String,
    /// Further facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<BTreeMap<String, String>>,
    /// When, in the wire's spelling.
    #[serde(default)]
    pub timestamp_utc: String,
}

impl ErrorBody {
    /// An error without further facts.
    pub fn new(code: u32, message: impl Into<String>, tracking_id: impl Into<String>, at: Timestamp) -> Self {
        Self {
            error_code: code,
            tracking_id: tracking_id.into(),
            message: message.into(),
            info: None,
            timestamp_utc: time::iso(at),
        }
    }

    /// The same with one more fact.
    pub fn with_info(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.info
            .get_or_insert_default()
            .insert(name.into(), value.into());
        self
    }

    /// The HTTP status the number implies: clients compute it so.
    pub fn http_status(&self) -> u16 {
        u16::try_from(self.error_code / 1000)
            .ok()
            .filter(|status| (400..600).contains(status))
            .unwrap_or(500)
    }

    /// The bytes to send.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(self)
    }

    /// Reads an answer, for the client side; `None` when it is another kind of body.
    pub fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_is_the_observed_one() {
        let body = ErrorBody::new(
            401_002,
            "Invalid certificate.",
            "t-1",
            Timestamp::from_micros(1_552_678_982_790_445),
        );
        assert_eq!(
            String::from_utf8(body.to_json()).unwrap(),
            r#"{"errorCode":401002,"trackingId":"t-1","message":"Invalid certificate.","timestampUtc":"2019-03-15T19:43:02.7904450Z"}"#
        );
        assert_eq!(body.http_status(), 401);
        assert_eq!(ErrorBody::parse(&body.to_json()), Some(body));
    }

    #[test]
    fn odd_numbers_are_server_errors() {
        let at = Timestamp::default();
        assert_eq!(ErrorBody::new(7, "", "", at).http_status(), 500);
        assert_eq!(ErrorBody::new(200_000, "", "", at).http_status(), 500);
    }
}
