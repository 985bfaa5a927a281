use provost_model::{ErrorKind, Timestamp};

use crate::{Certificate, PublicKeyInfo};

/// Why no valid path leads from a leaf to a registered certificate.
///
/// Each names the certificate it is about, so that an operator reads what to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Validity has not begun.
    #[error("certificate {} is not valid yet", .certificate.subject_display())]
    NotYetValid {
        /// The certificate.
        certificate: Certificate,
        /// The instant judged at.
        at: Timestamp,
        /// Its not-before.
        bound: Timestamp,
    },
    /// Validity is over.
    #[error("certificate {} has expired", .certificate.subject_display())]
    Expired {
        /// The certificate.
        certificate: Certificate,
        /// The instant judged at.
        at: Timestamp,
        /// Its not-after.
        bound: Timestamp,
    },
    /// An issuer of the right name did not sign it.
    #[error("certificate {} was not signed by the key of its issuer {}",
        .certificate.subject_display(), .certificate.issuer_display())]
    BadSignature {
        /// The certificate whose signature does not match.
        certificate: Certificate,
    },
    /// Signed with an algorithm that is not accepted, SHA-1 among them.
    #[error("certificate {} is signed with an algorithm that is not accepted", .certificate.subject_display())]
    UnsupportedAlgorithm {
        /// The certificate with that signature.
        certificate: Certificate,
    },
    /// Nobody sent or registered the issuer.
    #[error("the issuer {} of certificate {} was neither sent nor registered",
        .certificate.issuer_display(), .certificate.subject_display())]
    UnknownIssuer {
        /// The certificate whose issuer is missing.
        certificate: Certificate,
    },
    /// The issuer is not a CA certificate (RFC 5280 4.2.1.9).
    #[error("certificate {} is not a CA certificate", .certificate.subject_display())]
    NotACa {
        /// The issuer.
        certificate: Certificate,
    },
    /// More intermediates below a CA than its path length allows (RFC 5280 4.2.1.9).
    #[error("certificate {} allows {allowed} intermediates below it, not {found}", .certificate.subject_display())]
    PathTooLong {
        /// The CA.
        certificate: Certificate,
        /// Its path length constraint.
        allowed: u8,
        /// Intermediates found below it.
        found: u8,
    },
    /// A critical extension that is not understood here (RFC 5280 4.2); name constraints are one.
    #[error("certificate {} has the critical extension {oid}, which is not supported", .certificate.subject_display())]
    UnknownCriticalExtension {
        /// The certificate.
        certificate: Certificate,
        /// The extension's object identifier, dotted.
        oid: String,
    },
    /// RSA outside 2048 to 8192 bits, or a kind of key that is not supported.
    #[error("certificate {} has a key that is not accepted: {key}", .certificate.subject_display())]
    WeakKey {
        /// The certificate.
        certificate: Certificate,
        /// Its key.
        key: PublicKeyInfo,
    },
    /// The key may not be used for this: a CA without keyCertSign, or no client authentication
    /// among extended key usages.
    #[error("certificate {} may not be used for {purpose}", .certificate.subject_display())]
    WrongKeyUsage {
        /// The certificate.
        certificate: Certificate,
        /// `signing certificates` or `client authentication`.
        purpose: &'static str,
    },
    /// The path, or the work to find it, is over the limit.
    #[error("the certificate chain is too long or too tangled")]
    TooManyCertificates,
}

impl ChainError {
    /// The kind every protocol maps: the device did not prove who it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unauthenticated
    }

    /// A short fixed word for metrics and events.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotYetValid { .. } => "notYetValid",
            Self::Expired { .. } => "expired",
            Self::BadSignature { .. } => "badSignature",
            Self::UnsupportedAlgorithm { .. } => "unsupportedAlgorithm",
            Self::UnknownIssuer { .. } => "unknownIssuer",
            Self::NotACa { .. } => "notACa",
            Self::PathTooLong { .. } => "pathTooLong",
            Self::UnknownCriticalExtension { .. } => "unknownCriticalExtension",
            Self::WeakKey { .. } => "weakKey",
            Self::WrongKeyUsage { .. } => "wrongKeyUsage",
            Self::TooManyCertificates => "tooManyCertificates",
        }
    }

    /// How much a refusal tells: of several at one level the most telling is reported.
    pub(crate) fn weight(&self) -> u8 {
        match self {
            Self::UnknownIssuer { .. } => 0,
            Self::BadSignature { .. } => 1,
            _ => 2,
        }
    }
}
