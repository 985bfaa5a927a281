//! Enrollment groups: operations 7 to 12 of the service API (dps-service-api.md 2).

use provost_model::{
    AccessRight, Action, AuditEvent, DpsName, EnrollmentGroup, EnrollmentGroupId, EnrollmentKind, Etag,
    GroupMechanism, IfMatch, Slots, Timestamp,
};
use provost_store::ReadTx;
use provost_wire::dps::CertificateInfo;
use provost_wire::dps::service::GroupInput;

use crate::attestation::{group, group_anchors, shown_certificates};
use crate::listing::{MAX_ENTRIES, QueryKind};
use crate::settings::{merged, touch};
use crate::write_rule::{Stored, Write, WriteMode, check_delete, check_write};
use crate::{Noun, Page, PageRequest, ProvisioningError, ProvisioningService, ServiceCaller};

const NOUN: Noun = Noun::Group;

/// An enrollment group with what is needed to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownGroup {
    /// The group, keys included: whether they are shown is decided by the answer.
    pub group: EnrollmentGroup,
    /// The facts of its signing certificates.
    pub certificates: Slots<CertificateInfo>,
}

impl From<EnrollmentGroup> for ShownGroup {
    fn from(group: EnrollmentGroup) -> Self {
        let slots = match &group.mechanism {
            GroupMechanism::SigningCertificates(slots) => Some(slots),
            _ => None,
        };
        Self {
            certificates: shown_certificates(slots),
            group,
        }
    }
}

impl ProvisioningService {
    /// Operation 7: creates or replaces the group named by the address.
    ///
    /// # Errors
    /// 400004 when the body names another one or makes no sense, 412204 and 404204 as the rules of
    /// `If-Match` say, 403102 when there are too many symmetric key groups.
    pub async fn put_group(
        &self,
        caller: &ServiceCaller,
        id: &EnrollmentGroupId,
        input: GroupInput,
        if_match: IfMatch,
    ) -> Result<ShownGroup, ProvisioningError> {
        if input.id != *id {
            return Err(ProvisioningError::invalid(
                "`enrollmentGroupId` is not the one of the address",
            ));
        }
        self.write_group(caller, input, WriteMode::Put(if_match)).await
    }

    /// Creates or changes a group.
    pub(crate) async fn write_group(
        &self,
        caller: &ServiceCaller,
        input: GroupInput,
        mode: WriteMode,
    ) -> Result<ShownGroup, ProvisioningError> {
        caller.require(AccessRight::EnrollmentWrite)?;
        let (dps, actor, service) = (caller.dps(), caller.actor(), self.clone());
        let written = self
            .store()
            .write(move |tx| {
                let stored = tx.enrollment_group(&dps, &input.id)?;
                let mut group = service.merged_group(input, stored.as_ref(), tx.now())?;
                let state = stored.as_ref().map(|stored| Stored {
                    etag: &stored.settings.etag,
                    is_same: *stored == group,
                });
                let allow_blind = service.options().allow_blind_overwrite;
                if check_write(NOUN, &mode, state, allow_blind)? == Write::Nothing {
                    return Ok::<_, ProvisioningError>(tx.unchanged(group));
                }
                service.quotas().check_group(&tx, &dps, stored.as_ref(), &group)?;
                touch(&mut group.settings, Etag::generate(service.random()), tx.now());
                tx.put_enrollment_group(&dps, &group, &group_anchors(&group.mechanism))?;
                let action = stored.map_or(Action::Create, |_| Action::Update);
                let event =
                    AuditEvent::new(actor, action, "enrollmentGroup", dps.as_str(), group.id.as_str());
                Ok(tx.record(&event, group)?)
            })
            .await?;
        Ok(written.into())
    }

    fn merged_group(
        &self,
        input: GroupInput,
        stored: Option<&EnrollmentGroup>,
        now: Timestamp,
    ) -> Result<EnrollmentGroup, ProvisioningError> {
        Ok(EnrollmentGroup {
            mechanism: group(
                &input.attestation,
                stored.map(|stored| &stored.mechanism),
                self.random(),
            )?,
            settings: merged(&input.settings, stored.map(|stored| &stored.settings), now)?,
            // The first spelling stays.
            id: stored.map_or(input.id, |stored| stored.id.clone()),
        })
    }

    /// Operation 8.
    pub async fn get_group(
        &self,
        caller: &ServiceCaller,
        id: EnrollmentGroupId,
    ) -> Result<ShownGroup, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let dps = caller.dps();
        self.store()
            .read(move |tx| Ok(found(tx, &dps, &id)?.into()))
            .await
    }

    /// Operation 9. The records of its devices stay, and so do their hub identities
    /// (certificate-management.md ).
    pub async fn delete_group(
        &self,
        caller: &ServiceCaller,
        id: EnrollmentGroupId,
        if_match: IfMatch,
    ) -> Result<(), ProvisioningError> {
        caller.require(AccessRight::EnrollmentWrite)?;
        let (dps, actor) = (caller.dps(), caller.actor());
        self.store()
            .write(move |tx| {
                let etag = tx.enrollment_etag(&dps, EnrollmentKind::Group, id.key())?;
                check_delete(NOUN, &if_match, etag.as_ref())?;
                tx.delete_enrollment(&dps, EnrollmentKind::Group, id.key())?;
                let event = AuditEvent::new(
                    actor,
                    Action::Delete,
                    "enrollmentGroup",
                    dps.as_str(),
                    id.as_str(),
                );
                Ok::<_, ProvisioningError>(tx.record(&event, ())?)
            })
            .await
    }

    /// Operation 10.
    pub async fn query_groups(
        &self,
        caller: &ServiceCaller,
        page: PageRequest,
    ) -> Result<Page<ShownGroup>, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let dps = caller.dps();
        let begin = page.begin(&QueryKind::Groups, MAX_ENTRIES)?;
        self.store()
            .scan(move |tx| {
                let list = |after: Option<&str>, size| tx.enrollment_groups(&dps, after, size);
                let key = |group: &EnrollmentGroup| group.id.key().to_owned();
                begin
                    .read(&QueryKind::Groups, list, key)?
                    .try_map(|group| Ok(group.into()))
            })
            .await
    }

    /// Operation 12: the group for showing its secrets, which leaves an audit event when there are
    /// any.
    pub async fn reveal_group(
        &self,
        caller: &ServiceCaller,
        id: EnrollmentGroupId,
    ) -> Result<ShownGroup, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let (dps, actor) = (caller.dps(), caller.actor());
        let revealed = self
            .store()
            .write(move |tx| {
                let group = found(&tx, &dps, &id)?;
                if group.mechanism.is_x509() {
                    return Ok::<_, ProvisioningError>(tx.unchanged(group));
                }
                let event = AuditEvent::new(
                    actor,
                    Action::Reveal,
                    "enrollmentGroup",
                    dps.as_str(),
                    id.as_str(),
                );
                Ok(tx.record(&event, group)?)
            })
            .await?;
        Ok(revealed.into())
    }
}

fn found(
    tx: &ReadTx<'_>,
    dps: &DpsName,
    id: &EnrollmentGroupId,
) -> Result<EnrollmentGroup, ProvisioningError> {
    tx.enrollment_group(dps, id)?
        .ok_or(ProvisioningError::NotFound(NOUN))
}

#[cfg(test)]
mod tests;
