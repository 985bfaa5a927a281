use std::ops::Range;

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

use crate::CsrError;
use crate::extensions::raw_extensions;
use crate::frame::Spki;
use crate::issue::request::EXTENSION_REQUEST;

/// Where the parts of a request lie in its DER.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    info: Range<usize>,
    subject: Range<usize>,
    spki: Range<usize>,
    key_algorithm: Range<usize>,
    key: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
    /// Extensions asked for: object identifier, critical.
    pub(super) requested: Vec<(String, bool)>,
}

impl Parts {
    pub(super) fn parse(der: &[u8]) -> Result<Self, CsrError> {
        let mut reader = SliceReader::new(der).map_err(|_| CsrError::Malformed("outer sequence"))?;
        let (info, algorithm, signature) = reader
            .sequence(|reader| {
                let info = reader.tlv_bytes()?;
                let algorithm = AnyRef::decode(reader)?;
                algorithm.tag().assert_eq(Tag::Sequence)?;
                let signature = BitStringRef::decode(reader)?.as_bytes();
                let signature = signature.ok_or_else(|| Tag::BitString.value_error())?;
                Ok::<_, der::Error>((info, algorithm.value(), signature))
            })
            .map_err(|_| CsrError::Malformed("outer sequence"))?;
        reader
            .finish()
            .map_err(|_| CsrError::Malformed("bytes after its end"))?;
        let inner = Inner::parse(info)?;
        let range = |part: &[u8]| {
            let start = part.as_ptr().addr().saturating_sub(der.as_ptr().addr());
            start..start + part.len()
        };
        Ok(Self {
            info: range(info),
            subject: range(inner.subject),
            spki: range(inner.spki.der),
            key_algorithm: range(inner.spki.algorithm),
            key: range(inner.spki.key),
            algorithm: range(algorithm),
            signature: range(signature),
            requested: inner.requested,
        })
    }

    /// What the signature is over, exactly as received.
    pub(super) fn info<'a>(&self, der: &'a [u8]) -> &'a [u8] {
        cut(der, &self.info)
    }

    pub(super) fn subject<'a>(&self, der: &'a [u8]) -> &'a [u8] {
        cut(der, &self.subject)
    }

    /// Content of the signature's `AlgorithmIdentifier`.
    pub(super) fn algorithm<'a>(&self, der: &'a [u8]) -> &'a [u8] {
        cut(der, &self.algorithm)
    }

    pub(super) fn signature<'a>(&self, der: &'a [u8]) -> &'a [u8] {
        cut(der, &self.signature)
    }

    pub(super) fn spki<'a>(&self, der: &'a [u8]) -> Spki<'a> {
        Spki {
            der: cut(der, &self.spki),
            algorithm: cut(der, &self.key_algorithm),
            key: cut(der, &self.key),
        }
    }
}

fn cut<'a>(der: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    // The ranges were cut from these very bytes.
    der.get(range.clone()).unwrap_or_default()
}

/// `CertificationRequestInfo` (RFC 2986 4.1).
struct Inner<'a> {
    subject: &'a [u8],
    spki: Spki<'a>,
    requested: Vec<(String, bool)>,
}

impl<'a> Inner<'a> {
    fn parse(info: &'a [u8]) -> Result<Self, CsrError> {
        let malformed = CsrError::Malformed("request information");
        let mut reader = SliceReader::new(info).map_err(|_| malformed.clone())?;
        let fields = reader.sequence(|reader| {
            let version = AnyRef::decode(reader)?;
            version.tag().assert_eq(Tag::Integer)?;
            let (subject, key) = (reader.tlv_bytes()?, reader.tlv_bytes()?);
            // The attributes are not optional, but some senders leave them out when there are none.
            let attributes = if reader.is_finished() {
                None
            } else {
                Some(AnyRef::decode(reader)?)
            };
            Ok::<_, der::Error>((version.value(), subject, key, attributes))
        });
        let (version, subject, key, attributes) = fields.map_err(|_| malformed)?;
        if version != [0] {
            return Err(CsrError::Version);
        }
        let requested = attributes.map_or(Ok(Vec::new()), requested);
        Ok(Self {
            subject,
            spki: Spki::parse(key).map_err(|_| CsrError::Malformed("public key"))?,
            requested: requested.map_err(|_| CsrError::Malformed("attributes"))?,
        })
    }
}

/// Reads `[0] IMPLICIT SET OF Attribute` and of it the extension request; others, a challenge password
/// among them, are passed over (RFC 2985 5.4.1).
fn requested(attributes: AnyRef<'_>) -> der::Result<Vec<(String, bool)>> {
    let Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(0),
    } = attributes.tag()
    else {
        return Err(Tag::Set.value_error().into());
    };
    let mut reader = SliceReader::new(attributes.value())?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        let (kind, values) = reader.sequence(|reader| {
            let kind = ObjectIdentifier::decode(reader)?;
            let values = AnyRef::decode(reader)?;
            values.tag().assert_eq(Tag::Set)?;
            Ok::<_, der::Error>((kind, values.value()))
        })?;
        if kind == EXTENSION_REQUEST {
            let extensions = raw_extensions(values)?;
            found.extend(
                extensions
                    .iter()
                    .map(|extension| (extension.oid.to_string(), extension.critical)),
            );
        }
    }
    Ok(found)
}
