//! What Azure has no contract for, under `/provost/`.

use provost_hub::HubError;
use provost_model::{DpsName, HostName, HubName, RegistrationId, RemoteHub};
use provost_provisioning::{AdminCaller, ProvisioningError, ProvisioningService, ServiceCredential};
use provost_wire::own::{
    AdminTokenInput, AdminTokenView, AllocationCallView, Health, HubInput, HubView, LinkedHubInput,
    LinkedHubView, Listing, OwnOperation, RemoteHubInput, RemoteHubView, TelemetryPage, TelemetryQuery,
};
use provost_wire::{BodyError, json};

use super::ApiParts;
use super::call::Call;
use super::hub::caller;
use super::reply::{Answer, HubShape};

/// Answers one operation.
pub(super) async fn answer(parts: &ApiParts, call: &Call, operation: OwnOperation) -> Answer {
    match perform(parts, call, operation).await {
        Ok(answer) => answer,
        Err(Failure::Dps(error)) => parts.dps_failed(call, &error),
        Err(Failure::Hub(error)) => parts.hub_failed(call, &error, HubShape::Classic),
        Err(Failure::Body(error)) => parts.dps_body(call, &error),
    }
}

enum Failure {
    Dps(ProvisioningError),
    Hub(HubError),
    Body(BodyError),
}

