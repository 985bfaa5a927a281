//! What Azure has no contract for, under `/provost/`.

mod audit;
mod fleet;
mod follow;
mod hubs;
mod instances;
mod messages;
mod registry;
mod shutting_out;
mod telemetry;
mod tokens;

use std::sync::Arc;

use provost_access::Permission;
use provost_hub::HubError;
use provost_model::registry::NamespaceLink;
use provost_provisioning::{AdminCaller, ProvisioningError};
use provost_wire::own::{ExplainInput, Health, OwnOperation};
use provost_wire::{BodyError, RouteError, json};

use super::ApiParts;
use super::call::Call;
use super::dps;
use super::reply::{Answer, HubShape};
use crate::metrics::{CONTENT_TYPE, HubNumbers};

/// Answers one operation.
pub(super) async fn answer(parts: &Arc<ApiParts>, call: &Call, operation: OwnOperation) -> Answer {
    match perform(parts, call, operation).await {
        Ok(answer) => answer,
        Err(Failure::Dps(failure)) => failure.answer(parts, call),
        Err(Failure::Hub(error)) => parts.hub_failed(call, &error, HubShape::Classic),
        Err(Failure::HubBody(error)) => {
            parts.hub_refuse(call, error.hub_code(), &error.to_string(), HubShape::Classic)
        }
    }
}

enum Failure {
    Dps(dps::Failure),
    Hub(HubError),
    /// A body that is the hub's to read.
    HubBody(BodyError),
}

impl From<dps::Failure> for Failure {
    fn from(failure: dps::Failure) -> Self {
        Self::Dps(failure)
    }
}

impl From<ProvisioningError> for Failure {
    fn from(error: ProvisioningError) -> Self {
        Self::Dps(error.into())
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self::Hub(error)
    }
}

impl From<RouteError> for Failure {
    fn from(error: RouteError) -> Self {
        Self::Hub(HubError::ArgumentInvalid(error.public_message()))
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::Dps(error.into())
    }
}

async fn perform(parts: &Arc<ApiParts>, call: &Call, operation: OwnOperation) -> Result<Answer, Failure> {
    match operation {
        OwnOperation::Health => Ok(health(parts).await),
        OwnOperation::Metrics => metrics(parts, call).await,
        OwnOperation::Audit(query) => audit::page(parts, call, query).await,
        OwnOperation::CreateAdminToken => tokens::create(parts, call).await,
        OwnOperation::ListAdminTokens => tokens::list(parts, call).await,
        OwnOperation::DeleteAdminToken(name) => tokens::delete(parts, call, name).await,
        OwnOperation::HubNamespace(hub, action) => {
            registry::link(parts, call, NamespaceLink::Hub(hub), action).await
        }
        OwnOperation::DpsNamespace(dps, action) => {
            registry::link(parts, call, NamespaceLink::Dps(dps), action).await
        }
        OwnOperation::Registry(namespace, extra) => registry::answer(parts, call, &namespace, extra).await,
        OwnOperation::Explain => explain(parts, call).await,
        OwnOperation::ListHubs => hubs::list(parts, call).await,
        OwnOperation::AddHub => hubs::add(parts, call).await,
        OwnOperation::GetHub(hub) => hubs::get(parts, call, &hub).await,
        OwnOperation::DeleteHub(hub, forced) => hubs::delete(parts, call, hub, forced).await,
        OwnOperation::ListInstances => instances::list(parts, call).await,
        OwnOperation::AddInstance => instances::add(parts, call).await,
        OwnOperation::GetInstance(dps) => instances::get(parts, call, dps).await,
        OwnOperation::DeleteInstance(dps, forced) => instances::delete(parts, call, dps, forced).await,
        OwnOperation::ListPolicies(owner) => instances::policies(parts, call, owner).await,
        OwnOperation::PutPolicy(owner, name) => instances::put_policy(parts, call, owner, name).await,
        OwnOperation::DeletePolicy(owner, name) => instances::delete_policy(parts, call, owner, name).await,
        OwnOperation::RenewPolicyKey(owner, name) => instances::renew_key(parts, call, owner, name).await,
        OwnOperation::Telemetry(hub, operation) => telemetry::answer(parts, call, &hub, operation).await,
        OwnOperation::SendMessage(hub, device) => messages::send(parts, call, &hub, &device).await,
        OwnOperation::ListLinkedHubs(dps) => hubs::list_links(parts, call, dps).await,
        OwnOperation::GetLinkedHub(dps, hub) => hubs::get_link(parts, call, dps, &hub).await,
        OwnOperation::PutLinkedHub(dps, hub) => hubs::put_link(parts, call, dps, hub).await,
        OwnOperation::DeleteLinkedHub(dps, hub) => hubs::delete_link(parts, call, dps, hub).await,
        OwnOperation::Fleet(hub, operation) => fleet::answer(parts, call, &hub, operation).await,
        OwnOperation::ReadAllocation(dps, device) => shutting_out::allocation(parts, call, dps, device).await,
        OwnOperation::GetQuota(dps) => shutting_out::quota(parts, call, &dps).await,
        OwnOperation::QueryRecords(dps) => shutting_out::query_records(parts, call, &dps).await,
        OwnOperation::DeleteRecords(dps) => shutting_out::delete_records(parts, call, &dps).await,
        OwnOperation::BlastRadius(dps) => shutting_out::blast_radius(parts, call, &dps).await,
        OwnOperation::Disenroll(dps) => shutting_out::disenroll(parts, call, &dps).await,
    }
}

