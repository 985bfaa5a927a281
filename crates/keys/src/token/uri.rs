use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::KeyProviderError;

/// A PKCS#11 URI (RFC 7512): which token, which key in it, and where the library is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUri {
    /// `token`, the label of the token.
    pub token: Option<String>,
    /// `serial` of the token.
    pub serial: Option<String>,
    /// `manufacturer` of the token.
    pub manufacturer: Option<String>,
    /// `model` of the token.
    pub model: Option<String>,
    /// `slot-id`, the library's number of the place where the token is.
    pub slot_id: Option<u64>,
    /// `object`, the label of a key.
    pub object: Option<String>,
    /// `id` of a key.
    pub id: Option<Vec<u8>>,
    /// `module-path`, the library.
    pub module_path: Option<PathBuf>,
    /// `pin-source`, a file with the PIN.
    pub pin_source: Option<PathBuf>,
}

impl TokenUri {
    /// Reads the URI. `pin-value` is refused: a PIN in a configuration is a PIN in its backups.
    pub fn parse(text: &str) -> Result<Self, KeyProviderError> {
        let rest = text
            .strip_prefix("pkcs11:")
            .ok_or_else(|| refused("it does not begin with `pkcs11:`"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        for part in path.split(';').filter(|part| !part.is_empty()) {
            uri.set(part)?;
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            uri.set(part)?;
        }
        Ok(uri)
    }

    fn set(&mut self, part: &str) -> Result<(), KeyProviderError> {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| refused("a part of it has no `=`"))?;
        if name == "pin-value" {
            return Err(refused("it holds a PIN; give a file by `pin-source`"));
        }
        let bytes = decoded(value).ok_or_else(|| refused(&format!("`{name}` is not percent-encoded")))?;
        let text = String::from_utf8(bytes.clone());
        let text = || {
            text.clone()
                .map_err(|_| refused(&format!("`{name}` is not UTF-8")))
        };
        match name {
            "token" => once(&mut self.token, name, text()?),
            "serial" => once(&mut self.serial, name, text()?),
            "manufacturer" => once(&mut self.manufacturer, name, text()?),
            "model" => once(&mut self.model, name, text()?),
            "object" => once(&mut self.object, name, text()?),
            "id" => once(&mut self.id, name, bytes),
            "slot-id" => {
                let number = text()?
                    .parse()
                    .map_err(|_| refused("`slot-id` is not a number"))?;
                once(&mut self.slot_id, name, number)
            }
            "module-path" => once(&mut self.module_path, name, PathBuf::from(text()?)),
            "pin-source" => {
                let text = text()?;
                let path = text.strip_prefix("file:").unwrap_or(&text);
                let path = path.strip_prefix("//").unwrap_or(path);
                once(&mut self.pin_source, name, PathBuf::from(path))
            }
            "type" if text()? == "private" => Ok(()),
            // Others narrow down what is meant: passing over them could reach another key.
            other => Err(refused(&format!("`{other}` is not supported"))),
        }
    }
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), KeyProviderError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(refused(&format!("`{name}` is there twice"))),
    }
}

fn refused(reason: &str) -> KeyProviderError {
    KeyProviderError::Refused(format!("this is not a usable PKCS#11 URI: {reason}"))
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (rest.next()?, rest.next()?);
            bytes.push((hex(high)? << 4) | hex(low)?);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read() {
        let uri = TokenUri::parse(
            "pkcs11:token=my%20token;serial=1;id=%00%ff;type=private?module-path=/lib/p11.so&pin-source=file:/run/pin",
        )
        .unwrap();
        assert_eq!(uri.token.as_deref(), Some("my token"));
        assert_eq!(uri.id, Some(vec![0, 0xff]));
        assert_eq!(uri.module_path, Some("/lib/p11.so".into()));
        assert_eq!(uri.pin_source, Some("/run/pin".into()));
        assert_eq!(TokenUri::parse("pkcs11:"), Ok(TokenUri::default()));
    }

    #[test]
    fn what_cannot_be_followed_is_refused_and_no_pin_is_repeated() {
        for text in [
            "token=a",
            "pkcs11:token",
            "pkcs11:token=a;token=b",
            "pkcs11:token=%4",
            "pkcs11:token=%zz",
            "pkcs11:token=%ff",
            "pkcs11:slot-id=x",
            "pkcs11:type=public",
            "pkcs11:library-version=3",
            "pkcs11:token=a?pin-value=4711",
        ] {
            let error = TokenUri::parse(text).unwrap_err().to_string();
            assert!(!error.contains("4711"), "{error}");
        }
    }
}
