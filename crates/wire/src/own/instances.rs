use provost_model::{AccessRights, AllocationPolicy, DpsName, HostName, KeyRenewal, SymmetricKey};
use serde::{Deserialize, Serialize};

use crate::dps::service::allocation_from_word;
use crate::json::{self, BodyError, Members};
use crate::keys::KeysInput;

/// The body of `POST /provost/dps`: `{"name","host","allocationPolicy"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInput {
    /// Its stable name.
    pub name: DpsName,
    /// Where its service API is; when absent, the server chooses.
    pub host: Option<HostName>,
    /// How devices are allocated whose enrollment does not say; `hashed` when absent.
    pub allocation: AllocationPolicy,
}

impl InstanceInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let allocation = members.parsed("allocationPolicy", |text| {
            allocation_from_word(text).ok_or("must be hashed, geoLatency, static or custom")
        })?;
        Ok(Self {
            name: members.required("name", DpsName::parse)?,
            host: members.parsed("host", HostName::parse)?,
            allocation: allocation.unwrap_or(AllocationPolicy::Hashed),
        })
    }
}

/// A provisioning service and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnInstanceView {
    /// Its stable name.
    pub name: String,
    /// What devices name it by.
    pub id_scope: String,
    /// Where its service API is.
    pub host: String,
    /// `hashed`, `geoLatency`, `static` or `custom`.
    pub allocation_policy: String,
    /// Names of the hubs it may assign devices to.
    pub linked_hubs: Vec<String>,
    /// Individual enrollments.
    pub enrollments: i64,
    /// Enrollment groups.
    pub enrollment_groups: i64,
    /// Registration records.
    pub registrations: i64,
}

/// The body of `PUT …/policies/{policy}`: `{"rights","primaryKey","secondaryKey"}`; what is absent
/// stays as it is, or is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPolicyInput {
    /// What its holder may do.
    pub rights: Option<AccessRights>,
    /// A key that was given.
    pub primary: Option<SymmetricKey>,
    /// A key that was given.
    pub secondary: Option<SymmetricKey>,
}

impl AccessPolicyInput {
    /// Reads the body; an empty one changes nothing.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let keys = KeysInput::read(&members)?;
        Ok(Self {
            rights: members.parsed("rights", |text| {
                AccessRights::parse(text).ok_or("names a right that is none")
            })?,
            primary: keys.primary.given().cloned(),
            secondary: keys.secondary.given().cloned(),
        })
    }
}

/// The body of `POST …/policies/{policy}/renewKey`: `{"policyKey"}`, `primary`, `secondary` or `swap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewKeyInput {
    /// Which key.
    pub renewal: KeyRenewal,
}

impl RenewKeyInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let renewal = Members::root(&value)?.required("policyKey", |text| {
            KeyRenewal::parse(text).ok_or("must be primary, secondary or swap")
        })?;
        Ok(Self { renewal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_needs_a_name_only() {
        let input = InstanceInput::parse(br#"{"name":"plant-2"}"#).unwrap();
        assert_eq!(input.allocation, AllocationPolicy::Hashed);
        assert_eq!(input.host, None);
        let input = InstanceInput::parse(br#"{"name":"a","host":"a.example","allocationPolicy":"Static"}"#);
        assert_eq!(input.unwrap().allocation, AllocationPolicy::Static);
        assert!(InstanceInput::parse(br#"{"name":"a","allocationPolicy":"best"}"#).is_err());
        assert!(InstanceInput::parse(b"{}").is_err());
    }

    #[test]
    fn rights_and_keys_are_read_and_mistakes_named() {
        let input = AccessPolicyInput::parse(br#"{"rights":"ServiceConnect","primaryKey":""}"#).unwrap();
        assert_eq!(input.rights.unwrap().to_string(), "ServiceConnect");
        assert!(input.primary.is_none());
        let wrong = AccessPolicyInput::parse(br#"{"rights":"Everything"}"#).unwrap_err();
        assert!(wrong.to_string().contains("rights"));
        assert!(RenewKeyInput::parse(br#"{"policyKey":"both"}"#).is_err());
    }
}
