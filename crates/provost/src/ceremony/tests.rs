use provost_model::Secret;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_pki::issue::{KeyAlgorithm, KeyPair, certification_request};

use super::*;

fn passphrase() -> KekSource {
    KekSource::passphrase(&Secret::new(b"correct horse".to_vec())).unwrap()
}

fn opened(folder: &Path) -> Result<Ceremony> {
    Ceremony::open(folder, Arc::new(SystemClock), Arc::new(SystemRandom))
}

fn terms() -> IssuingTerms {
    IssuingTerms {
        days: 1095,
        publication: Publication::default(),
    }
}

fn request(algorithm: KeyAlgorithm) -> Vec<u8> {
    let key = KeyPair::generate(algorithm).unwrap();
    let subject = SubjectName::common_name("ica-1").unwrap();
    certification_request(&subject, &key, None).unwrap()
}

#[test]
fn a_root_signs_issuing_cas_and_its_crl_over_many_sittings() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("root");
    opened(&folder).unwrap().make_root(&passphrase(), 10, 90).unwrap();
    let (chain, made) = opened(&folder)
        .unwrap()
        .sign(&passphrase(), &request(KeyAlgorithm::P384), &terms())
        .unwrap();
    let chain = Certificate::from_text(&chain).unwrap();
    assert_eq!(made["serial"], chain.certificate.serial_hex());
    assert_eq!(chain.certificate.path_len(), Some(0));
    let serial = made["serial"].as_str().unwrap();
    let list = format!("# of today\n{serial} cACompromise 2026-01-31T12:00:00Z\n");
    opened(&folder).unwrap().revoke(&passphrase(), &list, 90).unwrap();
    // The next list does not name it again.
    let made = opened(&folder).unwrap().revoke(&passphrase(), "0A", 90).unwrap();
    assert_eq!((&made["number"], &made["entries"]), (&3.into(), &2.into()));
    let shown = opened(&folder).unwrap().show().unwrap();
    assert_eq!(shown["steps"].as_array().unwrap().len(), 5);
    let root = opened(&folder).unwrap().certificate().unwrap();
    let crl = opened(&folder).unwrap().last_crl(&root).unwrap().unwrap();
    let entry = crl.entry(&SerialNumber::parse(serial).unwrap()).unwrap();
    assert_eq!(entry.reason, Some(RevocationReason::CaCompromise.number()));
}

#[test]
fn what_is_not_a_request_of_an_issuing_ca_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("root");
    let mut ceremony = opened(&folder).unwrap();
    ceremony.make_root(&passphrase(), 10, 90).unwrap();
    let mut altered = request(KeyAlgorithm::P384);
    *altered.last_mut().unwrap() ^= 1;
    for bytes in [altered, request(KeyAlgorithm::Rsa2048), b"nothing".to_vec()] {
        assert!(ceremony.sign(&passphrase(), &bytes, &terms()).is_err());
    }
    assert_eq!(ceremony.transcript.count("issuing CA"), 0);
    let other = KekSource::passphrase(&Secret::new(b"wrong horse".to_vec())).unwrap();
    assert!(
        ceremony
            .sign(&other, &request(KeyAlgorithm::P256), &terms())
            .is_err()
    );
    assert!(ceremony.make_root(&passphrase(), 10, 90).is_err());
}

#[test]
fn a_lost_crl_and_an_altered_transcript_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("root");
    opened(&folder).unwrap().make_root(&passphrase(), 10, 90).unwrap();
    std::fs::remove_file(folder.join(CRL)).unwrap();
    assert!(opened(&folder).unwrap().revoke(&passphrase(), "", 90).is_err());
    let path = folder.join("transcript.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"serial\":\"", "\"serial\":\"0", 1)).unwrap();
    assert!(opened(&folder).is_err());
}

#[test]
fn lists_say_where_they_are_wrong() {
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    for (text, line) in [
        ("0A\nxyz", "line 2"),
        ("0A forgotten", "line 1"),
        ("\n0A superseded 2100-01-01T00:00:00Z", "line 2"),
        ("0A superseded 2020-01-01T00:00:00Z more", "line 1"),
    ] {
        let error = parse_list(text, now, now).unwrap_err().to_string();
        assert!(error.starts_with(line), "{error}");
    }
}
