use crate::{CertificateDer, CertificateName, DpsName, Etag, HubName, Secret, Timestamp};

/// Where a CA certificate is registered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AuthorityOwner {
    /// A provisioning service.
    Dps(DpsName),
    /// A hub.
    Hub(HubName),
}

/// A CA certificate of an instance (dps-service-api.md 4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateAuthority {
    /// Its name; enrollments refer to it by this.
    pub name: CertificateName,
    /// The certificate.
    pub certificate: CertificateDer,
    /// Whether possession of its key was proven or asserted by the uploader.
    pub is_verified: bool,
    /// The code a proof of possession must carry as its subject CN; one at a time.
    pub verification_code: Option<Secret<String>>,
    /// Changes with every step.
    pub etag: Etag,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
