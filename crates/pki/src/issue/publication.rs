use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;

use crate::encode::{self, SEQUENCE};
use crate::issue::IssueError;

const ID_AD_OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
const ID_AD_CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");

/// Where a relying party finds out more: addresses written into a certificate. Empty ones write nothing.
///
/// Every address is an absolute `http` URI in ASCII (RFC 5280 4.2.1.13: not `https`, which needs a
/// certificate to be checked first).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publication {
    /// Where the issuer's CRL is, of the certificate's part when it is cut into parts; each address
    /// becomes a distribution point of its own.
    pub crls: Vec<String>,
    /// Where the issuer's certificate is.
    pub issuers: Vec<String>,
    /// Where an OCSP responder of the issuer is.
    pub ocsp: Vec<String>,
}

impl Publication {
    /// CRL distribution points and authority information access, encoded.
    pub(super) fn extensions(&self) -> Result<Vec<u8>, IssueError> {
        let mut out = Vec::new();
        let mut points = Vec::new();
        for address in &self.crls {
            let name = encode::tlv(encode::context(0), &[&uri(address)?]);
            points.extend(encode::tlv(
                SEQUENCE,
                &[&encode::tlv(encode::context(0), &[&name])],
            ));
        }
        if !points.is_empty() {
            let value = encode::tlv(SEQUENCE, &[&points]);
            out.extend(encode::extension(
                rfc5280::ID_CE_CRL_DISTRIBUTION_POINTS,
                false,
                &value,
            ));
        }
        let ocsp = self.ocsp.iter().map(|address| (ID_AD_OCSP, address));
        let issuers = self.issuers.iter().map(|address| (ID_AD_CA_ISSUERS, address));
        let mut access = Vec::new();
        for (method, address) in ocsp.chain(issuers) {
            access.extend(encode::tlv(SEQUENCE, &[&encode::oid(method), &uri(address)?]));
        }
        if !access.is_empty() {
            let value = encode::tlv(SEQUENCE, &[&access]);
            out.extend(encode::extension(
                rfc5280::ID_PE_AUTHORITY_INFO_ACCESS,
                false,
                &value,
            ));
        }
        Ok(out)
    }
}

/// A `GeneralName` of kind uniformResourceIdentifier.
pub(crate) fn uri(address: &str) -> Result<Vec<u8>, IssueError> {
    if address.is_empty() || !address.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(IssueError::Encoding);
    }
    Ok(encode::tlv(encode::context_primitive(6), &[address.as_bytes()]))
}
