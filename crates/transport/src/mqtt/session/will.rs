//! What is said for a device that is lost (iot-hub-device-api.md 4.5).

use provost_hub::DeviceSession;
use provost_model::{IdentityId, ModuleId};
use provost_wire::hub::device::{DeviceTopic, PropertyBag, parse_bag, parse_topic};
use tracing::warn;

use crate::mqtt::codec::{self, QoS};

/// A telemetry message, kept for when the connection ends without a DISCONNECT. No larger than the
/// CONNECT it came in.
#[derive(Debug)]
pub(super) struct Will {
    bag: PropertyBag,
    payload: Vec<u8>,
}

impl Will {
    /// Reads the will of a CONNECT; says what is wrong with it. Only a message to the client's own
    /// events topic is legal.
    pub(super) fn read(will: &codec::Will<'_>, id: &IdentityId) -> Result<Self, &'static str> {
        if will.qos == QoS::ExactlyOnce {
            return Err("QoS 2 is not spoken here");
        }
        let DeviceTopic::Telemetry { device, module, bag } = parse_topic(will.topic) else {
            return Err("its topic is not one for events");
        };
        if device != id.device_id.as_str() || module != id.module_id.as_ref().map(ModuleId::as_str) {
            return Err("its topic belongs to another device or module");
        }
        let mut bag = parse_bag(bag).map_err(|_| "its properties are not readable")?;
        let mut mark = |key: &str, value: &str| {
            bag.properties.retain(|(name, _)| name != key);
            bag.properties.push((key.to_owned(), Some(value.to_owned())));
        };
        mark("iothub-MessageType", "Will");
        if will.retain {
            mark("mqtt-retain", "true");
        }
        Ok(Self {
            bag,
            payload: will.payload.to_vec(),
        })
    }

    /// Ends the session and says its last words, which nobody waits for an answer to.
    pub(super) async fn publish(self, session: DeviceSession) {
        let id = session.id().clone();
        if let Err(error) = session.end_with(self.bag, self.payload).await {
            warn!(device = %id, error = &error as &dyn std::error::Error, "a will was lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(topic: &str, qos: QoS, id: &str) -> Result<Will, &'static str> {
        let will = codec::Will {
            topic,
            payload: b"gone",
            qos,
            retain: true,
        };
        Will::read(&will, &IdentityId::parse(id).unwrap())
    }

    #[test]
    fn own_events_topic_is_legal_and_marked() {
        for (topic, id) in [
            ("devices/d/messages/events/a=1&iothub-MessageType=x", "d"),
            ("devices/d/modules/m/messages/events/a=1", "d/m"),
        ] {
            let will = read(topic, QoS::AtLeastOnce, id).unwrap();
            let properties: Vec<_> = will
                .bag
                .properties
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_deref()))
                .collect();
            let marked = [
                ("a", Some("1")),
                ("iothub-MessageType", Some("Will")),
                ("mqtt-retain", Some("true")),
            ];
            assert_eq!(properties, marked, "{topic}");
            assert_eq!(will.payload, b"gone");
        }
    }

    #[test]
    fn every_other_will_is_refused() {
        for (topic, qos, id) in [
            ("devices/other/messages/events/", QoS::AtMostOnce, "d"),
            ("devices/d/modules/m/messages/events/", QoS::AtMostOnce, "d"),
            ("devices/d/messages/events/", QoS::AtMostOnce, "d/m"),
            ("devices/d/messages/events/", QoS::ExactlyOnce, "d"),
            ("$iothub/twin/GET/?$rid=1", QoS::AtMostOnce, "d"),
            ("anything", QoS::AtMostOnce, "d"),
        ] {
            assert!(read(topic, qos, id).is_err(), "{topic}");
        }
    }
}
