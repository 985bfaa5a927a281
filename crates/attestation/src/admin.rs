//! Bearer tokens of the administration under `/provost/`: 32 random bytes, kept only as a hash.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provost_model::{Random, Secret};
use subtle::ConstantTimeEq;

const PREFIX: &str = "provost_";
const TOKEN_BYTES: usize = 32;
/// 32 bytes in base64 without padding.
const ENCODED_BYTES: usize = 43;

/// A token as its owner holds it: `provost_` and 43 characters of base64url. Shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminToken(Secret<String>);

/// The text is not an administration token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an administration token")]
pub struct AdminTokenError;

impl AdminToken {
    /// A fresh token.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        random.fill(&mut bytes);
        Self(Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// Reads a token; only its shape is judged.
    pub fn parse(text: &str) -> Result<Self, AdminTokenError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(AdminTokenError)?;
        let is_token = encoded.len() == ENCODED_BYTES
            && encoded
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_token {
            Ok(Self(Secret::new(text.to_owned())))
        } else {
            Err(AdminTokenError)
        }
    }

    /// The text, for showing it to its owner.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is stored. A plain hash suffices: the token has 256 random bits.
    pub fn hash(&self) -> AdminTokenHash {
        let mut bytes = [0; 32];
        let hash = digest(&SHA256, self.expose().as_bytes());
        bytes
            .iter_mut()
            .zip(hash.as_ref())
            .for_each(|(to, from)| *to = *from);
        AdminTokenHash(bytes)
    }
}

/// SHA-256 of a token.
#[derive(Clone, Copy)]
pub struct AdminTokenHash([u8; 32]);

impl AdminTokenHash {
    /// A hash read back from the store.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is the token's hash, in constant time.
    pub fn matches(&self, token: &AdminToken) -> bool {
        self.0.ct_eq(&token.hash().0).into()
    }
}

impl fmt::Debug for AdminTokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminTokenHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count;
    impl Random for Count {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(0..).for_each(|(byte, value)| *byte = value);
        }
    }

    #[test]
    fn only_the_token_itself_matches_its_hash() {
        let token = AdminToken::generate(&Count);
        let hash = AdminTokenHash::from_bytes(*token.hash().as_bytes());
        assert!(hash.matches(&AdminToken::parse(token.expose()).unwrap()));
        let other = AdminToken::parse(&token.expose().replace("AAEC", "AAED")).unwrap();
        assert!(!hash.matches(&other));
    }

    #[test]
    fn other_texts_are_not_tokens_and_nothing_shows_one() {
        let token = AdminToken::generate(&Count);
        let text = token.expose();
        for wrong in [
            "",
            "provost_",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}A"),
        ] {
            assert_eq!(AdminToken::parse(wrong), Err(AdminTokenError), "{wrong}");
        }
        assert_eq!(
            format!("{token:?} {:?}", token.hash()),
            "AdminToken(Secret(..)) AdminTokenHash(..)"
        );
    }
}
