use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use provost_model::Timestamp;
use provost_pki::issue::{
    Issuance, IssueError, KeyAlgorithm, KeyPair, Profile, SubjectName, issue, self_signed,
};
use provost_pki::{Certificate, CertificateInfo, verify_handshake_signature};
use webpki::aws_lc_rs as algorithm;

use crate::fixture::{NOW, Spec, judge_at, verdict};
use crate::openssl::Openssl;

const ALGORITHMS: [KeyAlgorithm; 4] = [
    KeyAlgorithm::P256,
    KeyAlgorithm::P384,
    KeyAlgorithm::Rsa2048,
    KeyAlgorithm::Ed25519,
];

#[test]
fn openssl_accepts_what_we_issue() {
    let openssl = Openssl::new();
    for algorithm in ALGORITHMS {
        let root = Spec::ca("CN=root,OU=a,OU=b,O=Contoso").with(algorithm).root();
        let intermediate = Spec::ca("intermediate").path_len(0).with(algorithm).under(&root);
        let server = Profile::Server {
            dns: vec!["localhost".to_owned(), "hub.example".to_owned()],
            ip: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        };
        let server = Spec {
            profile: server,
            ..Spec::client("localhost")
        }
        .with(algorithm)
        .under(&intermediate);
        let client = Spec::client("device").with(algorithm).under(&intermediate);
        openssl.write("root.pem", &root.certificate.to_pem());
        openssl.write("intermediate.pem", &intermediate.certificate.to_pem());
        for (leaf, purpose) in [(&server, "sslserver"), (&client, "sslclient")] {
            openssl.write("leaf.pem", &leaf.certificate.to_pem());
            let at = NOW.unix_seconds().to_string();
            let said = openssl.run(&format!(
                "verify -x509_strict -attime {at} -purpose {purpose} -CAfile root.pem -untrusted intermediate.pem leaf.pem"
            ));
            assert_eq!(said.trim(), "leaf.pem: OK");
        }
        openssl.write("leaf.pem", &server.certificate.to_pem());
        let text = openssl.run("x509 -in leaf.pem -noout -text");
        for expected in [
            "Version: 3 (0x2)",
            "Issuer: CN = intermediate",
            "DNS:localhost, DNS:hub.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
            "X509v3 Basic Constraints: critical\n                CA:FALSE",
            "X509v3 Key Usage: critical\n                Digital Signature\n",
            "TLS Web Server Authentication",
            "X509v3 Authority Key Identifier",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}

#[test]
fn keys_survive_pkcs8_and_openssl_reads_them() {
    let openssl = Openssl::new();
    for algorithm in ALGORITHMS {
        let key = KeyPair::generate(algorithm).unwrap();
        let pem = key.to_pkcs8_pem().unwrap();
        let again = KeyPair::from_pem(pem.expose()).unwrap();
        assert_eq!(again.algorithm(), algorithm);
        assert_eq!(again.public_key_der(), key.public_key_der());
        openssl.write("key.pem", pem.expose());
        openssl.run("pkey -in key.pem -check -noout");
        openssl.write(
            "public.pem",
            &provost_model::pem("PUBLIC KEY", &key.public_key_der().unwrap()),
        );
        assert_eq!(
            openssl.run("pkey -in key.pem -pubout"),
            openssl.read("public.pem")
        );
        assert_eq!(format!("{key:?}"), format!("KeyPair({algorithm:?})"));
    }
    assert!(KeyPair::from_pkcs8_der(b"no key").is_err());
}

#[test]
fn older_key_forms_are_read() {
    let openssl = Openssl::new();
    for (make, algorithm) in [
        (
            "ecparam -name prime256v1 -genkey -out key.pem",
            KeyAlgorithm::P256,
        ),
        (
            "ecparam -name secp384r1 -genkey -noout -out key.pem",
            KeyAlgorithm::P384,
        ),
        ("genrsa -traditional -out key.pem 2048", KeyAlgorithm::Rsa2048),
    ] {
        openssl.run(make);
        assert_eq!(
            KeyPair::from_pem(&openssl.read("key.pem")).unwrap().algorithm(),
            algorithm,
            "{make}"
        );
    }
}

#[test]
fn issuer_names_are_kept_byte_for_byte() {
    let openssl = Openssl::new();
    openssl.run("ecparam -name prime256v1 -genkey -noout -out ca.key");
    openssl.run(
        "req -x509 -new -key ca.key -days 3650 -utf8 -multivalue-rdn -out ca.pem \
         -subj /C=DE/O=Bär/OU=one/OU=two/OU=two/CN=ca+serialNumber=7",
    );
    let ca = Certificate::from_text(&openssl.read("ca.pem"))
        .unwrap()
        .certificate;
    assert_eq!(
        ca.subject_display(),
        "SERIALNUMBER=7 + CN=ca, OU=two, OU=two, OU=one, O=Bär, C=DE"
    );
    let key = KeyPair::from_pem(&openssl.read("ca.key")).unwrap();
    let leaf = Spec {
        not_before: ca.not_before(),
        not_after: ca.not_after(),
        ..Spec::client("device")
    }
    .under(&crate::fixture::Authority {
        certificate: ca.clone(),
        key,
    });
    assert_eq!(leaf.certificate.issuer_der(), ca.subject_der());
    assert_eq!(leaf.certificate.issuer_hash(), ca.subject_hash());
    openssl.write("leaf.pem", &leaf.certificate.to_pem());
    assert_eq!(
        openssl.run("verify -CAfile ca.pem leaf.pem").trim(),
        "leaf.pem: OK"
    );
    let at = ca.not_before();
    assert_eq!(verdict(&judge_at(&[&leaf.certificate], &[&ca], at)), "ok");
}

#[test]
fn the_eight_members_agree_with_openssl() {
    let openssl = Openssl::new();
    let root = Spec::ca("CN=root,O=Contoso").root();
    let leaf = Spec::client("CN=dev\\,ice,OU=b,OU=a,C=US")
        .under(&root)
        .certificate;
    openssl.write("leaf.pem", &leaf.to_pem());
    let shown = CertificateInfo::from(&leaf);
    let ask = |what: &str| {
        let said = openssl.run(&format!("x509 -in leaf.pem -noout {what}"));
        said.trim().rsplit('=').next().unwrap().replace(':', "")
    };
    assert_eq!(shown.subject_name, "CN=\"dev,ice\", OU=b, OU=a, C=US");
    assert_eq!(shown.issuer_name, "CN=root, O=Contoso");
    assert_eq!(shown.sha1_thumbprint.to_string(), ask("-fingerprint -sha1"));
    assert_eq!(shown.sha256_thumbprint.to_string(), ask("-fingerprint -sha256"));
    assert_eq!(shown.serial_number, ask("-serial"));
    assert_eq!((shown.version, leaf.common_name()), (3, Some("dev,ice")));
    assert_eq!(
        shown.not_after.unix_seconds() - shown.not_before.unix_seconds(),
        2 * 86_400
    );
}

#[test]
fn dates_reach_the_year_9999_and_serials_stay_positive() {
    let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let public_key_der = &key.public_key_der().unwrap();
    let subject = &SubjectName::common_name("ä device").unwrap();
    let end = Timestamp::from_unix_seconds(253_402_300_799);
    let make = |serial: &[u8], not_before, not_after| {
        let profile = &Profile::Client;
        self_signed(
            &Issuance {
                subject,
                public_key_der,
                profile,
                not_before,
                not_after,
                serial,
            },
            &key,
        )
    };
    let made = make(&[0xff, 0x01], NOW, end).unwrap();
    assert_eq!((made.serial_hex().as_str(), made.not_after()), ("7F01", end));
    assert_eq!(made.common_name(), Some("ä device"));
    assert_eq!(make(&[0x00, 0x81], NOW, end).unwrap().serial_hex(), "81");
    for serial in [&[][..], &[0], &[0x80, 0], &[1; 21]] {
        assert_eq!(make(serial, NOW, end), Err(IssueError::Serial), "{serial:?}");
    }
    assert_eq!(make(&[1], end, NOW), Err(IssueError::Validity));
    assert_eq!(
        make(&[1], NOW, end.after(crate::fixture::DAY)),
        Err(IssueError::Validity)
    );
}

#[test]
fn a_key_must_belong_to_its_certificate() {
    let root = Spec::ca("root").root();
    let other = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let issuance = Issuance {
        subject: &SubjectName::common_name("device").unwrap(),
        public_key_der: &root.key.public_key_der().unwrap(),
        profile: &Profile::Client,
        not_before: NOW,
        not_after: NOW,
        serial: &[1],
    };
    assert_eq!(
        issue(&issuance, &root.certificate, &other),
        Err(IssueError::KeyMismatch)
    );
    assert_eq!(self_signed(&issuance, &other), Err(IssueError::KeyMismatch));
    assert!(SubjectName::common_name("").is_err() && SubjectName::from_der(b"x").is_err());
}

#[test]
fn a_version_1_certificate_proves_a_handshake() {
    let openssl = Openssl::new();
    let certificate = openssl.version_1("device");
    let key = KeyPair::from_pem(&openssl.read("device.key")).unwrap();
    let signature = key.sign(b"transcript").unwrap();
    let verify = |message: &[u8], algorithms: &[_]| {
        verify_handshake_signature(certificate.der(), message, &signature, algorithms)
    };
    assert_eq!(certificate.version(), 1);
    assert!(
        verify(
            b"transcript",
            &[algorithm::ECDSA_P384_SHA256, algorithm::ECDSA_P256_SHA256]
        )
        .is_ok()
    );
    let wrong = verify(b"another", &[algorithm::ECDSA_P256_SHA256]).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "handshake signature does not match the certificate's key"
    );
    let unfit = verify(b"transcript", &[algorithm::ED25519]).unwrap_err();
    assert_eq!(unfit.to_string(), "no algorithm fits the certificate's key");
    assert!(verify_handshake_signature(b"", b"", b"", &[]).is_err());
    // As a leaf it is judged like any other: its issuer is itself, and nobody registered it.
    let at = certificate.not_before();
    assert_eq!(verdict(&judge_at(&[&certificate], &[], at)), "unknownIssuer");
}
