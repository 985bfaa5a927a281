//! A fleet that is told to register anew.

use provost_hub::ServiceCaller;
use provost_model::{HubName, JobId, Reprovision, ReprovisionEvent};
use provost_wire::own::{
    DevicesQuery, FleetOperation, ForecastView, Listing, ReprovisionDeviceView, ReprovisionDevicesView,
    ReprovisionInput, ReprovisionView, ResumeInput,
};

use super::super::ApiParts;
use super::super::call::Call;
use super::super::reply::Answer;
use super::telemetry::caller_of;
use super::{Failure, shown};

pub(super) async fn answer(
    parts: &ApiParts,
    call: &Call,
    hub: &HubName,
    operation: FleetOperation,
) -> Result<Answer, Failure> {
    let caller = caller_of(parts, call, hub).await?;
    let change = |id: JobId, event, pause_on| {
        let caller = &caller;
        async move { parts.hub.change_reprovision(caller, &id, event, pause_on).await }
    };
    match operation {
        FleetOperation::List => {
            let runs = parts.hub.reprovisions(&caller).await?;
            let value: Vec<ReprovisionView> = runs.iter().map(ReprovisionView::from).collect();
            Ok(shown(&Listing { value }))
        }
        FleetOperation::Create => create(parts, call, &caller).await,
        FleetOperation::Get(id) => Ok(run(&parts.hub.reprovision(&caller, &id).await?)),
        FleetOperation::Pause(id) => Ok(run(&change(id, ReprovisionEvent::Pause, None).await?)),
        FleetOperation::Cancel(id) => Ok(run(&change(id, ReprovisionEvent::Cancel, None).await?)),
        FleetOperation::Resume(id) => {
            let input = ResumeInput::parse(&call.body)?;
            let event = if input.retry_failed {
                ReprovisionEvent::Retry
            } else {
                ReprovisionEvent::Resume
            };
            Ok(run(&change(id, event, input.pause_on).await?))
        }
        FleetOperation::Devices(id, query) => devices(parts, &caller, id, query).await,
    }
}

async fn create(parts: &ApiParts, call: &Call, caller: &ServiceCaller) -> Result<Answer, Failure> {
    let input = ReprovisionInput::parse(&call.body)?;
    if input.dry_run {
        let forecast = parts
            .hub
            .forecast_reprovision(caller, &input.plan.condition)
            .await?;
        return Ok(shown(&ForecastView {
            dry_run: true,
            devices: forecast.devices,
            connected: forecast.connected,
        }));
    }
    let made = parts.hub.create_reprovision(caller, input.id, input.plan).await?;
    Ok(run(&made))
}

async fn devices(
    parts: &ApiParts,
    caller: &ServiceCaller,
    id: JobId,
    query: DevicesQuery,
) -> Result<Answer, Failure> {
    let page = parts
        .hub
        .reprovision_devices(caller, &id, query.state, query.after, query.limit)
        .await?;
    Ok(shown(&ReprovisionDevicesView {
        value: page.devices.iter().map(ReprovisionDeviceView::from).collect(),
        next: page.next.map(|device| device.to_string()),
    }))
}

fn run(run: &Reprovision) -> Answer {
    shown(&ReprovisionView::from(run))
}
