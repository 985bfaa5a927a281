//! SUBSCRIBE, SUBACK, UNSUBSCRIBE (MQTT 3.1.1 3.8 to 3.10).

use super::header::{packet_type, put_packet};
use super::primitive::{PacketId, QoS, Reader, field_length, put_field, put_number};
use super::{DecodeError, EncodeError};

/// A SUBSCRIBE: its list was checked whole when it was decoded.
#[derive(Clone, Copy, Debug)]
pub struct Subscribe<'a> {
    /// Repeated in the SUBACK.
    pub packet_id: PacketId,
    entries: Reader<'a>,
}

impl<'a> Subscribe<'a> {
    pub(super) fn decode(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let packet_id = body.packet_id()?;
        let entries = body;
        if body.is_empty() {
            return Err(DecodeError::EmptyList);
        }
        while !body.is_empty() {
            read_subscription(&mut body)?;
        }
        Ok(Self { packet_id, entries })
    }

    /// Filter and requested quality of service, in the order of the packet; never empty.
    pub fn filters(&self) -> impl Iterator<Item = (&'a str, QoS)> + use<'a> {
        let mut entries = self.entries;
        std::iter::from_fn(move || read_subscription(&mut entries).ok())
    }

    /// Appends a SUBSCRIBE to `out`.
    pub fn encode(
        packet_id: PacketId,
        filters: &[(&str, QoS)],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let lengths = filters
            .iter()
            .map(|(filter, _)| field_length(filter.as_bytes()) + 1);
        let remaining = 2 + lengths.sum::<usize>();
        if filters.is_empty() {
            return Err(EncodeError::EmptyList);
        }
        put_packet(out, (packet_type::SUBSCRIBE, 0b0010), remaining, |out| {
            put_number(out, packet_id.get());
            for (filter, qos) in filters {
                put_field(out, filter.as_bytes())?;
                out.push(qos.bits());
            }
            Ok(())
        })
    }
}

fn read_subscription<'a>(entries: &mut Reader<'a>) -> Result<(&'a str, QoS), DecodeError> {
    let filter = entries.filter()?;
    let options = entries.byte()?;
    if options & 0b1111_1100 != 0 {
        return Err(DecodeError::ReservedBits(options));
    }
    Ok((filter, QoS::from_bits(options)?))
}

/// Answer to one filter of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubscribeReturnCode {
    /// Granted, with the highest quality of service deliveries will have.
    Granted(QoS),
    /// 0x80. Azure closes the connection instead (iot-hub-device-api.md 4.3).
    Failure,
}

impl SubscribeReturnCode {
    const fn code(self) -> u8 {
        match self {
            Self::Granted(qos) => qos.bits(),
            Self::Failure => 0x80,
        }
    }

    fn from_code(code: u8) -> Result<Self, DecodeError> {
        match code {
            0x80 => Ok(Self::Failure),
            bits => QoS::from_bits(bits)
                .map(Self::Granted)
                .map_err(|_| DecodeError::InvalidReturnCode(code)),
        }
    }
}

/// A SUBACK: its list was checked whole when it was decoded.
#[derive(Clone, Copy, Debug)]
pub struct Suback<'a> {
    /// The identifier of the SUBSCRIBE.
    pub packet_id: PacketId,
    codes: &'a [u8],
}

impl<'a> Suback<'a> {
    pub(super) fn decode(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let packet_id = body.packet_id()?;
        let codes = body.rest();
        if codes.is_empty() {
            return Err(DecodeError::EmptyList);
        }
        for code in codes {
            SubscribeReturnCode::from_code(*code)?;
        }
        Ok(Self { packet_id, codes })
    }

    /// One answer per filter, in the order of the SUBSCRIBE.
    pub fn return_codes(&self) -> impl Iterator<Item = SubscribeReturnCode> + use<'a> {
        self.codes
            .iter()
            .filter_map(|code| SubscribeReturnCode::from_code(*code).ok())
    }

    /// Appends a SUBACK to `out`.
    pub fn encode(
        packet_id: PacketId,
        return_codes: &[SubscribeReturnCode],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        if return_codes.is_empty() {
            return Err(EncodeError::EmptyList);
        }
        put_packet(out, (packet_type::SUBACK, 0), 2 + return_codes.len(), |out| {
            put_number(out, packet_id.get());
            out.extend(return_codes.iter().map(|code| code.code()));
            Ok(())
        })
    }
}

/// An UNSUBSCRIBE: its list was checked whole when it was decoded.
#[derive(Clone, Copy, Debug)]
pub struct Unsubscribe<'a> {
    /// Repeated in the UNSUBACK.
    pub packet_id: PacketId,
    entries: Reader<'a>,
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn decode(mut body: Reader<'a>) -> Result<Self, DecodeError> {
        let packet_id = body.packet_id()?;
        let entries = body;
        if body.is_empty() {
            return Err(DecodeError::EmptyList);
        }
        while !body.is_empty() {
            body.filter()?;
        }
        Ok(Self { packet_id, entries })
    }

    /// The filters in the order of the packet; never empty.
    pub fn filters(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut entries = self.entries;
        std::iter::from_fn(move || entries.filter().ok())
    }

    /// Appends an UNSUBSCRIBE to `out`.
    pub fn encode(packet_id: PacketId, filters: &[&str], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let lengths = filters.iter().map(|filter| field_length(filter.as_bytes()));
        let remaining = 2 + lengths.sum::<usize>();
        if filters.is_empty() {
            return Err(EncodeError::EmptyList);
        }
        put_packet(out, (packet_type::UNSUBSCRIBE, 0b0010), remaining, |out| {
            put_number(out, packet_id.get());
            filters
                .iter()
                .try_for_each(|filter| put_field(out, filter.as_bytes()))
        })
    }
}
