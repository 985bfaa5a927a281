//! Individual enrollments: operations 1 to 6 of the service API (dps-service-api.md 2).

use provost_model::{
    AccessRight, Action, AuditEvent, DpsName, EnrollmentKind, IfMatch, IndividualEnrollment,
    IndividualMechanism, RegistrationId, Slots, Timestamp,
};
use provost_store::{Counted, ReadTx, WriteTx};
use provost_wire::dps::CertificateInfo;
use provost_wire::dps::service::EnrollmentInput;

use crate::attestation::{individual, individual_anchors, shown_certificates};
use crate::listing::{MAX_ENTRIES, QueryKind};
use crate::settings::{merged, touch};
use crate::write_rule::{Stored, Write, WriteMode, check_delete, check_write};
use crate::{
    Noun, Page, PageRequest, ProvisioningError, ProvisioningService, RegistrationOutcome, ServiceCaller,
};

const NOUN: Noun = Noun::Enrollment;

/// An individual enrollment with what is needed to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownEnrollment {
    /// The enrollment, keys included: whether they are shown is decided by the answer.
    pub enrollment: IndividualEnrollment,
    /// The facts of its client certificates.
    pub certificates: Slots<CertificateInfo>,
    /// The latest outcome of its device; only for GET.
    pub registration: Option<RegistrationOutcome>,
}

impl From<IndividualEnrollment> for ShownEnrollment {
    fn from(enrollment: IndividualEnrollment) -> Self {
        let slots = match &enrollment.mechanism {
            IndividualMechanism::ClientCertificates(slots) => Some(slots),
            _ => None,
        };
        Self {
            certificates: shown_certificates(slots),
            enrollment,
            registration: None,
        }
    }
}

impl ProvisioningService {
    /// Operation 1: creates or replaces the enrollment named by the address.
    ///
    /// # Errors
    /// 400004 when the body names another one or makes no sense, 412201 and 404201 as the rules of
    /// `If-Match` say (dps-service-api.md 2.3).
    pub async fn put_enrollment(
        &self,
        caller: &ServiceCaller,
        id: &RegistrationId,
        input: EnrollmentInput,
        if_match: IfMatch,
    ) -> Result<ShownEnrollment, ProvisioningError> {
        if input.registration_id != *id {
            return Err(ProvisioningError::invalid(
                "`registrationId` is not the one of the address",
            ));
        }
        self.write_enrollment(caller, input, WriteMode::Put(if_match))
            .await
    }

    /// Creates or changes an enrollment.
    pub(crate) async fn write_enrollment(
        &self,
        caller: &ServiceCaller,
        input: EnrollmentInput,
        mode: WriteMode,
    ) -> Result<ShownEnrollment, ProvisioningError> {
        caller.require(AccessRight::EnrollmentWrite)?;
        let (dps, actor, service) = (caller.dps(), caller.actor(), self.clone());
        let written = self
            .store()
            .write(move |tx| {
                let stored = tx.individual_enrollment(&dps, &input.registration_id)?;
                let mut enrollment = service.merged_enrollment(input, stored.as_ref(), tx.now())?;
                let state = stored.as_ref().map(|stored| Stored {
                    etag: &stored.settings.etag,
                    is_same: *stored == enrollment,
                });
                let allow_blind = service.options().allow_blind_overwrite;
                if check_write(NOUN, &mode, state, allow_blind)? == Write::Nothing {
                    return Ok::<_, ProvisioningError>(tx.unchanged(enrollment));
                }
                if stored.is_none() {
                    service
                        .quotas()
                        .check(&tx, &dps, Counted::IndividualEnrollments)?;
                }
                let etag = provost_model::Etag::generate(service.random());
                touch(&mut enrollment.settings, etag, tx.now());
                let anchors = individual_anchors(&enrollment.mechanism);
                tx.put_individual_enrollment(&dps, &enrollment, &anchors)?;
                let action = stored.map_or(Action::Create, |_| Action::Update);
                let id = enrollment.registration_id.as_str();
                let event = AuditEvent::new(actor, action, "enrollment", dps.as_str(), id);
                Ok(tx.record(&event, enrollment)?)
            })
            .await?;
        Ok(written.into())
    }

