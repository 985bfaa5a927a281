use serde::{Deserialize, Serialize};

use crate::json;

/// An error of the management plane (dps-service-api.md 4.2). The body has both forms az reads:
/// `{"error":{"code","message","target"},"code","message","target"}`. `details` and `additionalInfo` are left out:
/// there is never anything in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmError {
    /// A word: `ResourceNotFound`, `IH400053`, …
    pub code: String,
    /// What the caller may read.
    pub message: String,
    /// The member or parameter it is about, where that is known: `properties.externalDeviceId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a ArmError,
    #[serde(flatten)]
    top: &'a ArmError,
}

impl ArmError {
    /// An error.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            target: None,
        }
    }

    /// The same, about this member or parameter.
    #[must_use]
    pub fn about(self, target: Option<impl Into<String>>) -> Self {
        Self {
            target: target.map(Into::into),
            ..self
        }
    }

    /// The bytes to send.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(&Body {
            error: self,
            top: self,
        })
    }

    /// Reads an answer, for the client side.
    pub fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_has_both_forms() {
        let error = ArmError::new("IH400053", "no issuer");
        assert_eq!(
            String::from_utf8(error.to_json()).unwrap(),
            r#"{"error":{"code":"IH400053","message":"no issuer"},"code":"IH400053","message":"no issuer"}"#
        );
        assert_eq!(ArmError::parse(&error.to_json()), Some(error.clone()));
        let about = error.about(Some("properties.certificate"));
        let told: serde_json::Value = serde_json::from_slice(&about.to_json()).unwrap();
        assert_eq!(told["error"]["target"], "properties.certificate");
    }
}
