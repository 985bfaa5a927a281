//! The device side of the hub over HTTPS (iot-hub-device-api.md 9 and 10).

use std::time::Duration;

use http::header::CONTENT_TYPE;
use provost_hub::{ConnectRefusal, ConnectRequest, DeviceCaller, HubError};
use provost_model::{IdentityId, QueuedMessage};
use provost_wire::BodyError;
use provost_wire::hub::device::{
    DeviceOperation, EVENT_BATCH, HubDeviceRoute, PropertyBag, devicebound_headers, event_properties,
    parse_events,
};

use super::call::Call;
use super::reply::{Answer, HubShape};
use super::{ApiParts, Connection};

/// Asks for a lock of another length, in seconds; the command line of Azure sends it.
const LOCK_TIMEOUT: &str = "iothub-messagelocktimeout";

/// Answers one operation.
pub(super) async fn answer(
    parts: &ApiParts,
    call: &Call,
    connection: &Connection,
    route: HubDeviceRoute,
) -> Answer {
    // Whoever asks for a place to put files reads the newer shape.
    let shape = match route.operation {
        DeviceOperation::BeginFileUpload | DeviceOperation::EndFileUpload => HubShape::Nested,
        _ => HubShape::Classic,
    };
    match perform(parts, call, connection, route).await {
        Ok(answer) => answer,
        Err(Failure::Refused(refusal)) => parts.device_refused(call, &refusal),
        Err(Failure::Hub(error)) => parts.hub_failed(call, &error, shape),
        Err(Failure::Body(error)) => parts.hub_refuse(call, error.hub_code(), &error.to_string(), shape),
    }
}

enum Failure {
    Refused(ConnectRefusal),
    Hub(HubError),
    Body(BodyError),
}

impl From<ConnectRefusal> for Failure {
    fn from(refusal: ConnectRefusal) -> Self {
        Self::Refused(refusal)
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

/// Proves the device before anything else is read.
async fn perform(
    parts: &ApiParts,
    call: &Call,
    connection: &Connection,
    route: HubDeviceRoute,
) -> Result<Answer, Failure> {
    let caller = caller(parts, call, connection, &route.id).await?;
    let hub = &parts.hub;
    match route.operation {
        DeviceOperation::SendEvents => hub.send_events(&caller, &events(call)?).await?,
        DeviceOperation::Receive => {
            let message = hub.receive_message(&caller, lock_asked_for(call)?).await?;
            return Ok(message.map_or_else(Answer::no_content, |message| shown(&caller, message)));
        }
        DeviceOperation::Complete(token) => hub.complete_message(&caller, &token).await?,
        DeviceOperation::Reject(token) => hub.reject_message(&caller, &token).await?,
        DeviceOperation::Abandon(token) => hub.abandon_message(&caller, &token).await?,
        DeviceOperation::BeginFileUpload | DeviceOperation::EndFileUpload => {
            return Err(HubError::NoFileStorage.into());
        }
    }
    Ok(Answer::no_content())
}

async fn caller(
    parts: &ApiParts,
    call: &Call,
    connection: &Connection,
    id: &IdentityId,
) -> Result<DeviceCaller, ConnectRefusal> {
    let certificates = connection.peer.chain();
    let request = ConnectRequest {
        host: &call.host,
        id,
        sas: call.authorization(),
        certificates: certificates.as_ref(),
        is_kept: false,
    };
    parts.hub.authenticate_device(request).await
}

/// One message with its properties in the headers, or several in the body.
fn events(call: &Call) -> Result<Vec<(PropertyBag, Vec<u8>)>, BodyError> {
    let kind = call.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(EVENT_BATCH) {
        return parse_events(&call.body);
    }
    let headers = call.headers.iter();
    let texts = headers.filter_map(|(name, value)| {
        let value = std::str::from_utf8(value.as_bytes()).ok()?;
        Some((name.as_str(), value))
    });
    Ok(vec![(event_properties(texts), call.body.to_vec())])
}

fn lock_asked_for(call: &Call) -> Result<Option<Duration>, HubError> {
    let seconds = call.header(LOCK_TIMEOUT).map(|text| text.trim().parse());
    match seconds {
        None => Ok(None),
        Some(Ok(seconds)) => Ok(Some(Duration::from_secs(seconds))),
        Some(Err(_)) => Err(HubError::ArgumentInvalid(
            "IotHub-MessageLockTimeout must be whole seconds".to_owned(),
        )),
    }
}

fn shown(caller: &DeviceCaller, queued: QueuedMessage) -> Answer {
    let headers = devicebound_headers(caller.device_id(), &queued);
    let answer =
        Answer::ok(queued.message.body).with_header(CONTENT_TYPE.as_str(), "application/octet-stream");
    headers
        .into_iter()
        .fold(answer, |answer, (name, value)| answer.with_header(name, value))
}
