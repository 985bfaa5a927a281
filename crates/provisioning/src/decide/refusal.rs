use provost_attestation::sas::SasError;
use provost_attestation::x509::LeafError;
use provost_model::CertificateName;
use provost_pki::{Certificate, ChainError};

/// Why a device is not admitted. For operators; the device learns a number and three words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No individual enrollment and no group for it.
    #[error("no enrollment matches")]
    NoEntry,
    /// Neither a certificate nor a token was shown.
    #[error("neither a certificate nor a token was sent")]
    NoProof,
    /// The device's own enrollment wants the other kind of proof.
    #[error("the enrollment of this device needs a {expected}")]
    WrongProof {
        /// `client certificate` or `SAS token`.
        expected: &'static str,
    },
    /// The token is wrong.
    #[error(transparent)]
    Sas(#[from] SasError),
    /// The token is made for another device or scope.
    #[error("SAS token is for another resource")]
    SasResource,
    /// The token names a policy that is not for devices.
    #[error("SAS token names a policy other than `registration`")]
    SasPolicy,
    /// The leaf is wrong by itself.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The Device Registry issued the leaf and revoked it.
    #[error("certificate was issued by the Device Registry and revoked since")]
    RevokedLeaf,
    /// The path from the leaf is wrong.
    #[error(transparent)]
    Chain(ChainError),
    /// The path ends before a registered certificate, or a CA certificate the entry names is gone.
    #[error("no registered CA certificate was reached{}",
        .issuer.as_ref().map(|certificate| format!(": the issuer {} is missing", certificate.issuer_display()))
            .unwrap_or_default())]
    AuthorityMissing {
        /// The last certificate of the path, whose issuer is missing.
        issuer: Option<Certificate>,
    },
    /// The CA certificate is registered and its possession was never proven.
    #[error("CA certificate {name} is not verified")]
    AuthorityUnverified {
        /// Its name.
        name: CertificateName,
    },
}

impl Refusal {
    /// What the device is told (dps-device-api.md 2.8).
    pub fn public_message(&self) -> &'static str {
        match self {
            Self::NoEntry
            | Self::NoProof
            | Self::WrongProof { .. }
            | Self::Sas(_)
            | Self::SasResource
            | Self::SasPolicy => "Unauthorized",
            Self::Leaf(_) | Self::RevokedLeaf | Self::Chain(_) => "Invalid certificate.",
            Self::AuthorityMissing { .. } | Self::AuthorityUnverified { .. } => "CA certificate not found.",
        }
    }

    /// Whether the device's token is the reason.
    pub fn is_about_sas(&self) -> bool {
        matches!(self, Self::Sas(_) | Self::SasResource | Self::SasPolicy)
    }

    /// A short fixed word for metrics and events.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoEntry => "noEnrollment",
            Self::NoProof => "noProof",
            Self::WrongProof { .. } => "wrongProof",
            Self::Sas(error) => error.reason(),
            Self::SasResource => "wrongResource",
            Self::SasPolicy => "wrongPolicy",
            Self::Leaf(error) => error.reason(),
            Self::RevokedLeaf => "revokedLeaf",
            Self::Chain(error) => error.reason(),
            Self::AuthorityMissing { .. } => "caMissing",
            Self::AuthorityUnverified { .. } => "caUnverified",
        }
    }
}
