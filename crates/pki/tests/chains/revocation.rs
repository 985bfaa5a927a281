//! CRLs and OCSP responses of ours, read by openssl.

use std::time::Instant;

use provost_model::registry::{DeviceIdentifier, Revocation, RevocationReason, RevokedEntry, SerialNumber};
use provost_model::{Timestamp, pem};
use provost_pki::IdentifierStyle;
use provost_pki::crl::{Crl, CrlError, RevocationList};
use provost_pki::issue::{KeyAlgorithm, Profile, Publication, Signer};
use provost_pki::ocsp::{CertId, CertStatus, OcspRefusal, OcspRequest, OcspResponse, SingleResponse};

use crate::fixture::{Authority, DAY, Spec};
use crate::openssl::Openssl;

const ADDRESS: &str = "http://crl.example/ica/0.crl";

/// Root, issuing CA and two devices as the registry has them; the instant is openssl's now.
struct Pki {
    openssl: Openssl,
    now: Timestamp,
    root: Authority,
    issuing: Authority,
    device: Authority,
    revoked: Authority,
}

impl Pki {
    fn new() -> Self {
        let openssl = Openssl::new();
        let now = openssl.version_1("clock").not_before();
        let spec = |name, profile| Spec {
            profile,
            not_before: now.before(DAY),
            not_after: now.after(30 * DAY),
            algorithm: KeyAlgorithm::P384,
            name,
        };
        let root = spec("rootca", Profile::NamespaceRoot).root();
        let issuing = spec("ica", Profile::IssuingCa(Publication::default())).under(&root);
        let leaf = |name| {
            let profile = Profile::Device {
                identifier: DeviceIdentifier::from_bytes(&[9; 32]).unwrap(),
                style: IdentifierStyle::default(),
                publication: Publication {
                    crls: vec![ADDRESS.to_owned()],
                    issuers: vec!["http://crl.example/ica.cer".to_owned()],
                    ocsp: vec!["http://ocsp.example/ica".to_owned()],
                },
            };
            spec(name, profile).with(KeyAlgorithm::P256).under(&issuing)
        };
        let (device, revoked) = (leaf("device-1"), leaf("device-2"));
        for (name, authority) in [
            ("root", &root),
            ("ica", &issuing),
            ("device", &device),
            ("revoked", &revoked),
        ] {
            openssl.write(&format!("{name}.pem"), &authority.certificate.to_pem());
        }
        Self {
            openssl,
            now,
            root,
            issuing,
            device,
            revoked,
        }
    }

    fn list<'a>(&self, of: &'a Authority, part: Option<&'a str>) -> RevocationList<'a> {
        RevocationList {
            issuer: &of.certificate,
            number: 0x0100,
            this_update: self.now.before(DAY / 24),
            next_update: self.now.after(7 * DAY),
            part,
        }
    }

    fn entry(&self, of: &Authority, reason: RevocationReason) -> RevokedEntry {
        RevokedEntry {
            serial: serial(of),
            revocation: Revocation {
                at: self.now.before(DAY / 12),
                reason,
            },
            not_after: of.certificate.not_after(),
        }
    }

    /// What openssl says of a leaf with CRLs in `crl.pem`.
    fn crl_check(&self, leaf: &str) -> (bool, String) {
        self.openssl.try_run(&format!(
            "verify -x509_strict -crl_check -extended_crl -CAfile root.pem -untrusted ica.pem -CRLfile crl.pem {leaf}.pem"
        ))
    }

    fn write_crl(&self, der: &[u8]) {
        self.openssl.write("crl.pem", &pem("X509 CRL", der));
    }
}

fn serial(of: &Authority) -> SerialNumber {
    SerialNumber::parse(&of.certificate.serial_hex()).unwrap()
}

#[test]
fn openssl_heeds_our_crl_whole_and_in_parts() {
    let pki = Pki::new();
    let entries = [pki.entry(&pki.revoked, RevocationReason::KeyCompromise)];
    for part in [None, Some(ADDRESS)] {
        let der = pki
            .list(&pki.issuing, part)
            .signed_with(&entries, &pki.issuing.key)
            .unwrap();
        pki.write_crl(&der);
        let text = pki
            .openssl
            .run("crl -in crl.pem -noout -text -crlnumber -CAfile ica.pem");
        assert!(
            text.contains("Version 2") && text.contains("Key Compromise"),
            "{text}"
        );
        assert!(
            text.contains("crlNumber=0x0100") || text.contains("crlNumber=0100"),
            "{text}"
        );
        let (ok, said) = pki.crl_check("device");
        assert!(ok, "{part:?} {said}");
        let (ok, said) = pki.crl_check("revoked");
        assert!(!ok && said.contains("certificate revoked"), "{part:?} {said}");
        let read = Crl::from_der(&der).unwrap();
        read.verify(&pki.issuing.certificate).unwrap();
        assert_eq!((read.number(), read.len(), read.part()), (Some(256), 1, part));
        let entry = read.entry(&serial(&pki.revoked)).unwrap();
        assert_eq!((entry.reason, read.entry(&serial(&pki.device))), (Some(1), None));
    }
}

