use aws_lc_rs::digest::{self, Algorithm};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use provost_model::registry::SerialNumber;

use crate::Certificate;
use crate::encode::{self, SEQUENCE};
use crate::extensions::raw_extensions;

/// The largest request read, in bytes of DER.
pub const MAX_OCSP_REQUEST_BYTES: usize = 4096;
/// The most certificates one request may ask about; the lightweight profile has one.
const MAX_CERTIFICATES: usize = 8;
/// Lengths of a nonce (RFC 9654 2.1).
const NONCE_BYTES: std::ops::RangeInclusive<usize> = 1..=128;

/// `id-pkix-ocsp-nonce`.
pub(super) const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
const SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// Why a request is answered `malformedRequest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the OCSP request is malformed: {0}")]
pub struct OcspRequestError(pub &'static str);

/// What somebody wants to know; its signature, if there is one, is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcspRequest {
    /// Which certificates, one at least.
    pub certificates: Vec<CertId>,
    /// To be repeated in the response.
    pub nonce: Option<Vec<u8>>,
}

/// Names a certificate by its issuer and serial number, as the one who asks wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertId {
    der: Vec<u8>,
    algorithm: ObjectIdentifier,
    name_hash: Vec<u8>,
    key_hash: Vec<u8>,
    serial: Option<SerialNumber>,
}

impl OcspRequest {
    /// Reads one request in DER, nothing after it.
    ///
    /// # Errors
    /// [`OcspRequestError`]: also for a nonce of a length that RFC 9654 does not allow, for a critical
    /// extension that is not understood, and for more than a handful of certificates.
    pub fn from_der(der: &[u8]) -> Result<Self, OcspRequestError> {
        if der.len() > MAX_OCSP_REQUEST_BYTES {
            return Err(OcspRequestError("too large"));
        }
        let (list, extensions) = fields(der).map_err(|_| OcspRequestError("fields"))?;
        let certificates = list.into_iter().map(CertId::parse).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|_| OcspRequestError("certificate identifier"))?;
        if certificates.is_empty() || certificates.len() > MAX_CERTIFICATES {
            return Err(OcspRequestError("number of certificates"));
        }
        Ok(Self {
            certificates,
            nonce: extensions.map_or(Ok(None), nonce)?,
        })
    }

    /// Reads what follows the responder's address in a GET: base64, its percent encoding undone.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der).
    pub fn from_base64(text: &str) -> Result<Self, OcspRequestError> {
        if text.len() > MAX_OCSP_REQUEST_BYTES * 2 {
            return Err(OcspRequestError("too large"));
        }
        Self::from_der(&STANDARD.decode(text).map_err(|_| OcspRequestError("base64"))?)
    }
}

impl CertId {
    /// The identifier of a certificate of this issuer, with SHA-1, which every client writes and reads.
    pub fn of(issuer: &Certificate, serial: &SerialNumber) -> Self {
        let hash = |bytes| {
            digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)
                .as_ref()
                .to_vec()
        };
        let (name_hash, key_hash) = (hash(issuer.subject_der()), hash(issuer.spki().key));
        let algorithm = encode::tlv(SEQUENCE, &[&encode::oid(SHA_1), &[5, 0]]);
        let der = encode::tlv(
            SEQUENCE,
            &[
                &algorithm,
                &encode::tlv(encode::OCTET_STRING, &[&name_hash]),
                &encode::tlv(encode::OCTET_STRING, &[&key_hash]),
                &encode::unsigned(serial.as_bytes()),
            ],
        );
        Self {
            der,
            algorithm: SHA_1,
            name_hash,
            key_hash,
            serial: Some(serial.clone()),
        }
    }

    /// Whether the issuer is this one. SHA-1 and SHA-256 are understood (RFC 6960 4.3).
    pub fn is_issued_by(&self, issuer: &Certificate) -> bool {
        let algorithm: &'static Algorithm = match self.algorithm {
            SHA_1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            SHA_256 => &digest::SHA256,
            _ => return false,
        };
        let is_hash = |hash: &[u8], bytes| digest::digest(algorithm, bytes).as_ref() == hash;
        is_hash(&self.name_hash, issuer.subject_der()) && is_hash(&self.key_hash, issuer.spki().key)
    }

    /// The serial number; `None` for one that no certificate of ours can have.
    pub fn serial(&self) -> Option<&SerialNumber> {
        self.serial.as_ref()
    }

    /// The identifier as it came: a response repeats it.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Whether both name the same certificate in the same way, however their algorithms are written.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let parts = |id: &Self| (id.algorithm, id.name_hash.clone(), id.key_hash.clone());
        self.serial.is_some() && self.serial == other.serial && parts(self) == parts(other)
    }

    pub(super) fn parse(der: &[u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let id = reader.sequence(|reader| {
            let algorithm = AnyRef::decode(reader)?;
            algorithm.tag().assert_eq(Tag::Sequence)?;
            let algorithm = ObjectIdentifier::decode(&mut SliceReader::new(algorithm.value())?)?;
            let name_hash = <&OctetStringRef>::decode(reader)?.as_bytes().to_vec();
            let key_hash = <&OctetStringRef>::decode(reader)?.as_bytes().to_vec();
            let serial = AnyRef::decode(reader)?;
            serial.tag().assert_eq(Tag::Integer)?;
            let is_negative = serial.value().first().is_none_or(|first| *first >= 0x80);
            let serial = (!is_negative).then(|| SerialNumber::from_bytes(serial.value()));
            Ok::<_, der::Error>(Self {
                der: der.to_owned(),
                algorithm,
                name_hash,
                key_hash,
                serial: serial.flatten(),
            })
        })?;
        reader.finish()?;
        Ok(id)
    }
}

