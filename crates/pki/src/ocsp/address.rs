use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

use crate::Certificate;

const ID_AD_OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");

impl Certificate {
    /// Where the certificate says that its issuer's OCSP responders are (RFC 5280 4.2.2.1); what cannot be read
    /// names none.
    pub fn ocsp_addresses(&self) -> Vec<String> {
        let access = self.extension(rfc5280::ID_PE_AUTHORITY_INFO_ACCESS);
        access.and_then(|value| addresses(value).ok()).unwrap_or_default()
    }
}

fn addresses(value: &[u8]) -> der::Result<Vec<String>> {
    let mut found = Vec::new();
    SliceReader::new(value)?.sequence(|reader| {
        while !reader.is_finished() {
            let (method, location) = reader.sequence(|reader| {
                Ok::<_, der::Error>((ObjectIdentifier::decode(reader)?, AnyRef::decode(reader)?))
            })?;
            let is_uri = matches!(
                location.tag(),
                Tag::ContextSpecific {
                    number: TagNumber(6),
                    ..
                }
            );
            if let Ok(address) = str::from_utf8(location.value())
                && method == ID_AD_OCSP
                && is_uri
            {
                found.push(address.to_owned());
            }
        }
        Ok::<_, der::Error>(())
    })?;
    Ok(found)
}
