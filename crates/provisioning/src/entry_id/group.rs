use provost_model::{
    CertificateDer, DpsName, EnrollmentGroup, EnrollmentGroupId, EnrollmentKind, EnrollmentSettings, Etag,
    GroupMechanism, PageSize, Random, Slots, Timestamp,
};
use provost_store::{ReadTx, StoreError, WriteTx};
use provost_wire::dps::service::{BulkError, GroupInput};

use super::EntryId;
use crate::attestation::{group, group_anchors};
use crate::settings::merged;
use crate::{Noun, ProvisioningError, Quotas, RegistrationOutcome};

impl EntryId for EnrollmentGroupId {
    type Entry = EnrollmentGroup;
    type Input = GroupInput;

    const KIND: EnrollmentKind = EnrollmentKind::Group;
    const NOUN: Noun = Noun::Group;
    const AUDITED: &'static str = "enrollmentGroup";
    const MEMBER: &'static str = "enrollmentGroupId";

    fn text(&self) -> &str {
        self.as_str()
    }

    fn key(&self) -> &str {
        self.key()
    }

    fn of_input(input: &GroupInput) -> &Self {
        &input.id
    }

    fn input_etag(input: &GroupInput) -> Option<&Etag> {
        input.settings.etag.as_ref()
    }

    fn of(entry: &EnrollmentGroup) -> &Self {
        &entry.id
    }

    fn settings(entry: &EnrollmentGroup) -> &EnrollmentSettings {
        &entry.settings
    }

    fn settings_mut(entry: &mut EnrollmentGroup) -> &mut EnrollmentSettings {
        &mut entry.settings
    }

    fn certificates(entry: &EnrollmentGroup) -> Option<&Slots<CertificateDer>> {
        match &entry.mechanism {
            GroupMechanism::SigningCertificates(slots) => Some(slots),
            GroupMechanism::CaReferences(_) | GroupMechanism::SymmetricKey(_) => None,
        }
    }

    fn has_keys(entry: &EnrollmentGroup) -> bool {
        !entry.mechanism.is_x509()
    }

    fn merged(
        input: GroupInput,
        stored: Option<&EnrollmentGroup>,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<EnrollmentGroup, ProvisioningError> {
        Ok(EnrollmentGroup {
            mechanism: group(&input.attestation, stored.map(|stored| &stored.mechanism), random)?,
            settings: merged(&input.settings, stored.map(|stored| &stored.settings), now)?,
            id: stored.map_or(input.id, |stored| stored.id.clone()),
        })
    }

    fn check_quota(
        quotas: &Quotas,
        tx: &ReadTx<'_>,
        dps: &DpsName,
        stored: Option<&EnrollmentGroup>,
        entry: &EnrollmentGroup,
    ) -> Result<(), ProvisioningError> {
        quotas.check_group(tx, dps, stored, entry)
    }

    fn find(&self, tx: &ReadTx<'_>, dps: &DpsName) -> Result<Option<EnrollmentGroup>, StoreError> {
        tx.enrollment_group(dps, self)
    }

    fn outcome(
        &self,
        _tx: &ReadTx<'_>,
        _dps: &DpsName,
    ) -> Result<Option<RegistrationOutcome>, ProvisioningError> {
        Ok(None)
    }

    fn list(
        tx: &ReadTx<'_>,
        dps: &DpsName,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<EnrollmentGroup>, StoreError> {
        tx.enrollment_groups(dps, after, size)
    }

    fn put(tx: &WriteTx<'_>, dps: &DpsName, entry: &EnrollmentGroup) -> Result<(), StoreError> {
        tx.put_enrollment_group(dps, entry, &group_anchors(&entry.mechanism))
    }

    /// The records of its devices stay, and so do their hub identities
    /// (certificate-management.md ).
    fn end(&self, _tx: &WriteTx<'_>, _dps: &DpsName) -> Result<&'static str, StoreError> {
        Ok("")
    }

    fn bulk_error(&self, error: &ProvisioningError) -> BulkError {
        BulkError::group(self.as_str(), error.code(), error.public_message())
    }
}
