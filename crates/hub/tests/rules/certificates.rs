//! Certificates made for the tests.

use std::time::Duration;

use provost_model::registry::DeviceIdentifier;
use provost_model::{
    AuthorityOwner, CertificateAuthority, CertificateDer, CertificateName, Change, Etag, SynchronizedCa,
    Timestamp,
};
use provost_pki::issue::{
    Issuance, KeyAlgorithm, KeyPair, Profile, Publication, SubjectName, issue, self_signed,
};
use provost_pki::{Certificate, IdentifierStyle, PresentedChain};
use provost_store::{CertificateIndex, StoreError};

use crate::house::{House, made};

pub(crate) struct Made {
    pub(crate) certificate: Certificate,
    key: KeyPair,
}

pub(crate) fn root(name: &str, now: Timestamp) -> Made {
    make(name, &Profile::Ca { path_len: None }, now, None)
}

impl Made {
    pub(crate) fn intermediate(&self, name: &str, now: Timestamp) -> Made {
        make(name, &Profile::Ca { path_len: None }, now, Some(self))
    }

    pub(crate) fn leaf(&self, name: &str, now: Timestamp) -> Made {
        make(name, &Profile::Client, now, Some(self))
    }

    /// The certificate of a device of the registry.
    pub(crate) fn device(&self, name: &str, identifier: DeviceIdentifier, now: Timestamp) -> Made {
        let profile = Profile::Device {
            identifier,
            style: IdentifierStyle::default(),
            publication: Publication::default(),
        };
        make(name, &profile, now, Some(self))
    }

    pub(crate) fn presented(&self, others: &[&Made]) -> PresentedChain {
        let others = others.iter().map(|made| made.certificate.clone()).collect();
        PresentedChain::new(self.certificate.clone(), others).unwrap()
    }
}

/// A self-signed device certificate, good for a day.
pub(crate) fn lone_leaf(name: &str, now: Timestamp) -> Made {
    make(name, &Profile::Client, now, None)
}

fn make(name: &str, profile: &Profile, now: Timestamp, issuer: Option<&Made>) -> Made {
    let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let issuance = Issuance {
        subject: &SubjectName::common_name(name).unwrap(),
        public_key_der: &key.public_key_der().unwrap(),
        profile,
        not_before: now.before(Duration::from_hours(1)),
        not_after: now.after(Duration::from_hours(24)),
        serial: &[7; 16],
    };
    let certificate = match issuer {
        Some(issuer) => issue(&issuance, &issuer.certificate, &issuer.key),
        None => self_signed(&issuance, &key),
    };
    Made {
        certificate: certificate.unwrap(),
        key,
    }
}

impl House {
    pub(crate) async fn register_ca(&self, ca: &Made, is_verified: bool) {
        self.register("ca", ca, is_verified, None).await;
    }

    /// A CA that a policy brought.
    pub(crate) async fn synchronize_ca(&self, ca: &Made, from: SynchronizedCa) {
        self.register("ca", ca, true, Some(from)).await;
    }

    /// One that somebody uploaded under this name.
    pub(crate) async fn upload_ca(&self, name: &str, ca: &Made) {
        self.register(name, ca, true, None).await;
    }

    async fn register(&self, name: &str, ca: &Made, is_verified: bool, synchronized: Option<SynchronizedCa>) {
        let owner = AuthorityOwner::Hub(self.hub.name.clone());
        let index = CertificateIndex::of(&ca.certificate);
        let authority = CertificateAuthority {
            name: CertificateName::parse(name).unwrap(),
            certificate: CertificateDer(ca.certificate.der().to_vec()),
            is_verified,
            verification_code: None,
            etag: Etag::from_text("e"),
            created_at: self.now(),
            updated_at: self.now(),
            synchronized,
        };
        let written = self.store.write(move |tx| {
            tx.put_certificate_authority(&owner, &authority, &index)?;
            tx.announce(&Change::Configuration)?;
            tx.record(&made("caCertificate"), ())
        });
        written.await.unwrap();
    }

    pub(crate) async fn remove_ca(&self) {
        let owner = AuthorityOwner::Hub(self.hub.name.clone());
        let written = self.store.write(move |tx| {
            tx.delete_certificate_authority(&owner, &CertificateName::parse("ca").unwrap())?;
            tx.announce(&Change::Configuration)?;
            tx.record::<_>(&made("caCertificate"), ())
        });
        let written: Result<(), StoreError> = written.await;
        written.unwrap();
    }
}
