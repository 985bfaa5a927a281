//! Registration records (dps-service-api.md 2.6).

use provost_model::{
    AccessRight, Action, AuditEvent, CertificateDer, DpsName, EnrollmentGroupId, HostName, IfMatch,
    RegistrationId, RegistrationRecord, RegistrationState,
};
use provost_store::{ReadTx, RegistrationFilter};

use crate::listing::{MAX_RECORDS, QueryKind};
use crate::write_rule::check_delete;
use crate::{Noun, Page, PageRequest, ProvisioningError, ProvisioningService, ServiceCaller};

/// A record with what is needed to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationOutcome {
    /// The record.
    pub record: RegistrationRecord,
    /// The current host name of the assigned hub; `None` without an assignment or when the hub is
    /// gone.
    pub assigned_hub: Option<HostName>,
    /// The certificate the run was issued and those above it, leaf first; read for the device alone, and
    /// empty when it asked for none.
    pub issued_chain: Vec<CertificateDer>,
}

impl RegistrationOutcome {
    /// Whether the run is still on its way.
    pub fn is_pending(&self) -> bool {
        self.record.state == RegistrationState::Assigning
    }

    pub(crate) fn find(
        tx: &ReadTx<'_>,
        dps: &DpsName,
        id: &RegistrationId,
    ) -> Result<Option<Self>, ProvisioningError> {
        tx.registration(dps, id)?
            .map(|record| Self::of(tx, record))
            .transpose()
    }

    pub(crate) fn of(tx: &ReadTx<'_>, record: RegistrationRecord) -> Result<Self, ProvisioningError> {
        let hub = match record.state.assignment() {
            Some(assignment) => tx.hub(&assignment.hub)?,
            None => None,
        };
        Ok(Self {
            record,
            assigned_hub: hub.map(|hub| hub.host),
            issued_chain: Vec::new(),
        })
    }

    pub(crate) fn with_chain(mut self, tx: &ReadTx<'_>) -> Result<Self, ProvisioningError> {
        if let Some(number) = self.record.issued {
            self.issued_chain = tx.issued_chain(number)?;
        }
        Ok(self)
    }
}

impl ProvisioningService {
    /// Operation 13: the record of a device, whatever kind of entry admitted it and whether or not
    /// that still exists.
    pub async fn get_registration(
        &self,
        caller: &ServiceCaller,
        id: RegistrationId,
    ) -> Result<RegistrationOutcome, ProvisioningError> {
        caller.require(AccessRight::RegistrationStatusRead)?;
        let dps = caller.dps();
        self.store()
            .read(move |tx| RegistrationOutcome::find(tx, &dps, &id))
            .await?
            .ok_or(ProvisioningError::NotFound(Noun::Registration))
    }

    /// Operation 14: removes the record. Neither enrollment nor hub identity is touched; the next
    /// run counts as the first.
    pub async fn delete_registration(
        &self,
        caller: &ServiceCaller,
        id: RegistrationId,
        if_match: IfMatch,
    ) -> Result<(), ProvisioningError> {
        caller.require(AccessRight::RegistrationStatusWrite)?;
        let (dps, actor) = (caller.dps(), caller.actor());
        self.store()
            .write(move |tx| {
                let record = tx.registration(&dps, &id)?;
                check_delete(
                    Noun::Registration,
                    &if_match,
                    record.as_ref().map(|record| &record.etag),
                )?;
                tx.delete_registration(&dps, &id)?;
                let event = AuditEvent::new(actor, Action::Delete, "registration", dps.as_str(), id.as_str());
                Ok::<_, ProvisioningError>(tx.record(&event, ())?)
            })
            .await
    }

    /// Operation 15: the records that came in through a group, also when the group is gone
    /// (dps-service-api.md 6.2). Pages hold at most 100.
    pub async fn query_registrations(
        &self,
        caller: &ServiceCaller,
        group: EnrollmentGroupId,
        page: PageRequest,
    ) -> Result<Page<RegistrationOutcome>, ProvisioningError> {
        caller.require(AccessRight::RegistrationStatusRead)?;
        let dps = caller.dps();
        let kind = QueryKind::Registrations(group.key().to_owned());
        let begin = page.begin(&kind, MAX_RECORDS)?;
        self.store()
            .scan(move |tx| {
                let filter = RegistrationFilter::of_group(group);
                let list = |after: Option<&str>, size| tx.registrations(&dps, &filter, after, size);
                let page = begin.read(&kind, list, |record| record.registration_id.key().to_owned())?;
                page.try_map(|record| RegistrationOutcome::of(tx, record))
            })
            .await
    }
}
