//! The merge rules (dps-service-api.md 2.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::ambient::SystemRandom;
use provost_wire::keys::KeyInput;

use super::*;
use crate::fixture::{Made, key, keys};

fn der(made: &Made) -> CertificateDer {
    CertificateDer(made.certificate.der().to_vec())
}

fn text(made: &Made) -> CertificateInput {
    CertificateInput::Text(made.certificate.to_pem())
}

fn known(made: &Made) -> CertificateInput {
    CertificateInput::Known {
        sha1: None,
        sha256: Some(made.certificate.sha256_thumbprint().to_string()),
    }
}

fn known_by_sha1(made: &Made) -> CertificateInput {
    CertificateInput::Known {
        sha1: Some(made.certificate.sha1_thumbprint().to_string()),
        sha256: None,
    }
}

fn x509(input: X509Input) -> AttestationInput {
    AttestationInput::X509(Box::new(input))
}

fn client(primary: Option<CertificateInput>, secondary: Option<CertificateInput>) -> AttestationInput {
    x509(X509Input {
        client_certificates: Some(Slots { primary, secondary }),
        ..X509Input::default()
    })
}

fn merged(
    input: &AttestationInput,
    stored: Option<&IndividualMechanism>,
) -> Result<Slots<CertificateDer>, ProvisioningError> {
    match individual(input, stored, &SystemRandom)? {
        IndividualMechanism::ClientCertificates(slots) => Ok(slots),
        other => panic!("{other:?}"),
    }
}

#[test]
fn certificates_are_kept_replaced_moved_and_removed() {
    let (a, b, c) = (Made::alone("a"), Made::alone("b"), Made::alone("c"));
    let stored = IndividualMechanism::ClientCertificates(Slots {
        primary: Some(der(&a)),
        secondary: Some(der(&b)),
    });
    for (what, primary, secondary, expected) in [
        ("kept", Some(known(&a)), Some(known(&b)), (Some(&a), Some(&b))),
        (
            "kept by SHA-1",
            Some(known_by_sha1(&a)),
            Some(known(&b)),
            (Some(&a), Some(&b)),
        ),
        ("secondary removed", Some(known(&a)), None, (Some(&a), None)),
        ("primary removed", None, Some(known(&b)), (None, Some(&b))),
        (
            "primary replaced",
            Some(text(&c)),
            Some(known(&b)),
            (Some(&c), Some(&b)),
        ),
        (
            "exchanged",
            Some(known(&b)),
            Some(known(&a)),
            (Some(&b), Some(&a)),
        ),
        (
            "same in both",
            Some(text(&c)),
            Some(text(&c)),
            (Some(&c), Some(&c)),
        ),
    ] {
        let slots = merged(&client(primary, secondary), Some(&stored)).unwrap();
        let expected = Slots {
            primary: expected.0.map(der),
            secondary: expected.1.map(der),
        };
        assert_eq!(slots, expected, "{what}");
    }
}

#[test]
fn certificates_are_read_in_every_spelling() {
    let made = Made::alone("a");
    let pem = made.certificate.to_pem();
    for text in [
        pem.clone(),
        pem.replace('\n', "\r\n"),
        STANDARD.encode(made.certificate.der()),
        STANDARD.encode(&pem),
    ] {
        let slots = merged(&client(Some(CertificateInput::Text(text)), None), None).unwrap();
        assert_eq!(slots.primary, Some(der(&made)));
    }
}

#[test]
fn what_cannot_be_an_attestation_is_refused() {
    let a = Made::alone("a");
    let stored = IndividualMechanism::ClientCertificates(Slots {
        primary: Some(der(&a)),
        secondary: None,
    });
    let private = a.key.to_pkcs8_pem().unwrap().expose().clone();
    let required = "TPM or X509 attestation is required.";
    for (what, input, code) in [
        (
            "facts of another",
            client(Some(known(&Made::alone("z"))), None),
            400_004,
        ),
        ("neither", client(Some(CertificateInput::Neither), None), 400_004),
        (
            "garbage",
            client(Some(CertificateInput::Text("%%".into())), None),
            400_000,
        ),
        (
            "private key",
            client(Some(CertificateInput::Text(private)), None),
            400_000,
        ),
        ("tpm", AttestationInput::Tpm, 400_004),
    ] {
        assert_eq!(merged(&input, Some(&stored)).unwrap_err().code(), code, "{what}");
    }
    for input in [
        AttestationInput::Absent,
        client(None, None),
        x509(X509Input::default()),
    ] {
        assert_eq!(
            merged(&input, Some(&stored)).unwrap_err().public_message(),
            required
        );
    }
}

