use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use provost_model::Retention;
use serde::Deserialize;

use super::{OutboundConfig, WebhookConfig};

/// The configuration file as written, TOML. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigFile {
    /// Version of the file's form; 1 is the only one.
    pub version: Option<u32>,
    /// As `--data`.
    pub data: Option<PathBuf>,
    /// As `--store`.
    pub store: Option<String>,
    /// As `--host`.
    pub host: Option<String>,
    /// As `--alias`.
    pub aliases: Vec<String>,
    /// As `--listen`.
    pub listen: Option<IpAddr>,
    /// As `--https-port`.
    pub https_port: Option<u16>,
    /// As `--mqtt-port`.
    pub mqtt_port: Option<u16>,
    /// The server's own certificate.
    pub tls: TlsSection,
    /// The log.
    pub log: LogSection,
    /// Limits of connections and requests.
    pub limits: LimitsSection,
    /// Retention of telemetry.
    pub telemetry: TelemetrySection,
    /// The provisioning service.
    pub dps: DpsSection,
}

/// `[tls]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSection {
    /// As `--tls-cert`.
    pub certificate: Option<PathBuf>,
    /// As `--tls-key`.
    pub key: Option<PathBuf>,
}

/// `[log]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// As `--log`.
    pub filter: Option<String>,
    /// As `--log-json`.
    pub json: Option<bool>,
}

/// `[limits]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsSection {
    /// Connections at once, per listener.
    pub max_connections: Option<usize>,
    /// Seconds a TLS handshake may take.
    pub handshake_seconds: Option<u64>,
    /// Seconds a request head may take and a kept-alive connection may rest.
    pub http_idle_seconds: Option<u64>,
    /// Longest request body in bytes.
    pub max_body_bytes: Option<usize>,
    /// Writes that may wait for the store at a time.
    pub write_queue: Option<usize>,
}

/// `[telemetry]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySection {
    /// Mebibytes kept per hub.
    pub retention_mebibytes: Option<u64>,
    /// Hours kept.
    pub retention_hours: Option<u64>,
}

/// `[dps]`, see [`super::DpsOptions`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DpsSection {
    /// A PUT without If-Match may replace an existing, different entry.
    pub allow_blind_overwrite: bool,
    /// A group's signing certificate must chain to a verified CA.
    pub signing_certificates_need_verified_ca: bool,
    /// CA certificates may not be uploaded as verified.
    pub require_proof_of_possession: bool,
    /// Webhooks of custom allocation.
    pub webhook: WebhookSection,
    /// Hubs elsewhere.
    pub remote_hubs: RemoteHubsSection,
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

impl ConfigFile {
    /// Reads the file; a mistake is reported with its line.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not usable", path.display()))
    }

    /// Reads the text.
    pub fn parse(text: &str) -> Result<Self> {
        let file: Self = toml::from_str(text)?;
        match file.version {
            None | Some(1) => Ok(file),
            Some(other) => bail!("`version` is {other}, this program knows 1"),
        }
    }
}

impl TelemetrySection {
    /// The retention with defaults filled in.
    pub(super) fn retention(&self) -> Retention {
        let default = Retention::default();
        Retention {
            bytes: self
                .retention_mebibytes
                .map_or(default.bytes, |size| size.saturating_mul(1024 * 1024)),
            age: self.retention_hours.map_or(default.age, |hours| {
                Duration::from_secs(hours.saturating_mul(3600))
            }),
        }
    }
}
