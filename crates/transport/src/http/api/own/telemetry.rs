//! What a hub heard, and who read how much of it.

use std::sync::Arc;
use std::time::Duration;

use provost_hub::{HubError, ServiceCaller, TelemetryRead};
use provost_model::{ConsumerGroupName, HubName, PartitionId};
use provost_wire::own::{
    CheckpointInput, CheckpointView, ConsumerGroupView, Listing, PartitionView, TelemetryOperation,
    TelemetryPageView, TelemetryQuery,
};

use super::super::ApiParts;
use super::super::call::Call;
use super::super::hub::caller;
use super::super::reply::Answer;
use super::{Failure, follow, shown};

pub(super) async fn answer(
    parts: &Arc<ApiParts>,
    call: &Call,
    hub: &HubName,
    operation: TelemetryOperation,
) -> Result<Answer, Failure> {
    let caller = caller_of(parts, call, hub).await?;
    match operation {
        TelemetryOperation::Read(query) => read(parts, &caller, query).await,
        TelemetryOperation::Follow(query) => follow::answer(parts, call, &caller, hub, query).await,
        TelemetryOperation::Partitions => partitions(parts, &caller).await,
        TelemetryOperation::ListGroups => list(parts, &caller).await,
        TelemetryOperation::GetGroup(name) => get(parts, &caller, name).await,
        TelemetryOperation::PutGroup(name) => {
            let group = parts.hub.put_consumer_group(&caller, name).await?;
            Ok(shown(&ConsumerGroupView::new(&group, None)))
        }
        TelemetryOperation::DeleteGroup(name) => {
            parts.hub.delete_consumer_group(&caller, name).await?;
            Ok(Answer::no_content())
        }
        TelemetryOperation::PutCheckpoint(name, partition) => {
            put_checkpoint(parts, call, &caller, name, partition).await
        }
    }
}

/// The token is the hub's of the host; another hub's buffer is not its to read. Back ends know their
/// hub by its host name, administrators by its name.
pub(super) async fn caller_of(
    parts: &ApiParts,
    call: &Call,
    hub: &HubName,
) -> Result<ServiceCaller, HubError> {
    let caller = caller(parts, call).await?;
    if caller.hub() != hub && parts.hub.hub_by_host(hub.as_str()).await?.name != *caller.hub() {
        return Err(HubError::HubNotFound);
    }
    Ok(caller)
}

async fn read(parts: &ApiParts, caller: &ServiceCaller, query: TelemetryQuery) -> Result<Answer, Failure> {
    let read = TelemetryRead {
        partition: query.partition,
        device_id: query.device_id,
        limit: query.limit,
        wait: query.wait.unwrap_or(Duration::ZERO),
    };
    let cursor = parts.hub.telemetry_cursor(caller, &read, query.start).await?;
    let page = parts.hub.read_telemetry(caller, &read, cursor).await?;
    let view = TelemetryPageView::new(&page.messages, &page.next, &page.lost);
    Ok(Answer::ok(view.to_json()))
}

async fn partitions(parts: &ApiParts, caller: &ServiceCaller) -> Result<Answer, Failure> {
    let partitions = parts.hub.telemetry_partitions_of(caller).await?;
    Ok(shown(&Listing {
        value: partitions.iter().map(PartitionView::from).collect(),
    }))
}

async fn list(parts: &ApiParts, caller: &ServiceCaller) -> Result<Answer, Failure> {
    let groups = parts.hub.consumer_groups(caller).await?;
    let view = |group| ConsumerGroupView::new(group, None);
    Ok(shown(&Listing {
        value: groups.iter().map(view).collect(),
    }))
}

async fn get(parts: &ApiParts, caller: &ServiceCaller, name: ConsumerGroupName) -> Result<Answer, Failure> {
    let found = parts.hub.consumer_group(caller, name).await?;
    Ok(shown(&ConsumerGroupView::new(
        &found.group,
        Some(&found.checkpoints),
    )))
}

async fn put_checkpoint(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    name: ConsumerGroupName,
    partition: PartitionId,
) -> Result<Answer, Failure> {
    let input = CheckpointInput::parse(&call.body)?;
    let put = parts
        .hub
        .put_checkpoint(caller, name, partition, input.sequence_number, input.previous);
    Ok(shown(&CheckpointView::from(&put.await?)))
}
