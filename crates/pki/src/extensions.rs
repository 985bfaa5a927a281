use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

use crate::{CertificateError, identifier};

/// The extensions path building looks at (RFC 5280 4.2).
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) key_usage: Option<KeyUsage>,
    /// Whether an extended key usage, when there is one, allows authenticating TLS clients.
    pub(crate) client_auth: Option<bool>,
    pub(crate) subject_key_id: Option<Box<[u8]>>,
    pub(crate) authority_key_id: Option<Box<[u8]>>,
    /// The first critical extension that is not understood here.
    pub(crate) unknown_critical: Option<ObjectIdentifier>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct BasicConstraints {
    pub(crate) critical: bool,
    pub(crate) ca: bool,
    pub(crate) path_len: Option<u8>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyUsage {
    pub(crate) digital_signature: bool,
    pub(crate) key_cert_sign: bool,
    pub(crate) crl_sign: bool,
}

/// One raw extension.
pub(crate) struct RawExtension<'a> {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

/// More than any certificate in the field has; bounds the check for duplicates.
const MAX_EXTENSIONS: usize = 64;

impl Extensions {
    pub(crate) fn parse(der: Option<&[u8]>) -> Result<Self, CertificateError> {
        let mut extensions = Self::default();
        let Some(der) = der else { return Ok(extensions) };
        let list = raw_extensions(der).map_err(|_| CertificateError::malformed("extensions"))?;
        for (index, raw) in list.iter().enumerate() {
            if list.iter().skip(index + 1).any(|other| other.oid == raw.oid) {
                return Err(CertificateError::malformed("repeated extension"));
            }
            extensions
                .take(raw)
                .map_err(|_| CertificateError::malformed("extension value"))?;
        }
        Ok(extensions)
    }

    fn take(&mut self, raw: &RawExtension<'_>) -> der::Result<()> {
        match raw.oid {
            rfc5280::ID_CE_BASIC_CONSTRAINTS => {
                self.basic_constraints = Some(basic_constraints(raw)?);
            }
            rfc5280::ID_CE_KEY_USAGE => {
                let bits = BitStringRef::from_der(raw.value)?;
                let first = bits.raw_bytes().first().copied().unwrap_or(0);
                self.key_usage = Some(KeyUsage {
                    digital_signature: first & 0x80 != 0,
                    key_cert_sign: first & 0x04 != 0,
                    crl_sign: first & 0x02 != 0,
                });
            }
            rfc5280::ID_CE_EXT_KEY_USAGE => self.client_auth = Some(allows_client_auth(raw.value)?),
            rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER => {
                self.subject_key_id = Some(<&OctetStringRef>::from_der(raw.value)?.as_bytes().into());
            }
            // Only a hint for choosing among candidates: an odd one is as good as none.
            rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER => {
                self.authority_key_id = authority_key_id(raw.value).ok().flatten();
            }
            // Nothing in them can make a path invalid here: we ask for no name and for no policy.
            rfc5280::ID_CE_SUBJECT_ALT_NAME | rfc5280::ID_CE_CERTIFICATE_POLICIES => {}
            // Azure marks it critical; the hub compares it, path building has nothing to judge.
            oid if identifier::is_understood(oid, raw.value) => {}
            // Name constraints are not evaluated, so a critical one refuses the path: safe, and
            // said in the refusal.
            other if raw.critical && self.unknown_critical.is_none() => {
                self.unknown_critical = Some(other);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Reads a SEQUENCE OF Extension.
pub(crate) fn raw_extensions(der: &[u8]) -> der::Result<Vec<RawExtension<'_>>> {
    let mut outer = SliceReader::new(der)?;
    let list = outer.sequence::<_, _, der::Error>(|reader| {
        let mut list = Vec::new();
        while !reader.is_finished() {
            if list.len() == MAX_EXTENSIONS {
                return Err(Tag::Sequence.length_error().into());
            }
            list.push(reader.sequence(|reader| {
                Ok::<_, der::Error>(RawExtension {
                    oid: ObjectIdentifier::decode(reader)?,
                    critical: Option::<bool>::decode(reader)?.unwrap_or(false),
                    value: <&OctetStringRef>::decode(reader)?.as_bytes(),
                })
            })?);
        }
        Ok(list)
    })?;
    outer.finish()?;
    Ok(list)
}

fn basic_constraints(raw: &RawExtension<'_>) -> der::Result<BasicConstraints> {
    let mut outer = SliceReader::new(raw.value)?;
    let constraints = outer.sequence(|reader| {
        Ok::<_, der::Error>(BasicConstraints {
            critical: raw.critical,
            ca: Option::<bool>::decode(reader)?.unwrap_or(false),
            path_len: Option::<u8>::decode(reader)?,
        })
    })?;
    outer.finish()?;
    Ok(constraints)
}

fn allows_client_auth(der: &[u8]) -> der::Result<bool> {
    let mut outer = SliceReader::new(der)?;
    let allowed = outer.sequence(|reader| {
        let mut allowed = false;
        while !reader.is_finished() {
            let purpose = ObjectIdentifier::decode(reader)?;
            allowed |= purpose == rfc5280::ID_KP_CLIENT_AUTH || purpose == rfc5280::ANY_EXTENDED_KEY_USAGE;
        }
        Ok::<_, der::Error>(allowed)
    })?;
    outer.finish()?;
    Ok(allowed)
}

pub(crate) fn authority_key_id(der: &[u8]) -> der::Result<Option<Box<[u8]>>> {
    SliceReader::new(der)?.sequence(|reader| {
        let mut found = None;
        while !reader.is_finished() {
            let part = AnyRef::decode(reader)?;
            if matches!(
                part.tag(),
                Tag::ContextSpecific {
                    number: TagNumber(0),
                    ..
                }
            ) {
                found = Some(part.value().into());
            }
        }
        Ok(found)
    })
}
