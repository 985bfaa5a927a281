use std::time::Duration;

use provost_model::Timestamp;
use provost_pki::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, SubjectName, self_signed};

use super::*;
use crate::engine::sqlite;
use crate::migrate::migrate;

fn certificate(name: &str) -> Certificate {
    let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    let issuance = Issuance {
        subject: &SubjectName::common_name(name).unwrap(),
        public_key_der: &key.public_key_der().unwrap(),
        profile: &Profile::Client,
        not_before: now,
        not_after: now.after(Duration::from_hours(1)),
        serial: &[7; 16],
    };
    self_signed(&issuance, &key).unwrap()
}

const ENTRY: &str = "INSERT INTO enrollment (dps, kind, entry_key, entry_id, status, etag, created_at, updated_at, \
    mechanism, primary_certificate, primary_reference, iot_edge) \
    VALUES ('s', ?1, ?2, ?2, 'disabled', 'e', 0, 0, 'x509', ?3, ?4, 0)";
const ANCHOR: &str = "INSERT INTO disabled_anchor (dps, kind, entry_key, slot, thumbprint, reference_key) \
    VALUES ('s', ?1, ?2, 'primary', ?3, ?4)";
const AUTHORITY: &str = "INSERT INTO ca_certificate (owner, name_key, name, certificate, subject_hash, thumbprint, \
    is_verified, etag, created_at, updated_at) VALUES ('dps:s', ?1, ?1, ?2, ?3, ?3, 1, 'e', 0, 0)";

#[test]
fn what_was_disabled_before_gets_its_content_where_the_certificate_is_at_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provost.db");
    sqlite::create(&path).unwrap();
    let connection = sqlite::open(&path).unwrap();
    let engine = Engine::Sqlite(&connection);
    migrate(engine, Timestamp::from_unix_seconds(1_800_000_000)).unwrap();
    let [leaf, ca, replaced, gone] = ["leaf", "ca", "replaced", "gone"].map(certificate);
    let run = |sql: &str, values: &[crate::sql::Param<'_>]| engine.execute(sql, values).unwrap();
    run(
        AUTHORITY,
        params!["ca", ca.der(), ca.sha256_thumbprint().as_bytes()],
    );
    run(
        AUTHORITY,
        params!["replaced", ca.der(), ca.sha256_thumbprint().as_bytes()],
    );
    let none = None::<&str>;
    run(ENTRY, params!["individual", "leaf", Some(leaf.der()), none]);
    run(
        ANCHOR,
        params!["individual", "leaf", leaf.sha256_thumbprint().as_bytes(), none],
    );
    for (name, certificate) in [("ca", &ca), ("replaced", &replaced), ("gone", &gone)] {
        run(ENTRY, params!["group", name, None::<&[u8]>, name]);
        let thumbprint = certificate.sha256_thumbprint();
        run(ANCHOR, params!["group", name, thumbprint.as_bytes(), name]);
    }
    fill_contents(engine).unwrap();
    let read = ReadTx { engine };
    let dps = DpsName::parse("s").unwrap();
    let is_held = |index: CertificateIndex| read.disabled_holder(&dps, &[index]).unwrap().is_some();
    for (certificate, is_filled) in [(&leaf, true), (&ca, true), (&replaced, false), (&gone, false)] {
        let index = CertificateIndex::of(certificate);
        assert!(is_held(index));
        let altered = CertificateIndex {
            thumbprint: [1; 32],
            ..index
        };
        assert_eq!(is_held(altered), is_filled, "{certificate:?}");
    }
}
