use std::fmt;

use aws_lc_rs::digest;
use provost_model::{AuditFact, Fact, UpperHex};

/// Why a text is not a thumbprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("thumbprint must be {expected} hex digits")]
pub struct ThumbprintError {
    expected: usize,
}

macro_rules! thumbprint {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $algorithm:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The thumbprint of a certificate's DER.
            pub fn of(der: &[u8]) -> Self {
                let mut bytes = [0; $bytes];
                let digest = digest::digest($algorithm, der);
                bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
                Self(bytes)
            }

            /// A thumbprint read back from the store.
            pub fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// Reads hex digits in any case.
            pub fn parse(text: &str) -> Result<Self, ThumbprintError> {
                let error = ThumbprintError { expected: $bytes * 2 };
                let mut bytes = [0; $bytes];
                if text.len() != $bytes * 2 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(error);
                }
                for (index, byte) in bytes.iter_mut().enumerate() {
                    let pair = text.get(index * 2..index * 2 + 2).ok_or(error)?;
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| error)?;
                }
                Ok(Self(bytes))
            }

            /// The hash itself.
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            /// Upper-case hex without separators, as Azure shows it.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                UpperHex(&self.0).fmt(f)
            }
        }

        impl AuditFact for $name {
            fn to_fact(&self) -> Fact {
                self.to_string().into()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

thumbprint!(
    /// SHA-1 over a certificate's DER: 40 hex digits. A name for a certificate the owner chose
    /// himself, never a proof (iot-hub-device-api.md 3.3).
    Sha1Thumbprint, 20, &digest::SHA1_FOR_LEGACY_USE_ONLY
);
thumbprint!(
    /// SHA-256 over a certificate's DER: 64 hex digits.
    Sha256Thumbprint, 32, &digest::SHA256
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trip_ignores_case() {
        let print = Sha1Thumbprint::of(b"abc");
        assert_eq!(print.to_string(), "A9993E364706816ABA3E25717850C26C9CD0D89D");
        assert_eq!(
            Sha1Thumbprint::parse(&print.to_string().to_lowercase()),
            Ok(print)
        );
    }

    #[test]
    fn wrong_lengths_and_characters_are_refused() {
        let zeros = "0".repeat(40);
        assert!(Sha1Thumbprint::parse(&zeros).is_ok());
        assert!(Sha256Thumbprint::parse(&zeros).is_err());
        for text in [
            "",
            "zz",
            &zeros.replace("00", "+0"),
            &"é".repeat(20),
            &"0".repeat(41),
        ] {
            assert!(Sha1Thumbprint::parse(text).is_err(), "{text}");
        }
    }
}
