//! Registration records of an instance, many at a time: what Azure has no operation for
//! (dps-service-api.md 2.6).

use provost_model::{AccessRight, Action, AuditEvent, EnrollmentGroupId, PageSize};
use provost_store::RegistrationFilter;
use provost_wire::own::RecordSelection;
use provost_wire::time::iso;

use crate::listing::{MAX_ENTRIES, QueryKind};
use crate::{Page, PageRequest, ProvisioningError, ProvisioningService, RegistrationOutcome, ServiceCaller};

/// Records one transaction deletes, at most: other writes wait no longer than that takes.
const BATCH: usize = 500;

/// What a bulk delete did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedRecords {
    /// How many were deleted, or would be in a dry run.
    pub count: usize,
    /// Where to go on; `None` when nothing is left.
    pub continuation: Option<String>,
}

impl ProvisioningService {
    /// Records of the instance, also orphans, in order of their IDs. A page may hold fewer than asked
    /// for, or none, and still name a continuation. Needs `RegistrationStatusRead`.
    ///
    /// # Errors
    /// 403001, 400000 for a continuation of another listing.
    pub async fn list_records(
        &self,
        caller: &ServiceCaller,
        selection: RecordSelection,
        page: PageRequest,
    ) -> Result<Page<RegistrationOutcome>, ProvisioningError> {
        caller.require(AccessRight::RegistrationStatusRead)?;
        let (dps, filter) = (caller.dps(), filter(selection));
        let kind = QueryKind::Records(filter.clone());
        let begin = page.begin(&kind, MAX_ENTRIES)?;
        self.store()
            .scan(move |tx| {
                let look = |after: Option<&str>, size| tx.look_at_registrations(&dps, &filter, after, size);
                let page = begin.look(&kind, look)?;
                page.try_map(|record| RegistrationOutcome::of(tx, record))
            })
            .await
    }

    /// How many records a bulk delete would remove. Needs `RegistrationStatusWrite`, as the delete
    /// does.
    ///
    /// # Errors
    /// 403001.
    pub async fn count_records(
        &self,
        caller: &ServiceCaller,
        selection: RecordSelection,
    ) -> Result<usize, ProvisioningError> {
        caller.require(AccessRight::RegistrationStatusWrite)?;
        let (dps, filter) = (caller.dps(), filter(selection));
        let count = self
            .store()
            .scan(move |tx| tx.count_registrations(&dps, &filter))
            .await?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// Deletes the next records in one transaction with one audit event; the caller repeats it with
    /// the continuation. Neither enrollments nor hub identities are touched. Needs
    /// `RegistrationStatusWrite`.
    ///
    /// # Errors
    /// 403001, 400000 for a continuation of another selection.
    pub async fn delete_records(
        &self,
        caller: &ServiceCaller,
        selection: RecordSelection,
        continuation: Option<String>,
    ) -> Result<DeletedRecords, ProvisioningError> {
        caller.require(AccessRight::RegistrationStatusWrite)?;
        let (dps, actor, filter) = (caller.dps(), caller.actor(), filter(selection));
        let kind = QueryKind::Records(filter.clone());
        let page = PageRequest {
            max_items: Some(BATCH),
            continuation,
        };
        let begin = page.begin(&kind, BATCH)?;
        self.store()
            .write(move |tx| {
                let look = |after: Option<&str>, size: PageSize| {
                    tx.look_at_registrations(&dps, &filter, after, size)
                };
                let page = begin.look(&kind, look)?;
                for record in &page.items {
                    tx.delete_registration(&dps, &record.registration_id)?;
                }
                let deleted = DeletedRecords {
                    count: page.items.len(),
                    continuation: page.continuation,
                };
                if deleted.count == 0 {
                    return Ok::<_, ProvisioningError>(tx.unchanged(deleted));
                }
                let key = filter.group.as_ref().map_or("*", EnrollmentGroupId::as_str);
                let event = AuditEvent::new(actor, Action::Delete, "registration", dps.as_str(), key)
                    .with_detail(remark(deleted.count, &filter));
                Ok(tx.record(&event, deleted)?)
            })
            .await
    }
}

fn filter(selection: RecordSelection) -> RegistrationFilter {
    RegistrationFilter {
        group: selection.group,
        updated_before: selection.updated_before,
        orphans_only: selection.orphans_only,
    }
}

fn remark(count: usize, filter: &RegistrationFilter) -> String {
    let mut words = vec![format!("{count} records")];
    words.extend(
        filter
            .updated_before
            .map(|before| format!("updated before {}", iso(before))),
    );
    words.extend(filter.orphans_only.then(|| "orphans".to_owned()));
    words.join(", ")
}
