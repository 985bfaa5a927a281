use provost_model::{
    CertificateDer, DpsName, EnrollmentKind, EnrollmentSettings, Etag, IndividualEnrollment,
    IndividualMechanism, PageSize, Random, RegistrationId, Slots, Timestamp,
};
use provost_store::{Counted, ReadTx, StoreError, WriteTx};
use provost_wire::dps::service::{BulkError, EnrollmentInput};

use super::EntryId;
use crate::attestation::{individual, individual_anchors};
use crate::settings::merged;
use crate::{Noun, ProvisioningError, Quotas, RegistrationOutcome};

impl EntryId for RegistrationId {
    type Entry = IndividualEnrollment;
    type Input = EnrollmentInput;

    const KIND: EnrollmentKind = EnrollmentKind::Individual;
    const NOUN: Noun = Noun::Enrollment;
    const AUDITED: &'static str = "enrollment";
    const MEMBER: &'static str = "registrationId";

    fn text(&self) -> &str {
        self.as_str()
    }

    fn key(&self) -> &str {
        self.key()
    }

    fn of_input(input: &EnrollmentInput) -> &Self {
        &input.registration_id
    }

    fn input_etag(input: &EnrollmentInput) -> Option<&Etag> {
        input.settings.etag.as_ref()
    }

    fn of(entry: &IndividualEnrollment) -> &Self {
        &entry.registration_id
    }

    fn settings(entry: &IndividualEnrollment) -> &EnrollmentSettings {
        &entry.settings
    }

    fn settings_mut(entry: &mut IndividualEnrollment) -> &mut EnrollmentSettings {
        &mut entry.settings
    }

    fn certificates(entry: &IndividualEnrollment) -> Option<&Slots<CertificateDer>> {
        match &entry.mechanism {
            IndividualMechanism::ClientCertificates(slots) => Some(slots),
            IndividualMechanism::CaReferences(_) | IndividualMechanism::SymmetricKey(_) => None,
        }
    }

    fn has_keys(entry: &IndividualEnrollment) -> bool {
        !entry.mechanism.is_x509()
    }

    fn merged(
        input: EnrollmentInput,
        stored: Option<&IndividualEnrollment>,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<IndividualEnrollment, ProvisioningError> {
        let entry = IndividualEnrollment {
            mechanism: individual(&input.attestation, stored.map(|stored| &stored.mechanism), random)?,
            settings: merged(&input.settings, stored.map(|stored| &stored.settings), now)?,
            registration_id: stored.map_or(input.registration_id, |stored| stored.registration_id.clone()),
            device_id: input.device_id,
            optional_device_information: input.optional_device_information,
        };
        check_device_id(&entry)?;
        Ok(entry)
    }

    fn check_quota(
        quotas: &Quotas,
        tx: &ReadTx<'_>,
        dps: &DpsName,
        stored: Option<&IndividualEnrollment>,
        _entry: &IndividualEnrollment,
    ) -> Result<(), ProvisioningError> {
        match stored {
            Some(_) => Ok(()),
            None => quotas.check(tx, dps, Counted::IndividualEnrollments),
        }
    }

    fn find(&self, tx: &ReadTx<'_>, dps: &DpsName) -> Result<Option<IndividualEnrollment>, StoreError> {
        tx.individual_enrollment(dps, self)
    }

    fn outcome(
        &self,
        tx: &ReadTx<'_>,
        dps: &DpsName,
    ) -> Result<Option<RegistrationOutcome>, ProvisioningError> {
        RegistrationOutcome::find(tx, dps, self)
    }

    fn list(
        tx: &ReadTx<'_>,
        dps: &DpsName,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<IndividualEnrollment>, StoreError> {
        tx.individual_enrollments(dps, after, size)
    }

    fn put(tx: &WriteTx<'_>, dps: &DpsName, entry: &IndividualEnrollment) -> Result<(), StoreError> {
        tx.put_individual_enrollment(dps, entry, &individual_anchors(&entry.mechanism))
    }

    /// The record it made goes with it (dps-service-api.md 2.6); one a group made stays, and so does
    /// the hub identity.
    fn end(&self, tx: &WriteTx<'_>, dps: &DpsName) -> Result<&'static str, StoreError> {
        let is_own = tx
            .registration(dps, self)?
            .is_some_and(|record| record.group.is_none());
        let had_record = is_own && tx.delete_registration(dps, self)?;
        Ok(if had_record {
            "with its registration record"
        } else {
            ""
        })
    }

    fn bulk_error(&self, error: &ProvisioningError) -> BulkError {
        BulkError::enrollment(self.as_str(), error.code(), error.public_message())
    }
}

/// The common name of a device's request is its registration ID, and its hub compares the one of the leaf
/// with its device ID: with a policy both have to be the same (certificate-management.md 8, U-8).
fn check_device_id(entry: &IndividualEnrollment) -> Result<(), ProvisioningError> {
    let (Some(_), Some(device_id)) = (&entry.settings.credential_policy, &entry.device_id) else {
        return Ok(());
    };
    if device_id.as_str() == entry.registration_id.as_str() {
        return Ok(());
    }
    Err(ProvisioningError::invalid(
        "`deviceId` must be the registration ID, or be left out, where `credentialPolicyName` is given",
    ))
}
