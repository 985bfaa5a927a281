use provost_model::{
    CertificateAuthority, CertificateName, EnrollmentGroup, IndividualEnrollment, ProvisioningStatus,
    RegistrationId, SymmetricKey,
};
use provost_pki::ShownLeaf;
use provost_store::{CertificateIndex, DisabledHolder, GroupAnchor, StoreError};

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

    /// A disabled entry that holds one of these certificates, in whatever form they come.
    fn disabled_holder(
        &self,
        certificates: &[CertificateIndex],
    ) -> Result<Option<DisabledHolder>, StoreError>;

    /// Whether a CA of the Device Registry issued this leaf and it was revoked since, or a CA of its path.
    fn is_revoked_leaf(&self, shown: &ShownLeaf) -> Result<bool, StoreError>;

    /// A CA certificate of the instance by name.
    fn authority(&self, name: &CertificateName) -> Result<Option<CertificateAuthority>, StoreError>;
}
