use std::collections::HashSet;

use super::{Finding, Findings};
use crate::Certificate;
use crate::crl::{Crl, CrlError};

/// What is wrong with a CRL, by itself and under its CA.
pub fn crl(list: &Crl, issuer: &Certificate) -> Vec<Finding> {
    let mut found = Findings::default();
    let verified = list.verify(issuer);
    found.error(
        matches!(verified, Err(CrlError::Unsupported(_))),
        "criticalExtension",
        "there is a critical extension that is not supported",
    );
    found.error(
        matches!(verified, Err(CrlError::OtherIssuer(_))),
        "issuer",
        "the issuer's name is not that of the CA (RFC 5280 5.1.2.3)",
    );
    found.error(
        matches!(verified, Err(CrlError::WrongKeyUsage)),
        "keyUsage",
        "the CA may not sign revocation lists (RFC 5280 4.2.1.3)",
    );
    found.error(
        matches!(verified, Err(CrlError::Signature(_))),
        "signature",
        "the CA's key did not sign it",
    );
    found.error(
        list.number().is_none(),
        "number",
        "there is no CRL number, or one of more than 64 bits (RFC 5280 5.2.3)",
    );
    found.error(
        list.authority_key_id().is_none(),
        "authorityKeyIdentifier",
        "there is no authority key identifier (RFC 5280 5.2.1)",
    );
    found.error(
        list.next_update().is_none_or(|next| next <= list.this_update()),
        "nextUpdate",
        "the next update must be named and come after this one (RFC 5280 5.1.2.5)",
    );
    entries(&mut found, list);
    found.0
}

fn entries(found: &mut Findings, list: &Crl) {
    let mut serials = HashSet::with_capacity(list.len());
    let (mut repeated, mut odd, mut unspecified, mut removed, mut early) =
        (false, false, false, false, false);
    for entry in list.entries() {
        early |= entry.at > list.this_update();
        unspecified |= entry.reason == Some(0);
        removed |= matches!(entry.reason, Some(7 | 8 | 11..));
        match entry.serial {
            Some(serial) => repeated |= !serials.insert(serial),
            None => odd = true,
        }
    }
    found.error(repeated, "entryRepeated", "a serial number stands in it twice");
    found.error(odd, "entrySerial", "a serial number in it is no serial number");
    found.error(
        removed,
        "entryReason",
        "a reason is unknown, or one of delta lists (RFC 5280 5.3.1)",
    );
    found.warn(
        unspecified,
        "entryUnspecified",
        "the reason unspecified should be left out (RFC 5280 5.3.1)",
    );
    found.warn(
        early,
        "entryDate",
        "a certificate was revoked after the list was made",
    );
}
