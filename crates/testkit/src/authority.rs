use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use provost_device::tls::ClientIdentity;
use provost_model::{Timestamp, UpperHex};
use provost_pki::Certificate;
use provost_pki::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, SubjectName, issue, self_signed};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// First and last instant of what is made without dates: 2020 and 2044, in seconds.
const VALIDITY: (i64, i64) = (1_577_836_800, 2_335_219_200);

/// A certificate authority of a test: root or intermediate.
#[derive(Clone)]
pub struct FixtureAuthority {
    certificate: Certificate,
    key: Arc<KeyPair>,
    /// The intermediates between it and the root, itself first; empty for a root.
    path: Vec<Certificate>,
}

impl FixtureAuthority {
    /// A self-signed root.
    pub fn root(name: &str) -> Self {
        Self::root_between(name, dates(VALIDITY))
    }

    /// A self-signed root valid from the first to the second instant.
    pub fn root_between(name: &str, validity: (Timestamp, Timestamp)) -> Self {
        let key = KeyPair::generate(KeyAlgorithm::P256).expect("a key");
        let public = key.public_key_der().expect("public half");
        let certificate = issued(
            name,
            &public,
            &Profile::Ca { path_len: None },
            validity,
            |issuance| self_signed(issuance, &key),
        );
        Self {
            certificate,
            key: Arc::new(key),
            path: Vec::new(),
        }
    }

    /// An intermediate signed by this authority.
    pub fn intermediate(&self, name: &str) -> Self {
        self.intermediate_between(name, dates(VALIDITY))
    }

    /// An intermediate valid from the first to the second instant.
    pub fn intermediate_between(&self, name: &str, validity: (Timestamp, Timestamp)) -> Self {
        let key = KeyPair::generate(KeyAlgorithm::P256).expect("a key");
        let certificate = self.sign(name, &key, &Profile::Ca { path_len: None }, validity);
        let path = [vec![certificate.clone()], self.path.clone()].concat();
        Self {
            certificate,
            key: Arc::new(key),
            path,
        }
    }

    /// A device certificate with a new key.
    pub fn leaf(&self, common_name: &str) -> Leaf {
        self.leaf_between(common_name, dates(VALIDITY))
    }

    /// A device certificate valid from the first to the second instant.
    pub fn leaf_between(&self, common_name: &str, validity: (Timestamp, Timestamp)) -> Leaf {
        let key = KeyPair::generate(KeyAlgorithm::P256).expect("a key");
        let certificate = self.sign(common_name, &key, &Profile::Client, validity);
        Leaf {
            certificate,
            key,
            path: self.path.clone(),
        }
    }

    /// A server certificate for `localhost`.
    pub fn server_leaf(&self) -> Leaf {
        let key = KeyPair::generate(KeyAlgorithm::P256).expect("a key");
        let profile = Profile::Server {
            dns: vec!["localhost".to_owned()],
            ip: Vec::new(),
        };
        // Clients that judge strictly refuse decades.
        let certificate = self.sign("localhost", &key, &profile, dates(VALIDITY));
        Leaf {
            certificate,
            key,
            path: self.path.clone(),
        }
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        provost_model::pem("CERTIFICATE", self.certificate.der())
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    fn sign(
        &self,
        name: &str,
        key: &KeyPair,
        profile: &Profile,
        validity: (Timestamp, Timestamp),
    ) -> Certificate {
        let public = key.public_key_der().expect("public half");
        issued(name, &public, profile, validity, |issuance| {
            issue(issuance, &self.certificate, &self.key)
        })
    }
}

/// A leaf certificate with its key and the intermediates above it.
pub struct Leaf {
    certificate: Certificate,
    key: KeyPair,
    path: Vec<Certificate>,
}

impl Leaf {
    /// A device certificate that vouches for itself.
    pub fn self_signed(common_name: &str) -> Self {
        Self::self_signed_between(common_name, dates(VALIDITY))
    }

    /// A device certificate that vouches for itself from the first to the second instant.
    pub fn self_signed_between(common_name: &str, validity: (Timestamp, Timestamp)) -> Self {
        let key = KeyPair::generate(KeyAlgorithm::P256).expect("a key");
        let public = key.public_key_der().expect("public half");
        let certificate = issued(common_name, &public, &Profile::Client, validity, |issuance| {
            self_signed(issuance, &key)
        });
        Self {
            certificate,
            key,
            path: Vec::new(),
        }
    }

    /// The leaf with every intermediate, as a device should show them.
    pub fn identity(&self) -> ClientIdentity {
        let chain = std::iter::once(&self.certificate).chain(&self.path);
        self.show(
            chain
                .map(|certificate| CertificateDer::from(certificate.der().to_vec()))
                .collect(),
        )
    }

    /// The leaf without its intermediates.
    pub fn identity_alone(&self) -> ClientIdentity {
        self.show(vec![CertificateDer::from(self.certificate.der().to_vec())])
    }

    fn show(&self, chain: Vec<CertificateDer<'static>>) -> ClientIdentity {
        let key = self.key.to_pkcs8_der().expect("private key");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.expose().clone()));
        ClientIdentity::from_der(chain, &key).expect("a usable identity")
    }

    /// The common name.
    pub fn common_name(&self) -> &str {
        self.certificate.common_name().expect("a common name")
    }

    /// The leaf in DER.
    pub fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// These certificates, whatever they are, with the leaf's key.
    pub(crate) fn identity_with(&self, chain: Vec<Vec<u8>>) -> ClientIdentity {
        self.show(chain.into_iter().map(CertificateDer::from).collect())
    }

    /// The leaf in PEM.
    pub fn pem(&self) -> String {
        provost_model::pem("CERTIFICATE", self.certificate.der())
    }

    /// The leaf and its intermediates in PEM, as a server's certificate file has them.
    pub fn chain_pem(&self) -> String {
        let chain = std::iter::once(&self.certificate).chain(&self.path);
        chain
            .map(|certificate| provost_model::pem("CERTIFICATE", certificate.der()))
            .collect()
    }

    /// The private key in PEM.
    pub fn key_pem(&self) -> String {
        self.key.to_pkcs8_pem().expect("private key").expose().clone()
    }

    /// SHA-1 of the leaf, 40 upper-case hex digits.
    pub fn sha1(&self) -> String {
        UpperHex(self.certificate.sha1_thumbprint().as_bytes()).to_string()
    }

    /// SHA-256 of the leaf, 64 upper-case hex digits.
    pub fn sha256(&self) -> String {
        UpperHex(self.certificate.sha256_thumbprint().as_bytes()).to_string()
    }
}

fn issued(
    name: &str,
    public_key_der: &[u8],
    profile: &Profile,
    (not_before, not_after): (Timestamp, Timestamp),
    sign: impl FnOnce(&Issuance<'_>) -> Result<Certificate, provost_pki::issue::IssueError>,
) -> Certificate {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let subject = SubjectName::common_name(name).expect("a common name");
    let serial = SERIAL.fetch_add(1, Ordering::SeqCst).to_be_bytes();
    let issuance = Issuance {
        subject: &subject,
        public_key_der,
        profile,
        not_before,
        not_after,
        serial: &serial,
    };
    sign(&issuance).expect("a certificate")
}

fn dates((not_before, not_after): (i64, i64)) -> (Timestamp, Timestamp) {
    (
        Timestamp::from_unix_seconds(not_before),
        Timestamp::from_unix_seconds(not_after),
    )
}
