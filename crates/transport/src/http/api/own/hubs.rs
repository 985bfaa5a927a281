//! Hubs and their links to instances.

use provost_hub::HubError;
use provost_model::{DpsName, HostName, HubName, RemoteHub};
use provost_provisioning::{AdminCaller, Noun, ProvisioningError, ProvisioningService};
use provost_wire::own::{
    HubInput, HubSummaryView, HubView, LinkedHubInput, LinkedHubView, Listing, RemoteHubInput, RemoteHubView,
};

use super::super::ApiParts;
use super::super::call::Call;
use super::super::reply::Answer;
use super::{Failure, admin, shown};

pub(super) async fn list(parts: &ApiParts, call: &Call) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let mut value: Vec<HubView> = parts
        .hub
        .list_hubs(&admin)
        .await
        .map_err(of_hub)?
        .iter()
        .map(HubView::from)
        .collect();
    for (hub, health) in parts.dps.remote_hubs_health(&admin).await? {
        if let Some(view) = value.iter_mut().find(|view| view.name == hub.name.as_str()) {
            view.remote = Some(RemoteHubView::new(&hub, &health));
        }
    }
    Ok(shown(&Listing { value }))
}

pub(super) async fn get(parts: &ApiParts, call: &Call, hub: &HubName) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let summary = parts.hub.hub_summary(&admin, hub).await.map_err(of_hub)?;
    let mut view = HubView::from(&summary.hub);
    if summary.hub.is_remote {
        let remotes = parts.dps.remote_hubs_health(&admin).await?;
        let found = remotes.iter().find(|(remote, _)| remote.name == *hub);
        view.remote = found.map(|(remote, health)| RemoteHubView::new(remote, health));
    }
    Ok(shown(&HubSummaryView {
        hub: view,
        devices: summary.devices,
        connected: summary.connected as u64,
        links: summary.links,
    }))
}

pub(super) async fn delete(
    parts: &ApiParts,
    call: &Call,
    hub: HubName,
    forced: bool,
) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let deleted = parts.hub.delete_hub(&admin, hub, forced).await;
    deleted.map_err(of_hub)?;
    Ok(Answer::no_content())
}

pub(super) async fn add(parts: &ApiParts, call: &Call) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let input = HubInput::parse(&call.body)?;
    if let Some(remote) = input.remote {
        return add_remote(&parts.dps, &admin, input.name, remote).await;
    }
    let host = match input.host {
        Some(host) => host,
        None => sub_name(input.name.key(), &call.host)?,
    };
    let hub = parts
        .hub
        .add_hub(&admin, input.name, host)
        .await
        .map_err(of_hub)?;
    Ok(shown(&HubView::from(&hub)))
}

async fn add_remote(
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

pub(super) async fn list_links(parts: &ApiParts, call: &Call, dps: DpsName) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let links = parts.dps.linked_hubs(&admin, dps).await?;
    Ok(shown(&Listing {
        value: links.iter().map(LinkedHubView::from).collect(),
    }))
}

pub(super) async fn get_link(
    parts: &ApiParts,
    call: &Call,
    dps: DpsName,
    hub: &HubName,
) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let links = parts.dps.linked_hubs(&admin, dps).await?;
    let link = links.iter().find(|link| link.hub == *hub);
    Ok(shown(&LinkedHubView::from(link.ok_or(HubError::HubNotFound)?)))
}

pub(super) async fn put_link(
    parts: &ApiParts,
    call: &Call,
    dps: DpsName,
    hub: HubName,
) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let input = LinkedHubInput::parse(&call.body)?;
    let (weight, apply) = (input.allocation_weight, input.apply_allocation_policy);
    let link = parts.dps.put_linked_hub(&admin, dps, hub, weight, apply).await?;
    Ok(shown(&LinkedHubView::from(&link)))
}

pub(super) async fn delete_link(
    parts: &ApiParts,
    call: &Call,
    dps: DpsName,
    hub: HubName,
) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    parts.dps.delete_linked_hub(&admin, dps, hub).await?;
    Ok(Answer::no_content())
}

/// To an administrator a hub that is not there is no question of who he is, and what his roles do not allow is
/// told alike everywhere.
fn of_hub(error: HubError) -> Failure {
    match error {
        HubError::HubNotFound => ProvisioningError::NotFound(Noun::Hub).into(),
        HubError::Forbidden(forbidden) => ProvisioningError::Forbidden(forbidden).into(),
        other => other.into(),
    }
}

/// The host of a hub or a provisioning service that was not given one: its name below the server's, which the server
/// certificate covers.
pub(super) fn sub_name(name: &str, host: &str) -> Result<HostName, HubError> {
    let bare = host.rsplit_once(':').map_or(host, |(bare, _port)| bare);
    HostName::parse(&format!("{name}.{bare}")).map_err(|error| HubError::ArgumentInvalid(error.to_string()))
}
