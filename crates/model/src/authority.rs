use crate::registry::CaId;
use crate::{
    CertificateDer, CertificateName, CredentialPolicyName, DpsName, Etag, HubName, NamespaceName, Secret,
    Timestamp,
};

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
    /// Where it came from, when it was not uploaded but synchronized from a policy.
    pub synchronized: Option<SynchronizedCa>,
}

/// The CA and the policy a hub's CA certificate came from (certificate-management.md 1.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynchronizedCa {
    /// The CA.
    pub ca: CaId,
    /// The policy's namespace.
    pub namespace: NamespaceName,
    /// The policy.
    pub policy: CredentialPolicyName,
}
