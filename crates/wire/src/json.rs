//! Reading bodies: bytes to members, with errors that name the member.
//!
//! Names are case-sensitive, unknown members are ignored, null is the same as absent unless a shape
//! says otherwise, and the words of enumerations are compared without case (dps-service-api.md 0.3
//! rule 9). Nesting ends at 128 levels (the JSON reader's own limit); size is limited by whoever
//! read the bytes.

use std::fmt::Display;

use provost_model::ErrorKind;
use serde::Serialize;
use serde_json::{Map, Value};

/// Why a body is not what the operation takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not JSON at all.
    #[error("body is not valid JSON: {0}")]
    Syntax(String),
    /// A member is missing or of another type.
    #[error("`{path}` {reason}")]
    Shape {
        /// Where, as `attestation.x509.clientCertificates`.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A member has the right type and a value that is not allowed.
    #[error("`{path}` {reason}")]
    Value {
        /// Where.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl BodyError {
    /// Always [`ErrorKind::Invalid`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    /// The provisioning service's number: 400012 "Deserialization error" or 400004
    /// (dps-device-api.md 2.8).
    pub fn code(&self) -> u32 {
        match self {
            Self::Syntax(_) | Self::Shape { .. } => 400_012,
            Self::Value { .. } => 400_004,
        }
    }

    /// The hub's number: 400006 `IotHubFormatError` or 400004 (iot-hub-service-api.md 12.2).
    pub fn hub_code(&self) -> u32 {
        match self {
            Self::Syntax(_) | Self::Shape { .. } => 400_006,
            Self::Value { .. } => 400_004,
        }
    }

    /// The member it is about.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Syntax(_) => None,
            Self::Shape { path, .. } | Self::Value { path, .. } => Some(path),
        }
    }

    /// What the caller may read.
    pub fn public_message(&self) -> String {
        self.to_string()
    }
}

/// Reads a body; an empty or blank one is null.
pub fn parse(body: &[u8]) -> Result<Value, BodyError> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    // A byte order mark is what some Windows editors leave at the start of a file.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| BodyError::Syntax(error.to_string()))
}

/// The bytes of an answer.
pub fn to_bytes(answer: &impl Serialize) -> Vec<u8> {
    // Fails only for maps with keys that are not text, which no answer has.
    serde_json::to_vec(answer).unwrap_or_default()
}

/// An object under inspection and where it stands.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Members<'a> {
    /// The whole body, which must be an object.
    pub fn root(body: &'a Value) -> Result<Self, BodyError> {
        Self::of("", body)
    }

    /// A value at a place, which must be an object.
    pub fn of(path: &str, value: &'a Value) -> Result<Self, BodyError> {
        match value {
            Value::Object(map) => Ok(Self {
                map,
                path: path.to_owned(),
            }),
            _ => Err(BodyError::Shape {
                path: if path.is_empty() { "body" } else { path }.to_owned(),
                reason: "must be an object".to_owned(),
            }),
        }
    }

    /// Whether the member is there, null or not.
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// The member; null counts as absent.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, BodyError> {
        self.typed(name, "must be a string", Value::as_str)
    }

    /// A text that must be there and not empty.
    pub fn required_text(&self, name: &str) -> Result<&'a str, BodyError> {
        self.text(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.shape(name, "is required"))
    }

    /// A text somebody else may read, of at most so many characters and without control characters:
    /// no store keeps all of them.
    pub fn remark(&self, name: &str, limit: usize) -> Result<Option<&'a str>, BodyError> {
        match self.text(name)? {
            Some(text) if text.chars().count() > limit => {
                Err(self.invalid(name, format!("must have at most {limit} characters")))
            }
            Some(text) if text.contains(char::is_control) => {
                Err(self.invalid(name, "must not have control characters"))
            }
            other => Ok(other),
        }
    }

    /// A truth value.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, BodyError> {
        self.typed(name, "must be true or false", Value::as_bool)
    }

    /// A truth value that must be there.
    pub fn required_flag(&self, name: &str) -> Result<bool, BodyError> {
        self.flag(name)?.ok_or_else(|| self.shape(name, "is required"))
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, BodyError> {
        self.typed(name, "must be an integer", Value::as_i64)
    }

    /// A list.
    pub fn list(&self, name: &str) -> Result<Option<&'a [Value]>, BodyError> {
        self.typed(name, "must be an array", |value| {
            value.as_array().map(Vec::as_slice)
        })
    }

    /// An object taken as it is.
    pub fn map(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, BodyError> {
        self.typed(name, "must be an object", Value::as_object)
    }

    /// An object to look into.
    pub fn object(&self, name: &str) -> Result<Option<Members<'a>>, BodyError> {
        Ok(self.map(name)?.map(|map| Members {
            map,
            path: self.path_of(name),
        }))
    }

    /// A word of an enumeration, compared without case.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, BodyError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(text))
            .map(|(_, meaning)| Some(*meaning))
            .ok_or_else(|| {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                self.invalid(name, format!("must be one of {}", known.join(", ")))
            })
    }

    /// A text with a grammar of its own; an empty one counts as absent.
    pub fn parsed<T, E: Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, BodyError> {
        self.text(name)?
            .filter(|text| !text.is_empty())
            .map(|text| parse(text).map_err(|error| self.invalid(name, format!("is not valid: {error}"))))
            .transpose()
    }

    /// [`Self::parsed`] for a member that must be there.
    pub fn required<T, E: Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, BodyError> {
        self.parsed(name, parse)?
            .ok_or_else(|| self.shape(name, "is required"))
    }

    /// An error about a member's presence or type.
    pub fn shape(&self, name: &str, reason: impl Into<String>) -> BodyError {
        BodyError::Shape {
            path: self.path_of(name),
            reason: reason.into(),
        }
    }

    /// An error about a member's value.
    pub fn invalid(&self, name: &str, reason: impl Into<String>) -> BodyError {
        BodyError::Value {
            path: self.path_of(name),
            reason: reason.into(),
        }
    }

    /// The member's full name.
    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn typed<T>(
        &self,
        name: &str,
        reason: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, BodyError> {
        self.value(name)
            .map(|value| read(value).ok_or_else(|| self.shape(name, reason)))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_name_the_member() {
        let body = json!({"a": {"b": 5}});
        let inner = Members::root(&body).unwrap().object("a").unwrap().unwrap();
        let error = inner.text("b").unwrap_err();
        assert_eq!(error.to_string(), "`a.b` must be a string");
        assert_eq!((error.code(), error.hub_code()), (400_012, 400_006));
    }

    #[test]
    fn null_is_absent_and_words_have_no_case() {
        let body = json!({"n": null, "p": "geolatency"});
        let members = Members::root(&body).unwrap();
        assert_eq!(members.text("n").unwrap(), None);
        assert!(members.has("n"));
        let words = [("hashed", 1), ("geoLatency", 2)];
        assert_eq!(members.word("p", &words).unwrap(), Some(2));
        assert_eq!(members.word("P", &words).unwrap(), None);
    }

    #[test]
    fn empty_body_is_null_and_deep_bodies_are_refused() {
        assert_eq!(parse(b"").unwrap(), Value::Null);
        assert_eq!(parse(b" ").unwrap(), Value::Null);
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
