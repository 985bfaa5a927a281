use provost_model::{HostName, Hub, HubName, LinkedHub};
use serde::{Deserialize, Serialize};

use crate::json::{self, BodyError, Members};

/// Largest allocation weight (dps-service-api.md 4.3).
pub const MAX_WEIGHT: u32 = 1000;

/// The body of `POST /provost/hubs`: `{"name","host"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubInput {
    /// Its stable name.
    pub name: HubName,
    /// What devices reach it by; when absent, the server chooses.
    pub host: Option<HostName>,
}

impl HubInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        Ok(Self {
            name: members.required("name", HubName::parse)?,
            host: members.parsed("host", HostName::parse)?,
        })
    }
}

/// A hub: `{"name","host"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubView {
    /// Its stable name.
    pub name: String,
    /// What devices reach it by.
    pub host: String,
}

impl From<&Hub> for HubView {
    fn from(hub: &Hub) -> Self {
        Self {
            name: hub.name.as_str().to_owned(),
            host: hub.host.as_str().to_owned(),
        }
    }
}

/// The body of `PUT …/linkedHubs/{hub}`: `{"allocationWeight","applyAllocationPolicy"}`; may be
/// empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkedHubInput {
    /// 0 to 1000; 1 when absent.
    pub allocation_weight: u32,
    /// `true` when absent; `false` means only when an enrollment names the hub.
    pub apply_allocation_policy: bool,
}

impl LinkedHubInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut input = Self {
            allocation_weight: 1,
            apply_allocation_policy: true,
        };
        let value = json::parse(body)?;
        if value.is_null() {
            return Ok(input);
        }
        let members = Members::root(&value)?;
        if let Some(weight) = members.integer("allocationWeight")? {
            input.allocation_weight = u32::try_from(weight)
                .ok()
                .filter(|weight| *weight <= MAX_WEIGHT)
                .ok_or_else(|| {
                    members.invalid("allocationWeight", format!("must be between 0 and {MAX_WEIGHT}"))
                })?;
        }
        if let Some(apply) = members.flag("applyAllocationPolicy")? {
            input.apply_allocation_policy = apply;
        }
        Ok(input)
    }
}

/// A linked hub: `{"name","host","allocationWeight","applyAllocationPolicy"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkedHubView {
    /// The hub's stable name.
    pub name: String,
    /// Its current host name.
    pub host: String,
    /// 0 to 1000.
    pub allocation_weight: u32,
    /// Whether it is chosen without being named.
    pub apply_allocation_policy: bool,
}

impl From<&LinkedHub> for LinkedHubView {
    fn from(link: &LinkedHub) -> Self {
        Self {
            name: link.hub.as_str().to_owned(),
            host: link.host.as_str().to_owned(),
            allocation_weight: link.allocation_weight,
            apply_allocation_policy: link.apply_allocation_policy,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn link_defaults_and_range() {
        let default = LinkedHubInput {
            allocation_weight: 1,
            apply_allocation_policy: true,
        };
        for body in ["", "{}", r#"{"allocationWeight":null}"#] {
            assert_eq!(LinkedHubInput::parse(body.as_bytes()), Ok(default), "{body}");
        }
        for (weight, ok) in [(0, true), (1000, true), (1001, false), (-1, false)] {
            let body = format!(r#"{{"allocationWeight":{weight},"applyAllocationPolicy":false}}"#);
            assert_eq!(LinkedHubInput::parse(body.as_bytes()).is_ok(), ok, "{weight}");
        }
    }

    #[test]
    fn hub_needs_a_name() {
        let input = HubInput::parse(br#"{"name":"hub2","host":"hub2.localhost"}"#).unwrap();
        assert_eq!(
            (input.name.as_str(), input.host.unwrap().as_str()),
            ("hub2", "hub2.localhost")
        );
        assert_eq!(
            HubInput::parse(b"{}").unwrap_err().to_string(),
            "`name` is required"
        );
    }

    #[test]
    fn views() {
        let link = LinkedHub {
            hub: HubName::parse("hub1").unwrap(),
            host: HostName::parse("hub1.localhost").unwrap(),
            apply_allocation_policy: true,
            allocation_weight: 3,
        };
        assert_eq!(
            json::to_bytes(&LinkedHubView::from(&link)),
            br#"{"name":"hub1","host":"hub1.localhost","allocationWeight":3,"applyAllocationPolicy":true}"#
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = HubInput::parse(&bytes);
            let _ = LinkedHubInput::parse(&bytes);
        }
    }
}
