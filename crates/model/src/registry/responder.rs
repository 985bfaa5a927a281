use crate::registry::{CaId, KeyRef, SerialNumber};
use crate::{CertificateDer, Timestamp};

/// How far a delegated OCSP responder came.
///
/// | from \ to | active | ended | (removed) |
/// |---|---|---|---|
/// | intended | signed and written down | | given up, its key destroyed |
/// | active | | its key destroyed | |
/// | ended | | | its certificate expired |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponderState {
    /// It has a key; its certificate is to be signed, or was; nobody has it.
    Intended,
    /// It answers, unless a newer one of its CA does.
    Active,
    /// Its key is destroyed.
    Ended,
}

impl ResponderState {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Intended, Self::Active, Self::Ended]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// Whoever signs OCSP responses for a CA: a key of its own with a certificate of that CA (RFC 6960 4.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegatedResponder {
    /// For whom, and who signed it.
    pub ca: CaId,
    /// Its serial number at that CA.
    pub serial: SerialNumber,
    /// Where its key is.
    pub key: KeyRef,
    /// How far it came.
    pub state: ResponderState,
    /// Its certificate, once it was written down.
    pub certificate: Option<CertificateDer>,
    /// First instant of its validity.
    pub not_before: Timestamp,
    /// Last instant of its validity.
    pub not_after: Timestamp,
    /// When its row was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_back() {
        for state in [
            ResponderState::Intended,
            ResponderState::Active,
            ResponderState::Ended,
        ] {
            assert_eq!(ResponderState::parse(state.as_str()), Some(state));
        }
        assert_eq!(ResponderState::parse("Active"), None);
    }
}
