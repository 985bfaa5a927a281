//! Records, quotas and shutting devices out: what an operator's policy may do to its instance.

use provost_model::{DpsName, RegistrationId};
use provost_provisioning::{
    Disenroller, Noun, PageRequest, ProvisioningError, RegistrationOutcome, ServiceCaller,
};
use provost_wire::own::{
    AllocationCallView, BlastRadiusInput, DeletedView, DisenrollInput, Listing, QuotaView, RecordDelete,
    RecordPage, RecordQuery, RecordView,
};

use super::super::ApiParts;
use super::super::call::Call;
use super::super::dps::caller;
use super::super::reply::Answer;
use super::{Failure, shown};

/// The holder of a policy of the instance in the address.
async fn policy(parts: &ApiParts, call: &Call, dps: &DpsName) -> Result<ServiceCaller, Failure> {
    let caller = caller(parts, call).await?;
    if caller.instance().name == *dps {
        Ok(caller)
    } else {
        Err(ProvisioningError::NotFound(Noun::Instance).into())
    }
}

pub(super) async fn quota(parts: &ApiParts, call: &Call, dps: &DpsName) -> Result<Answer, Failure> {
    let caller = policy(parts, call, dps).await?;
    let used = parts.dps.quota(&caller).await?.into_iter();
    let value = used.map(|quota| QuotaView {
        name: quota.name.to_owned(),
        used: quota.used,
        limit: quota.limit,
    });
    Ok(shown(&Listing {
        value: value.collect(),
    }))
}

pub(super) async fn allocation(
    parts: &ApiParts,
    call: &Call,
    dps: DpsName,
    device: RegistrationId,
) -> Result<Answer, Failure> {
    let caller = caller(parts, call).await?;
    let made = parts.dps.allocation_call(&caller, dps, device).await?;
    Ok(shown(&AllocationCallView::from(made)))
}

pub(super) async fn query_records(parts: &ApiParts, call: &Call, dps: &DpsName) -> Result<Answer, Failure> {
    let caller = policy(parts, call, dps).await?;
    let query = RecordQuery::parse(&call.body)?;
    let page = PageRequest {
        max_items: query.top,
        continuation: query.continuation,
    };
    let page = parts.dps.list_records(&caller, query.selection, page).await?;
    let view =
        |outcome: &RegistrationOutcome| RecordView::new(&outcome.record, outcome.assigned_hub.as_ref());
    Ok(shown(&RecordPage {
        value: page.items.iter().map(view).collect(),
        continuation: page.continuation,
    }))
}

pub(super) async fn delete_records(parts: &ApiParts, call: &Call, dps: &DpsName) -> Result<Answer, Failure> {
    let caller = policy(parts, call, dps).await?;
    let RecordDelete {
        selection,
        dry_run,
        continuation,
    } = RecordDelete::parse(&call.body)?;
    let (count, continuation) = if dry_run {
        (parts.dps.count_records(&caller, selection).await?, None)
    } else {
        let deleted = parts.dps.delete_records(&caller, selection, continuation).await?;
        (deleted.count, deleted.continuation)
    };
    Ok(shown(&DeletedView {
        count,
        dry_run,
        continuation,
    }))
}

pub(super) async fn blast_radius(parts: &ApiParts, call: &Call, dps: &DpsName) -> Result<Answer, Failure> {
    let caller = policy(parts, call, dps).await?;
    let input = BlastRadiusInput::parse(&call.body)?;
    Ok(shown(&parts.dps.blast_radius(&caller, input).await?))
}

/// Policies and administrators: the header says which.
pub(super) async fn disenroll(parts: &ApiParts, call: &Call, dps: &DpsName) -> Result<Answer, Failure> {
    let header = call.authorization();
    let is_bearer = header.is_some_and(|text| {
        text.trim_start()
            .get(..7)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "))
    });
    let done = if is_bearer {
        let admin = parts.dps.authenticate_admin(header).await?;
        let input = DisenrollInput::parse(&call.body)?;
        let caller = Disenroller::Admin(&admin, dps);
        parts.dps.disenroll(caller, input).await?
    } else {
        let caller = policy(parts, call, dps).await?;
        let input = DisenrollInput::parse(&call.body)?;
        parts.dps.disenroll(Disenroller::Policy(&caller), input).await?
    };
    Ok(shown(&done))
}
