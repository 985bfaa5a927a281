use provost_model::pem;
use provost_model::registry::{ByorStatus, Ca, CredentialPolicy};
use serde_json::{Map, Value, json};

use super::RegistryVersion;
use super::resource_id::policy_id;
use crate::arm::ArmScope;
use crate::json::{self, BodyError, Members};
use crate::time;

const AUTHORITY: &str = "certificateAuthorityConfiguration";
const LEAF: &str = "leafCertificateConfiguration";
const MAX_SUBJECT: usize = 256;
/// Longest PEM of a chain in bytes.
const MAX_CHAIN: usize = 64 * 1024;

/// The body of a policy's PUT. `location` and `tags` of the first generation are ignored
/// (certificate-management.md 1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryPolicyInput {
    /// Days a leaf is valid.
    pub validity_days: u32,
    /// Its issuing CA is to hang under the customer's root.
    pub is_external: bool,
    /// The issuing CA's subject, which clients of the first generation may choose.
    pub subject: Option<String>,
}

impl RegistryPolicyInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8], version: RegistryVersion) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let certificate = required(&required(&members, "properties")?, "certificate")?;
        let authority = required(&certificate, AUTHORITY)?;
        authority
            .word("keyType", &[("ECC", ())])?
            .ok_or_else(|| authority.shape("keyType", "is required"))?;
        let is_external = match authority.object("bringYourOwnRoot")? {
            Some(external) => external.required_flag("enabled")?,
            None => false,
        };
        // `subject` is for the server alone to say since the second generation.
        let subject = match version {
            RegistryVersion::First => authority.remark("subject", MAX_SUBJECT)?,
            RegistryVersion::Second => None,
        };
        let leaf = required(&certificate, LEAF)?;
        Ok(Self {
            validity_days: validity(&leaf)?.ok_or_else(|| leaf.shape(VALIDITY, "is required"))?,
            is_external,
            subject: subject.filter(|text| !text.is_empty()).map(str::to_owned),
        })
    }
}

const VALIDITY: &str = "validityPeriodInDays";

fn required<'a>(members: &Members<'a>, name: &str) -> Result<Members<'a>, BodyError> {
    members
        .object(name)?
        .ok_or_else(|| members.shape(name, "is required"))
}

/// A number of days; which numbers are allowed is the service's to say.
fn validity(leaf: &Members<'_>) -> Result<Option<u32>, BodyError> {
    let days = leaf.integer(VALIDITY)?;
    let days =
        days.map(|days| u32::try_from(days).map_err(|_| leaf.invalid(VALIDITY, "must be a number of days")));
    days.transpose()
}

/// The body of a policy's PATCH: the validity of leaves is all that may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPatch {
    /// Days a leaf is valid from now on; `None` leaves it.
    pub validity_days: Option<u32>,
}

impl PolicyPatch {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member; one that carries `certificateAuthorityConfiguration` is refused.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let none = Self { validity_days: None };
        let Some(properties) = members.object("properties")? else {
            return Ok(none);
        };
        let Some(certificate) = properties.object("certificate")? else {
            return Ok(none);
        };
        if certificate.value(AUTHORITY).is_some() {
            return Err(certificate.invalid(AUTHORITY, "cannot be changed"));
        }
        let leaf = certificate.object(LEAF)?;
        Ok(Self {
            validity_days: leaf.map(|leaf| validity(&leaf)).transpose()?.flatten(),
        })
    }
}

/// The body of `activateBringYourOwnRoot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivateInput {
    /// PEM: the signed issuing CA first, then what is above it. Never empty.
    pub certificate_chain: String,
}

impl ActivateInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let chain = members.required_text("certificateChain")?;
        if chain.len() > MAX_CHAIN {
            let reason = format!("must have at most {MAX_CHAIN} bytes");
            return Err(members.invalid("certificateChain", reason));
        }
        Ok(Self {
            certificate_chain: chain.to_owned(),
        })
    }
}

/// What the answer about a policy is written from.
#[derive(Debug, Clone, Copy)]
pub struct PolicyView<'a> {
    /// Where the client looked.
    pub scope: &'a ArmScope,
    /// Which generation it speaks.
    pub version: RegistryVersion,
    /// The record.
    pub policy: &'a CredentialPolicy,
    /// The CA that signs now.
    pub issuing: Option<&'a Ca>,
    /// The CA that waits for the customer.
    pub pending: Option<&'a Ca>,
    /// The thumbprint of the issuing CA's certificate, as Azure writes thumbprints.
    pub thumbprint: Option<&'a str>,
}

/// The policy resource. One that waits for a root kept offline issues nothing: it is not ready, and says
/// `Accepted`; there is no other word for it in the contract. One whose issuing CA ended, as after a restore of an
/// older state, waits for somebody to give it another one: `Failed`, without what is told of an issuing CA.
pub fn policy(view: &PolicyView<'_>) -> Value {
    let record = view.policy;
    let has_ended = view.issuing.is_some_and(|ca| ca.state.has_ended());
    let view = &PolicyView {
        issuing: view.issuing.filter(|_| !has_ended),
        thumbprint: view.thumbprint.filter(|_| !has_ended),
        ..*view
    };
    let state = if has_ended {
        "Failed"
    } else if !record.is_external && view.issuing.is_none() {
        "Accepted"
    } else {
        "Succeeded"
    };
    let mut resource = json!({
        "id": policy_id(view.scope, &record.namespace, &record.name),
        "name": record.name.as_str(),
        "type": "Microsoft.DeviceRegistry/namespaces/credentials/policies",
        "properties": {
            "provisioningState": state,
            "certificate": {
                AUTHORITY: authority(view),
                LEAF: { VALIDITY: record.validity_days },
            },
        },
    });
    if let (RegistryVersion::First, Value::Object(members)) = (view.version, &mut resource) {
        members.insert("location".to_owned(), "local".into());
        members.insert("tags".to_owned(), Value::Object(Map::new()));
    }
    resource
}

fn authority(view: &PolicyView<'_>) -> Value {
    let mut members = Map::new();
    members.insert("keyType".to_owned(), "ECC".into());
    if let Some(ca) = view.issuing.or(view.pending) {
        members.insert("subject".to_owned(), ca.subject.clone().into());
    }
    if let Some(ca) = view.issuing {
        let times = [
            ("validityNotBefore", ca.not_before),
            ("validityNotAfter", ca.not_after),
        ];
        for (name, at) in times {
            if let Some(at) = at {
                members.insert(name.to_owned(), time::iso_seconds(at).into());
            }
        }
    }
    if let Some(status) = view.policy.byor_status() {
        let status = match view.issuing {
            None => ByorStatus::PendingActivation,
            Some(_) => status,
        };
        let mut external = Map::new();
        external.insert("enabled".to_owned(), true.into());
        external.insert("status".to_owned(), status.as_str().into());
        if let Some(request) = view.pending.and_then(|ca| ca.signing_request.as_ref()) {
            let text = pem("CERTIFICATE REQUEST", request);
            external.insert("certificateSigningRequest".to_owned(), text.into());
        }
        if let Some(thumbprint) = view.thumbprint {
            external.insert("issuingCertificateThumbprint".to_owned(), thumbprint.into());
        }
        members.insert("bringYourOwnRoot".to_owned(), external.into());
    }
    members.into()
}

#[cfg(test)]
mod tests;
