//! The certificate a device is issued: asked for with a signing request, shown at its hub
//! (certificate-management.md 3.1 and 3.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::Timestamp;
use provost_pki::issue::{IssueError, KeyAlgorithm, KeyPair, SubjectName, certification_request};
use provost_pki::{Certificate, CertificateError};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;

use crate::tls::{ClientIdentity, TlsError};

/// Why a request was not made or its answer cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceCertificateError {
    /// The request was not made.
    #[error("cannot make a signing request")]
    Request(#[from] IssueError),
    /// The answer holds no certificate.
    #[error("the issued chain is empty")]
    Empty,
    /// The answer is not a certificate.
    #[error("the issued chain cannot be read")]
    Chain(#[from] CertificateError),
    /// It is a certificate of another key.
    #[error("the issued certificate is for another key")]
    OtherKey,
    /// TLS does not take it.
    #[error("the issued certificate cannot be shown")]
    Tls(#[from] TlsError),
}

/// A fresh key and the request that asks for its certificate. The key never leaves the device.
pub struct SigningRequest {
    key: KeyPair,
    csr: String,
}

impl SigningRequest {
    /// A P-256 key of its own and a request for this common name: the registration ID, or the device ID.
    pub fn new(common_name: &str) -> Result<Self, DeviceCertificateError> {
        let key = KeyPair::generate(KeyAlgorithm::P256)?;
        let der = certification_request(&SubjectName::common_name(common_name)?, &key, None)?;
        Ok(Self {
            key,
            csr: STANDARD.encode(der),
        })
    }

    /// Base64 of the request's DER, as `csr` wants it.
    pub fn csr(&self) -> &str {
        &self.csr
    }

    /// The device's certificate, when the chain (leaf first, DER) is one for this key.
    pub fn answered(&self, chain: Vec<Vec<u8>>) -> Result<DeviceCertificate, DeviceCertificateError> {
        let leaf = chain.first().ok_or(DeviceCertificateError::Empty)?;
        let leaf = Certificate::from_der(leaf)?;
        if leaf.spki_der() != self.key.public_key_der()? {
            return Err(DeviceCertificateError::OtherKey);
        }
        let key = PrivatePkcs8KeyDer::from(self.key.to_pkcs8_der()?.expose().clone());
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        Ok(DeviceCertificate {
            identity: ClientIdentity::from_der(chain, &PrivateKeyDer::from(key))?,
            leaf,
        })
    }
}

impl std::fmt::Debug for SigningRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningRequest")
            .field("csr", &self.csr)
            .finish_non_exhaustive()
    }
}

/// A certificate a device was issued, with its chain and key.
#[derive(Clone, Debug)]
pub struct DeviceCertificate {
    identity: ClientIdentity,
    leaf: Certificate,
}

impl DeviceCertificate {
    /// What the device shows.
    pub fn identity(&self) -> &ClientIdentity {
        &self.identity
    }

    /// The leaf.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// When so many hundredths of its lifetime are over; 80 is when devices renew
    /// (certificate-management.md 3.4).
    pub fn after_percent(&self, percent: u32) -> Timestamp {
        let lifetime = self.leaf.not_after().since(self.leaf.not_before());
        self.leaf.not_before().after(lifetime * percent.min(100) / 100)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use provost_pki::issue::{Issuance, Profile, self_signed};

    use super::*;

    fn chain(request: &SigningRequest) -> Vec<Vec<u8>> {
        let issuance = Issuance {
            subject: &SubjectName::common_name("press-1").unwrap(),
            public_key_der: &request.key.public_key_der().unwrap(),
            profile: &Profile::Client,
            not_before: Timestamp::from_unix_seconds(1_000),
            not_after: Timestamp::from_unix_seconds(2_000),
            serial: &[7; 16],
        };
        vec![self_signed(&issuance, &request.key).unwrap().der().to_vec()]
    }

    #[test]
    fn only_a_certificate_for_its_own_key_is_taken() {
        let (one, other) = (
            SigningRequest::new("press-1").unwrap(),
            SigningRequest::new("press-1").unwrap(),
        );
        let certificate = one.answered(chain(&one)).unwrap();
        assert_eq!(
            certificate.after_percent(80),
            Timestamp::from_unix_seconds(1_000).after(Duration::from_secs(800))
        );
        assert!(matches!(
            other.answered(chain(&one)),
            Err(DeviceCertificateError::OtherKey)
        ));
        assert!(matches!(
            one.answered(Vec::new()),
            Err(DeviceCertificateError::Empty)
        ));
        assert!(!format!("{one:?}").contains("key"));
    }

    #[test]
    fn a_request_is_one_that_verifies() {
        let request = SigningRequest::new("press-1").unwrap();
        let csr = provost_pki::Csr::from_base64(request.csr()).unwrap();
        let verified = csr.verify(&provost_pki::CsrRules::default()).unwrap();
        assert_eq!(verified.common_name(), "press-1");
    }
}
