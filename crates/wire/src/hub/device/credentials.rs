//! Renewal of certificates over a hub's MQTT (certificate-management.md 3.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::{CertificateDer, Timestamp};
use serde_json::{Map, Value, json};

use crate::{ApiVersion, json, time};

/// Where answers come.
pub const CREDENTIALS_FILTER: &str = "$iothub/credentials/res/#";
const RESPONSE: &str = "$iothub/credentials/res/";
/// Most characters of a request's base64 (certificate-management.md 1.13).
const MAX_CSR: usize = 8 * 1024;

/// Whether a session of this version may ask for certificates: certificate management came with
/// 2025-08-01-preview (certificate-management.md 3.2).
pub fn renews_certificates(version: &ApiVersion) -> bool {
    version.is_since("2025-08-01")
}

/// A device's name for a renewal: 4 to 36 letters, digits and hyphens, with a hyphen at neither end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_id =
            (4..=36).contains(&text.len()) && is_plain && !text.starts_with('-') && !text.ends_with('-');
        is_id.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which pending renewal a request takes the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replace {
    /// Whichever there is; there need be none.
    Any,
    /// This one, which must be pending.
    Request(RequestId),
}

/// What a device asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalRequest {
    /// Base64 of a PKCS #10 request; what is in it was not looked at.
    pub csr: String,
    /// Whether it takes another one's place.
    pub replace: Option<Replace>,
}

/// Why a body is no request. Told to the device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenewalBodyError {
    /// It is not JSON.
    #[error("the body is not valid JSON")]
    Syntax,
    /// It is not a request; the text names the member.
    #[error("{0}")]
    Member(&'static str),
}

impl RenewalBodyError {
    /// 400006 or 400004.
    pub fn code(&self) -> u32 {
        match self {
            Self::Syntax => 400_006,
            Self::Member(_) => 400_004,
        }
    }
}

impl RenewalRequest {
    /// Reads the body of the device of this ID. A null counts as absent: Java always sends `replace`.
    ///
    /// # Errors
    /// [`RenewalBodyError`].
    pub fn parse(body: &[u8], device_id: &str) -> Result<Self, RenewalBodyError> {
        use RenewalBodyError::{Member, Syntax};
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(Member("the body is empty"));
        }
        let value = json::parse(body).map_err(|_| Syntax)?;
        let members = value.as_object().ok_or(Member("the body is not an object"))?;
        if members
            .keys()
            .any(|name| !matches!(name.as_str(), "id" | "csr" | "replace"))
        {
            return Err(Member(
                "the body has a member that is not `id`, `csr` or `replace`",
            ));
        }
        match text(members, "id") {
            Some(id) if id == device_id => {}
            Some("") | None => return Err(Member("`id` is required")),
            Some(_) => return Err(Member("`id` is not the device's")),
        }
        let csr = match text(members, "csr") {
            Some("") | None => return Err(Member("`csr` is required")),
            Some(csr) if csr.len() > MAX_CSR => return Err(Member("`csr` is longer than 8 KB")),
            Some(csr) if STANDARD.decode(csr).is_err() => return Err(Member("`csr` is not base64")),
            Some(csr) => csr.to_owned(),
        };
        let replace = match members.get("replace") {
            None | Some(Value::Null) => None,
            Some(Value::String(any)) if any == "*" => Some(Replace::Any),
            Some(Value::String(id)) => {
                let id = RequestId::parse(id).ok_or(Member("`replace` is neither a request id nor `*`"))?;
                Some(Replace::Request(id))
            }
            Some(_) => return Err(Member("`replace` is neither a request id nor `*`")),
        };
        Ok(Self { csr, replace })
    }

    /// The bytes to send, for the client side.
    pub fn to_json(&self, device_id: &str) -> Vec<u8> {
        let replace = self.replace.as_ref().map(|replace| match replace {
            Replace::Any => "*",
            Replace::Request(id) => id.as_str(),
        });
        json::to_bytes(&json!({ "id": device_id, "csr": self.csr, "replace": replace }))
    }
}

/// A member that is a text; another type counts as absent.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

/// The topic of an answer: nothing may follow the id, which clients take to be the rest.
pub fn credentials_topic(status: u16, rid: &str) -> String {
    format!("{RESPONSE}{status}/?$rid={rid}")
}

/// Where a device asks.
pub fn renewal_topic(rid: &str) -> String {
    format!("$iothub/credentials/POST/issueCertificate/?$rid={rid}")
}

/// Status and id of an answer's topic, for the client side.
pub fn parse_credentials_topic(topic: &str) -> Option<(u16, &str)> {
    let (status, query) = topic.strip_prefix(RESPONSE)?.split_once('/')?;
    Some((status.parse().ok()?, query.strip_prefix("?$rid=")?))
}

/// The body of 202.
pub fn accepted_body(correlation_id: &str, expires: Timestamp) -> Vec<u8> {
    json::to_bytes(&json!({ "correlationId": correlation_id, "operationExpires": time::iso(expires) }))
}

