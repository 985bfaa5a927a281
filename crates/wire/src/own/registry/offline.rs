use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::pem;
use provost_model::registry::{Ca, RevokedEntry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json::{self, BodyError, Members};
use crate::time;

/// Longest text of one certificate or chain, in bytes.
const MAX_CHAIN: usize = 64 * 1024;

/// The body of `PUT …/offlineRoot`: `{"location","tags"}`, both free; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineRootInput {
    /// Echoed; `local` when absent.
    pub location: String,
    /// Echoed.
    pub tags: Map<String, Value>,
}

impl OfflineRootInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let (mut location, mut tags) = (None, None);
        if !value.is_null() {
            let members = Members::root(&value)?;
            location = members.text("location")?.map(str::to_owned);
            tags = members.map("tags")?.cloned();
        }
        Ok(Self {
            location: location.unwrap_or_else(|| "local".to_owned()),
            tags: tags.unwrap_or_default(),
        })
    }
}

/// The body of `POST …/offlineRoot/answers`: `{"rootCertificate","certificateChains","crl"}`, each optional.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OfflineAnswersInput {
    /// PEM.
    pub root: Option<String>,
    /// PEM, the signed issuing CA first in each.
    pub chains: Vec<String>,
    /// The bytes of the CRL, which come in base64.
    pub crl: Option<Vec<u8>>,
}

impl OfflineAnswersInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let short = |name: &str, text: &str| {
            let is_short = text.len() <= MAX_CHAIN;
            let reason = format!("must have at most {MAX_CHAIN} bytes");
            is_short
                .then(|| text.to_owned())
                .ok_or_else(|| members.invalid(name, reason))
        };
        let chains = members.list("certificateChains")?.unwrap_or_default();
        let chain = |value: &Value| match value.as_str() {
            Some(text) => short("certificateChains", text),
            None => Err(members.shape("certificateChains", "must hold strings")),
        };
        let crl = members.text("crl")?.map(|text| STANDARD.decode(text));
        Ok(Self {
            root: members
                .text("rootCertificate")?
                .map(|text| short("rootCertificate", text))
                .transpose()?,
            chains: chains.iter().map(chain).collect::<Result<_, _>>()?,
            crl: crl
                .transpose()
                .map_err(|_| members.invalid("crl", "must be base64"))?,
        })
    }
}

/// `GET …/offlineRoot`: what somebody has to take to the root, and how it stands with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineRootView {
    /// Whose.
    pub namespace: String,
    /// The name of the root here, part of the addresses it publishes at.
    pub root: String,
    /// `pending` before its certificate was brought, then `active`.
    pub state: String,
    /// PEM of its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_certificate: Option<String>,
    /// Where its CRL is published.
    pub crl_urls: Vec<String>,
    /// Where its certificate is published.
    pub certificate_urls: Vec<String>,
    /// What it has to sign.
    pub requests: Vec<OfflineRequestView>,
    /// What its CRL has to list.
    pub revoked: Vec<OfflineRevokedView>,
    /// Serial numbers that are revoked and not on the CRL that is out.
    pub missing: Vec<String>,
    /// The CRL that is out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<OfflineCrlView>,
    /// The least number the next CRL may have.
    pub next_crl_number: i64,
    /// What somebody ought to do something about.
    pub warnings: Vec<String>,
}

/// One signing request that waits for the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineRequestView {
    /// The issuing CA to be.
    pub authority: String,
    /// Its policy.
    pub policy: String,
    /// `issuing`, `renewal` or `spare`.
    pub purpose: String,
    /// E.g. `CN=ica-…`.
    pub subject: String,
    /// PEM.
    pub certificate_signing_request: String,
}

impl OfflineRequestView {
    /// Of a CA that waits.
    pub fn of(ca: &Ca, policy: &str, purpose: &str) -> Self {
        let request = ca.signing_request.as_deref().unwrap_or_default();
        Self {
            authority: ca.id.to_string(),
            policy: policy.to_owned(),
            purpose: purpose.to_owned(),
            subject: ca.subject.clone(),
            certificate_signing_request: pem("CERTIFICATE REQUEST", request),
        }
    }
}

/// What a CRL has to list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineRevokedView {
    /// Hexadecimal.
    pub serial_number: String,
    /// A word of RFC 5280.
    pub reason: String,
    /// Since when.
    pub at: String,
    /// When the certificate ends.
    pub not_after: String,
}

impl From<&RevokedEntry> for OfflineRevokedView {
    fn from(entry: &RevokedEntry) -> Self {
        Self {
            serial_number: entry.serial.to_string(),
            reason: entry.revocation.reason.as_str().to_owned(),
            at: time::iso_seconds(entry.revocation.at),
            not_after: time::iso_seconds(entry.not_after),
        }
    }
}

/// The CRL of a root that is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineCrlView {
    /// Its number.
    pub number: i64,
    /// How many certificates it lists.
    pub entries: i64,
    /// Since when it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub this_update: Option<String>,
    /// When the next is promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update: Option<String>,
}

/// What became of what was brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineImportView {
    /// One for each piece.
    pub answers: Vec<OfflineAnswerView>,
    /// What somebody ought to do something about now.
    pub warnings: Vec<String>,
}

/// What became of one piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfflineAnswerView {
    /// `root`, `issuing`, `spare` or `crl`.
    pub what: String,
    /// A subject, or the number of a CRL.
    pub name: String,
    /// `taken`, `alreadyThere` or `notNeeded`.
    pub outcome: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bodies() {
        assert_eq!(OfflineRootInput::parse(b"").unwrap().location, "local");
        let input = OfflineRootInput::parse(br#"{"location":"hall","tags":{"a":"b"}}"#).unwrap();
        assert_eq!((input.location.as_str(), input.tags.len()), ("hall", 1));
        let body = br#"{"rootCertificate":"r","certificateChains":["a","b"],"crl":"AQI="}"#;
        let answers = OfflineAnswersInput::parse(body).unwrap();
        assert_eq!(answers.crl.as_deref(), Some(&[1, 2][..]));
        assert_eq!(answers.chains.len(), 2);
        assert_eq!(
            OfflineAnswersInput::parse(b"{}").unwrap(),
            OfflineAnswersInput::default()
        );
        for body in [
            r#"{"crl":"?"}"#,
            r#"{"certificateChains":[1]}"#,
            r#"{"rootCertificate":1}"#,
        ] {
            assert!(OfflineAnswersInput::parse(body.as_bytes()).is_err(), "{body}");
        }
        let long = format!(r#"{{"rootCertificate":"{}"}}"#, "a".repeat(MAX_CHAIN + 1));
        assert!(OfflineAnswersInput::parse(long.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = OfflineRootInput::parse(&bytes);
            let _ = OfflineAnswersInput::parse(&bytes);
        }
    }
}
