//! A leaf, whose key the TLS handshake proved, against what is registered for it.
//!
//! Certificates of a group or a hub's CA need a path: [`provost_pki::ChainWalk`] and
//! [`provost_pki::verify_chain`]. Here are the proofs that need none.

use provost_model::{CertificateDer, ErrorKind, IdentityId, RegistrationId, Timestamp};
use provost_pki::{Certificate, ChainError, Sha1Thumbprint, Sha256Thumbprint};

/// Why a leaf proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// It is none of the registered certificates.
    #[error("certificate {sha256} (SHA-1 {sha1}) is not the registered one")]
    Mismatch {
        /// SHA-1 thumbprint presented.
        sha1: Sha1Thumbprint,
        /// SHA-256 thumbprint presented.
        sha256: Sha256Thumbprint,
    },
    /// It is a registered one, outside its dates.
    #[error(transparent)]
    Validity(#[from] ChainError),
    /// Its common name is another one, or it has none.
    #[error("certificate's common name {} is not the expected one",
        .found.as_deref().unwrap_or("(none)"))]
    CommonName {
        /// The common name presented.
        found: Option<String>,
    },
}

impl LeafError {
    /// The kind every protocol maps: the device did not prove who it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unauthenticated
    }

    /// A short fixed word for metrics and events.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Mismatch { .. } => "thumbprintMismatch",
            Self::Validity(error) => error.reason(),
            Self::CommonName { .. } => "commonNameMismatch",
        }
    }
}

/// Proof that a leaf is one of the certificates registered for exactly this device and within
/// its dates. Nothing is said of its issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedLeaf {
    leaf: Certificate,
    index: usize,
}

impl PinnedLeaf {
    /// The certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Which of the registered ones it is, counted as they were given.
    pub fn index(&self) -> usize {
        self.index
    }
}

/// Compares with certificates registered whole: an individual enrollment
/// (dps-device-api.md 1.4).
pub fn verify_registered<'a>(
    leaf: &Certificate,
    registered: impl IntoIterator<Item = &'a CertificateDer>,
    at: Timestamp,
) -> Result<PinnedLeaf, LeafError> {
    pinned(
        leaf,
        registered.into_iter().position(|known| known.0 == leaf.der()),
        at,
    )
}

/// Compares with thumbprints: a hub device of type `selfSigned`. Each is 40 (SHA-1) or 64
/// (SHA-256) hex digits in any case; an expired certificate is refused
/// (iot-hub-device-api.md 3.3).
pub fn verify_thumbprints<'a>(
    leaf: &Certificate,
    thumbprints: impl IntoIterator<Item = &'a str>,
    at: Timestamp,
) -> Result<PinnedLeaf, LeafError> {
    pinned(
        leaf,
        thumbprints
            .into_iter()
            .position(|text| has_thumbprint(leaf, text)),
        at,
    )
}

/// Whether the text is one of the certificate's thumbprints.
pub fn has_thumbprint(leaf: &Certificate, text: &str) -> bool {
    if let Ok(thumbprint) = Sha256Thumbprint::parse(text) {
        return leaf.sha256_thumbprint() == thumbprint;
    }
    Sha1Thumbprint::parse(text).is_ok_and(|thumbprint| leaf.sha1_thumbprint() == thumbprint)
}

/// The leaf's common name must be the registration ID, without case (dps-device-api.md 1.4).
pub fn check_registration_id(leaf: &Certificate, id: &RegistrationId) -> Result<(), LeafError> {
    check_common_name(leaf, |name| name.eq_ignore_ascii_case(id.as_str()))
}

/// The leaf's common name must be the device ID, or `device/module`, exactly
/// (iot-hub-device-api.md 3.3).
pub fn check_identity_id(leaf: &Certificate, id: &IdentityId) -> Result<(), LeafError> {
    check_common_name(leaf, |name| name == id.to_string())
}

fn check_common_name(leaf: &Certificate, expected: impl FnOnce(&str) -> bool) -> Result<(), LeafError> {
    let found = leaf.common_name();
    if found.is_some_and(expected) {
        return Ok(());
    }
    Err(LeafError::CommonName {
        found: found.map(str::to_owned),
    })
}

fn pinned(leaf: &Certificate, index: Option<usize>, at: Timestamp) -> Result<PinnedLeaf, LeafError> {
    let index = index.ok_or_else(|| LeafError::Mismatch {
        sha1: leaf.sha1_thumbprint(),
        sha256: leaf.sha256_thumbprint(),
    })?;
    leaf.check_validity(at)?;
    Ok(PinnedLeaf {
        leaf: leaf.clone(),
        index,
    })
}

#[cfg(test)]
mod tests;
