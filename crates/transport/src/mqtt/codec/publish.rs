//! PUBLISH (MQTT 3.1.1 3.3).

use super::header::{packet_type, put_packet};
use super::primitive::{PacketId, QoS, Reader, field_length, put_number, put_topic};
use super::{DecodeError, EncodeError};

const DUPLICATE: u8 = 0b1000;
const RETAIN: u8 = 0b0001;

/// How a message is delivered. Only acknowledged messages have a packet identifier.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// `QoS` 0.
    AtMostOnce,
    /// `QoS` 1, answered with PUBACK.
    AtLeastOnce(PacketId),
    /// `QoS` 2; the services close the connection on it (iot-hub-device-api.md 4.4).
    ExactlyOnce(PacketId),
}

impl Delivery {
    /// The quality of service.
    pub const fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce(_) => QoS::AtLeastOnce,
            Self::ExactlyOnce(_) => QoS::ExactlyOnce,
        }
    }

    /// The packet identifier, when there is one.
    pub const fn packet_id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce(packet_id) | Self::ExactlyOnce(packet_id) => Some(packet_id),
        }
    }
}

/// A message in either direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Publish<'a> {
    /// Topic name without wildcards, never empty.
    pub topic: &'a str,
    /// Message body, may be empty.
    pub payload: &'a [u8],
    /// Quality of service and packet identifier.
    pub delivery: Delivery,
    /// Set on a repeated acknowledged message, never with `QoS` 0.
    pub duplicate: bool,
    /// RETAIN; accepted and not retained (iot-hub-device-api.md 4.4).
    pub retain: bool,
}

impl<'a> Publish<'a> {
    pub(super) fn decode(flags: u8, mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let duplicate = flags & DUPLICATE != 0;
        let qos = QoS::from_bits((flags >> 1) & 0b11)?;
        if duplicate && qos == QoS::AtMostOnce {
            return Err(DecodeError::DuplicateAtMostOnce);
        }
        let topic = body.topic()?;
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce(body.packet_id()?),
            QoS::ExactlyOnce => Delivery::ExactlyOnce(body.packet_id()?),
        };
        let payload = body.rest();
        Ok(Self {
            topic,
            payload,
            delivery,
            duplicate,
            retain: flags & RETAIN != 0,
        })
    }

    /// Appends the packet to `out`. DUP is left out with `QoS` 0.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let packet_id = self.delivery.packet_id();
        let mut flags = self.delivery.qos().bits() << 1;
        if self.duplicate && packet_id.is_some() {
            flags |= DUPLICATE;
        }
        if self.retain {
            flags |= RETAIN;
        }
        let id_length = if packet_id.is_some() { 2 } else { 0 };
        let remaining = field_length(self.topic.as_bytes()) + id_length + self.payload.len();
        put_packet(out, (packet_type::PUBLISH, flags), remaining, |out| {
            put_topic(out, self.topic)?;
            if let Some(packet_id) = packet_id {
                put_number(out, packet_id.get());
            }
            out.extend_from_slice(self.payload);
            Ok(())
        })
    }
}
