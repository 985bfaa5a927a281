use std::fmt;

use provost_model::foreign_text;
use serde_json::Value;

/// Most characters of each of the texts.
const LONGEST: usize = 500;

/// An answer of 300 or more, whatever shape its body has. Its texts are cut, and hold no control
/// characters but newline and tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Azure's number or name.
    pub code: Option<String>,
    /// What the service says.
    pub message: String,
    /// What the operator finds in the log.
    pub tracking_id: Option<String>,
}

impl Refusal {
    /// Reads the bodies of the provisioning service (`errorCode`), the hub (`Message`, flat and
    /// nested, iot-hub-service-api.md 12.1) and the management plane (`error.code` or `code`).
    pub fn read(status: u16, body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let found = Self::read_hub(status, &value).or_else(|| Self::read_plain(status, &value));
        let found = found.unwrap_or_else(|| Self {
            status,
            code: None,
            message: String::from_utf8_lossy(body).chars().take(200).collect(),
            tracking_id: None,
        });
        found.cleaned()
    }

    fn cleaned(self) -> Self {
        let clean = |text: String| foreign_text(&text, LONGEST);
        Self {
            status: self.status,
            code: self.code.map(clean),
            message: clean(self.message),
            tracking_id: self.tracking_id.map(clean),
        }
    }

    fn read_plain(status: u16, value: &Value) -> Option<Self> {
        let value = value
            .get("error")
            .filter(|inner| inner.is_object())
            .unwrap_or(value);
        let code = value.get("errorCode").or_else(|| value.get("code"));
        let message = text(value, "message");
        if code.is_none() && message.is_none() {
            return None;
        }
        Some(Self {
            status,
            code: code.map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned)),
            message: message.unwrap_or_default(),
            tracking_id: text(value, "trackingId"),
        })
    }

    fn read_hub(status: u16, value: &Value) -> Option<Self> {
        let message = text(value, "Message")?;
        if let Some(inner) = serde_json::from_str(&message)
            .ok()
            .and_then(|inner: Value| Self::read_plain(status, &inner))
        {
            return Some(inner);
        }
        let (code, message) = match message
            .strip_prefix("ErrorCode:")
            .and_then(|rest| rest.split_once(';'))
        {
            Some((code, rest)) => (Some(code.to_owned()), rest.to_owned()),
            None => (None, message),
        };
        let exception = text(value, "ExceptionMessage").unwrap_or_default();
        let tracking_id = exception
            .strip_prefix("Tracking ID:")
            .map(|rest| rest.split("-TimeStamp").next().unwrap_or(rest).to_owned());
        Some(Self {
            status,
            code,
            message,
            tracking_id,
        })
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{code}")?,
            None => write!(f, "HTTP {}", self.status)?,
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message.replace(char::is_control, " "))?;
        }
        if let Some(id) = &self.tracking_id {
            write!(f, " (tracking id {})", id.replace(char::is_control, " "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_shape_is_read() {
        let cases = [
            (
                r#"{"errorCode":404201,"trackingId":"t1","message":"Not found"}"#,
                "404201: Not found (tracking id t1)",
            ),
            (
                r#"{"Message":"ErrorCode:DeviceNotFound;E1","ExceptionMessage":"Tracking ID:ab-G:0-TimeStamp:11/22/2026 00:00:00"}"#,
                "DeviceNotFound: E1 (tracking id ab-G:0)",
            ),
            (
                r#"{"Message":"{\"errorCode\":404103,\"trackingId\":\"t2\",\"message\":\"offline\"}","ExceptionMessage":""}"#,
                "404103: offline (tracking id t2)",
            ),
            (
                r#"{"error":{"code":"IH400053","message":"no issuer"}}"#,
                "IH400053: no issuer",
            ),
            (r#"{"code":"IH400303","message":"twice"}"#, "IH400303: twice"),
            ("<html>", "HTTP 404: <html>"),
            ("", "HTTP 404"),
        ];
        for (body, expected) in cases {
            assert_eq!(
                Refusal::read(404, body.as_bytes()).to_string(),
                expected,
                "{body}"
            );
        }
    }

    #[test]
    fn what_a_service_says_is_cut_and_cleaned() {
        let long = "x".repeat(2_000);
        let body = serde_json::json!({ "errorCode": long, "message": "a\0b", "trackingId": long });
        let read = Refusal::read(500, body.to_string().as_bytes());
        assert_eq!(
            (read.code.unwrap().len(), read.tracking_id.unwrap().len()),
            (500, 500)
        );
        assert_eq!(read.message, "a b");
        assert_eq!(Refusal::read(500, b"<\0>").message, "< >");
    }
}
