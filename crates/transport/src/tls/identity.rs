//! The certificate and key the server shows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::provider;

/// Why a server certificate and key cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file cannot be read or is not PEM.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// The certificate file holds no certificate.
    #[error("{0} holds no certificate")]
    NoCertificate(PathBuf),
    /// The key is of an unknown kind or is not the key of the certificate.
    #[error("certificate and key do not fit")]
    Unusable(#[from] rustls::Error),
}

/// A certificate chain, leaf first, with the key of the leaf.
#[derive(Clone, Debug)]
pub struct ServerIdentity(Arc<CertifiedKey>);

impl ServerIdentity {
    /// Takes a chain, leaf first, and its key; checks that they belong together.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, IdentityError> {
        Ok(Self(Arc::new(CertifiedKey::from_der(chain, key, &provider())?)))
    }

    /// Reads a PEM chain, leaf first, and a PEM key (PKCS #8, PKCS #1 or SEC 1).
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|source| unreadable(certificate, source))?;
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate(certificate.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|source| unreadable(key, source))?;
        Self::new(chain, key)
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.cert
    }

    pub(super) fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0)
    }
}

fn unreadable(path: &Path, source: rustls_pki_types::pem::Error) -> IdentityError {
    IdentityError::Unreadable {
        path: path.to_owned(),
        source,
    }
}
