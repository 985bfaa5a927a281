use provost_model::registry::DeviceIdentifier;

use super::*;
use crate::IdentifierStyle;
use crate::issue::{KeyAlgorithm, KeyPair, Profile, Publication, Signer, SubjectName, certification_request};

fn made(algorithm: KeyAlgorithm, wanted: Option<&Profile>) -> (Vec<u8>, KeyPair) {
    let key = KeyPair::generate(algorithm).unwrap();
    let subject = SubjectName::common_name("device-7").unwrap();
    (certification_request(&subject, &key, wanted).unwrap(), key)
}

fn refusal(der: &[u8]) -> CsrError {
    Csr::from_der(der)
        .and_then(|csr| csr.verify(&CsrRules::default()))
        .unwrap_err()
}

#[test]
fn requests_of_every_allowed_key_verify() {
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Rsa2048] {
        let (der, key) = made(algorithm, None);
        let csr = Csr::from_base64(&STANDARD.encode(&der)).unwrap();
        assert!(csr.requested_extensions().is_empty());
        let verified = csr.verify(&CsrRules::default()).unwrap();
        assert_eq!(verified.common_name(), "device-7");
        assert_eq!(verified.spki_der(), Signer::public_key_der(&key).unwrap());
    }
}

#[test]
fn strict_rules_allow_p_384_alone() {
    let judge = |algorithm| {
        Csr::from_der(&made(algorithm, None).0)
            .unwrap()
            .verify(&CsrRules::strict())
    };
    assert!(judge(KeyAlgorithm::P384).is_ok());
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::Rsa2048, KeyAlgorithm::Ed25519] {
        assert!(matches!(judge(algorithm), Err(CsrError::Key(_))), "{algorithm:?}");
    }
}

#[test]
fn extensions_asked_for_are_read() {
    let (der, _) = made(
        KeyAlgorithm::P384,
        Some(&Profile::IssuingCa(Publication::default())),
    );
    let csr = Csr::from_der(&der).unwrap();
    let wanted: Vec<_> = csr
        .requested_extensions()
        .iter()
        .map(|(oid, critical)| (oid.as_str(), *critical))
        .collect();
    assert_eq!(
        wanted,
        [
            ("2.5.29.19", true),
            ("2.5.29.15", true),
            ("2.5.29.37", false),
            ("2.5.29.14", false)
        ]
    );
    assert!(csr.verify(&CsrRules::default()).is_ok());
}

#[test]
fn whatever_byte_is_changed_the_request_is_refused() {
    let (der, _) = made(KeyAlgorithm::P256, None);
    for index in 0..der.len() {
        let mut changed = der.clone();
        changed[index] ^= 1;
        refusal(&changed);
    }
}

#[test]
fn texts_that_are_no_requests_say_why() {
    let (der, _) = made(KeyAlgorithm::P256, None);
    let text = STANDARD.encode(&der);
    let read = |text: &str| Csr::from_base64(text).unwrap_err();
    assert_eq!(read(""), CsrError::Empty);
    assert_eq!(read(&"A".repeat(8193)), CsrError::TooLarge);
    assert_eq!(
        read(&provost_model::pem("CERTIFICATE REQUEST", &der)),
        CsrError::NotBase64
    );
    assert_eq!(read(&format!("{text}\n")), CsrError::NotBase64);
    assert_eq!(
        read(&format!("{} {}", &text[..64], &text[64..])),
        CsrError::NotBase64
    );
    let junk = [&der[..], &[0]].concat();
    let error = read(&STANDARD.encode(junk));
    assert_eq!(error, CsrError::Malformed("bytes after its end"));
    assert_eq!(error.code(), "FailedToDecodeCsr");
}

#[test]
fn people_may_bring_any_spelling() {
    let (der, _) = made(KeyAlgorithm::P256, None);
    let pem = provost_model::pem("CERTIFICATE REQUEST", &der);
    for bytes in [der.clone(), pem.into_bytes(), STANDARD.encode(&der).into_bytes()] {
        assert_eq!(Csr::from_file_bytes(&bytes).unwrap().der(), der);
    }
}

#[test]
fn a_request_of_another_version_is_refused() {
    let (der, _) = made(KeyAlgorithm::P256, None);
    let at = der.windows(3).position(|bytes| bytes == [2, 1, 0]).unwrap();
    let mut changed = der;
    changed[at + 2] = 1;
    assert_eq!(Csr::from_der(&changed).unwrap_err(), CsrError::Version);
}

#[test]
fn exactly_one_common_name_is_needed() {
    let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    for (subject, count) in [("O=Contoso", 0), ("CN=a,CN=b", 2)] {
        let subject = SubjectName::parse(subject).unwrap();
        let der = certification_request(&subject, &key, None).unwrap();
        assert_eq!(refusal(&der), CsrError::CommonNames(count));
    }
}

#[test]
fn identifiers_read_back_in_every_style() {
    let identifier = DeviceIdentifier::from_bytes(&[7; 32]).unwrap();
    let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let subject = SubjectName::common_name("device-7").unwrap();
    for azure in [false, true] {
        for critical in [false, true] {
            let profile = Profile::Device {
                identifier,
                style: IdentifierStyle { azure, critical },
                publication: Publication::default(),
            };
            let issuance = crate::issue::Issuance {
                subject: &subject,
                public_key_der: &key.public_key_der().unwrap(),
                profile: &profile,
                not_before: provost_model::Timestamp::from_unix_seconds(0),
                not_after: provost_model::Timestamp::from_unix_seconds(9),
                serial: &[1],
            };
            let certificate = crate::issue::self_signed(&issuance, &key).unwrap();
            assert_eq!(certificate.device_identifier(), Some(identifier));
            assert_eq!(certificate.extensions().unknown_critical, None);
        }
    }
}