type RequestFields<'a> = (Vec<&'a [u8]>, Option<&'a [u8]>);

/// The certificate identifiers and the extensions of an `OCSPRequest` (RFC 6960 4.1.1).
fn fields(der: &[u8]) -> der::Result<RequestFields<'_>> {
    let mut reader = SliceReader::new(der)?;
    let fields = reader.sequence(|reader| {
        let fields = reader.sequence(to_be_signed)?;
        // An optional signature: nobody is asked who he is.
        if !reader.is_finished() {
            AnyRef::decode(reader)?;
        }
        Ok::<_, der::Error>(fields)
    })?;
    reader.finish()?;
    Ok(fields)
}

fn to_be_signed<'a>(reader: &mut SliceReader<'a>) -> der::Result<RequestFields<'a>> {
    let mut field = AnyRef::decode(reader)?;
    // Version and requestor come first, both optional.
    for number in [0, 1] {
        if is_context(field, number) {
            field = AnyRef::decode(reader)?;
        }
    }
    field.tag().assert_eq(Tag::Sequence)?;
    let mut list = SliceReader::new(field.value())?;
    let mut ids = Vec::new();
    while !list.is_finished() {
        if ids.len() > MAX_CERTIFICATES {
            return Err(Tag::Sequence.length_error().into());
        }
        ids.push(list.sequence(|request| {
            let id = request.tlv_bytes()?;
            if !request.is_finished() {
                AnyRef::decode(request)?;
            }
            Ok::<_, der::Error>(id)
        })?);
    }
    if reader.is_finished() {
        return Ok((ids, None));
    }
    let extensions = AnyRef::decode(reader)?;
    if !is_context(extensions, 2) {
        return Err(extensions.tag().value_error().into());
    }
    Ok((ids, Some(extensions.value())))
}

pub(super) fn is_context(field: AnyRef<'_>, wanted: u32) -> bool {
    matches!(field.tag(), Tag::ContextSpecific { number: TagNumber(number), .. } if number == wanted)
}

fn nonce(extensions: &[u8]) -> Result<Option<Vec<u8>>, OcspRequestError> {
    let mut nonce = None;
    for raw in raw_extensions(extensions).map_err(|_| OcspRequestError("extensions"))? {
        if raw.oid == NONCE {
            let value = <&OctetStringRef>::from_der(raw.value).map_err(|_| OcspRequestError("nonce"))?;
            if !NONCE_BYTES.contains(&value.as_bytes().len()) {
                return Err(OcspRequestError("length of the nonce"));
            }
            nonce = Some(value.as_bytes().to_vec());
        } else if raw.critical {
            return Err(OcspRequestError("critical extension"));
        }
    }
    Ok(nonce)
}
