use std::path::Path;
use std::sync::Arc;

use provost_transport::tls::provider;
use rustls::client::Resumption;
use rustls::{ALL_VERSIONS, ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Why authorities cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("the file of authorities cannot be read")]
    File(#[source] std::io::Error),
    /// It is not PEM.
    #[error("the authorities are not PEM")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// There is none.
    #[error("there is no certificate among the authorities")]
    None,
    /// rustls does not take one.
    #[error("an authority cannot be used")]
    Unusable(#[from] rustls::Error),
}

/// Which server certificates are taken.
#[derive(Clone, Debug)]
pub(super) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Those of the public authorities.
    pub(super) fn public() -> Result<Self, TrustError> {
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        Self::new(roots)
    }

    /// Those of the authorities in a PEM text.
    pub(super) fn pem(pem: &str) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.map_err(TrustError::Pem)?)?;
        }
        if roots.is_empty() {
            return Err(TrustError::None);
        }
        Self::new(roots)
    }

    /// Those of the authorities in a PEM file.
    pub(super) fn file(path: &Path) -> Result<Self, TrustError> {
        Self::pem(&std::fs::read_to_string(path).map_err(TrustError::File)?)
    }

    fn new(roots: RootCertStore) -> Result<Self, TrustError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(ALL_VERSIONS)?
            .with_root_certificates(roots);
        let mut config = builder.with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_public_or_given() {
        assert!(Trust::public().is_ok());
        assert!(matches!(Trust::pem("nothing"), Err(TrustError::None)));
    }
}
