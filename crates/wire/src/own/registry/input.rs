use std::collections::HashSet;

use provost_model::registry::RevocationReason;
use provost_model::{NamespaceName, RegistryDeviceName};

use crate::json::{self, BodyError, Members};

/// Most devices of one bulk revocation.
const MAX_DEVICES: usize = 1000;

/// The body of a revocation: `{"disable","reason"}`; may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RevokeInput {
    /// The device is disabled, too.
    pub disable: bool,
    /// What the CRL says; `unspecified` when absent.
    pub reason: RevocationReason,
}

impl RevokeInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        if value.is_null() {
            return Ok(Self::default());
        }
        Self::read(&Members::root(&value)?)
    }

    fn read(members: &Members<'_>) -> Result<Self, BodyError> {
        let words = RevocationReason::ALL.map(|reason| (reason.as_str(), reason));
        Ok(Self {
            disable: members.flag("disable")?.unwrap_or(false),
            reason: members.word("reason", &words)?.unwrap_or_default(),
        })
    }
}

/// The body of `…/devices/revoke`: `{"devices":[…],"disable","reason"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkRevokeInput {
    /// 1 to 1000 devices, each once.
    pub devices: Vec<RegistryDeviceName>,
    /// How.
    pub revoke: RevokeInput,
}

impl BulkRevokeInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let names = members.list("devices")?.unwrap_or_default();
        if names.is_empty() || names.len() > MAX_DEVICES {
            return Err(members.invalid("devices", format!("must name 1 to {MAX_DEVICES} devices")));
        }
        let name = |value: &serde_json::Value| {
            let text = value
                .as_str()
                .ok_or_else(|| members.shape("devices", "must hold strings"))?;
            RegistryDeviceName::parse(text).map_err(|error| members.invalid("devices", error.to_string()))
        };
        // Names are compared without case: who is named twice is revoked once.
        let mut devices: Vec<RegistryDeviceName> = Vec::with_capacity(names.len());
        let mut seen = HashSet::new();
        for value in names {
            let device = name(value)?;
            if seen.insert(device.key().to_owned()) {
                devices.push(device);
            }
        }
        Ok(Self {
            devices,
            revoke: RevokeInput::read(&members)?,
        })
    }
}

/// The body of `PUT /provost/{hubs|dps}/{name}/namespace`: `{"namespace"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceLinkBody {
    /// The namespace.
    pub namespace: NamespaceName,
}

impl NamespaceLinkBody {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let namespace = Members::root(&value)?.required("namespace", NamespaceName::parse)?;
        Ok(Self { namespace })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reasons_and_devices() {
        assert_eq!(RevokeInput::parse(b"").unwrap(), RevokeInput::default());
        let body = br#"{"devices":["a","B"],"disable":true,"reason":"keycompromise"}"#;
        let input = BulkRevokeInput::parse(body).unwrap();
        assert_eq!(input.devices.len(), 2);
        let twice = BulkRevokeInput::parse(br#"{"devices":["o2","O2","o3","o2"]}"#).unwrap();
        assert_eq!(
            twice.devices.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["o2", "o3"]
        );
        assert_eq!(
            input.revoke,
            RevokeInput {
                disable: true,
                reason: RevocationReason::KeyCompromise
            }
        );
        for body in [
            r#"{"devices":[]}"#,
            r#"{"devices":[1]}"#,
            r#"{"devices":["-"]}"#,
            "{}",
        ] {
            assert!(BulkRevokeInput::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(RevokeInput::parse(br#"{"reason":"anger"}"#).is_err());
        assert!(NamespaceLinkBody::parse(b"{}").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = RevokeInput::parse(&bytes);
            let _ = BulkRevokeInput::parse(&bytes);
            let _ = NamespaceLinkBody::parse(&bytes);
        }
    }
}
