use std::time::Duration;

use provost_model::Timestamp;
use provost_model::registry::{Revocation, RevocationReason, SerialNumber};

use super::*;
use crate::Certificate;
use crate::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, Publication, SubjectName, issue, self_signed};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
const HOUR: Duration = Duration::from_hours(1);

struct Made {
    certificate: Certificate,
    key: KeyPair,
}

fn made(name: &str, profile: &Profile, serial: u8, issuer: Option<&Made>) -> Made {
    let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let issuance = Issuance {
        subject: &SubjectName::parse(name).unwrap(),
        public_key_der: &key.public_key_der().unwrap(),
        profile,
        not_before: NOW,
        not_after: NOW.after(24 * HOUR),
        serial: &[serial; 16],
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

struct House {
    root: Made,
    ca: Made,
    responder: Made,
}

impl House {
    fn new() -> Self {
        let root = made("CN=root", &Profile::NamespaceRoot, 0x61, None);
        let profile = Profile::IssuingCa(Publication {
            ocsp: vec!["http://ocsp.example/ca".to_owned()],
            ..Publication::default()
        });
        let ca = made("CN=ica", &profile, 0x62, Some(&root));
        let responder = made("CN=answers", &Profile::OcspResponder, 0x63, Some(&root));
        Self { root, ca, responder }
    }

    fn question(&self, nonce: Option<[u8; 32]>) -> OcspQuestion {
        OcspQuestion::about(&self.ca.certificate, &self.root.certificate, nonce).unwrap()
    }

    /// What this one answers to a question.
    fn answer(&self, by: &Made, question: &OcspQuestion, status: CertStatus) -> Vec<u8> {
        let request = OcspRequest::from_der(&question.to_der()).unwrap();
        assert!(request.certificates[0].is_issued_by(&self.root.certificate));
        let responses = [SingleResponse {
            id: request.certificates[0].clone(),
            status,
            this_update: NOW,
            next_update: NOW.after(HOUR),
        }];
        let response = OcspResponse {
            responder: &by.certificate,
            with_certificate: true,
            produced_at: NOW,
            responses: &responses,
            nonce: request.nonce.as_deref(),
        };
        response.signed_with(&by.key).unwrap()
    }

    fn read(&self, der: &[u8], question: &OcspQuestion, at: Timestamp) -> Result<Verdict, OcspReplyError> {
        let told = OcspReply::from_der(der)?.answers(question, &self.root.certificate, at)?;
        Ok(told.verdict)
    }
}

#[test]
fn what_a_responder_says_is_read_back() {
    let house = House::new();
    let revocation = Revocation {
        at: NOW,
        reason: RevocationReason::Superseded,
    };
    let revoked = Verdict::Revoked {
        at: NOW,
        reason: Some(RevocationReason::Superseded),
    };
    for nonce in [None, Some([7; 32])] {
        let question = house.question(nonce);
        for by in [&house.responder, &house.root] {
            for (status, verdict) in [
                (CertStatus::Good, Verdict::Good),
                (CertStatus::Unknown, Verdict::Unknown),
                (CertStatus::Revoked(revocation), revoked),
            ] {
                let der = house.answer(by, &question, status);
                assert_eq!(house.read(&der, &question, NOW), Ok(verdict));
            }
        }
    }
}

#[test]
fn an_answer_that_is_not_to_be_believed_is_not() {
    let house = House::new();
    let question = house.question(Some([7; 32]));
    let good = house.answer(&house.responder, &question, CertStatus::Good);
    let wrong = |der: &[u8], question: &OcspQuestion, at| house.read(der, question, at).unwrap_err();

    assert_eq!(
        wrong(&good, &question, NOW.after(2 * HOUR)),
        OcspReplyError::NotOfThisTime
    );
    let other = house.question(Some([8; 32]));
    assert_eq!(wrong(&good, &other, NOW), OcspReplyError::Nonce);
    let kept = house.answer(&house.responder, &house.question(None), CertStatus::Good);
    assert_eq!(wrong(&kept, &question, NOW), OcspReplyError::Nonce);
    let another = OcspQuestion::about(&house.responder.certificate, &house.root.certificate, None).unwrap();
    assert_eq!(wrong(&good, &another, NOW), OcspReplyError::OtherCertificate);

    let mut changed = good.clone();
    let last = changed.iter().rposition(|byte| *byte == 0x63).unwrap();
    changed[last] ^= 1;
    assert!(house.read(&changed, &question, NOW).is_err());

    // The certificate itself, another CA, and a responder of another CA may not answer.
    let stranger = made("CN=root", &Profile::NamespaceRoot, 0x61, None);
    let its_own = made("CN=answers", &Profile::OcspResponder, 0x63, Some(&stranger));
    let below = made("CN=answers", &Profile::OcspResponder, 0x63, Some(&house.ca));
    for by in [&house.ca, &stranger, &its_own, &below] {
        let der = house.answer(by, &question, CertStatus::Good);
        assert_eq!(wrong(&der, &question, NOW), OcspReplyError::Responder);
    }
    assert_eq!(
        wrong(&OcspRefusal::TryLater.to_der(), &question, NOW),
        OcspReplyError::Refused("tryLater")
    );
    for cut in 0..good.len() {
        assert!(house.read(&good[..cut], &question, NOW).is_err(), "{cut}");
    }
}

#[test]
fn a_certificate_names_its_responders() {
    let house = House::new();
    assert_eq!(house.ca.certificate.ocsp_addresses(), ["http://ocsp.example/ca"]);
    assert!(house.root.certificate.ocsp_addresses().is_empty());
    assert_eq!(
        house.question(None).id.serial(),
        SerialNumber::from_bytes(&[0x62; 16]).as_ref()
    );
}
