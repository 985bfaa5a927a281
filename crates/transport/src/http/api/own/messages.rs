//! Messages to devices: Azure takes them over AMQP alone (iot-hub-service-api.md 13).

use provost_model::{DeviceId, HubName};
use provost_wire::hub::service::{MessageInput, MessageSent};
use provost_wire::time;

use super::super::ApiParts;
use super::super::call::Call;
use super::super::reply::Answer;
use super::telemetry::caller_of;
use super::{Failure, shown};

pub(super) async fn send(
    parts: &ApiParts,
    call: &Call,
    hub: &HubName,
    device: &DeviceId,
) -> Result<Answer, Failure> {
    let caller = caller_of(parts, call, hub).await?;
    let input = MessageInput::parse(&call.body).map_err(Failure::HubBody)?;
    let sent = parts.hub.send_message(&caller, device, input).await?;
    Ok(shown(&MessageSent {
        message_id: sent.message_id,
        sequence_number: sent.sequence_number,
        enqueued_time_utc: time::iso(sent.enqueued_at),
        expiry_time_utc: time::iso(sent.expires_at),
    }))
}
