use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, Zeroizing};

use crate::Random;

/// A value that must never be printed and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A symmetric key of 16 to 64 bytes (dps-service-api.md 2.8).
#[derive(Clone, PartialEq, Eq)]
pub struct SymmetricKey(Secret<Vec<u8>>);

/// Why a text or byte string is not a symmetric key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not standard base64.
    #[error("symmetric key is not base64")]
    NotBase64,
    /// Shorter than 16 or longer than 64 bytes once decoded.
    #[error("symmetric key must hold 16 to 64 bytes, not {0}")]
    Length(usize),
}

impl SymmetricKey {
    /// Length of the keys the service makes itself, in bytes (dps-device-api.md 5.1).
    pub const GENERATED_BYTES: usize = 64;

    /// Reads standard base64, padded.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| KeyError::NotBase64)?;
        Self::from_bytes(bytes)
    }

    /// Takes raw bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, KeyError> {
        let key = Secret::new(bytes);
        match key.expose().len() {
            16..=64 => Ok(Self(key)),
            length => Err(KeyError::Length(length)),
        }
    }

    /// A fresh key of [`Self::GENERATED_BYTES`].
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = vec![0; Self::GENERATED_BYTES];
        random.fill(&mut bytes);
        Self(Secret::new(bytes))
    }

    /// The key bytes, for computing a signature.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.expose()
    }

    /// Standard base64, for the answers that are meant to show the key.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.as_bytes())
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let key = SymmetricKey::from_bytes(vec![7; 32]).unwrap();
        assert_eq!(
            format!("{key:?} {:?}", Secret::new(String::from("x"))),
            "SymmetricKey(..) Secret(..)"
        );
    }

    #[test]
    fn length_is_16_to_64_bytes() {
        for (length, ok) in [(0, false), (15, false), (16, true), (64, true), (65, false)] {
            assert_eq!(SymmetricKey::from_bytes(vec![1; length]).is_ok(), ok, "{length}");
        }
    }

    #[test]
    fn base64_round_trip() {
        let key = SymmetricKey::from_bytes((0..32).collect()).unwrap();
        assert_eq!(SymmetricKey::parse(&key.to_base64()).unwrap(), key);
        assert_eq!(SymmetricKey::parse("not base64!"), Err(KeyError::NotBase64));
    }
}