#[test]
fn a_part_with_another_address_does_not_serve() {
    let pki = Pki::new();
    let list = pki.list(&pki.issuing, Some("http://crl.example/ica/1.crl"));
    pki.write_crl(&list.signed_with(&[], &pki.issuing.key).unwrap());
    let (ok, said) = pki.crl_check("device");
    assert!(!ok && said.contains("CRL scope"), "{said}");
}

#[test]
fn an_empty_crl_has_no_list_and_openssl_reads_ours_of_a_root() {
    let pki = Pki::new();
    let der = pki.list(&pki.root, None).signed_with(&[], &pki.root.key).unwrap();
    pki.write_crl(&der);
    let text = pki.openssl.run("crl -in crl.pem -noout -text -CAfile root.pem");
    assert!(text.contains("No Revoked Certificates"), "{text}");
    let read = Crl::from_der(&der).unwrap();
    assert!(read.is_empty());
    let other = read.verify(&pki.issuing.certificate);
    assert!(matches!(other, Err(CrlError::OtherIssuer(_))), "{other:?}");
}

#[test]
fn reasons_are_written_but_for_the_one_that_says_nothing() {
    let pki = Pki::new();
    let entries: Vec<_> = RevocationReason::ALL
        .into_iter()
        .zip(1_u8..)
        .map(|(reason, number)| RevokedEntry {
            serial: SerialNumber::from_bytes(&[number | 0x80]).unwrap(),
            ..pki.entry(&pki.revoked, reason)
        })
        .collect();
    let der = pki
        .list(&pki.issuing, None)
        .signed_with(&entries, &pki.issuing.key)
        .unwrap();
    let read = Crl::from_file_bytes(pem("X509 CRL", &der).as_bytes()).unwrap();
    let reasons: Vec<_> = read.entries().map(|entry| entry.reason).collect();
    let expected: Vec<_> = RevocationReason::ALL
        .iter()
        .map(|reason| Some(reason.number()).filter(|number| *number > 0))
        .collect();
    assert_eq!(reasons, expected);
    let serials: Vec<_> = read.entries().map(|entry| entry.serial.unwrap()).collect();
    assert!(serials.iter().eq(entries.iter().map(|entry| &entry.serial)));
}

#[test]
fn a_crl_whose_bytes_were_changed_does_not_verify() {
    let pki = Pki::new();
    let entries = [pki.entry(&pki.revoked, RevocationReason::Superseded)];
    let der = pki
        .list(&pki.issuing, Some(ADDRESS))
        .signed_with(&entries, &pki.issuing.key)
        .unwrap();
    for index in 0..der.len() {
        let mut changed = der.clone();
        changed[index] ^= 1;
        let verified = Crl::from_der(&changed).and_then(|crl| crl.verify(&pki.issuing.certificate));
        assert!(verified.is_err(), "byte {index}");
    }
}

#[test]
fn a_hundred_thousand_entries_are_built_at_once() {
    let pki = Pki::new();
    let one = pki.entry(&pki.revoked, RevocationReason::KeyCompromise);
    let entries: Vec<_> = (1_u128..=100_000)
        .map(|number| RevokedEntry {
            serial: SerialNumber::from_bytes(&(number << 80).to_be_bytes()).unwrap(),
            ..one.clone()
        })
        .collect();
    let began = Instant::now();
    let der = pki
        .list(&pki.issuing, None)
        .signed_with(&entries, &pki.issuing.key)
        .unwrap();
    // Without optimization, on a busy machine: a bound no accident of quadratic work would keep.
    assert!(began.elapsed().as_secs() < 10);
    assert_eq!(Crl::from_der(&der).unwrap().len(), 100_000);
    pki.write_crl(&der);
    assert!(pki.crl_check("device").0);
}

/// A responder under the issuing CA, and what openssl says of a response to the request in `req.der`.
struct Responder<'a> {
    pki: &'a Pki,
    authority: Authority,
}

impl<'a> Responder<'a> {
    fn new(pki: &'a Pki) -> Self {
        let spec = Spec {
            profile: Profile::OcspResponder,
            not_before: pki.now.before(DAY),
            not_after: pki.now.after(7 * DAY),
            algorithm: KeyAlgorithm::P256,
            name: "ocsp",
        };
        let authority = spec.under(&pki.issuing);
        Self { pki, authority }
    }

