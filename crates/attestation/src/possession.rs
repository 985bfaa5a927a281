//! Proof of possession of a CA's key (dps-service-api.md 4.4).
//!
//! The service hands out a code; the owner makes a certificate with the code as its common name,
//! signed with the CA's key, and sends it back.

use provost_model::{ErrorKind, Timestamp};
use provost_pki::{Certificate, ChainError, SignatureError, verify_signature};

/// Why a verification certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PossessionError {
    /// It names another issuer than the CA.
    #[error("verification certificate was not issued by this CA certificate")]
    Issuer,
    /// It was not signed with the CA's key.
    #[error("verification certificate is not signed with the key of this CA certificate")]
    Signature(#[source] SignatureError),
    /// Its common name is not the code.
    #[error("common name of the verification certificate is not the verification code")]
    Code,
    /// It, or the CA certificate, is outside its dates.
    #[error(transparent)]
    Validity(#[from] ChainError),
}

impl PossessionError {
    /// The kind every protocol maps: the service answers 400 to all of them.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

/// Verifies a certificate made to answer `code`: issuer name, common name, dates, signature.
/// The code is hex and compared without case.
pub fn verify(
    answer: &Certificate,
    ca: &Certificate,
    code: &str,
    at: Timestamp,
) -> Result<(), PossessionError> {
    if answer.issuer_der() != ca.subject_der() {
        return Err(PossessionError::Issuer);
    }
    if code.is_empty()
        || !answer
            .common_name()
            .is_some_and(|name| name.eq_ignore_ascii_case(code))
    {
        return Err(PossessionError::Code);
    }
    answer.check_validity(at)?;
    ca.check_validity(at)?;
    verify_signature(answer, ca).map_err(PossessionError::Signature)
}

#[cfg(test)]
mod tests;
