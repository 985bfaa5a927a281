use std::net::IpAddr;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use provost_model::registry::DeviceIdentifier;

use crate::IdentifierStyle;
use crate::encode::{self, SEQUENCE};
use crate::issue::{IssueError, Publication};

/// What a certificate is for; decides its extensions (RFC 5280 4.2, certificate-management.md 2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// A CA, root or intermediate: basic constraints, keyCertSign and cRLSign, both critical.
    Ca {
        /// How many more intermediates may stand below it; `None` for no limit.
        path_len: Option<u8>,
    },
    /// The root of a namespace: a CA with one level of CAs below it.
    NamespaceRoot,
    /// The CA of a policy: no CA below it, leaves for TLS clients only. It may also sign what is
    /// neither certificate nor CRL, which Azure demands of one under a customer's root.
    IssuingCa(Publication),
    /// A TLS server with these names: digitalSignature, serverAuth.
    Server {
        /// DNS names of the subject alternative name.
        dns: Vec<String>,
        /// Addresses of the subject alternative name.
        ip: Vec<IpAddr>,
    },
    /// A device or another TLS client: digitalSignature, clientAuth.
    Client,
    /// A device of the registry: as [`Client`](Self::Client), with its identifier and the addresses
    /// of its issuing CA.
    Device {
        /// Whose it is, and which generation.
        identifier: DeviceIdentifier,
        /// How the identifier is written.
        style: IdentifierStyle,
        /// The addresses of the issuing CA.
        publication: Publication,
    },
    /// Signs OCSP responses for the CA that signs it; short-lived, because nobody asks whether it
    /// was revoked (RFC 6960 4.2.2.2.1).
    OcspResponder,
}

const ID_PKIX_OCSP_NOCHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");

/// The bits of a key usage; the first of RFC 5280 4.2.1.3 is the highest.
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_CERT_SIGN: u8 = 0x04;
const CRL_SIGN: u8 = 0x02;

impl Profile {
    /// The extensions one after the other, key identifiers among them. A self-signed certificate
    /// has no `authority_key_id`.
    pub(super) fn extensions(
        &self,
        subject_key_id: &[u8],
        authority_key_id: Option<&[u8]>,
    ) -> Result<Vec<u8>, IssueError> {
        let mut out = self.basic_constraints();
        out.extend(key_usage(self.key_usage()));
        if let Some(purpose) = self.purpose() {
            let value = encode::tlv(SEQUENCE, &[&encode::oid(purpose)]);
            out.extend(encode::extension(rfc5280::ID_CE_EXT_KEY_USAGE, false, &value));
        }
        out.extend(self.special()?);
        let value = encode::tlv(encode::OCTET_STRING, &[subject_key_id]);
        out.extend(encode::extension(
            rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER,
            false,
            &value,
        ));
        if let Some(id) = authority_key_id {
            out.extend(authority_key_identifier(id));
        }
        Ok(out)
    }

    fn basic_constraints(&self) -> Vec<u8> {
        let path_len = match self {
            Self::Ca { path_len } => *path_len,
            Self::NamespaceRoot => Some(1),
            Self::IssuingCa(_) => Some(0),
            _ => None,
        };
        let ca: &[u8] = if self.is_ca() {
            &[encode::BOOLEAN, 1, 0xff]
        } else {
            &[]
        };
        let path_len = path_len
            .map(|length| encode::unsigned(&[length]))
            .unwrap_or_default();
        let value = encode::tlv(SEQUENCE, &[ca, &path_len]);
        encode::extension(rfc5280::ID_CE_BASIC_CONSTRAINTS, true, &value)
    }

    fn is_ca(&self) -> bool {
        matches!(self, Self::Ca { .. } | Self::NamespaceRoot | Self::IssuingCa(_))
    }

    fn key_usage(&self) -> u8 {
        match self {
            Self::Ca { .. } | Self::NamespaceRoot => KEY_CERT_SIGN | CRL_SIGN,
            Self::IssuingCa(_) => DIGITAL_SIGNATURE | KEY_CERT_SIGN | CRL_SIGN,
            _ => DIGITAL_SIGNATURE,
        }
    }

    fn purpose(&self) -> Option<ObjectIdentifier> {
        match self {
            Self::Ca { .. } | Self::NamespaceRoot => None,
            Self::Server { .. } => Some(rfc5280::ID_KP_SERVER_AUTH),
            Self::OcspResponder => Some(rfc5280::ID_KP_OCSP_SIGNING),
            Self::IssuingCa(_) | Self::Client | Self::Device { .. } => Some(rfc5280::ID_KP_CLIENT_AUTH),
        }
    }

    /// What only this profile has.
    fn special(&self) -> Result<Vec<u8>, IssueError> {
        match self {
            Self::Server { dns, ip } => {
                let names = encode::tlv(SEQUENCE, &[&general_names(dns, ip)?]);
                Ok(encode::extension(rfc5280::ID_CE_SUBJECT_ALT_NAME, false, &names))
            }
            Self::IssuingCa(publication) => publication.extensions(),
            Self::Device {
                identifier,
                style,
                publication,
            } => {
                let mut out = style.extension(*identifier);
                out.extend(publication.extensions()?);
                Ok(out)
            }
            Self::OcspResponder => Ok(encode::extension(ID_PKIX_OCSP_NOCHECK, false, &[5, 0])),
            _ => Ok(Vec::new()),
        }
    }
}

fn key_usage(bits: u8) -> Vec<u8> {
    let unused = u8::try_from(bits.trailing_zeros()).unwrap_or(0);
    let value = encode::tlv(encode::BIT_STRING, &[&[unused, bits]]);
    encode::extension(rfc5280::ID_CE_KEY_USAGE, true, &value)
}

/// The extension that names the issuer's key, in certificates and CRLs.
pub(crate) fn authority_key_identifier(id: &[u8]) -> Vec<u8> {
    let value = encode::tlv(SEQUENCE, &[&encode::tlv(encode::context_primitive(0), &[id])]);
    encode::extension(rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER, false, &value)
}

fn general_names(dns: &[String], ip: &[IpAddr]) -> Result<Vec<u8>, IssueError> {
    let mut out = Vec::new();
    for name in dns {
        if !name.is_ascii() {
            return Err(IssueError::Encoding);
        }
        out.extend(encode::tlv(encode::context_primitive(2), &[name.as_bytes()]));
    }
    for address in ip {
        let tag = encode::context_primitive(7);
        out.extend(match address {
            IpAddr::V4(v4) => encode::tlv(tag, &[&v4.octets()]),
            IpAddr::V6(v6) => encode::tlv(tag, &[&v6.octets()]),
        });
    }
    Ok(out)
}
