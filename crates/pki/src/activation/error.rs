use provost_model::{ErrorKind, Timestamp};

use crate::CertificateError;
use crate::encode::rfc3339;

/// Why a customer's chain does not activate an issuing CA. Certificates are named by their subjects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivationError {
    /// The text cannot be read; a private key in it is refused too.
    #[error("the certificate chain cannot be read: {0}")]
    Unreadable(#[from] CertificateError),
    /// Something that is no certificate follows the last one.
    #[error(
        "the certificate chain has something after its last certificate, or a block that is no certificate"
    )]
    Junk,
    /// More certificates than a chain may have.
    #[error("the certificate chain has {0} certificates, at most 5 are allowed")]
    TooMany(usize),
    /// Another certificate of the chain is the issuing CA.
    #[error(
        "the certificate chain is out of order: the signed issuing CA must come first, each certificate followed by its issuer"
    )]
    Order,
    /// No certificate is for the key of the request.
    #[error("certificate {0} is not for the key of the certificate signing request")]
    WrongKey(String),
    /// A key that is no elliptic one of P-256, P-384 or P-521.
    #[error(
        "certificate {certificate} has a key that is not accepted: {key}; only P-256, P-384 and P-521 are"
    )]
    KeyKind {
        /// Which.
        certificate: String,
        /// What it has.
        key: String,
    },
    /// An elliptic curve given by its parameters.
    #[error("certificate {0} gives the parameters of its curve instead of its name")]
    ExplicitCurve(String),
    /// Not signed with ECDSA and SHA-256, SHA-384 or SHA-512.
    #[error(
        "certificate {0} is signed with an algorithm that is not accepted; only ECDSA with SHA-256, SHA-384 or SHA-512 is"
    )]
    SignatureAlgorithm(String),
    /// Of version 1 or 2.
    #[error("certificate {certificate} is of version {version}, version 3 is needed")]
    Version {
        /// Which.
        certificate: String,
        /// What it is.
        version: u8,
    },
    /// The customer's CA wrote another subject than was asked for.
    #[error("the subject of the issuing CA is {found}, the certificate signing request asks for {wanted}")]
    Subject {
        /// What it is.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// Basic constraints are missing, not critical, or do not say CA.
    #[error("certificate {0} needs critical basic constraints that say CA")]
    BasicConstraints(String),
    /// A CA allows fewer CAs below it than there are.
    #[error("certificate {certificate} has path length {allowed}, at least {needed} is needed")]
    PathLength {
        /// Which.
        certificate: String,
        /// What it allows.
        allowed: u8,
        /// How many CAs are below it.
        needed: u8,
    },
    /// A key usage that is needed is missing.
    #[error("the key usage of certificate {certificate} must have {needed}")]
    KeyUsage {
        /// Which.
        certificate: String,
        /// What it must have.
        needed: &'static str,
    },
    /// Extended key usages without client authentication.
    #[error("the extended key usage of certificate {0} must have clientAuth, or be left out")]
    ExtendedKeyUsage(String),
    /// No subject key identifier.
    #[error("certificate {0} has no subject key identifier")]
    SubjectKeyIdentifier(String),
    /// A critical extension that relying parties would refuse.
    #[error("certificate {certificate} has the critical extension {oid}, which is not supported")]
    CriticalExtension {
        /// Which.
        certificate: String,
        /// The extension.
        oid: String,
    },
    /// Validity has not begun.
    #[error("certificate {certificate} is not valid before {}", rfc3339(*.bound))]
    NotYetValid {
        /// Which.
        certificate: String,
        /// When it begins.
        bound: Timestamp,
    },
    /// Validity is over.
    #[error("certificate {certificate} expired at {}", rfc3339(*.bound))]
    Expired {
        /// Which.
        certificate: String,
        /// When it ended.
        bound: Timestamp,
    },
    /// The issuing CA would not last.
    #[error("the issuing CA is valid for {found} more days, at least {needed} are needed")]
    TooShort {
        /// Whole days left.
        found: u64,
        /// How many are needed.
        needed: u64,
    },
    /// A CA above ends before the issuing CA does.
    #[error("certificate {0} expires before the issuing CA")]
    IssuerEndsFirst(String),
    /// The next certificate is not its issuer.
    #[error("certificate {child} was issued by {wanted}, not by {found}, which follows it")]
    NotTheIssuer {
        /// Which.
        child: String,
        /// Its issuer.
        wanted: String,
        /// What follows.
        found: String,
    },
    /// The issuer of the right name did not sign it.
    #[error("certificate {0} was not signed by the key of the certificate that follows it")]
    Signature(String),
    /// The issuing CA signed itself: it hangs under no root.
    #[error("the issuing CA is its own issuer; it must be signed by another CA")]
    SelfIssued,
    /// The chain ends before a root.
    #[error("the certificate chain does not go up to a root")]
    NoRoot,
    /// A root is brought alone.
    #[error("the certificate of the root is wanted, and nothing else; there are {0} certificates")]
    NotOneRoot(usize),
    /// What should be a root was issued by another CA.
    #[error("certificate {0} is no root: it did not sign itself")]
    NotSelfSigned(String),
    /// The root would not last.
    #[error("the root is valid for {found} more days, at least {needed} are needed")]
    RootTooShort {
        /// Whole days left.
        found: u64,
        /// How many are needed.
        needed: u64,
    },
    /// Not signed by the root of the credential itself.
    #[error("certificate {0} does not hang directly under the root of the credential, or is another root")]
    OtherRoot(String),
}

impl ActivationError {
    /// The kind every protocol maps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreadable(error) => error.kind(),
            _ => ErrorKind::Invalid,
        }
    }

    /// A short fixed word for audit and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Junk => "junk",
            Self::TooMany(_) => "tooMany",
            Self::Order => "order",
            Self::WrongKey(_) => "wrongKey",
            Self::KeyKind { .. } => "keyKind",
            Self::ExplicitCurve(_) => "explicitCurve",
            Self::SignatureAlgorithm(_) => "signatureAlgorithm",
            Self::Version { .. } => "version",
            Self::Subject { .. } => "subject",
            Self::BasicConstraints(_) => "basicConstraints",
            Self::PathLength { .. } => "pathLength",
            Self::KeyUsage { .. } => "keyUsage",
            Self::ExtendedKeyUsage(_) => "extendedKeyUsage",
            Self::SubjectKeyIdentifier(_) => "subjectKeyIdentifier",
            Self::CriticalExtension { .. } => "criticalExtension",
            Self::NotYetValid { .. } => "notYetValid",
            Self::Expired { .. } => "expired",
            Self::TooShort { .. } => "tooShort",
            Self::IssuerEndsFirst(_) => "issuerEndsFirst",
            Self::NotTheIssuer { .. } => "notTheIssuer",
            Self::Signature(_) => "signature",
            Self::SelfIssued => "selfIssued",
            Self::NoRoot => "noRoot",
            Self::NotOneRoot(_) => "notOneRoot",
            Self::NotSelfSigned(_) => "notSelfSigned",
            Self::RootTooShort { .. } => "rootTooShort",
            Self::OtherRoot(_) => "otherRoot",
        }
    }

    /// What whoever activates is told.
    pub fn public_message(&self) -> String {
        self.to_string()
    }
}
