use crate::frame::Spki;
use crate::key_kind::has_explicit_curve;
use crate::{CsrError, KeyKind, PublicKeyInfo};

/// A kind of key a device may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CsrKey {
    /// Elliptic curve P-256.
    P256,
    /// Elliptic curve P-384.
    P384,
    /// Elliptic curve P-521.
    P521,
    /// RSA of 2048 to 8192 bits with exponent 65537.
    Rsa,
}

impl CsrKey {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::P256, Self::P384, Self::P521, Self::Rsa];

    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Rsa => "RSA",
        }
    }

    /// Reads the word, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|key| key.as_str().eq_ignore_ascii_case(text))
    }
}

/// Which keys are certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsrRules {
    /// The kinds; none means no request is answered.
    pub allowed_keys: Vec<CsrKey>,
}

impl CsrRules {
    /// P-384 and nothing else, as Azure's documents say (certificate-management.md 2.3, U-3).
    pub fn strict() -> Self {
        Self {
            allowed_keys: vec![CsrKey::P384],
        }
    }

    pub(super) fn check(&self, spki: Spki<'_>) -> Result<(), CsrError> {
        if has_explicit_curve(spki) {
            return Err(CsrError::ExplicitCurve);
        }
        let key = PublicKeyInfo::of(spki);
        let kind = match (key.kind, key.bits) {
            (KeyKind::Ec, 256) => Some(CsrKey::P256),
            (KeyKind::Ec, 384) => Some(CsrKey::P384),
            (KeyKind::Ec, 521) => Some(CsrKey::P521),
            (KeyKind::Rsa, _) => Some(CsrKey::Rsa),
            _ => None,
        };
        let allowed = kind.is_some_and(|kind| self.allowed_keys.contains(&kind));
        if allowed && key.is_acceptable() {
            Ok(())
        } else {
            Err(CsrError::Key(key))
        }
    }
}

impl Default for CsrRules {
    /// What Azure takes in practice: P-256, P-384, RSA (certificate-management.md 2.3).
    fn default() -> Self {
        Self {
            allowed_keys: vec![CsrKey::P256, CsrKey::P384, CsrKey::Rsa],
        }
    }
}