/// The administrator whose token the request carries.
async fn admin(parts: &ApiParts, call: &Call) -> Result<AdminCaller, ProvisioningError> {
    let authorization = call.authorization();
    parts.dps.authenticate_admin(authorization).await
}

/// A server whose keys of CAs are away still serves every device that has a certificate: it answers 200 and says so.
async fn health(parts: &ApiParts) -> Answer {
    let is_well = parts.registry.keys_were_usable().await;
    let status = if is_well { "ok" } else { "keysUnavailable" };
    shown(&Health {
        status: status.to_owned(),
    })
}

/// Open when the configuration says so: scrapers inside a plant often hold no tokens.
async fn metrics(parts: &ApiParts, call: &Call) -> Result<Answer, Failure> {
    if !parts.metrics_open {
        let admin = admin(parts, call).await?;
        admin
            .require(Permission::ServicesRead, None)
            .map_err(ProvisioningError::from)?;
    }
    let hubs = parts.hub.hubs().await?.into_iter();
    let runs = parts.hub.reprovision_counts().await?;
    let renewals = parts.hub.renewal_counts();
    let pending = parts.hub.renewals_pending().await?;
    let of_hubs: Vec<_> = hubs
        .map(|hub| HubNumbers {
            sessions: parts.hub.connected_devices(&hub.name),
            telemetry: parts.hub.telemetry_counts(&hub.name),
            reprovisions: runs
                .iter()
                .filter(|(of, _)| *of == hub.name)
                .map(|(_, counts)| *counts)
                .collect(),
            renewals: renewals
                .iter()
                .filter(|(of, ..)| *of == hub.name)
                .map(|(_, step, count)| (*step, *count))
                .collect(),
            renewals_pending: pending
                .iter()
                .find(|(of, _)| *of == hub.name)
                .map_or(0, |(_, count)| *count),
            hub: hub.name,
        })
        .collect();
    let authorities = parts.registry.standing_authorities().await;
    let authorities = authorities.map_err(ProvisioningError::from)?;
    match parts.registry.offline_numbers().await {
        Ok(roots) => parts.metrics.show_offline_roots(&roots),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "roots kept offline cannot be counted"
        ),
    }
    let are_usable = parts.registry.keys_were_usable().await;
    parts
        .metrics
        .show_key_use(&parts.registry.signature_counts(), &authorities, are_usable);
    let text = parts.metrics.render(&of_hubs, &authorities);
    Ok(Answer::ok(text.into_bytes()).with_header("content-type", CONTENT_TYPE))
}

async fn explain(parts: &ApiParts, call: &Call) -> Result<Answer, Failure> {
    let caller = dps::caller(parts, call).await?;
    let input = ExplainInput::parse(&call.body)?;
    Ok(Answer::ok(parts.dps.explain(&caller, input).await?.to_json()))
}

fn shown<T: serde::Serialize>(value: &T) -> Answer {
    Answer::ok(json::to_bytes(value))
}
