//! Provisioning services, and the shared access policies of services and hubs.

use provost_model::{DpsName, PolicyName, PolicyOwner};
use provost_provisioning::{AdminCaller, InstanceSummary, NewInstance, Noun, PolicyInput, ProvisioningError};
use provost_wire::arm::{key_entry, list as frame};
use provost_wire::dps::service::allocation_word;
use provost_wire::own::{AccessPolicyInput, InstanceInput, Listing, OwnInstanceView, RenewKeyInput};

use super::super::ApiParts;
use super::super::call::Call;
use super::super::reply::Answer;
use super::hubs::sub_name;
use super::{Failure, admin, shown};

pub(super) async fn list(parts: &ApiParts, call: &Call) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let instances = parts.dps.instance_summaries(&admin, None).await?;
    Ok(shown(&Listing {
        value: instances.iter().map(view).collect(),
    }))
}

pub(super) async fn get(parts: &ApiParts, call: &Call, dps: DpsName) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    one(parts, &admin, dps).await
}

async fn one(parts: &ApiParts, admin: &AdminCaller, dps: DpsName) -> Result<Answer, Failure> {
    let found = parts.dps.instance_summaries(admin, Some(dps)).await?;
    let found = found.first();
    let missing = ProvisioningError::NotFound(Noun::Instance);
    Ok(shown(&view(found.ok_or(missing)?)))
}

pub(super) async fn add(parts: &ApiParts, call: &Call) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let input = InstanceInput::parse(&call.body)?;
    let host = match input.host {
        Some(host) => host,
        None => sub_name(input.name.key(), &call.host)?,
    };
    let new = NewInstance {
        name: input.name,
        host,
        allocation: input.allocation,
    };
    let made = parts.dps.add_instance(&admin, new).await?;
    one(parts, &admin, made.name).await
}

pub(super) async fn delete(
    parts: &ApiParts,
    call: &Call,
    dps: DpsName,
    forced: bool,
) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    parts.dps.delete_instance(&admin, dps, forced).await?;
    Ok(Answer::no_content())
}

pub(super) async fn policies(parts: &ApiParts, call: &Call, owner: PolicyOwner) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let policies = parts.dps.reveal_policies(&admin, owner, None).await?;
    Ok(shown(&frame(policies.iter().map(key_entry).collect())))
}

pub(super) async fn put_policy(
    parts: &ApiParts,
    call: &Call,
    owner: PolicyOwner,
    name: PolicyName,
) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let AccessPolicyInput {
        rights,
        primary,
        secondary,
    } = AccessPolicyInput::parse(&call.body)?;
    let input = PolicyInput {
        rights,
        primary,
        secondary,
    };
    let policy = parts.dps.put_policy(&admin, owner, name, input).await?;
    Ok(shown(&key_entry(&policy)))
}

pub(super) async fn delete_policy(
    parts: &ApiParts,
    call: &Call,
    owner: PolicyOwner,
    name: PolicyName,
) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    parts.dps.delete_policy(&admin, owner, name).await?;
    Ok(Answer::no_content())
}

pub(super) async fn renew_key(
    parts: &ApiParts,
    call: &Call,
    owner: PolicyOwner,
    name: PolicyName,
) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let RenewKeyInput { renewal } = RenewKeyInput::parse(&call.body)?;
    let policy = parts.dps.renew_policy_key(&admin, owner, name, renewal).await?;
    Ok(shown(&key_entry(&policy)))
}

fn view(summary: &InstanceSummary) -> OwnInstanceView {
    let instance = &summary.instance;
    OwnInstanceView {
        name: instance.name.to_string(),
        id_scope: instance.id_scope.to_string(),
        host: instance.host.to_string(),
        allocation_policy: allocation_word(instance.allocation).to_owned(),
        linked_hubs: summary.hubs.iter().map(|link| link.hub.to_string()).collect(),
        enrollments: summary.enrollments,
        enrollment_groups: summary.groups,
        registrations: summary.registrations,
    }
}
