//! The field types every packet is made of: numbers, texts, binary fields, packet identifiers.

use std::num::NonZeroU16;

use super::{DecodeError, EncodeError};

/// Identifies one unacknowledged packet of one direction of one connection; never zero.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The first identifier a sender uses.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// None for zero.
    pub const fn new(value: u16) -> Option<Self> {
        match NonZeroU16::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number on the wire, 1 to 65,535.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The identifier after this one; 65,535 is followed by 1.
    pub fn next(self) -> Self {
        self.0.checked_add(1).map_or(Self::FIRST, Self)
    }
}

/// Quality of service of a message or of a subscription (MQTT 3.1.1 4.3).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum QoS {
    /// 0: no acknowledgement.
    AtMostOnce,
    /// 1: acknowledged with PUBACK, may arrive twice.
    AtLeastOnce,
    /// 2: the four-way exchange.
    ExactlyOnce,
}

impl QoS {
    /// The two bits on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
            Self::ExactlyOnce => 2,
        }
    }

    pub(super) const fn from_bits(bits: u8) -> Result<Self, DecodeError> {
        match bits {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            2 => Ok(Self::ExactlyOnce),
            other => Err(DecodeError::InvalidQos(other)),
        }
    }
}

/// Reads fields from the body of one packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// Everything up to the end of the packet.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.bytes.split_first().ok_or(DecodeError::Truncated)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.number()?).ok_or(DecodeError::ZeroPacketId)
    }

    /// A field with a two-byte length in front.
    pub(super) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = usize::from(self.number()?);
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let text = std::str::from_utf8(self.binary()?).map_err(|_| DecodeError::InvalidUtf8)?;
        if text.contains('\0') {
            return Err(DecodeError::NulInText);
        }
        Ok(text)
    }

    pub(super) fn topic(&mut self) -> Result<&'a str, DecodeError> {
        let topic = self.text()?;
        if is_topic_name(topic) {
            Ok(topic)
        } else {
            Err(DecodeError::InvalidTopic)
        }
    }

    pub(super) fn filter(&mut self) -> Result<&'a str, DecodeError> {
        let filter = self.text()?;
        if is_topic_filter(filter) {
            Ok(filter)
        } else {
            Err(DecodeError::InvalidFilter)
        }
    }

    /// Ends the reading of a packet; nothing may be left.
    pub(super) const fn finish(self) -> Result<(), DecodeError> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes(self.bytes.len()))
        }
    }
}

/// Bytes a text or binary field takes.
pub(super) const fn field_length(field: &[u8]) -> usize {
    field.len().saturating_add(2)
}

pub(super) fn put_number(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_be_bytes());
}

pub(super) fn put_field(out: &mut Vec<u8>, field: &[u8]) -> Result<(), EncodeError> {
    let length = u16::try_from(field.len()).map_err(|_| EncodeError::FieldTooLong(field.len()))?;
    put_number(out, length);
    out.extend_from_slice(field);
    Ok(())
}

pub(super) fn put_topic(out: &mut Vec<u8>, topic: &str) -> Result<(), EncodeError> {
    if !is_topic_name(topic) || topic.contains('\0') {
        return Err(EncodeError::InvalidTopic);
    }
    put_field(out, topic.as_bytes())
}

fn is_topic_name(topic: &str) -> bool {
    !topic.is_empty() && !topic.contains(['+', '#'])
}

/// `#` only as the whole last level, `+` only as a whole level (MQTT 3.1.1 4.7.1).
fn is_topic_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let is_wrong = match level {
            "#" => levels.peek().is_some(),
            "+" => false,
            other => other.contains(['+', '#']),
        };
        if is_wrong {
            return false;
        }
    }
    !filter.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_alone_in_their_level() {
        for filter in ["#", "+", "a/#", "+/a/+", "/", "$dps/registrations/res/#"] {
            assert!(is_topic_filter(filter), "{filter}");
        }
        for filter in ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a/b#"] {
            assert!(!is_topic_filter(filter), "{filter}");
        }
    }

    #[test]
    fn packet_ids_wrap_past_zero() {
        assert_eq!(PacketId::new(0), None);
        assert_eq!(PacketId::new(7).unwrap().next().get(), 8);
        assert_eq!(PacketId::new(u16::MAX).unwrap().next(), PacketId::FIRST);
    }
}