impl From<ProvisioningError> for Failure {
    fn from(error: ProvisioningError) -> Self {
        Self::Dps(error)
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self::Hub(error)
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

async fn perform(parts: &ApiParts, call: &Call, operation: OwnOperation) -> Result<Answer, Failure> {
    match operation {
        OwnOperation::Health => Ok(shown(&Health {
            status: "ok".to_owned(),
        })),
        OwnOperation::ReadTelemetry(hub, query) => telemetry(parts, call, &hub, query).await,
        OwnOperation::ReadAllocation(dps, device) => allocation(parts, call, dps, device).await,
        administration => {
            let authorization = Some(call.authorization()).filter(|text| !text.is_empty());
            let admin = parts.dps.authenticate_admin(authorization).await?;
            administer(parts, call, &admin, administration).await
        }
    }
}

async fn administer(
    parts: &ApiParts,
    call: &Call,
    admin: &AdminCaller,
    operation: OwnOperation,
) -> Result<Answer, Failure> {
    let dps = &parts.dps;
    match operation {
        OwnOperation::CreateAdminToken => {
            let AdminTokenInput { name } = AdminTokenInput::parse(&call.body)?;
            let token = dps.create_token(admin, name.clone()).await?;
            Ok(shown(&AdminTokenView {
                name,
                token: token.expose().to_owned(),
            }))
        }
        OwnOperation::ListHubs => list_hubs(parts, admin).await,
        OwnOperation::AddHub => add_hub(parts, call, admin).await,
        OwnOperation::ListLinkedHubs(instance) => {
            let links = dps.linked_hubs(admin, instance).await?;
            Ok(shown(&Listing {
                value: links.iter().map(LinkedHubView::from).collect(),
            }))
        }
        OwnOperation::GetLinkedHub(instance, hub) => {
            let links = dps.linked_hubs(admin, instance).await?;
            let link = links
                .iter()
                .find(|link| link.hub == hub)
                .ok_or(HubError::HubNotFound)?;
            Ok(shown(&LinkedHubView::from(link)))
        }
        OwnOperation::PutLinkedHub(instance, hub) => {
            let input = LinkedHubInput::parse(&call.body)?;
            let (weight, apply) = (input.allocation_weight, input.apply_allocation_policy);
            let link = dps.put_linked_hub(admin, instance, hub, weight, apply).await?;
            Ok(shown(&LinkedHubView::from(&link)))
        }
        OwnOperation::DeleteLinkedHub(instance, hub) => {
            dps.delete_linked_hub(admin, instance, hub).await?;
            Ok(Answer::no_content())
        }
        OwnOperation::Health | OwnOperation::ReadTelemetry(..) | OwnOperation::ReadAllocation(..) => {
            Err(HubError::HubNotFound.into())
        }
    }
}

async fn list_hubs(parts: &ApiParts, admin: &AdminCaller) -> Result<Answer, Failure> {
    let mut value: Vec<HubView> = parts.hub.hubs().await?.iter().map(HubView::from).collect();
    for (hub, health) in parts.dps.remote_hubs_health(admin).await? {
        if let Some(view) = value.iter_mut().find(|view| view.name == hub.name.as_str()) {
            view.remote = Some(RemoteHubView::new(&hub, &health));
        }
    }
    Ok(shown(&Listing { value }))
}

async fn add_hub(parts: &ApiParts, call: &Call, admin: &AdminCaller) -> Result<Answer, Failure> {
    let input = HubInput::parse(&call.body)?;
    if let Some(remote) = input.remote {
        return add_remote_hub(&parts.dps, admin, input.name, remote).await;
    }
    let host = match input.host {
        Some(host) => host,
        None => sub_name(&input.name, &call.host)?,
    };
    let hub = parts.hub.add_hub(admin.actor(), input.name, host).await?;
    Ok(shown(&HubView::from(&hub)))
}

async fn add_remote_hub(
    dps: &ProvisioningService,
    admin: &AdminCaller,
    name: HubName,
    input: RemoteHubInput,
) -> Result<Answer, Failure> {
    let RemoteHubInput {
        host,
        port,
        policy,
        key,
        ca,
    } = input;
    let remote = RemoteHub {
        name,
        host,
        port,
        policy,
        key,
        ca,
    };
    let (hub, health) = dps.put_remote_hub(admin, remote).await?;
    Ok(shown(&HubView {
        name: hub.name.as_str().to_owned(),
        host: hub.host.as_str().to_owned(),
        remote: Some(RemoteHubView::new(&hub, &health)),
    }))
}

async fn allocation(
    parts: &ApiParts,
    call: &Call,
    dps: DpsName,
    device: RegistrationId,
) -> Result<Answer, Failure> {
    let caller = parts
        .dps
        .authenticate_service(ServiceCredential {
            host: &call.host,
            path: &call.path,
            authorization: Some(call.authorization()).filter(|text| !text.is_empty()),
        })
        .await?;
    let made = parts.dps.allocation_call(&caller, dps, device).await?;
    Ok(shown(&AllocationCallView::from(made)))
}

/// The host of a hub that was not given one: its name below the server's, which the server
/// certificate covers.
fn sub_name(hub: &HubName, host: &str) -> Result<HostName, HubError> {
    let bare = host.rsplit_once(':').map_or(host, |(bare, _port)| bare);
    HostName::parse(&format!("{}.{bare}", hub.key()))
        .map_err(|error| HubError::ArgumentInvalid(error.to_string()))
}

async fn telemetry(
    parts: &ApiParts,
    call: &Call,
    hub: &HubName,
    query: TelemetryQuery,
) -> Result<Answer, Failure> {
    let caller = caller(parts, call).await?;
    // The token is the hub's of the host; another hub's buffer is not its to read. Back ends know
    // their hub by its host name, administrators by its name.
    if caller.hub() != hub && parts.hub.hub_by_host(hub.as_str()).await?.name != *caller.hub() {
        return Err(HubError::HubNotFound.into());
    }
    let after = match query.after {
        Some(after) => after,
        None => parts.hub.last_telemetry(&caller).await?,
    };
    let messages = parts
        .hub
        .read_telemetry(&caller, after, query.limit, query.wait)
        .await?;
    Ok(Answer::ok(TelemetryPage::new(&messages, after).to_json()))
}

fn shown<T: serde::Serialize>(value: &T) -> Answer {
    Answer::ok(json::to_bytes(value))
}
