//! SAS tokens: what devices and policies sign with a symmetric key.
//!
//! ```text
//! SharedAccessSignature sr={resource}&sig={signature}&se={unix seconds}[&skn={policy}]
//! signature = base64( HMAC-SHA256( key, {sr as sent} LF {se as sent} ) ), percent-encoded
//! ```
//!
//! One grammar for all four doors (dps-device-api.md 5.2, dps-service-api.md 1.3,
//! iot-hub-device-api.md 3.1, iot-hub-service-api.md 1.3): fields in any order, their names and
//! the scheme word in any case, the resource encoded or not, `skn` absent or empty.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use provost_model::{ErrorKind, SymmetricKey, Timestamp};
use subtle::ConstantTimeEq;

use crate::percent;

/// The longest token read, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// How far a caller's clock may be off: drift beyond five minutes is a documented cause of
/// refusal (iot-hub-device-api.md 3.1).
pub const CLOCK_SKEW: Duration = Duration::from_mins(5);

const SCHEME: &str = "SharedAccessSignature";
const SIGNATURE_BYTES: usize = 32;

/// Why a SAS token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SasError {
    /// Not a token; `what` names the field that is missing, repeated or unreadable.
    #[error("SAS token is malformed: {what}")]
    Malformed {
        /// `length`, `scheme`, `fields` or a field's name.
        what: &'static str,
    },
    /// Signed with the right key, but over.
    #[error("SAS token has expired")]
    Expired {
        /// Its `se`.
        expired_at: Timestamp,
        /// The instant judged at.
        now: Timestamp,
    },
    /// Signed with none of the keys.
    #[error("SAS token is not signed with the expected key")]
    BadSignature,
}

impl SasError {
    /// The kind every protocol maps: who sends this did not prove who he is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unauthenticated
    }

    /// A short fixed word for metrics and events.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformedToken",
            Self::Expired { .. } => "expiredToken",
            Self::BadSignature => "badSignature",
        }
    }
}

/// A parsed token. Parsed is not verified.
#[derive(Clone, PartialEq, Eq)]
pub struct SasToken {
    /// What the signature is over: `sr` and `se` exactly as sent, a line feed between.
    signed: String,
    resource: Resource,
    signature: [u8; SIGNATURE_BYTES],
    expires_at: Timestamp,
    policy: Option<String>,
}

/// What a token is for, as sent and decoded.
///
/// Some clients do not encode, and a device ID may hold a `%`: what does not decode is taken as
/// it stands, and what does is compared in both readings.
#[derive(Clone, PartialEq, Eq)]
struct Resource {
    raw: String,
    decoded: String,
}

/// Proof that a token was signed with one of the keys it was verified against and lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSas {
    resource: Resource,
    policy: Option<String>,
    expires_at: Timestamp,
    key_index: usize,
}

impl SasToken {
    /// Reads a token of at most [`MAX_TOKEN_BYTES`].
    ///
    /// # Errors
    /// [`SasError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, SasError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(malformed("length"));
        }
        let fields = Fields::parse(after_scheme(text).ok_or(malformed("scheme"))?)?;
        let raw_resource = fields
            .resource
            .filter(|sr| !sr.is_empty())
            .ok_or(malformed("sr"))?;
        let raw_expiry = fields.expiry.ok_or(malformed("se"))?;
        let policy = percent::decode(fields.policy.unwrap_or("")).ok_or(malformed("skn"))?;
        Ok(Self {
            resource: Resource {
                raw: raw_resource.to_owned(),
                decoded: percent::decode(raw_resource).unwrap_or_else(|| raw_resource.to_owned()),
            },
            signature: signature(fields.signature.ok_or(malformed("sig"))?)?,
            expires_at: seconds(raw_expiry).ok_or(malformed("se"))?,
            policy: Some(policy).filter(|name| !name.is_empty()),
            signed: format!("{raw_resource}\n{raw_expiry}"),
        })
    }

    /// Whether the text begins like a token, so that another kind of credential can be told.
    pub fn is_sas(text: &str) -> bool {
        after_scheme(text).is_some()
    }

    /// The resource, decoded. Not yet proven.
    pub fn resource(&self) -> &str {
        &self.resource.decoded
    }

    /// The resource as sent. Not yet proven.
    pub fn raw_resource(&self) -> &str {
        &self.resource.raw
    }

    /// The policy whose key signs; `None` when absent or empty. Not yet proven.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// When the token says it ends. Not yet proven.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Proves the token against the keys, all of which are tried, in constant time.
    ///
    /// The signature comes before the expiry, so that "expired" is only said to one who had a
    /// key. `skew` is how long after `se` the token still counts, [`CLOCK_SKEW`] for devices.
    ///
    /// # Errors
    /// [`SasError::BadSignature`], then [`SasError::Expired`].
    pub fn verify(
        &self,
        keys: &[&SymmetricKey],
        now: Timestamp,
        skew: Duration,
    ) -> Result<VerifiedSas, SasError> {
        let mut key_index = None;
        for (index, key) in keys.iter().enumerate() {
            let same = tag(key, &self.signed).as_ref().ct_eq(&self.signature);
            if bool::from(same) && key_index.is_none() {
                key_index = Some(index);
            }
        }
        let key_index = key_index.ok_or(SasError::BadSignature)?;
        if now >= self.expires_at.after(skew) {
            return Err(SasError::Expired {
                expired_at: self.expires_at,
                now,
            });
        }
        Ok(VerifiedSas {
            resource: self.resource.clone(),
            policy: self.policy.clone(),
            expires_at: self.expires_at,
            key_index,
        })
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.decoded)
    }
}

