use serde::{Deserialize, Serialize};

/// One limit: `{"name","used","limit"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaView {
    /// What is limited: `registrations`, `individualEnrollments`, `x509Groups`, `symmetricGroups`,
    /// `caCertificates`, `linkedHubs`, `instances`.
    pub name: String,
    /// How many there are.
    pub used: usize,
    /// How many there may be.
    pub limit: usize,
}
