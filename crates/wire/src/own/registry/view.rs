use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::registry::{Ca, IssuedCertificate, OperationState, RegistryOperation};
use provost_model::{UpperHex, pem};
use serde::{Deserialize, Serialize};

use crate::time;

/// One issued certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedView {
    /// Its place; grows.
    pub number: i64,
    /// Whose.
    pub device: String,
    /// By which policy.
    pub policy: String,
    /// The CA that signed it.
    pub authority: String,
    /// Hexadecimal.
    pub serial_number: String,
    /// `intended`, `issued` or `orphaned`.
    pub state: String,
    /// First instant.
    pub not_before: String,
    /// Last instant.
    pub not_after: String,
    /// SHA-1, upper-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1_thumbprint: Option<String>,
    /// SHA-256, upper-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256_thumbprint: Option<String>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_reason: Option<String>,
    /// Base64 of its DER, where one is shown alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

impl IssuedView {
    /// As a list shows it.
    pub fn listed(issued: &IssuedCertificate) -> Self {
        Self {
            number: issued.number,
            device: issued.device.to_string(),
            policy: issued.policy.to_string(),
            authority: issued.ca.to_string(),
            serial_number: issued.serial.to_string(),
            state: issued.state.as_str().to_owned(),
            not_before: time::iso_seconds(issued.not_before),
            not_after: time::iso_seconds(issued.not_after),
            sha1_thumbprint: issued.sha1.as_ref().map(|hash| UpperHex(hash).to_string()),
            sha256_thumbprint: issued.sha256.as_ref().map(|hash| UpperHex(hash).to_string()),
            revoked_at: issued.revoked.map(|revocation| time::iso(revocation.at)),
            revocation_reason: issued
                .revoked
                .map(|revocation| revocation.reason.as_str().to_owned()),
            certificate: None,
        }
    }

    /// With the certificate.
    pub fn whole(issued: &IssuedCertificate) -> Self {
        Self {
            certificate: issued.certificate.as_ref().map(|der| STANDARD.encode(&der.0)),
            ..Self::listed(issued)
        }
    }
}

/// `{"value","continuation"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedPageView {
    /// The certificates.
    pub value: Vec<IssuedView>,
    /// Asks for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation: Option<String>,
}

/// One CA of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityView {
    /// Its name.
    pub id: String,
    /// `root` or `issuing`.
    pub role: String,
    /// The policy it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// `pending`, `spare`, `active`, `retired`, `revoked` or `closed`.
    pub state: String,
    /// Its key is not here: it is a root that is kept offline.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_offline: bool,
    /// E.g. `CN=ica-…`.
    pub subject: String,
    /// Hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// SHA-1 over its certificate, upper-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1_thumbprint: Option<String>,
    /// Where its key is: a place, and no secret.
    pub key: String,
    /// Into how many parts its CRL is cut.
    pub shards: u32,
    /// First instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Last instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// PEM of its signing request, while it waits for a customer's CA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_signing_request: Option<String>,
    /// PEM of its certificate and what is above it, root last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_chain: Option<String>,
}

impl AuthorityView {
    /// With what its certificate says: serial number and thumbprint, both in hexadecimal.
    pub fn new(ca: &Ca, certificate: Option<(String, String)>) -> Self {
        let (serial_number, sha1_thumbprint) = certificate.unzip();
        let chain = ca.certificate.iter().chain(&ca.issuers);
        let chain: String = chain.map(|der| pem("CERTIFICATE", &der.0)).collect();
        let waits = ca.certificate.is_none();
        let request = ca.signing_request.as_ref().filter(|_| waits);
        Self {
            id: ca.id.to_string(),
            role: ca.role.as_str().to_owned(),
            policy: ca.policy.as_ref().map(ToString::to_string),
            state: ca.state.as_str().to_owned(),
            is_offline: ca.key.is_offline(),
            subject: ca.subject.clone(),
            serial_number,
            sha1_thumbprint,
            key: ca.key.0.clone(),
            shards: ca.shards,
            not_before: ca.not_before.map(time::iso_seconds),
            not_after: ca.not_after.map(time::iso_seconds),
            certificate_signing_request: request.map(|der| pem("CERTIFICATE REQUEST", der)),
            certificate_chain: ca.certificate.is_some().then_some(chain),
        }
    }
}

