//! Modules of devices (iot-hub-service-api.md 11).

use provost_hub::{ModuleTwinView, ModuleView, ServiceCaller};
use provost_model::{DeviceId, ModuleId};
use provost_wire::hub::service::{
    MethodRequest, ModuleInput, method_answer, module, module_twin, parse_twin_patch, parse_twin_replacement,
};
use provost_wire::json;
use serde_json::Value;

use super::{Failure, value};
use crate::http::api::ApiParts;
use crate::http::api::call::Call;
use crate::http::api::reply::Answer;

pub(super) async fn list(
    parts: &ApiParts,
    caller: &ServiceCaller,
    device_id: &DeviceId,
) -> Result<Answer, Failure> {
    let modules = parts.hub.modules(caller, device_id).await?;
    let shown = modules.iter().map(|view| module(&view.identity, view.presence()));
    Ok(value(&Value::Array(shown.collect())))
}

pub(super) async fn get(
    parts: &ApiParts,
    caller: &ServiceCaller,
    device_id: &DeviceId,
    module_id: &ModuleId,
) -> Result<Answer, Failure> {
    let view = parts.hub.module(caller, device_id, module_id).await?;
    Ok(module_answer(200, &view))
}

/// 201 for a new one: the clients take both here (iot-hub-service-api.md 2).
pub(super) async fn put(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    device_id: &DeviceId,
    module_id: &ModuleId,
) -> Result<Answer, Failure> {
    let input = ModuleInput::parse(&call.body)?;
    let put = parts
        .hub
        .put_module(caller, device_id, module_id, input, call.if_match());
    let (view, is_new) = put.await?;
    Ok(module_answer(if is_new { 201 } else { 200 }, &view))
}

pub(super) async fn delete(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    device_id: &DeviceId,
    module_id: &ModuleId,
) -> Result<Answer, Failure> {
    let delete = parts
        .hub
        .delete_module(caller, device_id, module_id, call.if_match());
    delete.await?;
    Ok(Answer::no_content())
}

pub(super) async fn get_twin(
    parts: &ApiParts,
    caller: &ServiceCaller,
    device_id: &DeviceId,
    module_id: &ModuleId,
) -> Result<Answer, Failure> {
    let view = parts.hub.module_twin(caller, device_id, module_id).await?;
    Ok(twin_answer(&view))
}

pub(super) async fn patch_twin(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    id: (&DeviceId, &ModuleId),
) -> Result<Answer, Failure> {
    let write = parse_twin_patch(&call.body)?;
    let patch = parts.hub.patch_module_twin(caller, id, write, call.if_match());
    Ok(twin_answer(&patch.await?))
}

pub(super) async fn replace_twin(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    id: (&DeviceId, &ModuleId),
) -> Result<Answer, Failure> {
    let write = parse_twin_replacement(&call.body)?;
    let replace = parts.hub.replace_module_twin(caller, id, write, call.if_match());
    Ok(twin_answer(&replace.await?))
}

pub(super) async fn invoke(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    (device_id, module_id): (&DeviceId, &ModuleId),
) -> Result<Answer, Failure> {
    let request = MethodRequest::parse(&call.body)?;
    let invoke = parts
        .hub
        .invoke_module_method(caller, device_id, module_id, &request);
    let answer = invoke.await?;
    Ok(Answer::ok(method_answer(answer.status, &answer.payload)))
}

fn twin_answer(view: &ModuleTwinView) -> Answer {
    let shown = module_twin(&view.module.identity, &view.twin, view.module.presence());
    value(&shown).with_etag(&view.twin.etag())
}

fn module_answer(status: u16, view: &ModuleView) -> Answer {
    let shown = module(&view.identity, view.presence());
    Answer::json(status, json::to_bytes(&shown)).with_etag(&view.identity.etag)
}