    fn ask(&self, leaf: &str, options: &str) -> OcspRequest {
        self.pki.openssl.run(&format!(
            "ocsp {options} -issuer ica.pem -cert {leaf}.pem -reqout req.der"
        ));
        OcspRequest::from_der(&self.pki.openssl.read_bytes("req.der")).unwrap()
    }

    fn answer(&self, leaf: &str, options: &str, request: &OcspRequest, status: CertStatus) -> String {
        let responses: Vec<_> = request
            .certificates
            .iter()
            .map(|id| SingleResponse {
                id: id.clone(),
                status,
                this_update: self.pki.now.before(DAY / 24),
                next_update: self.pki.now.after(DAY),
            })
            .collect();
        let response = OcspResponse {
            responder: &self.authority.certificate,
            with_certificate: true,
            produced_at: self.pki.now,
            responses: &responses,
            nonce: request.nonce.as_deref(),
        };
        let der = response.signed_with(&self.authority.key).unwrap();
        self.pki.openssl.write_bytes("resp.der", &der);
        let trust = "-respin resp.der -CAfile root.pem -verify_other ica.pem";
        // Against the request, which compares the nonces, and against the certificate, which shows its status.
        let (ok, said) = self.pki.openssl.try_run(&format!("ocsp -reqin req.der {trust}"));
        assert!(ok && said.contains("Response verify OK"), "{said}");
        assert!(!said.contains("Nonce Verify error"), "{said}");
        let hash = options.replace("-no_nonce", "");
        let (ok, said) = self.pki.openssl.try_run(&format!(
            "ocsp {hash} -no_nonce -issuer ica.pem -cert {leaf}.pem {trust}"
        ));
        assert!(ok, "{said}");
        said
    }
}

#[test]
fn openssl_accepts_our_ocsp_responses() {
    let pki = Pki::new();
    let responder = Responder::new(&pki);
    for options in ["", "-no_nonce"] {
        let request = responder.ask("device", options);
        assert_eq!(request.nonce.is_some(), options.is_empty());
        let id = &request.certificates[0];
        assert!(id.is_issued_by(&pki.issuing.certificate) && !id.is_issued_by(&pki.root.certificate));
        assert_eq!(id.serial(), Some(&serial(&pki.device)));
        assert_eq!(*id, CertId::of(&pki.issuing.certificate, &serial(&pki.device)));
        let said = responder.answer("device", options, &request, CertStatus::Good);
        assert!(said.contains("device.pem: good"), "{said}");
    }
    let request = responder.ask("revoked", "-sha256");
    assert!(request.certificates[0].is_issued_by(&pki.issuing.certificate));
    let reason = pki
        .entry(&pki.revoked, RevocationReason::KeyCompromise)
        .revocation;
    let said = responder.answer("revoked", "-sha256", &request, CertStatus::Revoked(reason));
    assert!(
        said.contains("revoked.pem: revoked") && said.contains("keyCompromise"),
        "{said}"
    );
    let said = responder.answer("revoked", "-sha256", &request, CertStatus::Unknown);
    assert!(said.contains("revoked.pem: unknown"), "{said}");
}

#[test]
fn ocsp_refusals_are_read_by_openssl() {
    let pki = Pki::new();
    for (refusal, word) in [
        (OcspRefusal::MalformedRequest, "malformedrequest"),
        (OcspRefusal::InternalError, "internalerror"),
        (OcspRefusal::TryLater, "trylater"),
        (OcspRefusal::Unauthorized, "unauthorized"),
    ] {
        pki.openssl.write_bytes("resp.der", &refusal.to_der());
        let (_, said) = pki.openssl.try_run("ocsp -respin resp.der -noverify");
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn odd_ocsp_requests_are_malformed() {
    let pki = Pki::new();
    let responder = Responder::new(&pki);
    responder.ask("device", "");
    let der = pki.openssl.read_bytes("req.der");
    assert!(OcspRequest::from_der(&[&der[..], &[0]].concat()).is_err());
    assert!(OcspRequest::from_der(&der[..der.len() - 1]).is_err());
    assert!(OcspRequest::from_der(&[]).is_err());
    assert!(OcspRequest::from_der(&vec![0x30; 5000]).is_err());
    for index in 0..der.len() {
        let mut changed = der.clone();
        changed[index] ^= 0x55;
        let _ = OcspRequest::from_der(&changed);
    }
}

#[test]
fn only_the_ca_itself_signs_its_crl() {
    let pki = Pki::new();
    let other = &pki.device.key;
    let refused = pki.list(&pki.issuing, None).signed_with(&[], other);
    assert_eq!(refused.unwrap_err(), provost_pki::issue::IssueError::KeyMismatch);
    assert_ne!(
        Signer::public_key_der(other).unwrap(),
        pki.issuing.certificate.spki_der()
    );
}
