use provost_model::{RegistrationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::dps::CertificateInfo;
use crate::json::{self, BodyError, Members};
use crate::time;

/// The body of `POST /provost/explain`: `{"trackingId"}`, or `{"registrationId"?,"certificates"?}`
/// with at least one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExplainInput {
    /// What happened when a device was told this id.
    Refusal {
        /// From the device's error or its log.
        tracking_id: String,
    },
    /// What would happen to a device now.
    Device {
        /// Absent: the common name of the leaf.
        registration_id: Option<RegistrationId>,
        /// The chain it sends, leaf first, as PEM text.
        certificates: Option<String>,
    },
}

impl ExplainInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        if let Some(tracking_id) = members.text("trackingId")? {
            return Ok(Self::Refusal {
                tracking_id: tracking_id.to_owned(),
            });
        }
        let registration_id = members.parsed("registrationId", RegistrationId::parse)?;
        let certificates = members.text("certificates")?.map(str::to_owned);
        if registration_id.is_none() && certificates.is_none() {
            return Err(members.shape("registrationId", "is needed, or `certificates`, or `trackingId`"));
        }
        Ok(Self::Device {
            registration_id,
            certificates,
        })
    }
}

/// What became or would become of a device, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The instant it is judged at.
    pub at: String,
    /// The device.
    pub registration_id: String,
    /// What it comes to.
    pub outcome: ExplainedOutcome,
    /// Why, in words.
    pub because: String,
    /// What a refused device is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_is_told: Option<ToldError>,
    /// What was looked at, in order.
    pub steps: Vec<String>,
    /// The certificates of the device as it sends them.
    #[serde(default)]
    pub chain: Vec<CertificateInfo>,
    /// Subject of the first issuer that is neither sent nor registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_issuer: Option<String>,
    /// The entry that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<ExplainedEntry>,
    /// The disabled entry that holds a certificate of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<ExplainedEntry>,
    /// Under which the device was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
    /// The latest refusals of the device, latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent_refusals: Vec<RecentRefusal>,
}

/// What an explanation comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExplainedOutcome {
    /// It gets a hub.
    Admitted,
    /// It reads the status `disabled`.
    Disabled,
    /// It is told an error.
    Refused,
    /// It depends on what the device shows.
    Undecided,
}

/// What a refused device reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldError {
    /// Azure's number.
    pub error_code: u32,
    /// The text beside it.
    pub message: String,
}

/// An enrollment or a group, and who touched it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedEntry {
    /// `enrollment` or `enrollmentGroup`.
    pub kind: String,
    /// Its ID.
    pub id: String,
    /// `enabled` or `disabled`; absent when it no longer exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioning_status: Option<String>,
    /// Its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_change: Option<LastChange>,
}

/// Who did what, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastChange {
    /// As the audit trail names it: `policy:provisioningserviceowner`.
    pub actor: String,
    /// `create`, `update`, `delete`.
    pub action: String,
    /// When.
    pub at: String,
}

/// A refusal in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentRefusal {
    /// Ask with it for the whole.
    pub tracking_id: String,
    /// When.
    pub at: String,
    /// Why, in words.
    pub because: String,
}

impl Explanation {
    /// One without facts beyond what was decided.
    pub fn new(at: Timestamp, id: &RegistrationId, outcome: ExplainedOutcome, because: String) -> Self {
        Self {
            at: time::iso(at),
            registration_id: id.as_str().to_owned(),
            outcome,
            because,
            device_is_told: None,
            steps: Vec::new(),
            chain: Vec::new(),
            missing_issuer: None,
            entry: None,
            held_by: None,
            tracking_id: None,
            recent_refusals: Vec::new(),
        }
    }

    /// Reads what [`Self::to_json`] wrote.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The bytes to send.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_to_explain_is_needed() {
        assert!(ExplainInput::parse(b"{}").is_err());
        assert!(ExplainInput::parse(br#"{"registrationId":"not valid!"}"#).is_err());
        let refusal = ExplainInput::parse(br#"{"trackingId":"t","registrationId":"x"}"#).unwrap();
        assert_eq!(
            refusal,
            ExplainInput::Refusal {
                tracking_id: "t".into()
            }
        );
        let chain = ExplainInput::parse(br#"{"certificates":"pem"}"#).unwrap();
        let expected = ExplainInput::Device {
            registration_id: None,
            certificates: Some("pem".into()),
        };
        assert_eq!(chain, expected);
    }
}
