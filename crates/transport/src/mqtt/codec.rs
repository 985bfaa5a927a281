//! MQTT 3.1.1 packets from and to bytes.
//!
//! Sans-I/O and strict: reserved bits, zero identifiers, nul characters, misplaced wildcards,
//! invalid UTF-8 and trailing bytes are refused. Both directions are read, so the server and the
//! device side share it. Decoding borrows from the input and allocates nothing; encoding appends
//! to a `Vec<u8>`.

mod acknowledgement;
mod connect;
mod error;
mod header;
mod primitive;
mod publish;
mod subscribe;
#[cfg(test)]
pub(in crate::mqtt) mod tests;

pub use self::acknowledgement::Acknowledgement;
pub use self::connect::{Connack, Connect, ConnectReturnCode, UnsupportedProtocol, Will};
pub use self::error::{DecodeError, EncodeError};
pub use self::header::{DEFAULT_MAX_REMAINING, FixedHeader};
pub use self::primitive::{PacketId, QoS};
pub use self::publish::{Delivery, Publish};
pub use self::subscribe::{Suback, Subscribe, SubscribeReturnCode, Unsubscribe};

use self::acknowledgement::decode_packet_id;
use self::connect::{DecodedConnect, decode_connect};
use self::header::packet_type;
use self::primitive::Reader;

/// One packet, borrowed from the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// Protocol `MQTT` level 4.
    Connect(Connect<'a>),
    /// A CONNECT of another protocol version.
    UnsupportedConnect(UnsupportedProtocol<'a>),
    /// Answer to CONNECT.
    Connack(Connack),
    /// A message.
    Publish(Publish<'a>),
    /// PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK.
    Acknowledgement(Acknowledgement, PacketId),
    /// Asks for messages.
    Subscribe(Subscribe<'a>),
    /// Answer to SUBSCRIBE.
    Suback(Suback<'a>),
    /// Asks for no more messages.
    Unsubscribe(Unsubscribe<'a>),
    /// Keep-alive question of a client.
    Pingreq,
    /// Keep-alive answer of a server.
    Pingresp,
    /// A client says goodbye; its will is discarded.
    Disconnect,
}

/// Reads the packet at the start of `bytes`.
///
/// Some: the packet and how many bytes it took. None: more bytes are needed. `max_remaining` is
/// the longest accepted remaining length in bytes.
pub fn decode(bytes: &[u8], max_remaining: usize) -> Result<Option<(Packet<'_>, usize)>, DecodeError> {
    let Some(header) = FixedHeader::decode(bytes, max_remaining)? else {
        return Ok(None);
    };
    let length = header.packet_length();
    let Some(body) = bytes.get(header.length..length) else {
        return Ok(None);
    };
    Ok(Some((decode_body(header, Reader::new(body))?, length)))
}

fn decode_body(header: FixedHeader, body: Reader<'_>) -> Result<Packet<'_>, DecodeError> {
    let acknowledgement = |kind: Acknowledgement| {
        decode_packet_id(body).map(|packet_id| Packet::Acknowledgement(kind, packet_id))
    };
    match header.packet_type {
        packet_type::CONNECT => Ok(match decode_connect(body)? {
            DecodedConnect::Supported(connect) => Packet::Connect(connect),
            DecodedConnect::Unsupported(protocol) => Packet::UnsupportedConnect(protocol),
        }),
        packet_type::CONNACK => Connack::decode(body).map(Packet::Connack),
        packet_type::PUBLISH => Publish::decode(header.flags, body).map(Packet::Publish),
        packet_type::PUBACK => acknowledgement(Acknowledgement::Puback),
        packet_type::PUBREC => acknowledgement(Acknowledgement::Pubrec),
        packet_type::PUBREL => acknowledgement(Acknowledgement::Pubrel),
        packet_type::PUBCOMP => acknowledgement(Acknowledgement::Pubcomp),
        packet_type::SUBSCRIBE => Subscribe::decode(body).map(Packet::Subscribe),
        packet_type::SUBACK => Suback::decode(body).map(Packet::Suback),
        packet_type::UNSUBSCRIBE => Unsubscribe::decode(body).map(Packet::Unsubscribe),
        packet_type::UNSUBACK => acknowledgement(Acknowledgement::Unsuback),
        packet_type::PINGREQ => body.finish().map(|()| Packet::Pingreq),
        packet_type::PINGRESP => body.finish().map(|()| Packet::Pingresp),
        packet_type::DISCONNECT => body.finish().map(|()| Packet::Disconnect),
        other => Err(DecodeError::ReservedType(other)),
    }
}

/// Appends a PINGREQ.
pub fn encode_pingreq(out: &mut Vec<u8>) {
    out.extend_from_slice(&[packet_type::PINGREQ << 4, 0]);
}

/// Appends a PINGRESP.
pub fn encode_pingresp(out: &mut Vec<u8>) {
    out.extend_from_slice(&[packet_type::PINGRESP << 4, 0]);
}

/// Appends a DISCONNECT; only clients send it in MQTT 3.1.1.
pub fn encode_disconnect(out: &mut Vec<u8>) {
    out.extend_from_slice(&[packet_type::DISCONNECT << 4, 0]);
}
