//! Symmetric keys as clients send them: missing, blank or given.

use provost_model::{KeyPair, SymmetricKey};
use serde::Serialize;

use crate::json::{BodyError, Members};

/// One key of a request body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KeyInput {
    /// Not there, or null.
    #[default]
    Absent,
    /// There and empty: what clients send back after an answer hid the key.
    Empty,
    /// A key.
    Given(SymmetricKey),
}

impl KeyInput {
    /// The key, when one was given.
    pub fn given(&self) -> Option<&SymmetricKey> {
        match self {
            Self::Given(key) => Some(key),
            Self::Absent | Self::Empty => None,
        }
    }

    fn read(members: &Members<'_>, name: &str) -> Result<Self, BodyError> {
        match members.text(name)? {
            None => Ok(Self::Absent),
            Some(text) if text.trim().is_empty() => Ok(Self::Empty),
            Some(text) => SymmetricKey::parse(text)
                .map(Self::Given)
                .map_err(|error| members.invalid(name, format!("is not valid: {error}"))),
        }
    }
}

/// `{"primaryKey","secondaryKey"}` of a request body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeysInput {
    /// The primary key.
    pub primary: KeyInput,
    /// The secondary key.
    pub secondary: KeyInput,
}

impl KeysInput {
    /// Reads both members; a given key must be base64 of 16 to 64 bytes.
    pub fn read(members: &Members<'_>) -> Result<Self, BodyError> {
        Ok(Self {
            primary: KeyInput::read(members, "primaryKey")?,
            secondary: KeyInput::read(members, "secondaryKey")?,
        })
    }

    /// Whether neither key was given: generate on create, keep on update.
    pub fn is_blank(&self) -> bool {
        self.primary.given().is_none() && self.secondary.given().is_none()
    }
}

/// `{"primaryKey","secondaryKey"}` of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeysOutput {
    primary_key: Option<String>,
    secondary_key: Option<String>,
}

impl KeysOutput {
    /// Shows the keys.
    pub fn shown(keys: &KeyPair) -> Self {
        Self {
            primary_key: Some(keys.primary.to_base64()),
            secondary_key: Some(keys.secondary.to_base64()),
        }
    }

    /// Empty texts: the C# client sends what it got back, and expects a blank to keep the key
    /// (dps-service-api.md 2.3).
    pub fn blank() -> Self {
        Self {
            primary_key: Some(String::new()),
            secondary_key: Some(String::new()),
        }
    }

    /// Nulls: a hub device that has no keys (iot-hub-service-api.md 4).
    pub fn null() -> Self {
        Self {
            primary_key: None,
            secondary_key: None,
        }
    }
}