    fn merged_enrollment(
        &self,
        input: EnrollmentInput,
        stored: Option<&IndividualEnrollment>,
        now: Timestamp,
    ) -> Result<IndividualEnrollment, ProvisioningError> {
        Ok(IndividualEnrollment {
            mechanism: individual(
                &input.attestation,
                stored.map(|stored| &stored.mechanism),
                self.random(),
            )?,
            settings: merged(&input.settings, stored.map(|stored| &stored.settings), now)?,
            // The first spelling stays.
            registration_id: stored.map_or(input.registration_id, |stored| stored.registration_id.clone()),
            device_id: input.device_id,
            optional_device_information: input.optional_device_information,
        })
    }

    /// Operation 2, with the latest outcome of its device.
    pub async fn get_enrollment(
        &self,
        caller: &ServiceCaller,
        id: RegistrationId,
    ) -> Result<ShownEnrollment, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let dps = caller.dps();
        self.store()
            .read(move |tx| {
                let mut shown = ShownEnrollment::from(found(tx, &dps, &id)?);
                shown.registration = RegistrationOutcome::find(tx, &dps, &id)?;
                Ok(shown)
            })
            .await
    }

    /// Operation 3: removes the enrollment and, when the device came in through it, its registration
    /// record (dps-service-api.md 2.6). A record a group made stays, and so does the hub identity.
    pub async fn delete_enrollment(
        &self,
        caller: &ServiceCaller,
        id: RegistrationId,
        if_match: IfMatch,
    ) -> Result<(), ProvisioningError> {
        caller.require(AccessRight::EnrollmentWrite)?;
        let (dps, actor) = (caller.dps(), caller.actor());
        self.store()
            .write(move |tx| {
                let etag = tx.enrollment_etag(&dps, EnrollmentKind::Individual, id.key())?;
                check_delete(NOUN, &if_match, etag.as_ref())?;
                tx.delete_enrollment(&dps, EnrollmentKind::Individual, id.key())?;
                let had_record = end_record(&tx, &dps, &id)?;
                let event = AuditEvent::new(actor, Action::Delete, "enrollment", dps.as_str(), id.as_str())
                    .with_detail(if had_record {
                        "with its registration record"
                    } else {
                        ""
                    });
                Ok::<_, ProvisioningError>(tx.record(&event, ())?)
            })
            .await
    }

    /// Operation 4. Without outcomes, as the real service answers.
    pub async fn query_enrollments(
        &self,
        caller: &ServiceCaller,
        page: PageRequest,
    ) -> Result<Page<ShownEnrollment>, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let dps = caller.dps();
        let begin = page.begin(&QueryKind::Enrollments, MAX_ENTRIES)?;
        self.store()
            .scan(move |tx| {
                let list = |after: Option<&str>, size| tx.individual_enrollments(&dps, after, size);
                let key = |entry: &IndividualEnrollment| entry.registration_id.key().to_owned();
                begin
                    .read(&QueryKind::Enrollments, list, key)?
                    .try_map(|entry| Ok(entry.into()))
            })
            .await
    }

    /// Operation 6: the enrollment for showing its secrets, which leaves an audit event when there
    /// are any.
    pub async fn reveal_enrollment(
        &self,
        caller: &ServiceCaller,
        id: RegistrationId,
    ) -> Result<ShownEnrollment, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let (dps, actor) = (caller.dps(), caller.actor());
        let revealed = self
            .store()
            .write(move |tx| {
                let enrollment = found(&tx, &dps, &id)?;
                if enrollment.mechanism.is_x509() {
                    return Ok::<_, ProvisioningError>(tx.unchanged(enrollment));
                }
                let event = AuditEvent::new(actor, Action::Reveal, "enrollment", dps.as_str(), id.as_str());
                Ok(tx.record(&event, enrollment)?)
            })
            .await?;
        Ok(revealed.into())
    }
}

fn found(
    tx: &ReadTx<'_>,
    dps: &DpsName,
    id: &RegistrationId,
) -> Result<IndividualEnrollment, ProvisioningError> {
    tx.individual_enrollment(dps, id)?
        .ok_or(ProvisioningError::NotFound(NOUN))
}

/// Removes the record an individual enrollment made.
fn end_record(tx: &WriteTx<'_>, dps: &DpsName, id: &RegistrationId) -> Result<bool, ProvisioningError> {
    let is_own = tx
        .registration(dps, id)?
        .is_some_and(|record| record.group.is_none());
    Ok(is_own && tx.delete_registration(dps, id)?)
}

#[cfg(test)]
mod tests;
