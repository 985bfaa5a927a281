//! How others are asked: webhooks and hubs elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::file::DpsSection;

/// Requests to others: how long, how often, how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundConfig {
    /// Webhooks of custom allocation.
    pub webhook: WebhookConfig,
    /// How long one request to a hub elsewhere may take.
    pub hub_timeout: Duration,
    /// How long a registration goes on trying a hub elsewhere that does not answer.
    pub hub_patience: Duration,
    /// How often a hub elsewhere that is well is looked at.
    pub hub_check: Duration,
}

/// How webhooks are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// How long one try may take.
    pub timeout: Duration,
    /// Most tries.
    pub attempts: u32,
    /// Longest answer in bytes.
    pub max_answer_bytes: usize,
    /// Private addresses, our own among them, may be asked.
    pub allow_private_addresses: bool,
    /// Without TLS as well.
    pub allow_http: bool,
    /// Names and addresses that may be private all the same, in lower case.
    pub allowed_hosts: Vec<String>,
    /// PEM file of the authorities trusted; the public ones when there is none.
    pub ca: Option<PathBuf>,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            attempts: 3,
            max_answer_bytes: 256 * 1024,
            allow_private_addresses: false,
            allow_http: false,
            allowed_hosts: Vec::new(),
            ca: None,
        }
    }
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self {
            webhook: WebhookConfig::default(),
            hub_timeout: Duration::from_secs(10),
            hub_patience: Duration::from_mins(5),
            hub_check: Duration::from_secs(30),
        }
    }
}

/// `[dps.webhook]`, see [`super::WebhookConfig`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSection {
    /// Seconds one try may take.
    pub timeout_seconds: Option<u64>,
    /// Most tries.
    pub attempts: Option<u32>,
    /// Longest answer in bytes.
    pub max_answer_bytes: Option<usize>,
    /// Private addresses may be asked.
    pub allow_private_addresses: bool,
    /// Without TLS as well.
    pub allow_http: bool,
    /// Names and addresses that may be private all the same.
    pub allowed_hosts: Vec<String>,
    /// PEM file of the authorities trusted.
    pub ca: Option<PathBuf>,
}

/// `[dps.remote_hubs]`, see [`super::OutboundConfig`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "the unit is part of each name in the file"
)]
pub struct RemoteHubsSection {
    /// Seconds one request may take.
    pub timeout_seconds: Option<u64>,
    /// Seconds a registration goes on trying a hub that does not answer.
    pub patience_seconds: Option<u64>,
    /// Seconds between two looks at a hub that is well.
    pub check_seconds: Option<u64>,
}

/// Longest time one request to others may take, in seconds: a worker holds its work no longer than
/// a few of them.
const MAX_REQUEST_SECONDS: u64 = 60;

impl DpsSection {
    /// How others are asked, with defaults filled in.
    pub(super) fn outbound(&self) -> OutboundConfig {
        let (default, hubs) = (OutboundConfig::default(), &self.remote_hubs);
        let request = |seconds: Option<u64>, default| {
            seconds.map_or(default, |seconds| {
                Duration::from_secs(seconds.clamp(1, MAX_REQUEST_SECONDS))
            })
        };
        let seconds = |seconds: Option<u64>, default| seconds.map_or(default, Duration::from_secs);
        OutboundConfig {
            webhook: WebhookConfig {
                timeout: request(self.webhook.timeout_seconds, default.webhook.timeout),
                attempts: self.webhook.attempts.unwrap_or(default.webhook.attempts).max(1),
                max_answer_bytes: self
                    .webhook
                    .max_answer_bytes
                    .unwrap_or(default.webhook.max_answer_bytes),
                allow_private_addresses: self.webhook.allow_private_addresses,
                allow_http: self.webhook.allow_http,
                allowed_hosts: self
                    .webhook
                    .allowed_hosts
                    .iter()
                    .map(|host| host.to_ascii_lowercase())
                    .collect(),
                ca: self.webhook.ca.clone(),
            },
            hub_timeout: request(hubs.timeout_seconds, default.hub_timeout),
            hub_patience: seconds(hubs.patience_seconds, default.hub_patience),
            hub_check: seconds(hubs.check_seconds, default.hub_check).max(Duration::from_secs(1)),
        }
    }
}
