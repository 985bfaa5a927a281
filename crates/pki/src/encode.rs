//! Writing DER by hand: where a derived encoder would copy every part once per level.

use const_oid::ObjectIdentifier;
use der::asn1::{GeneralizedTime, UtcTime};
use der::{DateTime, Encode};
use provost_model::Timestamp;
use std::time::Duration;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;

pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// `[number]` of a constructed value.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// `[number]` of a primitive value.
pub(crate) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// Appends tag and length of a value of `length` bytes.
pub(crate) fn header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    if length < 0x80 {
        out.push(u8::try_from(length).unwrap_or(0));
        return;
    }
    let bytes = length.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    out.push(0x80 | u8::try_from(bytes.len() - zeros).unwrap_or(0));
    out.extend(bytes.iter().skip(zeros));
}

/// A value of these parts, one after the other.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    header(&mut out, tag, length);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// An INTEGER that is not negative, from big-endian bytes; an empty slice is zero.
pub(crate) fn unsigned(big_endian: &[u8]) -> Vec<u8> {
    let zeros = big_endian.iter().take_while(|byte| **byte == 0).count();
    match big_endian.get(zeros..) {
        None | Some([]) => vec![INTEGER, 1, 0],
        Some(digits @ [first, ..]) if *first >= 0x80 => tlv(INTEGER, &[&[0], digits]),
        Some(digits) => tlv(INTEGER, &[digits]),
    }
}

/// A BIT STRING of whole bytes.
pub(crate) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[0], bytes])
}

/// An OBJECT IDENTIFIER.
pub(crate) fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    tlv(0x06, &[oid.as_bytes()])
}

/// `UTCTime` to 2049, `GeneralizedTime` after (RFC 5280 4.1.2.5); `None` before 1970 and after 9999.
pub(crate) fn time(at: Timestamp) -> Option<Vec<u8>> {
    let date = date(at)?;
    match UtcTime::from_date_time(date) {
        Ok(utc) => utc.to_der().ok(),
        Err(_) => GeneralizedTime::from_date_time(date).to_der().ok(),
    }
}

/// `GeneralizedTime` of any year, as OCSP has it.
pub(crate) fn generalized_time(at: Timestamp) -> Option<Vec<u8>> {
    GeneralizedTime::from_date_time(date(at)?).to_der().ok()
}

/// The instant for people, in UTC, whole seconds.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    date(at).map_or_else(
        || format!("{} s after 1970", at.unix_seconds()),
        |date| date.to_string(),
    )
}

fn date(at: Timestamp) -> Option<DateTime> {
    let seconds = u64::try_from(at.unix_seconds()).ok()?;
    DateTime::from_unix_duration(Duration::from_secs(seconds)).ok()
}

/// One `Extension` (RFC 5280 4.1).
pub(crate) fn extension(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[BOOLEAN, 1, 0xff] } else { &[] };
    tlv(SEQUENCE, &[&oid(id), flag, &tlv(OCTET_STRING, &[value])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_few_bytes_as_they_can() {
        for (length, expected) in [
            (0, vec![4, 0]),
            (127, vec![4, 127]),
            (128, vec![4, 0x81, 128]),
            (256, vec![4, 0x82, 1, 0]),
            (70_000, vec![4, 0x83, 1, 0x11, 0x70]),
        ] {
            let mut out = Vec::new();
            header(&mut out, OCTET_STRING, length);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn integers_are_positive_and_short() {
        assert_eq!(unsigned(&[]), [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0]), [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
    }
}
