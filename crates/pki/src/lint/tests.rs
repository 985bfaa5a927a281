use provost_model::Timestamp;
use provost_model::registry::{DeviceIdentifier, Revocation, RevocationReason, RevokedEntry, SerialNumber};

use super::*;
use crate::crl::{Crl, RevocationList};
use crate::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, Publication, SubjectName, issue, self_signed};
use crate::{Certificate, IdentifierStyle};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const DAY: std::time::Duration = std::time::Duration::from_hours(24);

struct Made {
    certificate: Certificate,
    key: KeyPair,
}

fn made(name: &str, profile: &Profile, serial: &[u8], days: u32, issuer: Option<&Made>) -> Made {
    let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let subject = SubjectName::parse(name).unwrap();
    let issuance = Issuance {
        subject: &subject,
        public_key_der: &key.public_key_der().unwrap(),
        profile,
        not_before: NOW,
        not_after: NOW.after(days * DAY),
        serial,
    };
    let certificate = match issuer {
        None => self_signed(&issuance, &key),
        Some(issuer) => issue(&issuance, &issuer.certificate, &issuer.key),
    };
    Made {
        certificate: certificate.unwrap(),
        key,
    }
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code).collect()
}

fn device(critical: bool, issuers: &[&str]) -> Profile {
    Profile::Device {
        identifier: DeviceIdentifier::from_bytes(&[7; 32]).unwrap(),
        style: IdentifierStyle {
            azure: false,
            critical,
        },
        publication: Publication {
            issuers: issuers.iter().map(|address| (*address).to_owned()).collect(),
            ..Publication::default()
        },
    }
}

const SERIAL: [u8; 16] = [0x61; 16];

#[test]
fn what_we_issue_is_clean() {
    let root = made("CN=root", &Profile::NamespaceRoot, &SERIAL, 3650, None);
    let issuing = made(
        "CN=ica",
        &Profile::IssuingCa(Publication::default()),
        &SERIAL,
        365,
        Some(&root),
    );
    let leaf = made(
        "CN=device",
        &device(false, &["http://a.example/ica.cer"]),
        &SERIAL,
        30,
        Some(&issuing),
    );
    let responder = made("CN=ocsp", &Profile::OcspResponder, &SERIAL, 7, Some(&issuing));
    assert_eq!(certificate(&root.certificate), []);
    assert_eq!(issued(&root.certificate, &root.certificate), []);
    assert_eq!(issued(&issuing.certificate, &root.certificate), []);
    assert_eq!(issued(&leaf.certificate, &issuing.certificate), []);
    assert_eq!(issued(&responder.certificate, &issuing.certificate), []);
}

#[test]
fn what_is_odd_is_found() {
    let root = made("CN=root", &Profile::NamespaceRoot, &SERIAL, 10, None);
    let flat = made(
        "CN=flat",
        &Profile::IssuingCa(Publication::default()),
        &SERIAL,
        5,
        Some(&root),
    );
    let long = format!("CN={}", "a".repeat(65));
    for (name, profile, serial, expected) in [
        ("CN=a", device(true, &[]), &SERIAL[..], "deviceIdentifierCritical"),
        (
            "CN=a",
            device(false, &["https://a.example"]),
            &SERIAL[..],
            "httpsAddress",
        ),
        ("CN=a", device(false, &[]), &SERIAL[..3], "serialNumberShort"),
        (long.as_str(), device(false, &[]), &SERIAL[..], "commonNameLong"),
        ("CN=a,CN=b", device(false, &[]), &SERIAL[..], "commonNames"),
    ] {
        let leaf = made(name, &profile, serial, 3, Some(&flat));
        let findings = issued(&leaf.certificate, &flat.certificate);
        assert_eq!(codes(&findings), [expected]);
        assert_eq!(findings[0].severity, Severity::Warning);
    }
    let leaf = made("CN=a", &device(false, &[]), &SERIAL, 6, Some(&flat));
    assert_eq!(
        codes(&issued(&leaf.certificate, &flat.certificate)),
        ["outlivesIssuer"]
    );
    let below = made("CN=b", &Profile::Ca { path_len: None }, &SERIAL, 3, Some(&flat));
    assert_eq!(
        codes(&issued(&below.certificate, &flat.certificate)),
        ["pathLengthExceeded"]
    );
    assert_eq!(
        first_error(&fresh(&leaf.certificate, &root.certificate)).map(|finding| finding.code),
        Some("issuer")
    );
    let stranger = issued(&leaf.certificate, &root.certificate);
    assert_eq!(
        codes(&stranger),
        ["issuer", "authorityKeyIdentifierOther", "signature"]
    );
}

#[test]
fn lists_are_judged_with_their_entries() {
    let root = made("CN=root", &Profile::NamespaceRoot, &SERIAL, 10, None);
    let other = made("CN=other", &Profile::NamespaceRoot, &SERIAL, 10, None);
    let entry = |first: u8, at| RevokedEntry {
        serial: SerialNumber::from_bytes(&[first; 16]).unwrap(),
        revocation: Revocation {
            at,
            reason: RevocationReason::Superseded,
        },
        not_after: NOW,
    };
    let list = |entries: &[RevokedEntry]| {
        let list = RevocationList {
            issuer: &root.certificate,
            number: 1,
            this_update: NOW,
            next_update: NOW.after(DAY),
            part: None,
        };
        Crl::from_der(&list.signed_with(entries, &root.key).unwrap()).unwrap()
    };
    let good = list(&[entry(1, NOW), entry(2, NOW)]);
    assert_eq!(crl(&good, &root.certificate), []);
    assert_eq!(codes(&crl(&good, &other.certificate)), ["issuer"]);
    let twice = list(&[entry(1, NOW), entry(1, NOW)]);
    assert_eq!(codes(&crl(&twice, &root.certificate)), ["entryRepeated"]);
    let early = list(&[entry(1, NOW.after(DAY))]);
    assert_eq!(codes(&crl(&early, &root.certificate)), ["entryDate"]);
}
