//! The parts of an OCSP response (RFC 6960 4.2.1), cut out of its DER.

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use provost_model::Timestamp;

use super::CertId;
use super::request::{NONCE, is_context};
use super::response::BASIC_RESPONSE;
use crate::extensions::raw_extensions;
use crate::frame::{sequence_value, time};

/// More answers than this nobody gives to one question.
const MAX_RESPONSES: usize = 16;
/// More certificates than a responder needs to be believed.
const MAX_CERTIFICATES: usize = 8;

/// What comes with the status `successful`; the others have a status alone.
pub(super) enum Envelope<'a> {
    Basic(&'a [u8]),
    Refused(u8),
}

pub(super) struct Basic<'a> {
    /// `ResponseData` with its header: what the signature is over.
    pub(super) data: &'a [u8],
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    pub(super) certificates: Vec<&'a [u8]>,
}

pub(super) struct Data<'a> {
    /// The choice of a name (1) or a hash of the key (2), with its content.
    pub(super) responder: (u32, &'a [u8]),
    pub(super) responses: Vec<Single>,
    pub(super) nonce: Option<&'a [u8]>,
}

pub(super) struct Single {
    pub(super) id: CertId,
    pub(super) status: Status,
    pub(super) this_update: Timestamp,
    pub(super) next_update: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Good,
    Revoked { at: Timestamp, reason: Option<u8> },
    Unknown,
}

fn wrong(tag: Tag) -> der::Error {
    tag.value_error().into()
}

fn context<'a>(reader: &mut SliceReader<'a>, wanted: u32) -> der::Result<&'a [u8]> {
    let any = AnyRef::decode(reader)?;
    if is_context(any, wanted) {
        Ok(any.value())
    } else {
        Err(wrong(any.tag()))
    }
}

fn enumerated(reader: &mut SliceReader<'_>) -> der::Result<u8> {
    let any = AnyRef::decode(reader)?;
    any.tag().assert_eq(Tag::Enumerated)?;
    match any.value() {
        [number] => Ok(*number),
        _ => Err(wrong(Tag::Enumerated)),
    }
}

pub(super) fn envelope(der: &[u8]) -> der::Result<Envelope<'_>> {
    let mut outer = SliceReader::new(der)?;
    let envelope = outer.sequence(|reader| {
        match enumerated(reader)? {
            0 => {}
            status => return Ok::<_, der::Error>(Envelope::Refused(status)),
        }
        let mut bytes = SliceReader::new(context(reader, 0)?)?;
        let basic = bytes.sequence(|reader| {
            if ObjectIdentifier::decode(reader)? != BASIC_RESPONSE {
                return Err(wrong(Tag::ObjectIdentifier));
            }
            Ok(<&OctetStringRef>::decode(reader)?.as_bytes())
        })?;
        bytes.finish()?;
        Ok(Envelope::Basic(basic))
    })?;
    outer.finish()?;
    Ok(envelope)
}

impl<'a> Basic<'a> {
    pub(super) fn parse(der: &'a [u8]) -> der::Result<Self> {
        let mut outer = SliceReader::new(der)?;
        let basic = outer.sequence(|reader| {
            let data = reader.tlv_bytes()?;
            let algorithm = sequence_value(reader)?;
            let bits = BitStringRef::decode(reader)?;
            let signature = bits.as_bytes().ok_or_else(|| wrong(Tag::BitString))?;
            let certificates = if reader.is_finished() {
                Vec::new()
            } else {
                certificates(context(reader, 0)?)?
            };
            Ok::<_, der::Error>(Self {
                data,
                algorithm,
                signature,
                certificates,
            })
        })?;
        outer.finish()?;
        Ok(basic)
    }
}

fn certificates(list: &[u8]) -> der::Result<Vec<&[u8]>> {
    let mut outer = SliceReader::new(list)?;
    let mut reader = SliceReader::new(sequence_value(&mut outer)?)?;
    outer.finish()?;
    let mut certificates = Vec::new();
    while !reader.is_finished() {
        if certificates.len() == MAX_CERTIFICATES {
            return Err(wrong(Tag::Sequence));
        }
        certificates.push(reader.tlv_bytes()?);
    }
    Ok(certificates)
}

impl<'a> Data<'a> {
    pub(super) fn parse(der: &'a [u8]) -> der::Result<Self> {
        let mut outer = SliceReader::new(der)?;
        let data = outer.sequence(|reader| {
            let mut field = AnyRef::decode(reader)?;
            // The version, which need not be said: it is 1.
            if is_context(field, 0) {
                field = AnyRef::decode(reader)?;
            }
            let responder = match field.tag() {
                _ if is_context(field, 1) => (1, field.value()),
                _ if is_context(field, 2) => (2, field.value()),
                other => return Err(wrong(other)),
            };
            // When it was made counts for nothing: what it says has times of its own.
            time(reader)?;
            let responses = responses(sequence_value(reader)?)?;
            let nonce = if reader.is_finished() {
                None
            } else {
                nonce(context(reader, 1)?)?
            };
            Ok::<_, der::Error>(Self {
                responder,
                responses,
                nonce,
            })
        })?;
        outer.finish()?;
        Ok(data)
    }
}

fn responses(list: &[u8]) -> der::Result<Vec<Single>> {
    let mut reader = SliceReader::new(list)?;
    let mut responses = Vec::new();
    while !reader.is_finished() {
        if responses.len() == MAX_RESPONSES {
            return Err(wrong(Tag::Sequence));
        }
        responses.push(reader.sequence(single)?);
    }
    Ok(responses)
}

fn single(reader: &mut SliceReader<'_>) -> der::Result<Single> {
    let id = CertId::parse(reader.tlv_bytes()?)?;
    let status = status(AnyRef::decode(reader)?)?;
    let this_update = time(reader)?;
    let mut next_update = None;
    while !reader.is_finished() {
        let field = AnyRef::decode(reader)?;
        if is_context(field, 0) {
            next_update = Some(time(&mut SliceReader::new(field.value())?)?);
        } else if !is_context(field, 1) || raw_extensions(field.value())?.iter().any(|raw| raw.critical) {
            return Err(wrong(field.tag()));
        }
    }
    Ok(Single {
        id,
        status,
        this_update,
        next_update,
    })
}

fn status(field: AnyRef<'_>) -> der::Result<Status> {
    if is_context(field, 0) && field.value().is_empty() {
        return Ok(Status::Good);
    }
    if is_context(field, 2) && field.value().is_empty() {
        return Ok(Status::Unknown);
    }
    if !is_context(field, 1) {
        return Err(wrong(field.tag()));
    }
    let mut reader = SliceReader::new(field.value())?;
    let at = time(&mut reader)?;
    let reason = if reader.is_finished() {
        None
    } else {
        Some(enumerated(&mut SliceReader::new(context(&mut reader, 0)?)?)?)
    };
    reader.finish()?;
    Ok(Status::Revoked { at, reason })
}

fn nonce(extensions: &[u8]) -> der::Result<Option<&[u8]>> {
    let mut nonce = None;
    for raw in raw_extensions(extensions)? {
        if raw.oid == NONCE {
            nonce = Some(<&OctetStringRef>::from_der(raw.value)?.as_bytes());
        } else if raw.critical {
            return Err(wrong(Tag::Sequence));
        }
    }
    Ok(nonce)
}
