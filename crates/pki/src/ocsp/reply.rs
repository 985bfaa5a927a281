use std::time::Duration;

use aws_lc_rs::digest;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::{Decode, Reader, SliceReader};
use provost_model::Timestamp;
use provost_model::registry::RevocationReason;

use super::OcspQuestion;
use super::reply_parts::{Basic, Data, Envelope, Single, Status, envelope};
use crate::{Certificate, signature, verify_signature};

/// The largest answer read, in bytes of DER.
pub const MAX_OCSP_REPLY_BYTES: usize = 64 * 1024;
/// How far the clocks of responder and reader may lie apart.
const SKEW: Duration = Duration::from_mins(5);

/// Why an answer is not believed, or says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OcspReplyError {
    /// It cannot be read.
    #[error("the answer is malformed: {0}")]
    Malformed(&'static str),
    /// The responder says why it does not answer, which nobody signed (RFC 6960 4.2.1).
    #[error("the responder does not answer: {0}")]
    Refused(&'static str),
    /// Neither the issuer signed it nor a certificate of the issuer for that purpose.
    #[error("whoever signed the answer may not answer for this issuer")]
    Responder,
    /// The signature is not the responder's.
    #[error("the signature of the answer does not match")]
    Signature,
    /// It was made for somebody else's question, or for none.
    #[error("the answer does not repeat the nonce")]
    Nonce,
    /// It does not speak of the certificate.
    #[error("the answer is about another certificate")]
    OtherCertificate,
    /// Too old, or of the future.
    #[error("the answer is not of this time")]
    NotOfThisTime,
}

/// What a responder said of a certificate. Made by [`OcspReply::answers`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// What it is.
    pub verdict: Verdict,
    /// Since when that is known.
    pub this_update: Timestamp,
    /// By when there is something newer, when the responder promises that.
    pub next_update: Option<Timestamp>,
}

/// The three words of RFC 6960 2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why, when it is said and is a reason we know.
        reason: Option<RevocationReason>,
    },
    /// The responder knows nothing of it.
    Unknown,
}

/// An answer as it came. Parsed is not verified: what it says is told by [`answers`](Self::answers) alone.
#[derive(Debug, Clone)]
pub struct OcspReply<'a> {
    der: &'a [u8],
}

impl<'a> OcspReply<'a> {
    /// Reads the frame of an answer.
    ///
    /// # Errors
    /// [`OcspReplyError::Malformed`], and [`OcspReplyError::Refused`] when it holds no answer.
    pub fn from_der(der: &'a [u8]) -> Result<Self, OcspReplyError> {
        if der.len() > MAX_OCSP_REPLY_BYTES {
            return Err(OcspReplyError::Malformed("too large"));
        }
        match envelope(der).map_err(|_| OcspReplyError::Malformed("frame"))? {
            Envelope::Basic(der) => Ok(Self { der }),
            Envelope::Refused(status) => Err(OcspReplyError::Refused(word(status))),
        }
    }

    /// What it says to a question about a certificate of this issuer, at this instant. The signature must be the
    /// issuer's, or that of a certificate the issuer signed for answering in its name, which comes along.
    ///
    /// DEVIATION: RFC 6960 lets a reader be told of other responders to trust; here there are none.
    ///
    /// # Errors
    /// [`OcspReplyError`].
    pub fn answers(
        &self,
        question: &OcspQuestion,
        issuer: &Certificate,
        at: Timestamp,
    ) -> Result<Told, OcspReplyError> {
        let basic = Basic::parse(self.der).map_err(|_| OcspReplyError::Malformed("response"))?;
        let data = Data::parse(basic.data).map_err(|_| OcspReplyError::Malformed("response data"))?;
        signed(&basic, &data, issuer, at)?;
        if let Some(nonce) = &question.nonce
            && data.nonce != Some(nonce.as_slice())
        {
            return Err(OcspReplyError::Nonce);
        }
        let about = |single: &&Single| single.id.is_same(&question.id);
        let found = data.responses.iter().find(about);
        let single = found.ok_or(OcspReplyError::OtherCertificate)?;
        let is_current = single.this_update <= at.after(SKEW)
            && single.next_update.is_none_or(|next| at <= next.after(SKEW));
        if !is_current {
            return Err(OcspReplyError::NotOfThisTime);
        }
        Ok(Told {
            verdict: verdict(single.status),
            this_update: single.this_update,
            next_update: single.next_update,
        })
    }
}

fn word(status: u8) -> &'static str {
    match status {
        1 => "malformedRequest",
        2 => "internalError",
        3 => "tryLater",
        5 => "sigRequired",
        6 => "unauthorized",
        _ => "a status that is none",
    }
}

fn verdict(status: Status) -> Verdict {
    match status {
        Status::Good => Verdict::Good,
        Status::Unknown => Verdict::Unknown,
        Status::Revoked { at, reason } => Verdict::Revoked {
            at,
            reason: reason.and_then(|number| {
                let mut known = RevocationReason::ALL.into_iter();
                known.find(|known| known.number() == number)
            }),
        },
    }
}

/// Whether it is signed by whom it names, who may speak for the issuer (RFC 6960 4.2.2.2).
fn signed(
    basic: &Basic<'_>,
    data: &Data<'_>,
    issuer: &Certificate,
    at: Timestamp,
) -> Result<(), OcspReplyError> {
    let made_by = |certificate: &Certificate| {
        signature::verify(certificate.spki(), basic.algorithm, basic.data, basic.signature)
            .map_err(|_| OcspReplyError::Signature)
    };
    if is_named(data, issuer) {
        return made_by(issuer);
    }
    let sent = basic.certificates.iter();
    let responder = sent
        .filter_map(|der| Certificate::from_der(der).ok())
        .find(|certificate| is_named(data, certificate) && is_delegated(certificate, issuer, at));
    made_by(&responder.ok_or(OcspReplyError::Responder)?)
}

fn is_named(data: &Data<'_>, certificate: &Certificate) -> bool {
    match data.responder {
        // The Name itself is the content of the choice.
        (1, name) => name == certificate.subject_der(),
        (_, hash) => {
            let key = certificate.spki().key;
            let is = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key);
            // An OCTET STRING of twenty bytes.
            hash.strip_prefix(&[4, 20]) == Some(is.as_ref())
        }
    }
}

fn is_delegated(certificate: &Certificate, issuer: &Certificate, at: Timestamp) -> bool {
    let extensions = certificate.extensions();
    certificate.issuer_der() == issuer.subject_der()
        && may_answer(certificate)
        && extensions.unknown_critical.is_none()
        && extensions.key_usage.is_none_or(|usage| usage.digital_signature)
        && certificate.check_validity(at).is_ok()
        && verify_signature(certificate, issuer).is_ok()
}

/// Only the purpose itself counts, not `anyExtendedKeyUsage` (RFC 6960 4.2.2.2).
fn may_answer(certificate: &Certificate) -> bool {
    let Some(value) = certificate.extension(rfc5280::ID_CE_EXT_KEY_USAGE) else {
        return false;
    };
    let purposes = || {
        let mut outer = SliceReader::new(value)?;
        outer.sequence(|reader| {
            let mut is_one = false;
            while !reader.is_finished() {
                is_one |= ObjectIdentifier::decode(reader)? == rfc5280::ID_KP_OCSP_SIGNING;
            }
            Ok::<_, der::Error>(is_one)
        })
    };
    purposes().unwrap_or(false)
}
