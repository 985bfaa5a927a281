//! Whom a device trusts and what it shows.

use std::sync::Arc;

use provost_transport::tls::provider;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ALL_VERSIONS, ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// Why trust or identity of a device cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A text is not PEM or lacks what is needed.
    #[error("cannot read pem")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// There is no certificate in it.
    #[error("no certificate")]
    NoCertificate,
    /// rustls does not take it.
    #[error("certificate or key is not usable")]
    Unusable(#[from] rustls::Error),
}

/// The roots a device trusts; shared by all its connections, and by many devices.
#[derive(Clone, Debug)]
pub struct Roots(Arc<RootCertStore>);

impl Roots {
    /// All certificates of a PEM text; at least one.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TlsError> {
        let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
        Self::from_der(certificates)
    }

    /// These certificates; at least one.
    pub fn from_der(
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates {
            store.add(certificate)?;
        }
        if store.is_empty() {
            Err(TlsError::NoCertificate)
        } else {
            Ok(Self(Arc::new(store)))
        }
    }
}

/// The certificate chain and key a device shows.
#[derive(Clone, Debug)]
pub struct ClientIdentity(Arc<SingleCertAndKey>);

impl ClientIdentity {
    /// A chain, leaf first, and a key. That they belong together is not checked, so that tests
    /// can show a certificate whose key they do not own.
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'static>,
    ) -> Result<Self, TlsError> {
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = CertifiedKey::new(chain, any_supported_type(key)?);
        Ok(Self(Arc::new(SingleCertAndKey::from(key))))
    }

    /// A PEM chain, leaf first, and a PEM key (PKCS #8, PKCS #1 or SEC 1).
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
        Self::from_der(chain, &PrivateKeyDer::from_pem_slice(key)?)
    }
}

/// Which TLS versions a device offers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TlsVersion {
    /// 1.3 and 1.2.
    #[default]
    Any,
    /// 1.2 only, as the Python SDK.
    Tls12,
    /// 1.3 only.
    Tls13,
}

static TLS_1_2_ONLY: [&SupportedProtocolVersion; 1] = [&version::TLS12];
static TLS_1_3_ONLY: [&SupportedProtocolVersion; 1] = [&version::TLS13];

impl TlsVersion {
    const fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Any => ALL_VERSIONS,
            Self::Tls12 => &TLS_1_2_ONLY,
            Self::Tls13 => &TLS_1_3_ONLY,
        }
    }
}

/// A device's TLS configuration. Cheap to clone; never resumes a session.
#[derive(Clone, Debug)]
pub struct ClientTls(Arc<ClientConfig>);

impl ClientTls {
    /// Trusts `roots` and shows `identity` when the server asks.
    pub fn new(
        roots: &Roots,
        identity: Option<&ClientIdentity>,
        versions: TlsVersion,
    ) -> Result<Self, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions.versions())?
            .with_root_certificates(Arc::clone(&roots.0));
        let mut config = match identity {
            Some(ClientIdentity(identity)) => {
                let resolver: Arc<dyn ResolvesClientCert> = Arc::<SingleCertAndKey>::clone(identity);
                builder.with_client_cert_resolver(resolver)
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// The rustls configuration, for a protocol that has no client here.
    pub const fn config(&self) -> &Arc<ClientConfig> {
        &self.0
    }
}