/// The body of 200: leaf first, base64 of DER. Azure's page shows PEM; the SDKs read this.
pub fn issued_body(correlation_id: &str, chain: &[CertificateDer]) -> Vec<u8> {
    let chain: Vec<String> = chain
        .iter()
        .map(|certificate| STANDARD.encode(&certificate.0))
        .collect();
    json::to_bytes(&json!({ "correlationId": correlation_id, "certificates": chain }))
}

/// Why a renewal failed.
#[derive(Debug, Clone, PartialEq)]
pub struct RenewalFailure {
    /// HTTP status times 1000 plus a sub-code.
    pub code: u32,
    /// What the device may read.
    pub message: String,
    /// What the number is about.
    pub info: Option<Value>,
    /// Seconds to wait before another try.
    pub retry_after: Option<u32>,
}

/// The body of an error. Java waits for ever when the instant or the number is missing.
pub fn failed_body(failure: &RenewalFailure, tracking_id: &str, now: Timestamp) -> Vec<u8> {
    let mut body = json!({
        "errorCode": failure.code,
        "message": failure.message,
        "trackingId": tracking_id,
        "timestampUtc": time::iso(now),
        "info": failure.info,
    });
    if let (Some(seconds), Some(members)) = (failure.retry_after, body.as_object_mut()) {
        members.insert("retryAfter".to_owned(), Value::from(seconds));
    }
    json::to_bytes(&body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_wrong_member_is_named() {
        let long = format!(r#"{{"id":"d","csr":"{}"}}"#, "A".repeat(MAX_CSR + 4));
        for (body, code, word) in [
            ("", 400_004, "empty"),
            ("{", 400_006, "JSON"),
            ("[]", 400_004, "object"),
            (r#"{"csr":"AAAA"}"#, 400_004, "`id`"),
            (r#"{"id":"","csr":"AAAA"}"#, 400_004, "`id`"),
            (r#"{"id":"D","csr":"AAAA"}"#, 400_004, "`id`"),
            (r#"{"id":5,"csr":"AAAA"}"#, 400_004, "`id`"),
            (r#"{"id":"d"}"#, 400_004, "`csr`"),
            (r#"{"id":"d","csr":""}"#, 400_004, "`csr`"),
            (r#"{"id":"d","csr":"-"}"#, 400_004, "base64"),
            (long.as_str(), 400_004, "8 KB"),
            (r#"{"id":"d","csr":"AAAA","more":1}"#, 400_004, "member"),
            (r#"{"id":"d","csr":"AAAA","replace":"?"}"#, 400_004, "`replace`"),
            (r#"{"id":"d","csr":"AAAA","replace":7}"#, 400_004, "`replace`"),
        ] {
            let error = RenewalRequest::parse(body.as_bytes(), "d").unwrap_err();
            assert_eq!(error.code(), code, "{body}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn requests_read_back() {
        for replace in [
            None,
            Some(Replace::Any),
            RequestId::parse("rid-1").map(Replace::Request),
        ] {
            let request = RenewalRequest {
                csr: "AAAA".to_owned(),
                replace,
            };
            assert_eq!(RenewalRequest::parse(&request.to_json("d"), "d"), Ok(request));
        }
    }

    #[test]
    fn versions_before_certificate_management_cannot_ask() {
        for (text, may) in [
            ("2025-08-01-preview", true),
            ("2026-01-01", true),
            ("2025-07-01-preview", false),
            ("2021-04-12", false),
            ("", false),
            ("newest", false),
        ] {
            assert_eq!(renews_certificates(&ApiVersion::new(text)), may, "{text}");
        }
    }

    #[test]
    fn request_ids() {
        for (text, is_id) in [
            ("abcd", true),
            ("0b2f3a64-9c1d-4a53-8c5e-0a1b2c3d4e5f", true),
            ("abc", false),
            ("-abcd", false),
            ("abcd-", false),
            ("ab_cd", false),
            ("0b2f3a64-9c1d-4a53-8c5e-0a1b2c3d4e5f0", false),
        ] {
            assert_eq!(RequestId::parse(text).is_some(), is_id, "{text}");
        }
    }

    #[test]
    fn topics_have_five_parts_and_end_with_the_id() {
        assert_eq!(
            credentials_topic(202, "rid-1"),
            "$iothub/credentials/res/202/?$rid=rid-1"
        );
        assert_eq!(credentials_topic(202, "x").split('/').count(), 5);
        assert_eq!(
            parse_credentials_topic(&credentials_topic(409, "a")),
            Some((409, "a"))
        );
        assert_eq!(parse_credentials_topic("$iothub/twin/res/200/?$rid=1"), None);
    }

    #[test]
    fn an_error_says_all_that_java_waits_for() {
        let failure = RenewalFailure {
            code: 429_002,
            message: "later".to_owned(),
            info: None,
            retry_after: Some(30),
        };
        let body: Value =
            serde_json::from_slice(&failed_body(&failure, "t", Timestamp::from_unix_seconds(0))).unwrap();
        assert_eq!(
            body,
            json!({"errorCode": 429_002, "message": "later", "trackingId": "t",
                "timestampUtc": "1970-01-01T00:00:00.0000000Z", "info": null, "retryAfter": 30})
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = RenewalRequest::parse(&bytes, "d");
        }
    }
}
