use provost_model::Timestamp;

use crate::{Certificate, Sha1Thumbprint, Sha256Thumbprint};

/// What the service shows of a stored certificate: the eight members of `X509CertificateInfo`,
/// all always present (dps-service-api.md 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    /// X.500 display of the subject.
    pub subject_name: String,
    /// Upper-case hex when displayed.
    pub sha1_thumbprint: Sha1Thumbprint,
    /// Upper-case hex when displayed.
    pub sha256_thumbprint: Sha256Thumbprint,
    /// X.500 display of the issuer.
    pub issuer_name: String,
    /// Whole seconds.
    pub not_before: Timestamp,
    /// Whole seconds.
    pub not_after: Timestamp,
    /// Upper-case hex.
    pub serial_number: String,
    /// 1, 2 or 3.
    pub version: u8,
}

impl From<&Certificate> for CertificateInfo {
    fn from(certificate: &Certificate) -> Self {
        Self {
            subject_name: certificate.subject_display(),
            sha1_thumbprint: certificate.sha1_thumbprint(),
            sha256_thumbprint: certificate.sha256_thumbprint(),
            issuer_name: certificate.issuer_display(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            serial_number: certificate.serial_hex(),
            version: certificate.version(),
        }
    }
}
