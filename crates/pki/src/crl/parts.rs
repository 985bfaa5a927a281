use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::asn1::{AnyRef, UintRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use provost_model::Timestamp;
use provost_model::registry::SerialNumber;

use super::build::ISSUING_DISTRIBUTION_POINT;
use super::{CrlEntry, CrlError};
use crate::extensions::{RawExtension, authority_key_id, raw_extensions};
use crate::frame::{sequence_value, time};

/// `TBSCertList` (RFC 5280 5.1).
pub(super) struct Fields<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) this_update: Timestamp,
    pub(super) next_update: Option<Timestamp>,
    /// Content of the SEQUENCE OF entries.
    pub(super) revoked: Option<&'a [u8]>,
    pub(super) extensions: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    pub(super) fn parse(tbs: &'a [u8], signature_algorithm: &[u8]) -> der::Result<Self> {
        SliceReader::new(tbs)?.sequence(|reader| {
            if Tag::peek(reader)? == Tag::Integer && u8::decode(reader)? != 1 {
                return Err(Tag::Integer.value_error().into());
            }
            if sequence_value(reader)? != signature_algorithm {
                return Err(Tag::Sequence.value_error().into());
            }
            let issuer = reader.tlv_bytes()?;
            let this_update = time(reader)?;
            let next =
                |reader: &SliceReader<'_>| (!reader.is_finished()).then(|| Tag::peek(reader)).transpose();
            let next_update = match next(reader)? {
                Some(Tag::UtcTime | Tag::GeneralizedTime) => Some(time(reader)?),
                _ => None,
            };
            let revoked = match next(reader)? {
                Some(Tag::Sequence) => Some(sequence_value(reader)?),
                _ => None,
            };
            let extensions = match next(reader)? {
                None => None,
                Some(_) => Some(explicit_0(reader)?),
            };
            Ok::<_, der::Error>(Self {
                issuer,
                this_update,
                next_update,
                revoked,
                extensions,
            })
        })
    }
}

/// The content of `[0] EXPLICIT`.
fn explicit_0<'a>(reader: &mut SliceReader<'a>) -> der::Result<&'a [u8]> {
    let any = AnyRef::decode(reader)?;
    match any.tag() {
        Tag::ContextSpecific {
            constructed: true,
            number: TagNumber(0),
        } => Ok(any.value()),
        other => Err(other.value_error().into()),
    }
}

#[derive(Default)]
pub(super) struct Extensions {
    pub(super) number: Option<Vec<u8>>,
    pub(super) authority_key_id: Option<Box<[u8]>>,
    pub(super) part: Option<String>,
    pub(super) unsupported: Option<ObjectIdentifier>,
}

impl Extensions {
    pub(super) fn parse(der: Option<&[u8]>) -> der::Result<Self> {
        let mut extensions = Self::default();
        for raw in der.map_or(Ok(Vec::new()), raw_extensions)? {
            match raw.oid {
                rfc5280::ID_CE_CRL_NUMBER => {
                    extensions.number = Some(UintRef::from_der(raw.value)?.as_bytes().to_vec());
                }
                rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER => {
                    extensions.authority_key_id = authority_key_id(raw.value)?;
                }
                ISSUING_DISTRIBUTION_POINT => match point_address(raw.value) {
                    Some(address) => extensions.part = Some(address),
                    None => extensions.unsupported = Some(raw.oid),
                },
                other if raw.critical => extensions.unsupported = Some(other),
                _ => {}
            }
        }
        Ok(extensions)
    }
}

/// The address of an issuing distribution point that has one address and nothing else, or flags that
/// narrow it to leaves or CAs. Others (indirect, by reason) are not understood.
fn point_address(der: &[u8]) -> Option<String> {
    let explicit = |der, wanted| {
        let any = AnyRef::from_der(der).ok()?;
        let is_wanted =
            matches!(any.tag(), Tag::ContextSpecific { number: TagNumber(number), .. } if number == wanted);
        is_wanted.then_some(any.value())
    };
    let point = AnyRef::from_der(der).ok()?;
    point.tag().assert_eq(Tag::Sequence).ok()?;
    let mut reader = SliceReader::new(point.value()).ok()?;
    let address = explicit(reader.tlv_bytes().ok()?, 0)?;
    let address = explicit(explicit(address, 0)?, 6)?;
    while !reader.is_finished() {
        let flag = AnyRef::decode(&mut reader).ok()?;
        if !matches!(
            flag.tag(),
            Tag::ContextSpecific {
                number: TagNumber(1 | 2),
                ..
            }
        ) {
            return None;
        }
    }
    String::from_utf8(address.to_vec()).ok()
}

/// The first critical extension of any entry: none is understood (`certificateIssuer` makes a list an
/// indirect one).
pub(super) fn entry_extension(list: Option<&[u8]>) -> Result<Option<ObjectIdentifier>, CrlError> {
    for entry in list.map(Raw::over).into_iter().flatten() {
        let entry = entry?;
        for raw in extensions_of(entry.extensions)? {
            if raw.critical {
                return Ok(Some(raw.oid));
            }
        }
    }
    Ok(None)
}

fn extensions_of(der: Option<&[u8]>) -> Result<Vec<RawExtension<'_>>, CrlError> {
    let read = der.map_or(Ok(Vec::new()), raw_extensions);
    read.map_err(|_| CrlError::Malformed("entry extensions"))
}

/// The entries as they stand.
struct Raw<'a>(Option<SliceReader<'a>>);

struct RawEntry<'a> {
    serial: &'a [u8],
    at: Timestamp,
    extensions: Option<&'a [u8]>,
}

impl<'a> Raw<'a> {
    fn over(list: &'a [u8]) -> Self {
        Self(SliceReader::new(list).ok())
    }
}

impl<'a> Iterator for Raw<'a> {
    type Item = Result<RawEntry<'a>, CrlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.0.as_mut().filter(|reader| !reader.is_finished())?;
        let entry = reader.sequence(|reader| {
            let serial = AnyRef::decode(reader)?;
            serial.tag().assert_eq(Tag::Integer)?;
            Ok::<_, der::Error>(RawEntry {
                serial: serial.value(),
                at: time(reader)?,
                extensions: if reader.is_finished() {
                    None
                } else {
                    Some(reader.tlv_bytes()?)
                },
            })
        });
        if entry.is_err() {
            self.0 = None;
        }
        Some(entry.map_err(|_| CrlError::Malformed("entry")))
    }
}

pub(super) struct Entries<'a>(Raw<'a>);

impl<'a> Entries<'a> {
    pub(super) fn over(list: &'a [u8]) -> Self {
        Self(Raw::over(list))
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<CrlEntry, CrlError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.and_then(|raw| {
            let mut reason = None;
            for extension in extensions_of(raw.extensions)? {
                if extension.oid == rfc5280::ID_CE_CRL_REASONS {
                    reason = match extension.value {
                        [0x0a, 1, number] => Some(*number),
                        _ => return Err(CrlError::Malformed("reason")),
                    };
                }
            }
            Ok(CrlEntry {
                serial: positive(raw.serial),
                at: raw.at,
                reason,
            })
        }))
    }
}

fn positive(serial: &[u8]) -> Option<SerialNumber> {
    let is_negative = serial.first().is_some_and(|first| *first >= 0x80);
    (!is_negative).then(|| SerialNumber::from_bytes(serial)).flatten()
}
