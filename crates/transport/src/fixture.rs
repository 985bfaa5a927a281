//! Certificates and TLS clients for the tests of this crate.

use std::sync::Arc;

use provost_model::Timestamp;
use provost_pki::Certificate;
use provost_pki::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, SubjectName, self_signed};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::tls::{ServerIdentity, provider};

/// A self-signed certificate with its key.
pub(crate) struct Identity {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
}

impl Identity {
    /// Valid from 2020 to 2045.
    pub(crate) fn new(name: &str, profile: &Profile, algorithm: KeyAlgorithm) -> Self {
        let key = KeyPair::generate(algorithm).unwrap();
        let issuance = Issuance {
            subject: &SubjectName::common_name(name).unwrap(),
            public_key_der: &key.public_key_der().unwrap(),
            profile,
            not_before: Timestamp::from_unix_seconds(1_577_836_800),
            not_after: Timestamp::from_unix_seconds(2_366_841_600),
            serial: &[7; 16],
        };
        let certificate = self_signed(&issuance, &key).unwrap();
        Self { certificate, key }
    }

    /// A server named `localhost`.
    pub(crate) fn server() -> Self {
        let profile = Profile::Server {
            dns: vec!["localhost".to_owned()],
            ip: Vec::new(),
        };
        Self::new("localhost", &profile, KeyAlgorithm::P256)
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().to_vec().into()]
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.to_pkcs8_der().unwrap().expose().clone()).into()
    }

    pub(crate) fn server_identity(&self) -> Arc<ServerIdentity> {
        Arc::new(ServerIdentity::new(self.chain(), self.private_key()).unwrap())
    }

    /// A client that trusts this server and shows `chain`, whoever owns `key`.
    pub(crate) fn client(
        &self,
        shown: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.chain().remove(0)).unwrap();
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let Some((chain, key)) = shown else {
            return builder.with_no_client_auth();
        };
        let key = CertifiedKey::new(chain, any_supported_type(&key).unwrap());
        let resolver: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(key));
        builder.with_client_cert_resolver(resolver)
    }
}