/// Shows neither signature nor anything to make one from.
impl fmt::Debug for SasToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SasToken({:?}, policy {:?})", self.resource, self.policy)
    }
}

impl VerifiedSas {
    /// The resource, decoded.
    pub fn resource(&self) -> &str {
        &self.resource.decoded
    }

    /// Whether the token reaches this resource, see [`resource_covers`].
    pub fn covers(&self, requested: &str) -> bool {
        resource_covers(&self.resource.decoded, requested) || resource_covers(&self.resource.raw, requested)
    }

    /// The policy the token names.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// When it ends, `se` without any skew.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Which of the keys given to [`SasToken::verify`] signed it.
    pub fn key_index(&self) -> usize {
        self.key_index
    }
}

/// Makes a token in the form the SDKs send: `sr` percent-encoded, order `sr`, `sig`, `se`, `skn`.
pub fn sign(resource: &str, key: &SymmetricKey, expires_at: Timestamp, policy: Option<&str>) -> String {
    let resource = percent::encode(resource);
    let expiry = expires_at.unix_seconds();
    let tag = tag(key, &format!("{resource}\n{expiry}"));
    let signature = percent::encode(&BASE64.encode(tag.as_ref()));
    let policy = policy
        .map(|name| format!("&skn={}", percent::encode(name)))
        .unwrap_or_default();
    format!("{SCHEME} sr={resource}&sig={signature}&se={expiry}{policy}")
}

/// Whether a right granted on one resource reaches another: equal, or a prefix by whole path
/// segments, without case (`a/b` covers `A/b/c`, not `a/bc`). An empty grant covers nothing.
pub fn resource_covers(granted: &str, requested: &str) -> bool {
    let granted = granted.trim_end_matches('/');
    let mut requested = requested.split('/');
    !granted.is_empty()
        && granted.split('/').all(|segment| {
            requested
                .next()
                .is_some_and(|other| other.eq_ignore_ascii_case(segment))
        })
}

/// Senders drop or keep the padding; both are read, padding is written.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The fields as sent.
#[derive(Default)]
struct Fields<'a> {
    resource: Option<&'a str>,
    signature: Option<&'a str>,
    expiry: Option<&'a str>,
    policy: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Result<Self, SasError> {
        let mut fields = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            // By the first `=`: a signature may hold raw ones.
            let (name, value) = pair.split_once('=').ok_or(malformed("fields"))?;
            let (field, what) = match name.to_ascii_lowercase().as_str() {
                "sr" => (&mut fields.resource, "sr"),
                "sig" => (&mut fields.signature, "sig"),
                "se" => (&mut fields.expiry, "se"),
                "skn" => (&mut fields.policy, "skn"),
                // Not signed, so it means nothing.
                _ => continue,
            };
            if field.replace(value).is_some() {
                return Err(malformed(what));
            }
        }
        Ok(fields)
    }
}

fn malformed(what: &'static str) -> SasError {
    SasError::Malformed { what }
}

fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.trim().split_once(|c: char| c.is_ascii_whitespace())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| rest.trim_start())
}

fn signature(text: &str) -> Result<[u8; SIGNATURE_BYTES], SasError> {
    let decoded = percent::decode(text).ok_or(malformed("sig"))?;
    let bytes = BASE64.decode(decoded).map_err(|_| malformed("sig"))?;
    bytes.try_into().map_err(|_| malformed("sig"))
}

fn seconds(text: &str) -> Option<Timestamp> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.then(|| text.parse().ok()).flatten()?;
    Some(Timestamp::from_unix_seconds(seconds))
}

fn tag(key: &SymmetricKey, message: &str) -> hmac::Tag {
    hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()),
        message.as_bytes(),
    )
}

#[cfg(test)]
mod tests;
