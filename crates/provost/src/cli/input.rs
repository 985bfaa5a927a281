//! What flags carry: JSON texts and files.

use std::path::Path;

use provost_model::SymmetricKey;
use provost_wire::percent;
use serde_json::{Map, Value};

use super::Failure;
use crate::output::confirmed;

/// Reads a JSON object given as text, or as a file when it is the name of one (as `az` does).
pub(super) fn json_object(flag: &str, text: &str) -> Result<Map<String, Value>, Failure> {
    match json(flag, text)? {
        Value::Object(object) => Ok(object),
        _ => Err(Failure::usage(format!("{flag} must be a JSON object"))),
    }
}

/// Reads any JSON given as text or as a file.
pub(super) fn json(flag: &str, text: &str) -> Result<Value, Failure> {
    let path = Path::new(text);
    let is_file = !text.trim_start().starts_with(['{', '[', '"']) && path.is_file();
    let content = if is_file {
        read_text(path)?
    } else {
        text.to_owned()
    };
    serde_json::from_str(&content).map_err(|error| Failure::usage(format!("{flag} is not JSON: {error}")))
}

/// Reads a text file.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| cannot_read(path, error))
}

/// Reads a certificate file as the service takes it: PEM text, or base64 of anything else.
pub(super) fn certificate(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| cannot_read(path, error))?;
    match String::from_utf8(bytes) {
        Ok(text) if text.contains("-----BEGIN") => Ok(text),
        Ok(text) => Ok(base64(text.as_bytes())),
        Err(binary) => Ok(base64(binary.as_bytes())),
    }
}

/// Reads a certificate file as the management plane takes it: base64 of the file.
pub(super) fn certificate_base64(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| cannot_read(path, error))?;
    Ok(base64(&bytes))
}

/// A clap value parser: standard base64 of 16 to 64 bytes, kept as text.
pub(super) fn key(text: &str) -> Result<SymmetricKey, String> {
    SymmetricKey::parse(text).map_err(|error| error.to_string())
}

/// Asks before something that cannot be taken back; without a terminal the flag must say it.
pub(super) fn confirm(question: &str) -> Result<(), Failure> {
    if confirmed(question)? {
        Ok(())
    } else {
        Err(Failure::usage("not confirmed; --yes confirms"))
    }
}

/// Sets a member of a body.
pub(super) fn set(body: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = body {
        members.insert(name.to_owned(), value);
    }
}

/// An identifier as a segment of a path.
pub(crate) fn segment(id: &str) -> String {
    percent::encode(id)
}

fn cannot_read(path: &Path, error: std::io::Error) -> Failure {
    Failure::Io(format!("cannot read {}", path.display()), error)
}

/// Standard base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_text_or_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("twin.json");
        std::fs::write(&path, r#"{"a":1}"#).unwrap();
        assert_eq!(json_object("--tags", path.to_str().unwrap()).unwrap().len(), 1);
        assert_eq!(json_object("--tags", r#"{"a":1,"b":2}"#).unwrap().len(), 2);
        assert!(matches!(json_object("--tags", "[1]"), Err(Failure::Usage(_))));
        assert!(matches!(json_object("--tags", "{a"), Err(Failure::Usage(_))));
    }

    #[test]
    fn certificates_are_pem_or_base64() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leaf.cer");
        std::fs::write(&path, [0x30, 0xff, 0xfe]).unwrap();
        assert_eq!(certificate(&path).unwrap(), "MP/+");
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----").unwrap();
        assert!(certificate(&path).unwrap().starts_with("-----BEGIN"));
    }
}
