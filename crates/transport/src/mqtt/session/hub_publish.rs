//! What a device publishes to its hub.

use provost_access::with_tracking_id;
use provost_hub::{DeviceSession, Feature, HubError, RenewalReply};
use provost_model::ModuleId;
use provost_wire::ErrorBody;
use provost_wire::hub::device::{
    DeviceTopic, credentials_topic, parse_bag, parse_reported, parse_topic, twin_document,
    twin_response_topic,
};

use super::Parts;
use super::acknowledging::Acknowledgements;
use super::hub::{End, publish};
use crate::mqtt::codec::{Delivery, Publish};
use crate::mqtt::connection::Outbox;

/// Handles a message. `QoS` 1 is acknowledged once the message is where it belongs, before anything is
/// answered to it unless telemetry sent before is still on its way to the disk: acknowledgements keep
/// their order, answers do not wait.
pub(super) async fn on_publish(
    parts: &Parts,
    session: &DeviceSession,
    acknowledgements: &mut Acknowledgements,
    message: Publish<'_>,
    outbox: &mut Outbox,
) -> Result<(), End> {
    if let Delivery::ExactlyOnce(_) = message.delivery {
        return Err(End::Violation("QoS 2 is not spoken here"));
    }
    match parse_topic(message.topic) {
        DeviceTopic::Telemetry { device, module, bag } if is_own(session, device, module) => {
            on_telemetry(session, acknowledgements, bag, message).await
        }
        DeviceTopic::TwinGet { rid } => {
            acknowledge(acknowledgements, message, outbox);
            let answer = session.twin().await.map(|twin| (200, None, twin_document(&twin)));
            let tracking_id = parts.random.uuid();
            answer_twin(parts, session, (rid, tracking_id), answer, outbox)
        }
        DeviceTopic::TwinReported { rid, version } => {
            let tracking_id = parts.random.uuid();
            let change = on_reported(session, version, message.payload);
            let answer = with_tracking_id(&tracking_id, change).await;
            acknowledge(acknowledgements, message, outbox);
            answer_twin(parts, session, (rid, tracking_id), answer, outbox)
        }
        DeviceTopic::MethodResponse { status, rid } => {
            session.answer_method(rid, status, message.payload.to_vec());
            acknowledge(acknowledgements, message, outbox);
            Ok(())
        }
        DeviceTopic::IssueCertificate { rid } if session.id().is_device() => {
            let answer = match rid {
                Some(rid) => session.renew(rid, message.payload).await?,
                // Without an id there is nothing to answer to (certificate-management.md 3.3).
                None => None,
            };
            acknowledge(acknowledgements, message, outbox);
            answer_renewal(answer, outbox)
        }
        DeviceTopic::IssueCertificate { .. } => Err(End::Violation("modules are issued no certificates")),
        DeviceTopic::Telemetry { .. } => Err(End::Violation("the topic belongs to another device or module")),
        DeviceTopic::Unknown => Err(End::Violation("the topic is not one of the hub's")),
    }
}

fn is_own(session: &DeviceSession, device: &str, module: Option<&str>) -> bool {
    let id = session.id();
    device == id.device_id.as_str() && module == id.module_id.as_ref().map(ModuleId::as_str)
}

fn acknowledge(acknowledgements: &mut Acknowledgements, message: Publish<'_>, outbox: &mut Outbox) {
    if let Some(packet_id) = message.delivery.packet_id() {
        acknowledgements.done(packet_id, outbox);
    }
}

/// Takes the message in and goes on reading; it is acknowledged once it is on disk. What cannot be
/// stored is not acknowledged: the device sends it again on its next connection.
async fn on_telemetry(
    session: &DeviceSession,
    acknowledgements: &mut Acknowledgements,
    bag: &str,
    message: Publish<'_>,
) -> Result<(), End> {
    let bytes = bag.len() + message.payload.len();
    let mut bag = parse_bag(bag).map_err(|_| End::Violation("the properties are not readable"))?;
    if message.retain {
        // Accepted, not retained, and said so to the back end (iot-hub-device-api.md 4.4).
        bag.properties
            .push(("mqtt-retain".to_owned(), Some("true".to_owned())));
    }
    let ticket = session.accept_telemetry(&bag, message.payload).await?;
    acknowledgements.wait_for(ticket, message.delivery.packet_id(), bytes);
    Ok(())
}

/// The outcome of a renewal that waits for the device.
pub(super) async fn deliver_renewal(session: &DeviceSession, outbox: &mut Outbox) -> Result<(), End> {
    let outcome = session.take_renewal().await?;
    answer_renewal(outcome, outbox)
}

fn answer_renewal(answer: Option<RenewalReply>, outbox: &mut Outbox) -> Result<(), End> {
    match answer {
        Some(answer) => publish(
            outbox,
            &credentials_topic(answer.status, &answer.rid),
            &answer.body,
        ),
        None => Ok(()),
    }
}

type TwinAnswer = (u16, Option<i64>, Vec<u8>);

async fn on_reported(
    session: &DeviceSession,
    version: Option<i64>,
    payload: &[u8],
) -> Result<TwinAnswer, HubError> {
    let patch = parse_reported(payload).map_err(|error| HubError::ArgumentInvalid(error.to_string()))?;
    let version = session.patch_reported(patch, version).await?;
    Ok((204, Some(version), Vec::new()))
}

/// Answers a twin request, when the device listens for answers. Node reads only the body, so an
/// error always has one (iot-hub-device-api.md 7.1).
fn answer_twin(
    parts: &Parts,
    session: &DeviceSession,
    (rid, tracking_id): (&str, String),
    answer: Result<TwinAnswer, HubError>,
    outbox: &mut Outbox,
) -> Result<(), End> {
    if let Err(HubError::SessionClosed) = answer {
        return Err(End::Hub(HubError::SessionClosed));
    }
    if !session.is_subscribed(Feature::TwinResponses) {
        return Ok(());
    }
    let (status, version, body) = answer.unwrap_or_else(|error| {
        tracing::info!(
            device = %session.id(),
            error = &error as &dyn std::error::Error,
            tracking_id,
            "twin request refused"
        );
        let body = ErrorBody::new(
            error.code(),
            error.public_message(),
            tracking_id,
            parts.clock.now(),
        );
        (body.http_status(), None, body.to_json())
    });
    publish(outbox, &twin_response_topic(status, rid, version), &body)
}
