use std::fmt;

use crate::registry::{CaId, DeviceIdentifier};
use crate::{
    CertificateDer, CredentialPolicyName, DeviceId, DpsName, HubName, NamespaceName, RegistryDeviceName,
    Timestamp,
};

/// By which way a device asks for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestedBy {
    /// Its registration at this provisioning service; its enrollment names the policy.
    Registration {
        /// Where it registers.
        dps: DpsName,
        /// What its enrollment says.
        policy: CredentialPolicyName,
    },
    /// Its connection to this hub; the policy is that of its device in the registry.
    Renewal {
        /// Where it is connected.
        hub: HubName,
    },
}

/// A device asks for a certificate; it is proven to be that device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The name it is made with when the registry does not have it yet.
    pub device: RegistryDeviceName,
    /// Its name in the hub, by which the registry is searched for it; the common name of the request must be it,
    /// exactly.
    pub device_id: DeviceId,
    /// By which way.
    pub by: RequestedBy,
    /// Base64 of a PKCS #10 request's DER, without line breaks, as it was sent.
    pub csr: String,
}

/// A certificate that is signed, whose row says it is intended, and which nobody has yet: it becomes
/// one by being completed in the transaction that hands it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedCertificate {
    /// Its row.
    pub number: i64,
    /// Whose device.
    pub namespace: NamespaceName,
    /// Which device.
    pub device: RegistryDeviceName,
    /// Its name in the hub.
    pub device_id: DeviceId,
    /// The policy.
    pub policy: CredentialPolicyName,
    /// The CA that signed.
    pub ca: CaId,
    /// What the certificate says of the device.
    pub identifier: DeviceIdentifier,
    /// SHA-256 over the `SubjectPublicKeyInfo` of its key.
    pub key_sha256: [u8; 32],
    /// There was no such device in the registry: completing makes it.
    pub is_new_device: bool,
    /// The certificate.
    pub certificate: CertificateDer,
    /// What follows it: issuing CA, then what is above, root last.
    pub issuers: Vec<CertificateDer>,
    /// When the certificate expires.
    pub not_after: Timestamp,
}

/// What became of a prepared certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// It is issued: when the transaction commits, the device may have it.
    Issued,
    /// What it rests on changed meanwhile (the CA, the device's identifier): it is given up, and a new one
    /// may be prepared.
    Moved,
    /// It must not be issued any more.
    Refused(CertificateRefusal),
}

/// Why a device gets no certificate. Each protocol has its own numbers for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    /// The text is not base64 of a PKCS #10 request within the limits.
    #[error("the certificate signing request cannot be read: {0}")]
    Unreadable(String),
    /// It is one, and breaks a rule: signature, key, subject.
    #[error("the certificate signing request did not pass verification: {0}")]
    NotVerified(String),
    /// The service or hub is not linked to a namespace, or the policy is gone.
    #[error("{0}")]
    NoPolicy(String),
    /// The policy cannot issue now: it waits for its external CA, or that CA ends too soon.
    #[error("{0}")]
    PolicyNotReady(String),
    /// The registry does not have the device, and its name there belongs to another one.
    #[error("{0}")]
    NameTaken(String),
    /// The device is disabled in the registry.
    #[error("the device is disabled in the device registry")]
    DeviceDisabled,
    /// Too much for now.
    #[error("certificates cannot be issued at the moment")]
    Busy,
    /// Keys or store failed; the cause was logged.
    #[error("certificates cannot be issued at the moment")]
    Unavailable,
}

impl CertificateRefusal {
    /// A short fixed word for metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "csrUnreadable",
            Self::NotVerified(_) => "csrNotVerified",
            Self::NoPolicy(_) => "noPolicy",
            Self::PolicyNotReady(_) => "policyNotReady",
            Self::NameTaken(_) => "nameTaken",
            Self::DeviceDisabled => "deviceDisabled",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for RequestedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registration { dps, .. } => write!(f, "registration at {dps}"),
            Self::Renewal { hub } => write!(f, "renewal at {hub}"),
        }
    }
}
