//! What a device wants to hear from its hub (iot-hub-device-api.md 7.5).

use provost_hub::{DeviceSession, Feature, Granted};
use provost_model::{IdentityId, ModuleId};
use provost_wire::hub::device::{Subscription, parse_filter};

use super::hub::End;
use crate::mqtt::codec::{QoS, Subscribe, SubscribeReturnCode, Unsubscribe};
use crate::mqtt::connection::Outbox;

/// Answered with one code for each filter, once all of them are heard. Azure closes the connection
/// on a filter it does not know instead of answering 0x80 (iot-hub-device-api.md 4.3).
pub(super) async fn on_subscribe(
    session: &DeviceSession,
    subscribe: &Subscribe<'_>,
    outbox: &mut Outbox,
) -> Result<(), End> {
    let mut wanted = Vec::new();
    let mut codes = Vec::new();
    for (filter, qos) in subscribe.filters() {
        let subscription =
            parse_filter(filter).ok_or(End::Violation("the filter is not one of the hub's"))?;
        let feature = feature(session.id(), &subscription)
            .ok_or(End::Violation("the filter belongs to another device or module"))?;
        // Exactly once is not spoken here (iot-hub-device-api.md 4.4).
        let (granted, code) = match qos {
            QoS::AtMostOnce => (Granted::AtMostOnce, QoS::AtMostOnce),
            QoS::AtLeastOnce | QoS::ExactlyOnce => (Granted::AtLeastOnce, QoS::AtLeastOnce),
        };
        wanted.push((feature, granted));
        codes.push(SubscribeReturnCode::Granted(code));
    }
    session.subscribe_all(&wanted).await?;
    outbox
        .suback(subscribe.packet_id, &codes)
        .map_err(|_| End::Violation("too many filters in one packet"))
}

/// Filters the session does not hold are answered all the same (MQTT 3.1.1 3.11).
pub(super) async fn on_unsubscribe(
    session: &DeviceSession,
    unsubscribe: &Unsubscribe<'_>,
    outbox: &mut Outbox,
) -> Result<(), End> {
    let unwanted: Vec<Feature> = unsubscribe
        .filters()
        .filter_map(|filter| feature(session.id(), &parse_filter(filter)?))
        .collect();
    session.unsubscribe_all(&unwanted).await?;
    outbox.unsuback(unsubscribe.packet_id);
    Ok(())
}

/// What a subscription is for; `None` when it is not this session's to have.
fn feature(id: &IdentityId, subscription: &Subscription) -> Option<Feature> {
    let is_own = |device: &str, module: Option<&str>| {
        device == id.device_id.as_str() && module == id.module_id.as_ref().map(ModuleId::as_str)
    };
    match subscription {
        Subscription::TwinResponses => Some(Feature::TwinResponses),
        Subscription::DesiredChanges => Some(Feature::Desired),
        Subscription::Methods => Some(Feature::Methods),
        Subscription::CredentialResponses => Some(Feature::CredentialResponses),
        Subscription::CloudToDevice { device } => is_own(device, None).then_some(Feature::CloudToDevice),
        Subscription::ModuleInputs { device, module } => {
            is_own(device, Some(module)).then_some(Feature::ModuleInputs)
        }
        Subscription::ModuleMessages { device, module } => {
            is_own(device, Some(module)).then_some(Feature::ModuleMessages)
        }
    }
}
