use provost_model::{
    CertificateAuthority, CertificateName, EnrollmentGroup, IndividualEnrollment, ProvisioningStatus,
    RegistrationId, SymmetricKey,
};
use provost_store::{DisabledHolder, GroupAnchor, StoreError};

/// The entries and CA certificates of one instance at one moment.
///
/// Implemented by [`crate::StoredEntries`] over a transaction; the tests of the rules have one in
/// memory.
pub trait Snapshot {
    /// The individual enrollment of a registration ID.
    fn individual(&self, id: &RegistrationId) -> Result<Option<IndividualEnrollment>, StoreError>;

    /// A group by its ID in lower case.
    fn group(&self, key: &str) -> Result<Option<EnrollmentGroup>, StoreError>;

    /// Symmetric key groups, oldest first: ID in lower case, status, both keys.
    fn symmetric_groups(&self) -> Result<Vec<(String, ProvisioningStatus, [SymmetricKey; 2])>, StoreError>;

    /// Groups with a signing certificate of this subject, with that certificate.
    fn groups_by_signer(&self, subject_hash: &[u8; 32]) -> Result<Vec<GroupAnchor>, StoreError>;

    /// Groups that refer to this CA certificate.
    fn groups_by_authority(&self, name: &CertificateName) -> Result<Vec<GroupAnchor>, StoreError>;

    /// CA certificates of the instance with this subject.
    fn authorities(&self, subject_hash: &[u8; 32]) -> Result<Vec<CertificateAuthority>, StoreError>;

    /// Whether any group that stands on certificates is disabled.
    fn has_disabled_groups(&self) -> Result<bool, StoreError>;

    /// A disabled entry that holds one of these certificates, by SHA-256 thumbprint.
    fn disabled_holder(&self, thumbprints: &[[u8; 32]]) -> Result<Option<DisabledHolder>, StoreError>;

    /// Whether a CA of the Device Registry issued the leaf with this SHA-256 and it was revoked since.
    fn is_revoked_leaf(&self, thumbprint: &[u8; 32]) -> Result<bool, StoreError>;

    /// A CA certificate of the instance by name.
    fn authority(&self, name: &CertificateName) -> Result<Option<CertificateAuthority>, StoreError>;
}
