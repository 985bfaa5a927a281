use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use provost_model::Retention;
use provost_provisioning::{Quotas, RefusalRetention};
use serde::Deserialize;

use super::geo::GeoSection;
use super::hub::HubSection;
use super::keys::KeysSection;
use super::outbound::{RemoteHubsSection, WebhookSection};
use super::rates::{RatesSection, RefusalsSection};
use super::registry::RegistrySection;
use super::{DpsOptions, MESSAGE_BYTES};

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
    /// As `--http-port`.
    pub http_port: Option<u16>,
    /// The server's own certificate.
    pub tls: TlsSection,
    /// The log.
    pub log: LogSection,
    /// Limits of connections and requests.
    pub limits: LimitsSection,
    /// The counters.
    pub metrics: MetricsSection,
    /// Retention of telemetry.
    pub telemetry: TelemetrySection,
    /// The hubs of this program.
    pub hub: HubSection,
    /// The provisioning service.
    pub dps: DpsSection,
    /// The private keys of CAs.
    pub keys: KeysSection,
    /// The Device Registry.
    pub registry: RegistrySection,
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
    /// How often clients may do what.
    pub rates: RatesSection,
    /// How often refused devices are judged again.
    pub refusals: RefusalsSection,
}

/// `[metrics]`
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsSection {
    /// Whether anybody may read the counters.
    pub open: bool,
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
    /// What is kept of refusals.
    pub refusals: KeptRefusalsSection,
    /// How much there may be of everything.
    pub quotas: QuotasSection,
    /// Which hubs are near which networks.
    pub geo: Vec<GeoSection>,
    /// Webhooks of custom allocation.
    pub webhook: WebhookSection,
    /// Hubs elsewhere.
    pub remote_hubs: RemoteHubsSection,
}

/// `[dps.refusals]`
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeptRefusalsSection {
    /// Hours kept.
    pub keep_hours: Option<u64>,
    /// The most kept; 0 keeps none.
    pub keep_count: Option<usize>,
}

/// `[dps.quotas]`, see [`Quotas`].
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotasSection {
    /// Registration records.
    pub registrations: Option<usize>,
    /// Individual enrollments.
    pub individual_enrollments: Option<usize>,
    /// X.509 groups.
    pub x509_groups: Option<usize>,
    /// Symmetric key groups.
    pub symmetric_groups: Option<usize>,
    /// CA certificates.
    pub ca_certificates: Option<usize>,
    /// Linked hubs.
    pub linked_hubs: Option<usize>,
    /// Provisioning service instances.
    pub instances: Option<usize>,
    /// Items of a bulk operation.
    pub bulk_items: Option<usize>,
    /// Longest body of a request, in bytes.
    pub message_bytes: Option<usize>,
}

impl QuotasSection {
    /// The quotas with defaults filled in.
    pub(super) fn quotas(&self) -> Quotas {
        let default = Quotas::default();
        Quotas {
            registrations: self.registrations.unwrap_or(default.registrations),
            individual_enrollments: self
                .individual_enrollments
                .unwrap_or(default.individual_enrollments),
            x509_groups: self.x509_groups.unwrap_or(default.x509_groups),
            symmetric_groups: self.symmetric_groups.unwrap_or(default.symmetric_groups),
            ca_certificates: self.ca_certificates.unwrap_or(default.ca_certificates),
            linked_hubs: self.linked_hubs.unwrap_or(default.linked_hubs),
            instances: self.instances.unwrap_or(default.instances),
            bulk_items: self.bulk_items.unwrap_or(default.bulk_items),
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

impl DpsSection {
    /// The switches with defaults filled in.
    pub(super) fn options(&self) -> DpsOptions {
        DpsOptions {
            allow_blind_overwrite: self.allow_blind_overwrite,
            signing_certificates_need_verified_ca: self.signing_certificates_need_verified_ca,
            require_proof_of_possession: self.require_proof_of_possession,
            refusals: self.refusals.retention(),
            quotas: self.quotas.quotas(),
            message_bytes: self.quotas.message_bytes.unwrap_or(MESSAGE_BYTES),
        }
    }
}

impl KeptRefusalsSection {
    /// The retention with defaults filled in.
    pub(super) fn retention(self) -> RefusalRetention {
        let default = RefusalRetention::default();
        RefusalRetention {
            age: self.keep_hours.map_or(default.age, hours),
            count: self.keep_count.unwrap_or(default.count),
        }
    }
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours.saturating_mul(3600))
}

impl TelemetrySection {
    /// The retention with defaults filled in.
    pub(super) fn retention(&self) -> Retention {
        let default = Retention::default();
        Retention {
            bytes: self
                .retention_mebibytes
                .map_or(default.bytes, |size| size.saturating_mul(1024 * 1024)),
            age: self.retention_hours.map_or(default.age, hours),
        }
    }
}
