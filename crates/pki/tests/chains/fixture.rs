use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use provost_model::Timestamp;
use provost_pki::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, SubjectName, issue, self_signed};
use provost_pki::{Certificate, ChainError, PresentedChain, SignatureMemo, VerifiedChain, verify_chain};

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
pub(crate) const DAY: Duration = Duration::from_hours(24);

pub(crate) struct Authority {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
}

/// What differs from the ordinary in one certificate.
pub(crate) struct Spec<'a> {
    pub(crate) name: &'a str,
    pub(crate) profile: Profile,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) algorithm: KeyAlgorithm,
}

impl<'a> Spec<'a> {
    pub(crate) fn ca(name: &'a str) -> Self {
        Self {
            profile: Profile::Ca { path_len: None },
            ..Self::client(name)
        }
    }

    pub(crate) fn client(name: &'a str) -> Self {
        Self {
            name,
            profile: Profile::Client,
            not_before: NOW.before(DAY),
            not_after: NOW.after(DAY),
            algorithm: KeyAlgorithm::P256,
        }
    }

    pub(crate) fn path_len(self, path_len: u8) -> Self {
        Self {
            profile: Profile::Ca {
                path_len: Some(path_len),
            },
            ..self
        }
    }

    pub(crate) fn with(self, algorithm: KeyAlgorithm) -> Self {
        Self { algorithm, ..self }
    }

    pub(crate) fn root(self) -> Authority {
        let key = KeyPair::generate(self.algorithm).unwrap();
        self.made(key, None)
    }

    pub(crate) fn under(self, issuer: &Authority) -> Authority {
        let key = KeyPair::generate(self.algorithm).unwrap();
        self.made(key, Some(issuer))
    }

    pub(crate) fn made(self, key: KeyPair, issuer: Option<&Authority>) -> Authority {
        let subject = if self.name.contains('=') {
            SubjectName::parse(self.name).unwrap()
        } else {
            SubjectName::common_name(self.name).unwrap()
        };
        let issuance = Issuance {
            subject: &subject,
            public_key_der: &key.public_key_der().unwrap(),
            profile: &self.profile,
            not_before: self.not_before,
            not_after: self.not_after,
            serial: &serial(),
        };
        let certificate = match issuer {
            None => self_signed(&issuance, &key),
            Some(issuer) => issue(&issuance, &issuer.certificate, &issuer.key),
        };
        Authority {
            certificate: certificate.unwrap(),
            key,
        }
    }
}

fn serial() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut serial = [0xf7; 16];
    serial[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    serial
}

pub(crate) fn presented(certificates: &[&Certificate]) -> PresentedChain {
    PresentedChain::from_der_list(certificates.iter().map(|certificate| certificate.der())).unwrap()
}

pub(crate) fn judge(
    certificates: &[&Certificate],
    anchors: &[&Certificate],
) -> Result<VerifiedChain, ChainError> {
    judge_at(certificates, anchors, NOW)
}

pub(crate) fn judge_at(
    certificates: &[&Certificate],
    anchors: &[&Certificate],
    at: Timestamp,
) -> Result<VerifiedChain, ChainError> {
    let anchors: Vec<_> = anchors.iter().copied().cloned().collect();
    verify_chain(&presented(certificates), &anchors, &SignatureMemo::default(), at)
}

/// The word of the refusal, `ok` when there is none.
pub(crate) fn verdict<T>(result: &Result<T, ChainError>) -> &'static str {
    result.as_ref().err().map_or("ok", ChainError::reason)
}
