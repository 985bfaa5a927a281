use std::fmt;
use std::ops::Range;

use const_oid::ObjectIdentifier;
use provost_model::registry::SerialNumber;
use provost_model::{Timestamp, UpperHex};

use super::CrlError;
use super::parts::{Entries, Extensions, Fields, entry_extension};
use crate::frame::outer;
use crate::text::{PemBlocks, decode};
use crate::{Certificate, name, signature};

/// The largest CRL read, in bytes of DER: more than a million entries.
pub const MAX_CRL_BYTES: usize = 64 * 1024 * 1024;

/// A parsed CRL. Parsed is not verified: who signed it says [`verify`](Self::verify).
#[derive(Clone)]
pub struct Crl {
    der: Vec<u8>,
    tbs: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
    issuer: Range<usize>,
    revoked: Option<Range<usize>>,
    entries: usize,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    number: Option<Vec<u8>>,
    authority_key_id: Option<Box<[u8]>>,
    part: Option<String>,
    unsupported: Option<ObjectIdentifier>,
}

/// One line of a CRL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlEntry {
    /// Which certificate; `None` for a number no certificate of ours can have.
    pub serial: Option<SerialNumber>,
    /// Since when.
    pub at: Timestamp,
    /// The number of the reason, when there is one (RFC 5280 5.3.1).
    pub reason: Option<u8>,
}

impl Crl {
    /// Reads one CRL in DER, nothing after it.
    ///
    /// # Errors
    /// [`CrlError::TooLarge`] and [`CrlError::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, CrlError> {
        if der.len() > MAX_CRL_BYTES {
            return Err(CrlError::TooLarge);
        }
        let (tbs, algorithm, signature) = outer(der).map_err(|_| CrlError::Malformed("outer sequence"))?;
        let fields = Fields::parse(tbs, algorithm).map_err(|_| CrlError::Malformed("list fields"))?;
        let entries = fields.revoked.map_or(Ok(0), |list| {
            Entries::over(list).try_fold(0, |count, entry| entry.map(|_| count + 1))
        })?;
        let extensions =
            Extensions::parse(fields.extensions).map_err(|_| CrlError::Malformed("extensions"))?;
        let unsupported = entry_extension(fields.revoked)?.or(extensions.unsupported);
        name::check(fields.issuer).map_err(|_| CrlError::Malformed("issuer name"))?;
        let range = |part: &[u8]| {
            let start = part.as_ptr().addr().saturating_sub(der.as_ptr().addr());
            start..start + part.len()
        };
        Ok(Self {
            tbs: range(tbs),
            algorithm: range(algorithm),
            signature: range(signature),
            issuer: range(fields.issuer),
            revoked: fields.revoked.map(range),
            entries,
            this_update: fields.this_update,
            next_update: fields.next_update,
            number: extensions.number,
            authority_key_id: extensions.authority_key_id,
            part: extensions.part,
            unsupported,
            der: der.to_owned(),
        })
    }

    /// Reads a file: DER, or the first CRL of a PEM text.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der), and [`CrlError::NotText`].
    pub fn from_file_bytes(bytes: &[u8]) -> Result<Self, CrlError> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) if !text.starts_with('0') => text,
            _ => return Self::from_der(bytes),
        };
        let body = PemBlocks(text)
            .filter_map(Result::ok)
            .find(|(label, _)| *label == "X509 CRL")
            .map_or(text, |(_, body)| body);
        Self::from_der(&decode(body).map_err(|_| CrlError::NotText)?)
    }

    /// The bytes as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The CA's Name, DER.
    pub fn issuer_der(&self) -> &[u8] {
        self.cut(&self.issuer)
    }

    /// The CA for people.
    pub fn issuer_display(&self) -> String {
        name::display(self.issuer_der())
    }

    /// When it was made.
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// By when there is a newer one.
    pub fn next_update(&self) -> Option<Timestamp> {
        self.next_update
    }

    /// Its number in upper-case hexadecimal digits.
    pub fn number_hex(&self) -> Option<String> {
        let number = self.number.as_deref()?;
        Some(UpperHex(number).to_string())
    }

    /// Its number, when it fits.
    pub fn number(&self) -> Option<u64> {
        let number = self.number.as_ref()?;
        (number.len() <= 8).then(|| number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// The key identifier of the CA.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.authority_key_id.as_deref()
    }

    /// The address of the part it is, when it is one of several.
    pub fn part(&self) -> Option<&str> {
        self.part.as_deref()
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Nothing was revoked.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Its entries in their order.
    pub fn entries(&self) -> impl Iterator<Item = CrlEntry> {
        let list = self.revoked.as_ref().map_or(&[][..], |range| self.cut(range));
        // All of them were read once already.
        Entries::over(list).filter_map(Result::ok)
    }

    /// The entry of a serial number.
    pub fn entry(&self, serial: &SerialNumber) -> Option<CrlEntry> {
        self.entries().find(|entry| entry.serial.as_ref() == Some(serial))
    }

    /// Verifies that this CA made it: name, right to sign CRLs, signature, and that everything critical in
    /// it is understood. Dates are for the caller.
    ///
    /// # Errors
    /// See [`CrlError`].
    pub fn verify(&self, issuer: &Certificate) -> Result<(), CrlError> {
        if issuer.subject_der() != self.issuer_der() {
            return Err(CrlError::OtherIssuer(self.issuer_display()));
        }
        if issuer.extensions().key_usage.is_some_and(|usage| !usage.crl_sign) {
            return Err(CrlError::WrongKeyUsage);
        }
        if let Some(oid) = self.unsupported {
            return Err(CrlError::Unsupported(oid.to_string()));
        }
        let (algorithm, signature) = (self.cut(&self.algorithm), self.cut(&self.signature));
        signature::verify(issuer.spki(), algorithm, self.cut(&self.tbs), signature)?;
        Ok(())
    }

    fn cut(&self, range: &Range<usize>) -> &[u8] {
        self.der.get(range.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crl({}, {} entries)", self.issuer_display(), self.entries)
    }
}
