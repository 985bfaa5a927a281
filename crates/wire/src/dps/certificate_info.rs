use provost_model::Timestamp;
use serde::{Deserialize, Serialize};

/// The facts of a certificate as answers show them. All members are always present: clients throw
/// on a missing one (dps-service-api.md 3.4, dps-device-api.md 0.3 rule 14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateInfo {
    /// `CN=…, OU=…`.
    pub subject_name: String,
    /// Upper-case hexadecimal.
    pub sha1_thumbprint: String,
    /// Upper-case hexadecimal.
    pub sha256_thumbprint: String,
    /// As the subject.
    pub issuer_name: String,
    /// Start of validity.
    #[serde(rename = "notBeforeUtc", with = "crate::time::seconds")]
    pub not_before: Timestamp,
    /// End of validity.
    #[serde(rename = "notAfterUtc", with = "crate::time::seconds")]
    pub not_after: Timestamp,
    /// Hexadecimal.
    pub serial_number: String,
    /// 3.
    pub version: u32,
}
