use std::str::FromStr;

use der::asn1::{SetOfVec, Utf8StringRef};
use der::{Any, Encode};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::Name;

use crate::issue::IssueError;
use crate::name;

/// The subject of a certificate to be: a Name's DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectName(Vec<u8>);

impl SubjectName {
    /// A subject with this common name alone, any characters, 1 to 200 bytes.
    ///
    /// RFC 5280 says 64; registration IDs have up to 128 and Azure's devices carry them.
    pub fn common_name(text: &str) -> Result<Self, IssueError> {
        if text.is_empty() || text.len() > 200 {
            return Err(IssueError::Subject);
        }
        let value = Utf8StringRef::new(text).map_err(|_| IssueError::Subject)?;
        let attribute = AttributeTypeAndValue {
            oid: const_oid::db::rfc4519::COMMON_NAME,
            value: Any::encode_from(&value).map_err(|_| IssueError::Subject)?,
        };
        let rdn = SetOfVec::from_iter([attribute]).map_err(|_| IssueError::Subject)?;
        vec![rdn].to_der().map(Self).map_err(|_| IssueError::Subject)
    }

    /// A subject written as in RFC 4514, most specific first: `CN=device-7,OU=a,OU=b,O=Contoso`.
    pub fn parse(text: &str) -> Result<Self, IssueError> {
        let name = Name::from_str(text).map_err(|_| IssueError::Subject)?;
        name.to_der().map(Self).map_err(|_| IssueError::Subject)
    }

    /// A subject taken over as it stands.
    pub fn from_der(der: &[u8]) -> Result<Self, IssueError> {
        name::check(der).map_err(|_| IssueError::Subject)?;
        Ok(Self(der.to_owned()))
    }

    /// The Name's DER.
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}
