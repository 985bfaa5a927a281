use provost_model::{
    HostName, Hub, HubHealth, HubName, LinkedHub, PolicyName, RemoteHub, Secret, SymmetricKey,
};
use serde::{Deserialize, Serialize};

use crate::json::{self, BodyError, Members};
use crate::{ConnectionString, time};

/// Largest allocation weight (dps-service-api.md 4.3).
pub const MAX_WEIGHT: u32 = 1000;

/// Port of a hub's service API when its connection string names none.
const HTTPS_PORT: u16 = 443;
/// Longest PEM of authorities in bytes.
const MAX_CA: usize = 64 * 1024;

/// The body of `POST /provost/hubs`: `{"name","host"}` for a hub of this program,
/// `{"name","connectionString","ca"}` for one elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubInput {
    /// Its stable name.
    pub name: HubName,
    /// What devices reach it by; when absent, the server chooses.
    pub host: Option<HostName>,
    /// How it is reached, when it is elsewhere.
    pub remote: Option<RemoteHubInput>,
}

/// How a hub elsewhere is reached, read from its connection string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteHubInput {
    /// Its host name, without a port.
    pub host: HostName,
    /// The port of its service API.
    pub port: u16,
    /// The shared access policy.
    pub policy: PolicyName,
    /// The policy's key.
    pub key: SymmetricKey,
    /// PEM of the authorities its server certificate may come from.
    pub ca: Option<String>,
}

impl RemoteHubInput {
    fn read(members: &Members<'_>) -> Result<Option<Self>, BodyError> {
        const NAME: &str = "connectionString";
        let Some(text) = members.text(NAME)?.map(|text| Secret::new(text.to_owned())) else {
            return Ok(None);
        };
        let wrong = |reason: String| members.invalid(NAME, reason);
        let string = ConnectionString::parse(text.expose()).map_err(|error| wrong(error.to_string()))?;
        let (host, port) = match string.host.rsplit_once(':') {
            Some((host, port)) => (
                host,
                port.parse()
                    .map_err(|_| wrong("has a port that is none".to_owned()))?,
            ),
            None => (string.host.as_str(), HTTPS_PORT),
        };
        let missing = |what: &str| wrong(format!("has no `{what}`"));
        let policy = string.policy.ok_or_else(|| missing("SharedAccessKeyName"))?;
        let ca = members.text("ca")?.map(str::to_owned);
        if ca.as_ref().is_some_and(|pem| pem.len() > MAX_CA) {
            return Err(members.invalid("ca", format!("must have at most {MAX_CA} bytes")));
        }
        Ok(Some(Self {
            host: HostName::parse(host).map_err(|error| wrong(error.to_string()))?,
            port,
            policy: PolicyName::parse(&policy).map_err(|error| wrong(error.to_string()))?,
            key: string.key.ok_or_else(|| missing("SharedAccessKey"))?,
            ca,
        }))
    }
}

impl HubInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        Ok(Self {
            name: members.required("name", HubName::parse)?,
            host: members.parsed("host", HostName::parse)?,
            remote: RemoteHubInput::read(&members)?,
        })
    }
}

/// A hub: `{"name","host"}`, and for one elsewhere `"remote"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubView {
    /// Its stable name.
    pub name: String,
    /// What devices reach it by.
    pub host: String,
    /// How it is reached and how it is, when it is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteHubView>,
}

/// A hub and what it holds: `{"name","host","devices","connected","links"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubSummaryView {
    /// The hub.
    #[serde(flatten)]
    pub hub: HubView,
    /// Its devices; of a hub elsewhere none are known.
    pub devices: u64,
    /// Those that are connected.
    pub connected: u64,
    /// Provisioning services that may assign devices to it.
    pub links: u64,
}

/// A hub elsewhere: `{"connectionString","health"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteHubView {
    /// Its connection string, the key masked.
    pub connection_string: String,
    /// What was last seen of it.
    pub health: HubHealthView,
}

/// `{"state","sinceUtc","checkedAtUtc","error"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HubHealthView {
    /// `unknown`, `healthy`, `unreachable` or `unauthorized`.
    pub state: String,
    /// Since when.
    pub since_utc: String,
    /// The latest look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at_utc: Option<String>,
    /// What is wrong, while something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl RemoteHubView {
    /// The hub without its secrets.
    pub fn new(hub: &RemoteHub, health: &HubHealth) -> Self {
        let host = match hub.port {
            HTTPS_PORT => hub.host.to_string(),
            port => format!("{}:{port}", hub.host),
        };
        Self {
            // Shows secrets masked.
            connection_string: ConnectionString::service(&host, hub.policy.as_str(), hub.key.clone())
                .to_string(),
            health: HubHealthView {
                state: health.state.as_str().to_owned(),
                since_utc: time::iso(health.since),
                checked_at_utc: health.checked_at.map(time::iso),
                error: health.error.clone(),
            },
        }
    }
}

impl From<&Hub> for HubView {
    fn from(hub: &Hub) -> Self {
        Self {
            name: hub.name.as_str().to_owned(),
            host: hub.host.as_str().to_owned(),
            remote: None,
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
    fn a_hub_elsewhere_is_read_and_shown_without_its_key() {
        let body = br#"{"name":"far","connectionString":"HostName=far.example:8443;SharedAccessKeyName=owner;SharedAccessKey=AAECAwQFBgcICQoLDA0ODw==","ca":"pem"}"#;
        let remote = HubInput::parse(body).unwrap().remote.unwrap();
        assert_eq!((remote.host.as_str(), remote.port), ("far.example", 8443));
        assert_eq!(remote.ca.as_deref(), Some("pem"));
        let hub = RemoteHub {
            name: HubName::parse("far").unwrap(),
            host: remote.host,
            port: remote.port,
            policy: remote.policy,
            key: remote.key,
            ca: None,
        };
        let health = HubHealth {
            state: provost_model::HubHealthState::Unauthorized,
            since: provost_model::Timestamp::default(),
            checked_at: None,
            error: Some("401".to_owned()),
        };
        let shown = String::from_utf8(json::to_bytes(&RemoteHubView::new(&hub, &health))).unwrap();
        assert!(
            shown.contains("SharedAccessKey=****") && shown.contains("unauthorized"),
            "{shown}"
        );
        assert!(!shown.contains("AAECAw"));
    }

    #[test]
    fn half_a_connection_string_is_refused_by_what_it_lacks() {
        for (string, lacks) in [
            ("HostName=h", "SharedAccessKeyName"),
            ("HostName=h;SharedAccessKeyName=p", "SharedAccessKey"),
            ("HostName=h:port;SharedAccessKeyName=p", "port"),
            ("SharedAccessKeyName=p", "HostName"),
        ] {
            let body = format!(r#"{{"name":"far","connectionString":"{string}"}}"#);
            let error = HubInput::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(lacks), "{string}: {error}");
        }
    }

    #[test]
    fn views() {
        let link = LinkedHub {
            hub: HubName::parse("hub1").unwrap(),
            host: HostName::parse("hub1.localhost").unwrap(),
            is_remote: false,
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
