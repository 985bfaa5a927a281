//! The fixed header: packet type, flags, remaining length (MQTT 3.1.1 2.2).

use super::{DecodeError, EncodeError};

/// Default limit of a packet's remaining length in bytes: a 256 KiB message with 4 KiB of topic
/// and properties on top (iot-hub-device-api.md 4.3, 5).
pub const DEFAULT_MAX_REMAINING: usize = 262_144 + 4_096;

/// Longest remaining length the wire can say, bytes.
pub(super) const MAX_REMAINING: usize = 268_435_455;

/// Packet types as the upper four bits of the first byte.
pub(super) mod packet_type {
    pub(in crate::mqtt::codec) const CONNECT: u8 = 1;
    pub(in crate::mqtt::codec) const CONNACK: u8 = 2;
    pub(in crate::mqtt::codec) const PUBLISH: u8 = 3;
    pub(in crate::mqtt::codec) const PUBACK: u8 = 4;
    pub(in crate::mqtt::codec) const PUBREC: u8 = 5;
    pub(in crate::mqtt::codec) const PUBREL: u8 = 6;
    pub(in crate::mqtt::codec) const PUBCOMP: u8 = 7;
    pub(in crate::mqtt::codec) const SUBSCRIBE: u8 = 8;
    pub(in crate::mqtt::codec) const SUBACK: u8 = 9;
    pub(in crate::mqtt::codec) const UNSUBSCRIBE: u8 = 10;
    pub(in crate::mqtt::codec) const UNSUBACK: u8 = 11;
    pub(in crate::mqtt::codec) const PINGREQ: u8 = 12;
    pub(in crate::mqtt::codec) const PINGRESP: u8 = 13;
    pub(in crate::mqtt::codec) const DISCONNECT: u8 = 14;
}

/// The fixed header of one packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FixedHeader {
    pub(super) packet_type: u8,
    pub(super) flags: u8,
    /// Bytes of the header itself, 2 to 5.
    pub(super) length: usize,
    /// Bytes that follow the header.
    pub(super) remaining: usize,
}

impl FixedHeader {
    /// Reads the header at the start of `bytes`; None when more bytes are needed.
    ///
    /// A wrong type, wrong flags and a length over `max_remaining` are reported as soon as they
    /// can be seen, before the body arrives.
    pub fn decode(bytes: &[u8], max_remaining: usize) -> Result<Option<Self>, DecodeError> {
        let Some((first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let (packet_type, flags) = (first >> 4, first & 0b1111);
        check_flags(packet_type, flags)?;
        let mut remaining = 0_usize;
        for (index, byte) in rest.iter().take(4).enumerate() {
            remaining |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                if remaining > max_remaining {
                    let limit = max_remaining;
                    return Err(DecodeError::TooLarge { remaining, limit });
                }
                let length = index + 2;
                return Ok(Some(Self {
                    packet_type,
                    flags,
                    length,
                    remaining,
                }));
            }
        }
        if rest.len() >= 4 {
            Err(DecodeError::InvalidLength)
        } else {
            Ok(None)
        }
    }

    /// Bytes of the whole packet, header included.
    pub const fn packet_length(&self) -> usize {
        self.length + self.remaining
    }
}

const fn check_flags(packet_type: u8, flags: u8) -> Result<(), DecodeError> {
    let wanted = match packet_type {
        0 | 15 => return Err(DecodeError::ReservedType(packet_type)),
        // The flags of PUBLISH carry DUP, QoS and RETAIN and are read with the packet.
        packet_type::PUBLISH => return Ok(()),
        packet_type::PUBREL | packet_type::SUBSCRIBE | packet_type::UNSUBSCRIBE => 0b0010,
        _ => 0,
    };
    if flags == wanted {
        Ok(())
    } else {
        Err(DecodeError::ReservedFlags { packet_type, flags })
    }
}

/// Appends a packet: header, then what `body` writes, which must be `remaining` bytes.
/// After an error `out` is as it was.
pub(super) fn put_packet(
    out: &mut Vec<u8>,
    (packet_type, flags): (u8, u8),
    remaining: usize,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    if remaining > MAX_REMAINING {
        return Err(EncodeError::PacketTooLong(remaining));
    }
    let start = out.len();
    out.reserve(remaining.saturating_add(5));
    out.push(packet_type << 4 | flags);
    put_remaining(out, remaining);
    let body_start = out.len();
    let result = body(out);
    if result.is_err() {
        out.truncate(start);
    } else {
        debug_assert_eq!(out.len() - body_start, remaining, "length of the body");
    }
    result
}

fn put_remaining(out: &mut Vec<u8>, mut remaining: usize) {
    loop {
        let [low, ..] = remaining.to_le_bytes();
        let digit = low & 0x7f;
        remaining >>= 7;
        if remaining == 0 {
            out.push(digit);
            return;
        }
        out.push(digit | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_lengths_of_the_specification_round_trip() {
        for remaining in [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, MAX_REMAINING] {
            let mut bytes = vec![0x30];
            put_remaining(&mut bytes, remaining);
            let header = FixedHeader::decode(&bytes, MAX_REMAINING).unwrap().unwrap();
            assert_eq!((header.remaining, header.length), (remaining, bytes.len()));
            for cut in 0..bytes.len() {
                assert_eq!(FixedHeader::decode(&bytes[..cut], MAX_REMAINING), Ok(None));
            }
        }
    }

    #[test]
    fn a_length_of_five_bytes_is_refused() {
        let bytes = [0x30, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(
            FixedHeader::decode(&bytes, MAX_REMAINING),
            Err(DecodeError::InvalidLength)
        );
    }

    #[test]
    fn the_limit_is_judged_before_the_body_arrives() {
        let bytes = [0x30, 0x80, 0x01];
        let error = DecodeError::TooLarge {
            remaining: 128,
            limit: 127,
        };
        assert_eq!(FixedHeader::decode(&bytes, 127), Err(error));
        assert!(FixedHeader::decode(&bytes, 128).unwrap().is_some());
    }

    #[test]
    fn reserved_types_and_flags_are_refused_at_the_first_byte() {
        assert_eq!(FixedHeader::decode(&[0x00], 0), Err(DecodeError::ReservedType(0)));
        assert_eq!(
            FixedHeader::decode(&[0xf0], 0),
            Err(DecodeError::ReservedType(15))
        );
        let error = DecodeError::ReservedFlags {
            packet_type: 8,
            flags: 0,
        };
        assert_eq!(FixedHeader::decode(&[0x80], 0), Err(error));
        let error = DecodeError::ReservedFlags {
            packet_type: 12,
            flags: 1,
        };
        assert_eq!(FixedHeader::decode(&[0xc1], 0), Err(error));
    }
}
