use provost_model::registry::SerialNumber;

use super::CertId;
use super::request::NONCE;
use crate::Certificate;
use crate::encode::{self, SEQUENCE};

/// What a relying party asks about one certificate (RFC 6960 4.1.1). The answer is read as
/// [`OcspReply`](super::OcspReply) and believed by the same question.
#[derive(Debug, Clone)]
pub struct OcspQuestion {
    pub(super) id: CertId,
    pub(super) nonce: Option<[u8; 32]>,
}

impl OcspQuestion {
    /// About a certificate of this issuer. A nonce has the answer made for this question alone; without one it may
    /// be a kept one. `None` for a serial number longer than RFC 5280 allows.
    pub fn about(certificate: &Certificate, issuer: &Certificate, nonce: Option<[u8; 32]>) -> Option<Self> {
        let serial = SerialNumber::parse(&certificate.serial_hex())?;
        let id = CertId::of(issuer, &serial);
        Some(Self { id, nonce })
    }

    /// The request in DER.
    pub fn to_der(&self) -> Vec<u8> {
        let request = encode::tlv(SEQUENCE, &[self.id.as_der()]);
        let list = encode::tlv(SEQUENCE, &[&request]);
        let extensions = self.nonce.as_ref().map_or_else(Vec::new, |nonce| {
            let value = encode::tlv(encode::OCTET_STRING, &[nonce]);
            let list = encode::tlv(SEQUENCE, &[&encode::extension(NONCE, false, &value)]);
            encode::tlv(encode::context(2), &[&list])
        });
        let asked = encode::tlv(SEQUENCE, &[&list, &extensions]);
        encode::tlv(SEQUENCE, &[&asked])
    }
}
