use provost_model::ErrorKind;

use crate::SignatureError;

/// Why a CRL cannot be read or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Over [`MAX_CRL_BYTES`](crate::crl::MAX_CRL_BYTES).
    #[error("the revocation list is too large")]
    TooLarge,
    /// Neither DER nor PEM.
    #[error("the file holds no revocation list")]
    NotText,
    /// Not a CRL; says which part could not be read.
    #[error("the revocation list is malformed: {0}")]
    Malformed(&'static str),
    /// It has a critical extension that is not understood here: a delta, an indirect list.
    #[error("the revocation list has the critical extension {0}, which is not supported")]
    Unsupported(String),
    /// Another CA made it.
    #[error("the revocation list is that of {0}")]
    OtherIssuer(String),
    /// The CA's key usage says that it signs no CRLs.
    #[error("the CA may not sign revocation lists")]
    WrongKeyUsage,
    /// The CA's key did not sign it, or not with an algorithm that is accepted.
    #[error("revocation list: {0}")]
    Signature(#[from] SignatureError),
}

impl CrlError {
    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge => ErrorKind::TooLarge,
            _ => ErrorKind::Invalid,
        }
    }
}
