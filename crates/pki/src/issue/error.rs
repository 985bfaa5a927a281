use provost_model::ErrorKind;

/// Why a certificate, a signing request, a CRL or an OCSP response was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The subject is not a name that can be written.
    #[error("subject is not a valid name")]
    Subject,
    /// The private key cannot be read, made or used.
    #[error("private key cannot be used")]
    Key,
    /// Where the private key lives does not sign with it.
    #[error("private key cannot be used: {reason}")]
    Signer {
        /// The kind every protocol maps.
        kind: ErrorKind,
        /// Why, without a secret.
        reason: String,
    },
    /// The public key is not a `SubjectPublicKeyInfo`.
    #[error("public key cannot be read")]
    PublicKey,
    /// The issuer's certificate is for another key than the one given.
    #[error("issuer certificate and issuer key do not belong together")]
    KeyMismatch,
    /// The serial number is empty, zero or over 20 bytes.
    #[error("serial number must be 1 to 20 bytes and not zero")]
    Serial,
    /// The dates are reversed, before 1970 or after 9999.
    #[error("validity cannot be written")]
    Validity,
    /// An alternative name or an address is not ASCII.
    #[error("certificate cannot be encoded")]
    Encoding,
}

impl IssueError {
    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Signer { kind, .. } => *kind,
            _ => ErrorKind::Invalid,
        }
    }
}
