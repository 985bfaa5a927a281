use std::time::Duration;

use anyhow::Result;
use provost_model::Clock;
use provost_model::ambient::SystemClock;
use provost_pki::issue::{Issuance, Profile, Signer, SubjectName, ToBeSigned, self_signed};
use provost_pki::{Certificate, Csr, CsrRules};

use super::requests::Requests;

const DAY: Duration = Duration::from_hours(24);

/// What cannot be saved: verifying the request, signing, reading what was signed.
pub(super) struct Bare<'a> {
    key: &'a dyn Signer,
    issuer: Certificate,
}

impl<'a> Bare<'a> {
    /// With this key.
    pub(super) fn new(key: &'a dyn Signer) -> Result<Self> {
        let subject = SubjectName::common_name("ica")?;
        let spki = key.public_key_der()?;
        let issuance = Issuance {
            subject: &subject,
            public_key_der: &spki,
            profile: &Profile::Ca { path_len: Some(0) },
            not_before: SystemClock.now(),
            not_after: SystemClock.now().after(DAY),
            serial: &[7; 16],
        };
        let issuer = self_signed(&issuance, key)?;
        Ok(Self { key, issuer })
    }

    /// One after the other, on this thread.
    pub(super) fn run(&self, requests: &Requests) -> Result<()> {
        for (_, csr) in &requests.0 {
            let csr = Csr::from_base64(csr)?.verify(&CsrRules::default())?;
            let subject = SubjectName::from_der(csr.subject_der())?;
            let issuance = Issuance {
                subject: &subject,
                public_key_der: csr.spki_der(),
                profile: &Profile::Client,
                not_before: SystemClock.now(),
                not_after: SystemClock.now().after(DAY),
                serial: &[9; 16],
            };
            let leaf = ToBeSigned::under(&issuance, &self.issuer)?.signed_with(self.key)?;
            Certificate::from_der(leaf.der())?;
        }
        Ok(())
    }
}
