use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, UtcTime};
use der::{Decode, Reader, SliceReader, Tag, TagMode, TagNumber, Tagged};
use provost_model::Timestamp;

use crate::CertificateError;

/// The raw parts of a certificate, as slices of its DER (RFC 5280 4.1).
///
/// Cut, not interpreted: the bytes that are hashed, compared and verified are the sender's own.
/// Accepts version 1 and serial numbers of any length, which stock readers refuse.
pub(crate) struct Frame<'a> {
    /// `TBSCertificate` with its header: what the signature is over.
    pub(crate) tbs: &'a [u8],
    /// 1, 2 or 3.
    pub(crate) version: u8,
    /// Content of the serial INTEGER, big-endian two's complement.
    pub(crate) serial: &'a [u8],
    /// Issuer Name with header.
    pub(crate) issuer: &'a [u8],
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// Subject Name with header.
    pub(crate) subject: &'a [u8],
    pub(crate) spki: Spki<'a>,
    /// SEQUENCE OF Extension with header.
    pub(crate) extensions: Option<&'a [u8]>,
    /// Content of the signature's `AlgorithmIdentifier`, without header.
    pub(crate) signature_algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// A `SubjectPublicKeyInfo` (RFC 5280 4.1.2.7).
#[derive(Clone, Copy)]
pub(crate) struct Spki<'a> {
    /// The whole structure with header.
    pub(crate) der: &'a [u8],
    /// Content of the `AlgorithmIdentifier`, without header.
    pub(crate) algorithm: &'a [u8],
    /// Content of the key BIT STRING.
    pub(crate) key: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, CertificateError> {
        let (tbs, signature_algorithm, signature) =
            outer(der).map_err(|_| CertificateError::malformed("outer sequence"))?;
        let frame = SliceReader::new(tbs)
            .and_then(|mut reader| {
                reader.sequence(|reader| inner(reader, tbs, signature_algorithm, signature))
            })
            .map_err(|_| CertificateError::malformed("certificate fields"))?;
        if frame.version < 3 && frame.extensions.is_some() {
            return Err(CertificateError::malformed("extensions before version 3"));
        }
        Ok(frame)
    }
}

impl<'a> Spki<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let spki = reader.sequence(|reader| {
            let algorithm = sequence_value(reader)?;
            let key = whole_bytes(BitStringRef::decode(reader)?)?;
            Ok::<_, der::Error>(Self { der, algorithm, key })
        })?;
        reader.finish()?;
        Ok(spki)
    }
}

type Outer<'a> = (&'a [u8], &'a [u8], &'a [u8]);

pub(crate) fn outer(der: &[u8]) -> der::Result<Outer<'_>> {
    let mut reader = SliceReader::new(der)?;
    let parts = reader.sequence(|reader| {
        let tbs = reader.tlv_bytes()?;
        let algorithm = sequence_value(reader)?;
        let signature = whole_bytes(BitStringRef::decode(reader)?)?;
        Ok::<_, der::Error>((tbs, algorithm, signature))
    })?;
    reader.finish()?;
    Ok(parts)
}

fn inner<'a>(
    reader: &mut SliceReader<'a>,
    tbs: &'a [u8],
    signature_algorithm: &'a [u8],
    signature: &'a [u8],
) -> der::Result<Frame<'a>> {
    let version = match reader.context_specific::<u8>(TagNumber(0), TagMode::Explicit)? {
        None | Some(0) => 1,
        Some(1) => 2,
        Some(2) => 3,
        Some(_) => return Err(Tag::Integer.value_error().into()),
    };
    let serial = AnyRef::decode(reader)?;
    serial.tag().assert_eq(Tag::Integer)?;
    if serial.value().is_empty() {
        return Err(Tag::Integer.length_error().into());
    }
    // RFC 5280 4.1.1.2: the algorithm outside must be the one that was signed.
    if sequence_value(reader)? != signature_algorithm {
        return Err(Tag::Sequence.value_error().into());
    }
    let issuer = reader.tlv_bytes()?;
    let (not_before, not_after) =
        reader.sequence(|reader| Ok::<_, der::Error>((time(reader)?, time(reader)?)))?;
    let subject = reader.tlv_bytes()?;
    let spki = Spki::parse(reader.tlv_bytes()?)?;
    Ok(Frame {
        tbs,
        version,
        serial: serial.value(),
        issuer,
        not_before,
        not_after,
        subject,
        spki,
        extensions: tail(reader)?,
        signature_algorithm,
        signature,
    })
}

/// Reads past the unique identifiers [1] and [2], which nobody uses, to the extensions [3].
fn tail<'a>(reader: &mut SliceReader<'a>) -> der::Result<Option<&'a [u8]>> {
    let mut last = 0;
    let mut extensions = None;
    while !reader.is_finished() {
        let part = AnyRef::decode(reader)?;
        let Tag::ContextSpecific {
            number: TagNumber(number @ 1..=3),
            ..
        } = part.tag()
        else {
            return Err(Tag::Sequence.value_error().into());
        };
        if number <= last {
            return Err(Tag::Sequence.value_error().into());
        }
        last = number;
        if number == 3 {
            extensions = Some(part.value());
        }
    }
    Ok(extensions)
}

pub(crate) fn sequence_value<'a>(reader: &mut SliceReader<'a>) -> der::Result<&'a [u8]> {
    let any = AnyRef::decode(reader)?;
    any.tag().assert_eq(Tag::Sequence)?;
    Ok(any.value())
}

/// Keys and signatures are whole bytes.
fn whole_bytes(bits: BitStringRef<'_>) -> der::Result<&[u8]> {
    bits.as_bytes().ok_or_else(|| Tag::BitString.value_error().into())
}

pub(crate) fn time(reader: &mut SliceReader<'_>) -> der::Result<Timestamp> {
    let since_epoch = if Tag::peek(reader)? == Tag::UtcTime {
        UtcTime::decode(reader)?.to_unix_duration()
    } else {
        GeneralizedTime::decode(reader)?.to_unix_duration()
    };
    let seconds = i64::try_from(since_epoch.as_secs()).map_err(|_| Tag::UtcTime.value_error())?;
    Ok(Timestamp::from_unix_seconds(seconds))
}
