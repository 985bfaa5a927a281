use std::collections::BTreeMap;

use provost_model::Secret;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_pki::issue::{KeyAlgorithm, KeyPair, certification_request};

use super::*;
use crate::exchange::{self, Direction, Exchange, Manifest};

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

/// An older CRL, signed by the same root, would make what was revoked since valid again.
#[test]
fn an_older_crl_that_was_put_back_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("root");
    opened(&folder).unwrap().make_root(&passphrase(), 10, 90).unwrap();
    let older = std::fs::read(folder.join(CRL)).unwrap();
    opened(&folder).unwrap().revoke(&passphrase(), "0A", 90).unwrap();
    let last = std::fs::read(folder.join(CRL)).unwrap();
    std::fs::write(folder.join(CRL), older).unwrap();
    let refused = opened(&folder)
        .unwrap()
        .revoke(&passphrase(), "", 90)
        .unwrap_err();
    assert!(refused.to_string().contains("not the last one"), "{refused}");
    assert_eq!(opened(&folder).unwrap().transcript.count("crl"), 2);
    std::fs::write(folder.join(CRL), last).unwrap();
    let made = opened(&folder).unwrap().revoke(&passphrase(), "", 90).unwrap();
    assert_eq!((&made["number"], &made["entries"]), (&3.into(), &1.into()));
}

/// Cut off between the file and the transcript, or between the transcript and the file's place; the first CRL, too.
#[test]
fn a_crl_that_was_cut_off_is_finished_or_was_never_begun() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("root");
    let (place, next) = (folder.join(CRL), folder.join("root.crl.next"));
    opened(&folder).unwrap().make_root(&passphrase(), 10, 90).unwrap();
    // The transcript names it, and it is not in its place yet.
    std::fs::rename(&place, &next).unwrap();
    let made = opened(&folder).unwrap().revoke(&passphrase(), "0A", 90).unwrap();
    assert_eq!((&made["number"], &made["entries"]), (&2.into(), &1.into()));
    // The transcript does not name it.
    std::fs::write(&next, b"a CRL nobody had").unwrap();
    let made = opened(&folder).unwrap().revoke(&passphrase(), "0B", 90).unwrap();
    assert_eq!((&made["number"], &made["entries"]), (&3.into(), &2.into()));
    assert!(!next.exists());
    // Before the first line about a CRL.
    let text = std::fs::read_to_string(folder.join("transcript.jsonl")).unwrap();
    let first = text.lines().next().unwrap();
    std::fs::write(folder.join("transcript.jsonl"), format!("{first}\n")).unwrap();
    assert!(
        opened(&folder).unwrap().revoke(&passphrase(), "", 90).is_err(),
        "not over an unknown one"
    );
    std::fs::remove_file(&place).unwrap();
    let made = opened(&folder).unwrap().revoke(&passphrase(), "", 90).unwrap();
    assert_eq!(made["number"], 1);
}

fn asked(requests: &[(&str, Vec<u8>)], revoked: &str, crl_number: u64) -> Exchange {
    let mut files: BTreeMap<String, Vec<u8>> = requests
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.clone()))
        .collect();
    files.insert(exchange::REVOKED.to_owned(), revoked.as_bytes().to_vec());
    Exchange {
        manifest: Manifest {
            format: Direction::Requests,
            namespace: "plant".to_owned(),
            root_sha256: None,
            crl_number,
            crl_urls: vec!["http://ca.example/root.crl".to_owned()],
            certificate_urls: Vec::new(),
            files: BTreeMap::new(),
        },
        files,
    }
}

#[test]
fn a_folder_of_requests_is_answered_in_one_go_and_the_same_request_alike() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("root");
    opened(&folder).unwrap().make_root(&passphrase(), 10, 90).unwrap();
    let (one, two) = (request(KeyAlgorithm::P384), request(KeyAlgorithm::P384));
    let first = asked(&[("one.csr", one.clone())], "", 1);
    let (answers, told) = opened(&folder)
        .unwrap()
        .answer(&passphrase(), &first, 1000, 90)
        .unwrap();
    assert_eq!(told["crl"]["number"], 2);
    let again = asked(
        &[("one.csr", one), ("two.csr", two)],
        "0A superseded 2026-01-31T12:00:00Z\n",
        40,
    );
    let (more, told) = opened(&folder)
        .unwrap()
        .answer(&passphrase(), &again, 1000, 90)
        .unwrap();
    assert_eq!(answers.files["one.pem"], more.files["one.pem"]);
    assert_eq!(
        (&told["crl"]["number"], &told["crl"]["entries"]),
        (&40.into(), &1.into())
    );
    assert_eq!(opened(&folder).unwrap().transcript.count("issuing CA"), 2);
    let mut strange = asked(&[], "", 1);
    strange.manifest.root_sha256 = Some("00".repeat(32));
    assert!(
        opened(&folder)
            .unwrap()
            .answer(&passphrase(), &strange, 1000, 90)
            .is_err()
    );
}

#[test]
fn an_answer_that_was_revoked_is_signed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("root");
    opened(&folder).unwrap().make_root(&passphrase(), 10, 90).unwrap();
    let csr = request(KeyAlgorithm::P384);
    let answer = |revoked: &str| {
        let asked = asked(&[("one.csr", csr.clone())], revoked, 1);
        let (answers, _) = opened(&folder)
            .unwrap()
            .answer(&passphrase(), &asked, 1000, 90)
            .unwrap();
        Certificate::from_file_bytes(&answers.files["one.pem"])
            .unwrap()
            .certificate
    };
    let first = answer("");
    let serial = first.serial_hex();
    answer(&format!("{serial} cACompromise 2026-01-31T12:00:00Z\n"));
    let second = answer("");
    assert_ne!(second.serial_hex(), serial);
    assert_eq!(second.spki_der(), first.spki_der());
}

#[test]
fn a_number_of_a_crl_that_no_clock_gives_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("root");
    opened(&folder).unwrap().make_root(&passphrase(), 10, 90).unwrap();
    for number in [u64::MAX, i64::MAX as u64] {
        let asked = asked(&[], "", number);
        let refused = opened(&folder).unwrap().answer(&passphrase(), &asked, 1000, 90);
        assert!(refused.err().unwrap().to_string().contains("no clock gives"));
    }
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
