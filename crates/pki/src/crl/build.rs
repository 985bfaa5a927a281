use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use provost_model::Timestamp;
use provost_model::registry::{RevocationReason, RevokedEntry};

use crate::Certificate;
use crate::encode::{self, SEQUENCE};
use crate::issue::build::{key_id, sealed};
use crate::issue::profile::authority_key_identifier;
use crate::issue::publication::uri;
use crate::issue::{IssueError, Signer};

/// What a full CRL is to say beside its entries; version 2, with the key identifier of its CA and a number.
#[derive(Debug, Clone)]
pub struct RevocationList<'a> {
    /// The CA.
    pub issuer: &'a Certificate,
    /// Grows with every list of this CA and part, over restarts too (RFC 5280 5.2.3).
    pub number: u64,
    /// When it was made, cut to the second.
    pub this_update: Timestamp,
    /// By when there is a newer one.
    pub next_update: Timestamp,
    /// For one part of a CRL cut into parts: its address, which must be the one its certificates carry;
    /// makes a critical issuing distribution point (RFC 5280 5.2.5).
    pub part: Option<&'a str>,
}

/// One entry with a reason takes about so many bytes.
const ENTRY_BYTES: usize = 52;

impl RevocationList<'_> {
    /// Encodes and signs it. The entries stay in the order given; each serial number must come once.
    ///
    /// The cost is one pass over the entries and one signature: 100,000 take milliseconds.
    ///
    /// # Errors
    /// [`IssueError::Validity`] for dates that cannot be written, [`IssueError::Encoding`] for an address
    /// that is not ASCII, [`IssueError::KeyMismatch`], and what the signer says.
    pub fn signed_with<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e RevokedEntry>,
        signer: &dyn Signer,
    ) -> Result<Vec<u8>, IssueError> {
        if signer.public_key_der()? != self.issuer.spki_der() {
            return Err(IssueError::KeyMismatch);
        }
        if self.next_update < self.this_update {
            return Err(IssueError::Validity);
        }
        let time = |at| encode::time(at).ok_or(IssueError::Validity);
        let mut revoked = entries_der(entries)?;
        if !revoked.is_empty() {
            revoked = encode::tlv(SEQUENCE, &[&revoked]);
        }
        let extensions = encode::tlv(SEQUENCE, &[&self.extensions()?]);
        let tbs = encode::tlv(
            SEQUENCE,
            &[
                &encode::unsigned(&[1]),
                &signer.algorithm().identifier_der(),
                self.issuer.subject_der(),
                &time(self.this_update)?,
                &time(self.next_update)?,
                &revoked,
                &encode::tlv(encode::context(0), &[&extensions]),
            ],
        );
        sealed(&tbs, signer)
    }

    fn extensions(&self) -> Result<Vec<u8>, IssueError> {
        let mut out = match self.issuer.subject_key_id() {
            Some(id) => authority_key_identifier(id),
            None => authority_key_identifier(&key_id(self.issuer.spki_der())?),
        };
        let number = encode::unsigned(&self.number.to_be_bytes());
        out.extend(encode::extension(rfc5280::ID_CE_CRL_NUMBER, false, &number));
        if let Some(address) = self.part {
            let name = encode::tlv(encode::context(0), &[&uri(address)?]);
            let point = encode::tlv(SEQUENCE, &[&encode::tlv(encode::context(0), &[&name])]);
            out.extend(encode::extension(ISSUING_DISTRIBUTION_POINT, true, &point));
        }
        Ok(out)
    }
}

/// `issuingDistributionPoint` (RFC 5280 5.2.5).
pub(super) const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");

/// The extension of an entry with a reason, up to the reason's number: the whole value is the same for
/// all entries otherwise (RFC 5280 5.3.1).
const REASON: [u8; 13] = [
    0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01,
];

fn entries_der<'e>(entries: impl IntoIterator<Item = &'e RevokedEntry>) -> Result<Vec<u8>, IssueError> {
    let entries = entries.into_iter();
    let mut out = Vec::with_capacity(entries.size_hint().0.saturating_mul(ENTRY_BYTES));
    // Revocations come in bursts: the last instant's text is mostly the next one's.
    let mut last: (i64, Vec<u8>) = (i64::MIN, Vec::new());
    for entry in entries {
        let seconds = entry.revocation.at.unix_seconds();
        if last.0 != seconds {
            let time = encode::time(entry.revocation.at).ok_or(IssueError::Validity)?;
            last = (seconds, time);
        }
        let serial = entry.serial.as_bytes();
        let zero = usize::from(serial.first().is_some_and(|first| *first >= 0x80));
        let serial_length = serial.len() + zero;
        // A serial number has 20 bytes at most: every length below fits one byte.
        let with_reason = entry.revocation.reason != RevocationReason::Unspecified;
        let reason_length = if with_reason { REASON.len() + 1 } else { 0 };
        encode::header(
            &mut out,
            SEQUENCE,
            2 + serial_length + last.1.len() + reason_length,
        );
        encode::header(&mut out, encode::INTEGER, serial_length);
        out.extend(std::iter::repeat_n(0, zero));
        out.extend_from_slice(serial);
        out.extend_from_slice(&last.1);
        if with_reason {
            out.extend_from_slice(&REASON);
            out.push(entry.revocation.reason.number());
        }
    }
    Ok(out)
}
