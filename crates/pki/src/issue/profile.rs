use std::net::IpAddr;

use const_oid::AssociatedOid;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use der::asn1::{Ia5String, OctetString};
use der::{Encode, flagset::FlagSet};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};

/// What a certificate is for; decides its extensions (RFC 5280 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// A CA, root or intermediate: basic constraints, keyCertSign and cRLSign, both critical.
    Ca {
        /// How many more intermediates may stand below it; `None` for no limit.
        path_len: Option<u8>,
    },
    /// A TLS server with these names: digitalSignature, serverAuth.
    Server {
        /// DNS names of the subject alternative name.
        dns: Vec<String>,
        /// Addresses of the subject alternative name.
        ip: Vec<IpAddr>,
    },
    /// A device or another TLS client: digitalSignature, clientAuth.
    Client,
}

impl Profile {
    /// The extensions, key identifiers among them. A self-signed certificate has no
    /// `authority_key_id`.
    pub(super) fn extensions(
        &self,
        subject_key_id: &[u8],
        authority_key_id: Option<&[u8]>,
    ) -> der::Result<Vec<Extension>> {
        let constraints = match self {
            Self::Ca { path_len } => BasicConstraints {
                ca: true,
                path_len_constraint: *path_len,
            },
            _ => BasicConstraints {
                ca: false,
                path_len_constraint: None,
            },
        };
        let usages: FlagSet<KeyUsages> = match self {
            Self::Ca { .. } => KeyUsages::KeyCertSign | KeyUsages::CRLSign,
            _ => KeyUsages::DigitalSignature.into(),
        };
        let mut list = vec![
            extension(true, &constraints)?,
            extension(true, &KeyUsage(usages))?,
        ];
        match self {
            Self::Ca { .. } => {}
            Self::Server { dns, ip } => {
                list.push(extension(false, &ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH]))?);
                list.push(extension(false, &SubjectAltName(general_names(dns, ip)?))?);
            }
            Self::Client => {
                list.push(extension(false, &ExtendedKeyUsage(vec![ID_KP_CLIENT_AUTH]))?);
            }
        }
        list.push(extension(
            false,
            &SubjectKeyIdentifier(OctetString::new(subject_key_id)?),
        )?);
        if let Some(id) = authority_key_id {
            let id = AuthorityKeyIdentifier {
                key_identifier: Some(OctetString::new(id)?),
                ..AuthorityKeyIdentifier::default()
            };
            list.push(extension(false, &id)?);
        }
        Ok(list)
    }
}

fn general_names(dns: &[String], ip: &[IpAddr]) -> der::Result<Vec<GeneralName>> {
    let dns = dns
        .iter()
        .map(|name| Ia5String::new(name).map(GeneralName::DnsName));
    let ip = ip.iter().map(|address| match address {
        IpAddr::V4(v4) => OctetString::new(v4.octets()).map(GeneralName::IpAddress),
        IpAddr::V6(v6) => OctetString::new(v6.octets()).map(GeneralName::IpAddress),
    });
    dns.chain(ip).collect()
}

fn extension<T: AssociatedOid + Encode>(critical: bool, value: &T) -> der::Result<Extension> {
    let extn_value = OctetString::new(value.to_der()?)?;
    Ok(Extension {
        extn_id: T::OID,
        critical,
        extn_value,
    })
}
