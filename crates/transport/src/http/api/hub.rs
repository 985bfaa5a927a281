//! The hub's service side (iot-hub-service-api.md).

mod jobs;
mod messages;
mod modules;

use provost_hub::{DeviceView, HubError, QueryItems, ServiceCaller, TwinView};
use provost_model::{DeviceId, IdentityId, PageSize};
use provost_wire::hub::query::{Position, parse_query};
use provost_wire::hub::service::{
    BulkResult, DeviceInput, DeviceStatistics, HEADER_CONTINUATION, HEADER_ITEM_TYPE, HEADER_MAX_ITEM_COUNT,
    HubOperation, HubRoute, ItemError, MethodRequest, NotServed, Presence, RegenerateKeys, RegeneratedKeys,
    ServiceStatistics, device, method_answer, parse_bulk, parse_query_request, parse_twin_patch,
    parse_twin_replacement, twin,
};
use provost_wire::{BodyError, RouteError, json};
use serde_json::Value;

use super::ApiParts;
use super::call::Call;
use super::reply::{Answer, HubShape};

/// Devices a listing gives when the caller names no number.
const DEFAULT_TOP: usize = 1000;
/// Most items of a page of a query (iot-hub-service-api.md 8.1).
const MAX_QUERY_PAGE: usize = 100;

/// Answers one operation.
pub(super) async fn answer(parts: &ApiParts, call: &Call, route: HubRoute) -> Answer {
    let shape = match route.operation {
        HubOperation::InvokeMethod(_) | HubOperation::InvokeModuleMethod(..) => HubShape::Nested,
        _ => HubShape::Classic,
    };
    match perform(parts, call, route.operation).await {
        Ok(answer) => answer,
        Err(Failure::Hub(error)) => parts.hub_failed(call, &error, shape),
        Err(Failure::Body(error)) => parts.hub_refuse(call, error.hub_code(), &error.to_string(), shape),
    }
}

/// An address of the hub with something wrong in it.
pub(super) fn malformed(parts: &ApiParts, call: &Call, error: &RouteError) -> Answer {
    parts.hub_refuse(call, error.code(), &error.public_message(), HubShape::Classic)
}

