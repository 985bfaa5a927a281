//! The certificate a device was issued by the service, beside what it proves itself with.

use provost_device::certificate::{DeviceCertificate, DeviceCertificateError, SigningRequest};
use provost_device::tls::{ClientTls, TlsVersion};
use provost_model::Timestamp;

use super::authority::CertificateFacts;
use super::network::Network;

/// A device's certificate for its hub.
#[derive(Clone)]
pub(super) struct Operational {
    /// Trust and the certificate.
    pub(super) tls: ClientTls,
    certificate: DeviceCertificate,
}

impl Operational {
    /// What was issued for a request.
    pub(super) fn issued(
        network: &Network,
        request: &SigningRequest,
        chain: Vec<Vec<u8>>,
    ) -> Result<Self, DeviceCertificateError> {
        let certificate = request.answered(chain)?;
        let tls = ClientTls::new(&network.roots, Some(certificate.identity()), TlsVersion::Any)?;
        Ok(Self { tls, certificate })
    }

    /// When it is to be renewed, after so many hundredths of its lifetime.
    pub(super) fn renew_at(&self, percent: u32) -> Timestamp {
        self.certificate.after_percent(percent)
    }

    /// What can be said of it.
    pub(super) fn facts(&self) -> CertificateFacts {
        let leaf = self.certificate.leaf();
        CertificateFacts {
            thumbprint: leaf.sha256_thumbprint().to_string(),
            valid_until: leaf.not_after(),
            issuer: leaf.issuer_display(),
        }
    }
}
