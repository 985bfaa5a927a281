use provost_model::ErrorKind;

use crate::PublicKeyInfo;

/// Why a signing request is not answered with a certificate (certificate-management.md 2.3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// Nothing was sent.
    #[error("the certificate signing request is empty")]
    Empty,
    /// Over 8 KiB of text.
    #[error("the certificate signing request is longer than 8192 characters")]
    TooLarge,
    /// Not base64, or with armour, blanks or line breaks.
    #[error("the certificate signing request is not base64 of DER without line breaks")]
    NotBase64,
    /// Not a PKCS #10 request; says which part could not be read.
    #[error("the certificate signing request is malformed: {0}")]
    Malformed(&'static str),
    /// Another version than 0, which is the only one there is.
    #[error("the certificate signing request is of an unknown version")]
    Version,
    /// The signature is not made with the key of the request.
    #[error("the signature of the certificate signing request does not match its key")]
    Signature,
    /// Signed with SHA-1, MD5 or something else that is not accepted.
    #[error(
        "the certificate signing request is signed with an algorithm that is not accepted; use SHA-256 or better"
    )]
    SignatureAlgorithm,
    /// A kind or size of key that is not among those allowed.
    #[error("the key of the certificate signing request is not accepted: {0}")]
    Key(PublicKeyInfo),
    /// An elliptic curve given by its parameters instead of its name.
    #[error("the key of the certificate signing request names no curve but gives its parameters")]
    ExplicitCurve,
    /// A key others can know or compute.
    #[error("the key of the certificate signing request is weak: {0}")]
    WeakKey(&'static str),
    /// None or several common names.
    #[error("the certificate signing request has {0} common names, exactly one is needed")]
    CommonNames(usize),
}

impl CsrError {
    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge => ErrorKind::TooLarge,
            _ => ErrorKind::Invalid,
        }
    }

    /// The text is not that of a request at all: renewal answers it at once, with 400004
    /// (certificate-management.md 3.3).
    pub fn is_not_text(&self) -> bool {
        matches!(self, Self::Empty | Self::TooLarge | Self::NotBase64)
    }

    /// It could not be read, as opposed to being read and found wrong.
    pub fn is_unreadable(&self) -> bool {
        self.is_not_text() || matches!(self, Self::Malformed(_) | Self::Version)
    }

    /// The word the hub answers in `credentialError` (certificate-management.md 3.3).
    pub fn code(&self) -> &'static str {
        if self.is_unreadable() {
            "FailedToDecodeCsr"
        } else {
            "CertificateValidationFailed"
        }
    }

    /// What a device is told: says what is wrong with what it sent, and nothing else.
    pub fn public_message(&self) -> String {
        self.to_string()
    }
}
