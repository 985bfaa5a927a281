use aws_lc_rs::digest;
use const_oid::ObjectIdentifier;
use provost_model::Timestamp;
use provost_model::registry::{Revocation, RevocationReason};

use super::request::NONCE;
use crate::Certificate;
use crate::encode::{self, SEQUENCE};
use crate::issue::{IssueError, Signer};
use crate::ocsp::CertId;

pub(super) const BASIC_RESPONSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");

/// What is known of one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertStatus {
    /// It was issued and is not revoked. Never for a serial number that was not issued.
    Good,
    /// It was revoked.
    Revoked(Revocation),
    /// This responder knows nothing of it.
    Unknown,
}

/// The answer about one certificate.
#[derive(Debug, Clone)]
pub struct SingleResponse {
    /// Which.
    pub id: CertId,
    /// Its status.
    pub status: CertStatus,
    /// Since when that is known to be so.
    pub this_update: Timestamp,
    /// By when there is a newer answer.
    pub next_update: Timestamp,
}

/// A successful response to be; one without a nonce can be signed in advance and kept until the first
/// `next_update` of it.
#[derive(Debug, Clone)]
pub struct OcspResponse<'a> {
    /// The responder's certificate: of profile
    /// [`OcspResponder`](crate::issue::Profile::OcspResponder), or the CA itself.
    pub responder: &'a Certificate,
    /// Whether the responder's certificate goes along: yes for a delegated one.
    pub with_certificate: bool,
    /// When it is made.
    pub produced_at: Timestamp,
    /// The answers.
    pub responses: &'a [SingleResponse],
    /// The nonce of the request.
    pub nonce: Option<&'a [u8]>,
}

/// A response that says nothing but why; not signed (RFC 6960 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OcspRefusal {
    /// The request cannot be read.
    MalformedRequest,
    /// The responder failed.
    InternalError,
    /// Later it may succeed.
    TryLater,
    /// The responder has nothing to say about this certificate (RFC 5019 2.2.3).
    Unauthorized,
}

impl OcspRefusal {
    /// The response in DER.
    pub fn to_der(self) -> Vec<u8> {
        let status = match self {
            Self::MalformedRequest => 1,
            Self::InternalError => 2,
            Self::TryLater => 3,
            Self::Unauthorized => 6,
        };
        encode::tlv(SEQUENCE, &[&[encode::ENUMERATED, 1, status]])
    }
}

impl OcspResponse<'_> {
    /// Encodes and signs it.
    ///
    /// # Errors
    /// [`IssueError::Validity`] for instants that cannot be written, [`IssueError::KeyMismatch`] when the
    /// signer is not the responder, and what the signer says.
    pub fn signed_with(&self, signer: &dyn Signer) -> Result<Vec<u8>, IssueError> {
        if signer.public_key_der()? != self.responder.spki_der() {
            return Err(IssueError::KeyMismatch);
        }
        let data = self.data()?;
        let signature = encode::bit_string(&signer.sign(&data)?);
        let certificates = if self.with_certificate {
            let list = encode::tlv(SEQUENCE, &[self.responder.der()]);
            encode::tlv(encode::context(0), &[&list])
        } else {
            Vec::new()
        };
        let algorithm = signer.algorithm().identifier_der();
        let basic = encode::tlv(SEQUENCE, &[&data, &algorithm, &signature, &certificates]);
        let content = encode::tlv(encode::OCTET_STRING, &[&basic]);
        let bytes = encode::tlv(SEQUENCE, &[&encode::oid(BASIC_RESPONSE), &content]);
        let bytes = encode::tlv(encode::context(0), &[&bytes]);
        Ok(encode::tlv(SEQUENCE, &[&[encode::ENUMERATED, 1, 0], &bytes]))
    }

    /// `ResponseData` (RFC 6960 4.2.1); the responder is named by its key.
    fn data(&self) -> Result<Vec<u8>, IssueError> {
        let key_hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, self.responder.spki().key);
        let responder = encode::tlv(encode::OCTET_STRING, &[key_hash.as_ref()]);
        let responder = encode::tlv(encode::context(2), &[&responder]);
        let mut responses = Vec::new();
        for response in self.responses {
            responses.extend(response.encoded()?);
        }
        let extensions = match self.nonce {
            None => Vec::new(),
            Some(nonce) => {
                let value = encode::tlv(encode::OCTET_STRING, &[nonce]);
                let list = encode::tlv(SEQUENCE, &[&encode::extension(NONCE, false, &value)]);
                encode::tlv(encode::context(1), &[&list])
            }
        };
        let produced_at = time(self.produced_at)?;
        let responses = encode::tlv(SEQUENCE, &[&responses]);
        Ok(encode::tlv(
            SEQUENCE,
            &[&responder, &produced_at, &responses, &extensions],
        ))
    }
}

impl SingleResponse {
    fn encoded(&self) -> Result<Vec<u8>, IssueError> {
        let status = match self.status {
            CertStatus::Good => vec![encode::context_primitive(0), 0],
            CertStatus::Unknown => vec![encode::context_primitive(2), 0],
            CertStatus::Revoked(revocation) => {
                let reason = match revocation.reason {
                    RevocationReason::Unspecified => Vec::new(),
                    reason => encode::tlv(encode::context(0), &[&[encode::ENUMERATED, 1, reason.number()]]),
                };
                encode::tlv(encode::context(1), &[&time(revocation.at)?, &reason])
            }
        };
        let next_update = encode::tlv(encode::context(0), &[&time(self.next_update)?]);
        let this_update = time(self.this_update)?;
        Ok(encode::tlv(
            SEQUENCE,
            &[self.id.as_der(), &status, &this_update, &next_update],
        ))
    }
}

fn time(at: Timestamp) -> Result<Vec<u8>, IssueError> {
    encode::generalized_time(at).ok_or(IssueError::Validity)
}
