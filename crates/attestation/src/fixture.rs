//! Certificates for the tests of this crate.

use std::time::Duration;

use provost_model::Timestamp;
use provost_pki::Certificate;
use provost_pki::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, SubjectName, issue, self_signed};

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// A certificate for `name`, valid for a day around [`NOW`], self-signed without an issuer.
pub(crate) fn certificate(
    name: &str,
    profile: &Profile,
    issuer: Option<(&Certificate, &KeyPair)>,
) -> (Certificate, KeyPair) {
    let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let issuance = Issuance {
        subject: &SubjectName::common_name(name).unwrap(),
        public_key_der: &key.public_key_der().unwrap(),
        profile,
        not_before: NOW.before(DAY),
        not_after: NOW.after(DAY),
        serial: &[7; 16],
    };
    let made = match issuer {
        Some((certificate, issuer_key)) => issue(&issuance, certificate, issuer_key),
        None => self_signed(&issuance, &key),
    };
    (made.unwrap(), key)
}

/// A self-signed device certificate.
pub(crate) fn device(name: &str) -> Certificate {
    certificate(name, &Profile::Client, None).0
}