/// The CRL of a CA, or one part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CrlView {
    /// Whose.
    pub authority: String,
    /// Which part, from 0.
    pub shard: u32,
    /// Its number.
    pub number: i64,
    /// Since when it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub this_update: Option<String>,
    /// When the next one is promised at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update: Option<String>,
    /// How many certificates it names.
    pub entries: i64,
    /// Revocations that stand and that it does not tell yet.
    pub untold: i64,
    /// There will be no other: its CA is closed.
    pub is_last: bool,
    /// PEM.
    pub crl: String,
}

/// What a revocation touches, before or after it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TouchView {
    /// Nothing was done: this is what would be.
    pub dry_run: bool,
    /// Devices with certificates that stop working.
    pub devices: u64,
    /// Unexpired certificates that stop working.
    pub certificates: u64,
    /// Those devices that are connected now.
    pub connected: u64,
    /// Those that can get a new certificate by themselves: an enabled enrollment of a linked provisioning
    /// service names the policy.
    pub can_renew: u64,
    /// Those that cannot: somebody has to go there.
    pub stranded: u64,
    /// What stands in the place of an issuing CA afterwards: `replaced`, `spareTookOver`,
    /// `waitsForOfflineRoot` or `waitsForExternalCa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
}

/// What deleting by force orphans: certificates that go on until they expire, and that no policy renews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrphansView {
    /// Nothing was done: this is what would be.
    pub dry_run: bool,
    /// The policies that are deleted.
    pub policies: Vec<String>,
    /// The CAs that signed them; each one's are listed by `…/certificates?standingOf={ca}`, also afterwards.
    pub authorities: Vec<String>,
    /// How many certificates are neither revoked nor expired.
    pub certificates: u64,
    /// How many devices hold them.
    pub devices: u64,
    /// The first of them, at most 100.
    pub orphaned: Vec<IssuedView>,
    /// There are more than those.
    pub has_more: bool,
}

/// What became of one device of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokedDeviceView {
    /// Which.
    pub device: String,
    /// `Succeeded` or `Failed`.
    pub result: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkRevokeView {
    /// One for each device asked for, in that order.
    pub revocation_results: Vec<RevokedDeviceView>,
}

/// A long-running operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationView {
    /// Its name.
    pub id: String,
    /// What it does, e.g. `revokeIssuer`.
    pub kind: String,
    /// The path of the resource below its namespace.
    pub resource: String,
    /// `InProgress`, `Succeeded` or `Failed`.
    pub status: String,
    /// How it ended, of those that may end in several ways, e.g. `spareTookOver`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// When it began.
    pub start_time: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// Why it failed: code and message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<crate::arm::ArmError>,
}

/// An operation that ended writes down how.
fn result(operation: &RegistryOperation) -> Option<String> {
    let kept: serde_json::Value = serde_json::from_str(&operation.progress).ok()?;
    Some(kept.get("result")?.as_str()?.to_owned())
}

impl From<&RegistryOperation> for OperationView {
    fn from(operation: &RegistryOperation) -> Self {
        let (status, error) = match &operation.state {
            OperationState::Running => ("InProgress", None),
            OperationState::Succeeded => ("Succeeded", None),
            OperationState::Failed(failure) => (
                "Failed",
                Some(crate::arm::ArmError::new(
                    failure.code.clone(),
                    failure.message.clone(),
                )),
            ),
        };
        Self {
            id: operation.id.clone(),
            kind: operation.kind.clone(),
            resource: operation.resource.clone(),
            status: status.to_owned(),
            result: result(operation),
            start_time: time::iso(operation.started_at),
            end_time: operation.ended_at.map(time::iso),
            error,
        }
    }
}

/// `{"namespace"}`: what a hub or a provisioning service is linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceLinkView {
    /// The namespace; null for none.
    pub namespace: Option<String>,
}