enum Failure {
    Hub(HubError),
    Body(BodyError),
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

/// Proves the caller before anything else is read: a stranger learns nothing about his body.
async fn perform(parts: &ApiParts, call: &Call, operation: HubOperation) -> Result<Answer, Failure> {
    let hub = &parts.hub;
    let caller = caller(parts, call).await?;
    match operation {
        HubOperation::GetDevice(id) => Ok(device_answer(&hub.device(&caller, &id).await?)),
        HubOperation::PutDevice(id) => put_device(parts, call, &caller, &id).await,
        HubOperation::DeleteDevice(id) => {
            hub.delete_device(&caller, &id, call.if_match()).await?;
            Ok(Answer::no_content())
        }
        HubOperation::ListDevices { top } => list_devices(parts, &caller, top).await,
        HubOperation::BulkDevices => bulk(parts, call, &caller).await,
        HubOperation::Query => query(parts, call, &caller).await,
        HubOperation::DeviceStatistics => device_statistics(parts, &caller).await,
        HubOperation::ServiceStatistics => service_statistics(parts, &caller),
        HubOperation::GetTwin(id) => Ok(twin_answer(&hub.twin(&caller, &id).await?)),
        HubOperation::PatchTwin(id) => patch_twin(parts, call, &caller, &id).await,
        HubOperation::ReplaceTwin(id) => replace_twin(parts, call, &caller, &id).await,
        HubOperation::InvokeMethod(id) => invoke_method(parts, call, &caller, &id).await,
        HubOperation::RegenerateKeys => regenerate_keys(parts, call, &caller).await,
        HubOperation::ListConfigurations => no_configurations(parts, &caller),
        HubOperation::NotServed(what) => not_offered(parts, &caller, what),
        HubOperation::PurgeMessages(id) => messages::purge(parts, &caller, &id).await,
        HubOperation::ReceiveFeedback => messages::receive_feedback(parts, &caller).await,
        HubOperation::CompleteFeedback(token) => messages::complete_feedback(parts, &caller, &token).await,
        HubOperation::AbandonFeedback(token) => messages::abandon_feedback(parts, &caller, &token).await,
        HubOperation::ListModules(device) => modules::list(parts, &caller, &device).await,
        HubOperation::GetModule(device, module) => modules::get(parts, &caller, &device, &module).await,
        HubOperation::PutModule(device, module) => modules::put(parts, call, &caller, &device, &module).await,
        HubOperation::DeleteModule(device, module) => {
            modules::delete(parts, call, &caller, &device, &module).await
        }
        HubOperation::GetModuleTwin(device, module) => {
            modules::get_twin(parts, &caller, &device, &module).await
        }
        HubOperation::PatchModuleTwin(device, module) => {
            modules::patch_twin(parts, call, &caller, (&device, &module)).await
        }
        HubOperation::ReplaceModuleTwin(device, module) => {
            modules::replace_twin(parts, call, &caller, (&device, &module)).await
        }
        HubOperation::InvokeModuleMethod(device, module) => {
            modules::invoke(parts, call, &caller, (&device, &module)).await
        }
        HubOperation::GetJob(id) => jobs::get(parts, &caller, &id).await,
        HubOperation::PutJob(id) => jobs::put(parts, call, &caller, id).await,
        HubOperation::CancelJob(id) => jobs::cancel(parts, &caller, &id).await,
        HubOperation::QueryJobs(query) => jobs::query(parts, call, &caller, query).await,
        HubOperation::ListTransfers => jobs::list_transfers(parts, &caller),
        HubOperation::GetTransfer(_) => jobs::get_transfer(parts, &caller),
        HubOperation::CreateTransfer => jobs::create_transfer(parts, &caller),
    }
}

/// The caller of a request to a hub; shared with the addresses of our own.
pub(super) async fn caller(parts: &ApiParts, call: &Call) -> Result<ServiceCaller, HubError> {
    let authorization = call.authorization.as_ref().map(|text| text.expose().as_str());
    parts
        .hub
        .authenticate_service(&call.host, &call.path, authorization)
        .await
}

async fn device_statistics(parts: &ApiParts, caller: &ServiceCaller) -> Result<Answer, Failure> {
    let counts = parts.hub.device_statistics(caller).await?;
    Ok(Answer::ok(json::to_bytes(&DeviceStatistics {
        total_device_count: counts.total,
        enabled_device_count: counts.enabled,
        disabled_device_count: counts.disabled,
    })))
}

fn service_statistics(parts: &ApiParts, caller: &ServiceCaller) -> Result<Answer, Failure> {
    let connected_device_count = parts.hub.connected_statistics(caller)? as u64;
    Ok(Answer::ok(json::to_bytes(&ServiceStatistics {
        connected_device_count,
    })))
}

async fn patch_twin(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    id: &DeviceId,
) -> Result<Answer, Failure> {
    let write = parse_twin_patch(&call.body)?;
    let patch = parts.hub.patch_twin(caller, id, write, call.if_match());
    Ok(twin_answer(&patch.await?))
}

async fn replace_twin(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    id: &DeviceId,
) -> Result<Answer, Failure> {
    let write = parse_twin_replacement(&call.body)?;
    let replace = parts.hub.replace_twin(caller, id, write, call.if_match());
    Ok(twin_answer(&replace.await?))
}

async fn put_device(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    id: &DeviceId,
) -> Result<Answer, Failure> {
    let input = DeviceInput::parse(&call.body)?;
    let view = parts.hub.put_device(caller, id, input, call.if_match()).await?;
    // 200 also for a new one: Python takes nothing else (iot-hub-service-api.md 2).
    Ok(device_answer(&view))
}

async fn list_devices(parts: &ApiParts, caller: &ServiceCaller, top: Option<u64>) -> Result<Answer, Failure> {
    let top = top.map(|top| usize::try_from(top).unwrap_or(usize::MAX));
    let page = PageSize::clamp(top, DEFAULT_TOP, DEFAULT_TOP);
    let devices = parts.hub.devices(caller, page).await?;
    Ok(value(&Value::Array(devices.iter().map(device_value).collect())))
}

async fn bulk(parts: &ApiParts, call: &Call, caller: &ServiceCaller) -> Result<Answer, Failure> {
    let items = parse_bulk(&call.body)?;
    let refused = parts.hub.bulk(caller, items).await?;
    let errors = refused
        .iter()
        .map(|(id, error)| ItemError::new(id, error.code(), error.public_message()))
        .collect();
    let result = BulkResult::new(errors, Vec::new());
    Ok(Answer::json(result.http_status(), result.to_json()))
}

async fn invoke_method(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    id: &DeviceId,
) -> Result<Answer, Failure> {
    let request = MethodRequest::parse(&call.body)?;
    let answer = parts.hub.invoke_method(caller, id, &request).await?;
    Ok(Answer::ok(method_answer(answer.status, &answer.payload)))
}

fn no_configurations(parts: &ApiParts, caller: &ServiceCaller) -> Result<Answer, Failure> {
    parts.hub.may_manage_configurations(caller)?;
    Ok(value(&Value::Array(Vec::new())))
}

fn not_offered(parts: &ApiParts, caller: &ServiceCaller, what: NotServed) -> Result<Answer, Failure> {
    parts.hub.may_manage_configurations(caller)?;
    Err(HubError::NotOffered(what.words()).into())
}

async fn regenerate_keys(parts: &ApiParts, call: &Call, caller: &ServiceCaller) -> Result<Answer, Failure> {
    let request = RegenerateKeys::parse(&call.body)?;
    let mut answer = RegeneratedKeys::new(request.renewal);
    for (id, renewed) in parts.hub.regenerate_keys(caller, request).await? {
        match renewed {
            Ok(keys) => answer.rotated(&id, &keys),
            Err(error) => answer.failed(ItemError::new(
                &IdentityId::device(id),
                error.code(),
                error.public_message(),
            )),
        }
    }
    Ok(Answer::ok(answer.to_json()))
}

async fn query(parts: &ApiParts, call: &Call, caller: &ServiceCaller) -> Result<Answer, Failure> {
    let text = parse_query_request(&call.body)?;
    let invalid = |message: String| Failure::Hub(HubError::ArgumentInvalid(message));
    let query = parse_query(&text).map_err(|error| invalid(error.to_string()))?;
    let position = match call.header(HEADER_CONTINUATION) {
        None | Some("") => None,
        Some(position) => Some(
            Position::parse(position, &text)
                .ok_or_else(|| invalid("the continuation is not one of this query".to_owned()))?,
        ),
    };
    let size = PageSize::clamp(call.number(HEADER_MAX_ITEM_COUNT), MAX_QUERY_PAGE, MAX_QUERY_PAGE);
    let page = parts.hub.query(caller, query, size, position).await?;
    let (kind, items) = match page.items {
        QueryItems::Twins(items) => ("Twin", items),
        QueryItems::DeviceJobs(items) => ("DeviceJob", items),
        QueryItems::Rows(items) => ("Raw", items),
    };
    let answer = value(&Value::Array(items)).with_header(HEADER_ITEM_TYPE, kind);
    Ok(match page.next {
        Some(next) => answer.with_header(HEADER_CONTINUATION, next.to_text(&text)),
        None => answer,
    })
}

fn presence(view: &DeviceView) -> Presence {
    if view.is_connected {
        Presence::Connected
    } else {
        Presence::Disconnected
    }
}

fn device_value(view: &DeviceView) -> Value {
    device(&view.identity, presence(view))
}

fn device_answer(view: &DeviceView) -> Answer {
    value(&device_value(view)).with_etag(&view.identity.etag)
}

fn twin_answer(view: &TwinView) -> Answer {
    let document = twin(&view.device.identity, &view.twin, presence(&view.device));
    value(&document).with_etag(&view.twin.etag())
}

fn value(value: &Value) -> Answer {
    Answer::ok(json::to_bytes(value))
}