#[test]
fn each_kind_of_entry_has_its_kinds_of_certificates() {
    let slots = || {
        Some(Slots {
            primary: Some(text(&Made::root("a"))),
            secondary: None,
        })
    };
    let signing = x509(X509Input {
        signing_certificates: slots(),
        ..X509Input::default()
    });
    let client = x509(X509Input {
        client_certificates: slots(),
        ..X509Input::default()
    });
    let both = x509(X509Input {
        client_certificates: slots(),
        signing_certificates: slots(),
        ca_references: None,
    });
    assert!(individual(&client, None, &SystemRandom).is_ok());
    assert!(group(&signing, None, &SystemRandom).is_ok());
    for input in [&signing, &both] {
        assert_eq!(
            individual(input, None, &SystemRandom).unwrap_err().code(),
            400_004
        );
    }
    for input in [&client, &both, &AttestationInput::Tpm] {
        assert_eq!(group(input, None, &SystemRandom).unwrap_err().code(), 400_004);
    }
}

/// Missing and blank keys are made on create and kept on update; a key that is given replaces its
/// own slot only.
#[test]
fn blank_keys_are_made_on_create_and_kept_on_update() {
    let input = |primary: KeyInput, secondary: KeyInput| {
        AttestationInput::SymmetricKey(KeysInput { primary, secondary })
    };
    let pair = |input: &AttestationInput, stored: Option<&IndividualMechanism>| match individual(
        input,
        stored,
        &SystemRandom,
    )
    .unwrap()
    {
        IndividualMechanism::SymmetricKey(pair) => pair,
        other => panic!("{other:?}"),
    };
    let blank = input(KeyInput::Empty, KeyInput::Absent);
    let made = pair(&blank, None);
    assert_eq!(made.primary.as_bytes().len(), SymmetricKey::GENERATED_BYTES);
    assert_ne!(made.primary, made.secondary);
    let stored = IndividualMechanism::SymmetricKey(keys(1));
    assert_eq!(pair(&blank, Some(&stored)), keys(1));
    let one = pair(&input(KeyInput::Given(key(9)), KeyInput::Empty), Some(&stored));
    assert_eq!((one.primary, one.secondary), (key(9), keys(1).secondary));
    // From certificates to keys there is nothing to keep.
    let certificates = IndividualMechanism::ClientCertificates(Slots {
        primary: Some(der(&Made::alone("a"))),
        secondary: None,
    });
    assert_ne!(pair(&blank, Some(&certificates)), keys(1));
}

#[test]
fn references_to_unknown_authorities_are_kept_as_written() {
    let names = Slots {
        primary: Some(CertificateName::parse("not-there").unwrap()),
        secondary: None,
    };
    let input = x509(X509Input {
        ca_references: Some(names.clone()),
        ..X509Input::default()
    });
    let mechanism = group(&input, None, &SystemRandom).unwrap();
    assert_eq!(mechanism, GroupMechanism::CaReferences(names));
    assert_eq!(group_anchors(&mechanism).len(), 1);
}

#[test]
fn shown_facts_are_complete() {
    let made = Made::alone("press-1");
    let shown = shown_certificates(Some(&Slots {
        primary: None,
        secondary: Some(der(&made)),
    }));
    assert_eq!(shown.primary, None);
    let facts = shown.secondary.unwrap();
    assert_eq!((facts.subject_name.as_str(), facts.version), ("CN=press-1", 3));
    assert_eq!(
        (facts.sha1_thumbprint.len(), facts.sha256_thumbprint.len()),
        (40, 64)
    );
}
