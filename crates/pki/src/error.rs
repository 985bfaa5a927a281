use provost_model::ErrorKind;

/// Why bytes or text are not a usable certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not a DER certificate; `what` names the part that could not be read.
    #[error("certificate is malformed: {what}")]
    Malformed {
        /// The part of the certificate.
        what: &'static str,
    },
    /// Over [`MAX_CERTIFICATE_BYTES`](crate::MAX_CERTIFICATE_BYTES) or
    /// [`MAX_TEXT_BYTES`](crate::MAX_TEXT_BYTES).
    #[error("certificate is too large: more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Neither PEM nor base64.
    #[error("certificate text is neither PEM nor base64")]
    NotText,
    /// The text holds no certificate.
    #[error("no certificate was given")]
    Empty,
    /// The text holds a private key, which must never be uploaded.
    #[error("the text holds a private key; send the certificate alone")]
    PrivateKey,
    /// More certificates than a chain may have.
    #[error("too many certificates: {count}, at most {limit}")]
    TooMany {
        /// How many were sent.
        count: usize,
        /// The limit.
        limit: usize,
    },
}

impl CertificateError {
    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            _ => ErrorKind::Invalid,
        }
    }

    pub(crate) fn malformed(what: &'static str) -> Self {
        Self::Malformed { what }
    }
}
