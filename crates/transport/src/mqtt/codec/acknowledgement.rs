//! The packets that are only a packet identifier: PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK
//! (MQTT 3.1.1 3.4 to 3.7, 3.11).

use super::DecodeError;
use super::header::packet_type;
use super::primitive::{PacketId, Reader, put_number};

/// Which acknowledgement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Acknowledgement {
    /// Answers a `QoS` 1 PUBLISH.
    Puback,
    /// First answer to a `QoS` 2 PUBLISH.
    Pubrec,
    /// Release of a `QoS` 2 PUBLISH by its sender.
    Pubrel,
    /// Last answer to a `QoS` 2 PUBLISH.
    Pubcomp,
    /// Answers UNSUBSCRIBE.
    Unsuback,
}

impl Acknowledgement {
    /// Appends the packet to `out`.
    pub fn encode(self, packet_id: PacketId, out: &mut Vec<u8>) {
        let first = match self {
            Self::Puback => packet_type::PUBACK << 4,
            Self::Pubrec => packet_type::PUBREC << 4,
            Self::Pubrel => packet_type::PUBREL << 4 | 0b0010,
            Self::Pubcomp => packet_type::PUBCOMP << 4,
            Self::Unsuback => packet_type::UNSUBACK << 4,
        };
        out.extend_from_slice(&[first, 2]);
        put_number(out, packet_id.get());
    }
}

pub(super) fn decode_packet_id(mut body: Reader<'_>) -> Result<PacketId, DecodeError> {
    let packet_id = body.packet_id()?;
    body.finish()?;
    Ok(packet_id)
}
