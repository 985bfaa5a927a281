use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use provost_pki::{
    Certificate, CertificateError, CertificateInfo, MAX_CERTIFICATE_BYTES, MAX_PRESENTED_CERTIFICATES,
    PresentedChain,
};

use crate::fixture::Spec;
use crate::openssl::Openssl;

static SAMPLES: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let root = Spec::ca("CN=root,OU=a,OU=b,O=Contoso").root();
    let leaf = Spec::client("device").under(&root).certificate;
    vec![root.certificate, leaf, Openssl::new().version_1("old")]
});

#[test]
fn every_spelling_of_an_upload_is_read() {
    let certificate = &SAMPLES[1];
    let pem = certificate.to_pem();
    let base64 = STANDARD.encode(certificate.der());
    let crlf = pem.replace('\n', "\r\n");
    let wrapped = STANDARD.encode(&pem);
    let lines: Vec<_> = base64
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    for text in [
        pem.clone(),
        crlf.clone(),
        pem.trim_end().to_owned(),
        format!("subject=CN = device\n\n{pem}\ntrailing words\n"),
        pem.replace("CERTIFICATE", "X509 CERTIFICATE"),
        base64.clone(),
        base64.trim_end_matches('=').to_owned(),
        format!("\n{base64}\r\n"),
        lines.join("\r\n"),
        wrapped.clone(),
        STANDARD.encode(&crlf),
    ] {
        let uploaded = Certificate::from_text(&text).unwrap();
        assert_eq!(
            (&uploaded.certificate, uploaded.count),
            (certificate, 1),
            "{text}"
        );
        assert_eq!(
            &Certificate::from_file_bytes(text.as_bytes()).unwrap().certificate,
            certificate
        );
    }
    assert_eq!(
        &Certificate::from_file_bytes(certificate.der())
            .unwrap()
            .certificate,
        certificate
    );
}

#[test]
fn the_first_of_several_is_taken_and_counted() {
    let all: String = SAMPLES.iter().map(Certificate::to_pem).collect();
    for text in [all.clone(), STANDARD.encode(&all)] {
        let uploaded = Certificate::from_text(&text).unwrap();
        assert_eq!((&uploaded.certificate, uploaded.count), (&SAMPLES[0], 3));
    }
}

#[test]
fn private_keys_and_nonsense_are_refused() {
    let pem = SAMPLES[1].to_pem();
    let key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
    let cut = pem.replace("-----END", "-----");
    let big = "A".repeat(300_000);
    for (text, expected) in [
        (format!("{pem}{key}"), CertificateError::PrivateKey),
        (format!("{key}{pem}"), CertificateError::PrivateKey),
        (
            STANDARD.encode(format!("{pem}{key}")),
            CertificateError::PrivateKey,
        ),
        (String::new(), CertificateError::Empty),
        (" \n".to_owned(), CertificateError::Empty),
        (
            pem.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
            CertificateError::Empty,
        ),
        ("words, no certificate".to_owned(), CertificateError::NotText),
        (STANDARD.encode("words"), CertificateError::NotText),
        (cut, CertificateError::Malformed { what: "PEM lines" }),
        (
            STANDARD.encode([0x30, 0x00]),
            CertificateError::Malformed {
                what: "outer sequence",
            },
        ),
        (big, CertificateError::TooLarge { limit: 256 * 1024 }),
    ] {
        assert_eq!(
            Certificate::from_text(&text).unwrap_err(),
            expected,
            "{}",
            &text[..text.len().min(60)]
        );
    }
    let large = vec![0x30; MAX_CERTIFICATE_BYTES + 1];
    let expected = CertificateError::TooLarge {
        limit: MAX_CERTIFICATE_BYTES,
    };
    assert_eq!(Certificate::from_der(&large), Err(expected));
}

#[test]
fn nothing_may_follow_a_certificate() {
    let mut der = SAMPLES[0].der().to_vec();
    der.push(0);
    assert!(Certificate::from_der(&der).is_err());
}

/// Looks at everything a parsed certificate offers.
fn look(certificate: &Certificate) {
    let shown = CertificateInfo::from(certificate);
    assert!(format!("{certificate:?} {shown:?}").len() < 1_000_000);
    let _ = (
        certificate.subject_hash(),
        certificate.issuer_hash(),
        certificate.spki_der(),
    );
    let _ = (
        certificate.path_len(),
        certificate.subject_key_id(),
        certificate.authority_key_id(),
    );
    assert_eq!(
        Certificate::from_text(&certificate.to_pem()).unwrap().certificate,
        *certificate
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Certificate::from_der(&bytes).is_err());
        let _ = Certificate::from_file_bytes(&bytes);
        let _ = provost_pki::verify_handshake_signature(&bytes, &bytes, &bytes, &[]);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "(-----(BEGIN|END) [A-Z ]{0,12}-----|[A-Za-z0-9+/=]{0,40}|\\PC{0,10}|\n){0,8}") {
        let _ = Certificate::from_text(&text);
    }

    #[test]
    fn mutated_certificates_never_panic(
        sample in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut der = sample.get(&SAMPLES).der().to_vec();
        for (index, value) in changes {
            *index.get_mut(&mut der) = value;
        }
        if let Some(cut) = cut {
            der.truncate(cut.index(der.len()));
        }
        if let Ok(certificate) = Certificate::from_der(&der) {
            look(&certificate);
            let verified = provost_pki::verify_signature(&certificate, &SAMPLES[0]);
            prop_assert!(verified.is_err() || SAMPLES.contains(&certificate));
        }
    }

    #[test]
    fn a_changed_certificate_never_keeps_its_signature(
        index in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let (root, leaf) = (&SAMPLES[0], &SAMPLES[1]);
        let mut der = leaf.der().to_vec();
        *index.get_mut(&mut der) ^= 1 << bit;
        if let Ok(certificate) = Certificate::from_der(&der) {
            prop_assert!(provost_pki::verify_signature(&certificate, root).is_err());
        }
    }
}

#[test]
fn a_pem_file_is_a_chain_in_its_order() {
    let text: String = SAMPLES.iter().map(Certificate::to_pem).collect();
    let chain = PresentedChain::from_pem(&text).unwrap();
    assert!(chain.iter().eq(SAMPLES.iter()));

    let many = SAMPLES[0].to_pem().repeat(MAX_PRESENTED_CERTIFICATES + 1);
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (text, expected) in [
        (String::new(), CertificateError::Empty),
        (format!("{text}{key}"), CertificateError::PrivateKey),
        (
            many,
            CertificateError::TooMany {
                count: MAX_PRESENTED_CERTIFICATES + 1,
                limit: MAX_PRESENTED_CERTIFICATES,
            },
        ),
    ] {
        assert_eq!(PresentedChain::from_pem(&text).unwrap_err(), expected);
    }
}
