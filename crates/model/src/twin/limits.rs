use serde_json::{Map, Value};

/// Largest tags document in bytes (iot-hub-service-api.md 7.2).
pub const MAX_TAGS: usize = 8 * 1024;
/// Largest desired document in bytes.
pub const MAX_DESIRED: usize = 32 * 1024;
/// Largest reported document in bytes.
pub const MAX_REPORTED: usize = 32 * 1024;

const MAX_KEY: usize = 1024;
const MAX_STRING: usize = 4096;
const MAX_DEPTH: usize = 10;
const MAX_INTEGER: i64 = 4_503_599_627_370_496;

/// Why a twin write is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TwinError {
    /// A document would grow over its limit.
    #[error("{part} would take {size} bytes, the limit is {limit}")]
    TooLarge {
        /// `tags`, `desired` or `reported`.
        part: &'static str,
        /// What it would be.
        size: usize,
        /// What it may be.
        limit: usize,
    },
    /// More than ten levels.
    #[error("{part} is nested deeper than {MAX_DEPTH} levels")]
    TooDeep {
        /// The document.
        part: &'static str,
    },
    /// A member name is too long or holds a control character, `.`, `$` or a space.
    #[error("{part} has a member name that is not allowed: `{key}`")]
    Key {
        /// The document.
        part: &'static str,
        /// The name, cut to 64 characters.
        key: String,
    },
    /// A string longer than 4 KiB, an integer out of range or a null inside an array.
    #[error("{part} has a value that is not allowed: {reason}")]
    Value {
        /// The document.
        part: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The device built on another version.
    #[error("reported properties are at version {current}")]
    Version {
        /// The version they are at.
        current: i64,
    },
}

/// Judges every name and value of a patch.
pub(super) fn check_patch(part: &'static str, patch: &Map<String, Value>) -> Result<(), TwinError> {
    check_object(part, patch, 1)
}

/// Judges the whole document after the write, counted without control characters.
pub(super) fn check_size(
    part: &'static str,
    document: &Map<String, Value>,
    limit: usize,
) -> Result<(), TwinError> {
    let size = object_size(document);
    if size > limit {
        Err(TwinError::TooLarge { part, size, limit })
    } else {
        Ok(())
    }
}

fn check_object(part: &'static str, object: &Map<String, Value>, depth: usize) -> Result<(), TwinError> {
    if depth > MAX_DEPTH {
        return Err(TwinError::TooDeep { part });
    }
    object.iter().try_for_each(|(key, value)| {
        check_key(part, key)?;
        check_value(part, value, depth)
    })
}

fn check_key(part: &'static str, key: &str) -> Result<(), TwinError> {
    let bad = |c: char| c.is_control() || matches!(c, '.' | '$' | ' ');
    if key.is_empty() || key.len() > MAX_KEY || key.contains(bad) {
        return Err(TwinError::Key {
            part,
            key: key.chars().take(64).collect(),
        });
    }
    Ok(())
}

fn check_value(part: &'static str, value: &Value, depth: usize) -> Result<(), TwinError> {
    let refuse = |reason| Err(TwinError::Value { part, reason });
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) if n.abs() <= MAX_INTEGER => Ok(()),
            (None, None) => Ok(()),
            _ => refuse("an integer beyond 2^52"),
        },
        Value::String(text) if text.len() > MAX_STRING => refuse("a string over 4 KiB"),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Array(_) if depth >= MAX_DEPTH => Err(TwinError::TooDeep { part }),
        Value::Array(items) => items.iter().try_for_each(|item| match item {
            Value::Null => refuse("a null inside an array"),
            other => check_value(part, other, depth + 1),
        }),
        Value::Object(object) => check_object(part, object, depth + 1),
    }
}

fn object_size(object: &Map<String, Value>) -> usize {
    object
        .iter()
        .map(|(key, value)| key.len() + value_size(value))
        .sum()
}

fn value_size(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => text.chars().filter(|c| !c.is_control()).map(char::len_utf8).sum(),
        Value::Array(items) => items.iter().map(value_size).sum(),
        Value::Object(object) => object_size(object),
    }
}
