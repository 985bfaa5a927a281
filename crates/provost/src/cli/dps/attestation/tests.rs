use clap::Parser;

use super::*;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";

#[derive(Parser)]
struct Line {
    #[arg(long)]
    attestation_type: Option<AttestationType>,
    #[command(flatten)]
    attestation: AttestationArguments,
    #[command(flatten)]
    remove: RemoveArguments,
}

fn line(flags: &[&str]) -> Line {
    Line::try_parse_from([&["x"], flags].concat()).unwrap()
}

fn created(flags: &[&str], holder: Holder) -> Result<Value, Failure> {
    let line = line(flags);
    line.attestation.create(line.attestation_type, holder)
}

fn updated(flags: &[&str], mut attestation: Value) -> Result<Value, Failure> {
    let line = line(flags);
    line.attestation
        .update(&mut attestation, Holder::Group, line.remove)?;
    Ok(attestation)
}

#[test]
fn keys_are_left_to_the_service_when_none_is_given() {
    let made = created(&["--attestation-type", "symmetrickey"], Holder::Group).unwrap();
    assert_eq!(made, json!({"type": "symmetricKey"}));
    let made = created(&["--pk", KEY], Holder::Individual).unwrap();
    assert_eq!(
        made,
        json!({"type": "symmetricKey", "symmetricKey": {"primaryKey": KEY}})
    );
}

#[test]
fn files_and_names_go_into_their_members() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----").unwrap();
    let path = file.path().to_str().unwrap();
    for (holder, member) in [
        (Holder::Individual, "clientCertificates"),
        (Holder::Group, "signingCertificates"),
    ] {
        let made = created(&["--cp", path], holder).unwrap();
        let slot = json!({"primary": {"certificate": "-----BEGIN CERTIFICATE-----"}});
        assert_eq!(made, json!({"type": "x509", "x509": {member: slot}}));
    }
    let made = created(&["--cn", "root-1", "--scn", "root-2"], Holder::Group).unwrap();
    let slots = json!({"primary": "root-1", "secondary": "root-2"});
    assert_eq!(made, json!({"type": "x509", "x509": {"caReferences": slots}}));
}

#[test]
fn contradictions_are_wrong_usage() {
    for flags in [
        &["--attestation-type", "x509"][..],
        &["--attestation-type", "x509", "--pk", KEY],
        &["--attestation-type", "symmetrickey", "--cn", "root-1"],
        &["--cn", "root-1", "--scp", "/some/file"],
    ] {
        assert!(
            matches!(created(flags, Holder::Group), Err(Failure::Usage(_))),
            "{flags:?}"
        );
    }
    assert!(Line::try_parse_from(["x", "--pk", "short"]).is_err());
}

#[test]
fn updating_one_key_keeps_the_other() {
    let before = json!({"type": "symmetricKey", "symmetricKey": {"primaryKey": "p", "secondaryKey": "s"}});
    let after = updated(&["--sk", KEY], before).unwrap();
    assert_eq!(
        after["symmetricKey"],
        json!({"primaryKey": "p", "secondaryKey": KEY})
    );
    assert!(updated(&["--sk", KEY], json!({"type": "x509"})).is_err());
}

#[test]
fn updating_certificates_keeps_and_removes_by_slot() {
    let info = json!({"info": {"sha256Thumbprint": "AA"}});
    let before =
        json!({"type": "x509", "x509": {"signingCertificates": {"primary": info, "secondary": info}}});
    assert_eq!(updated(&[], before.clone()).unwrap(), before);
    let after = updated(&["--rc", "true"], before.clone()).unwrap();
    assert_eq!(
        after["x509"]["signingCertificates"],
        json!({"primary": null, "secondary": info})
    );
    assert!(matches!(
        updated(&["--rc", "--rsc"], before.clone()),
        Err(Failure::Usage(_))
    ));
    let after = updated(&["--cn", "root-1"], before).unwrap();
    assert_eq!(after["x509"], json!({"caReferences": {"primary": "root-1"}}));
}
