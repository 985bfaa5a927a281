//! Configuration: flags and environment first, then the file, then the defaults.

mod arguments;
mod file;
mod geo;
mod hub;
mod keys;
mod messages;
mod outbound;
mod rates;
mod registry;
mod token;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use provost_model::{GeoOrder, HostName, QueueLimits, Retention};
use provost_provisioning::{Quotas, RefusalRetention};
use provost_registry::RegistryOptions;
use provost_store::StoreAddress;
use provost_transport::device_api::RateLimits;
use serde::{Deserialize, Serialize};

pub use self::arguments::ServeArguments;
pub use self::file::ConfigFile;
use self::file::LimitsSection;
pub use provost_hub::JobOptions;

pub use self::keys::{KeysConfig, KeysEnvironment, KeysProcess, KeysSection, OpenedBy, ProcessWord};
pub use self::outbound::{OutboundConfig, WebhookConfig};
pub use self::token::{PinSource, TokenConfig, TokenSection};

/// The data folder of server and command line when none is named.
pub const DEFAULT_DATA: &str = "./provost-data";

/// Longest message to the provisioning service (dps-service-api.md 7).
const MESSAGE_BYTES: usize = 96 * 1024;

/// Everything `serve` needs, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the store, the TLS files and the connection file.
    pub data: PathBuf,
    /// Where the store is.
    pub store: StoreAddress,
    /// The name clients reach this server by.
    pub host: HostName,
    /// More names for the server certificate.
    pub aliases: Vec<HostName>,
    /// The address the listeners bind to.
    pub listen: IpAddr,
    /// Port of HTTPS and WebSocket; 0 picks a free one.
    pub https_port: u16,
    /// Port of MQTT over TLS; 0 picks a free one.
    pub mqtt_port: u16,
    /// Port of plain HTTP for CRLs and CA certificates; 0 picks a free one, without it there is none.
    pub http_port: Option<u16>,
    /// An operator's own certificate chain and key instead of one made here.
    pub tls_files: Option<TlsFiles>,
    /// Written once every listener accepts.
    pub ready_file: Option<PathBuf>,
    /// What the log shows.
    pub log: LogConfig,
    /// What connections may take.
    pub limits: Limits,
    /// Whether anybody may read the counters; otherwise administrators only.
    pub metrics_open: bool,
    /// What of the telemetry is kept.
    pub telemetry: Retention,
    /// Partitions of a hub that has none yet.
    pub telemetry_partitions: u16,
    /// Strict mode of the hubs: certificates on a CRL are refused by it too.
    pub refuse_revoked_serials: bool,
    /// Renewal errors as the real service was seen to number them.
    pub measured_renewal_codes: bool,
    /// How jobs of the hubs are run.
    pub jobs: JobOptions,
    /// The queues of cloud-to-device messages.
    pub messages: QueueLimits,
    /// Switches of the provisioning service.
    pub dps: DpsOptions,
    /// Which hubs are near which networks.
    pub geo: GeoOrder,
    /// Requests to webhooks and to hubs elsewhere.
    pub outbound: OutboundConfig,
    /// The private keys of CAs.
    pub keys: KeysConfig,
    /// The Device Registry.
    pub registry: RegistryOptions,
}

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The key of the leaf.
    pub key: PathBuf,
}

/// What the log shows and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfig {
    /// A filter such as `info` or `provost=debug,warn`.
    pub filter: String,
    /// One JSON object a line.
    pub json: bool,
}

/// What connections may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, per listener.
    pub max_connections: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long a request head may take, and a kept-alive connection may rest.
    pub http_idle_timeout: Duration,
    /// Longest request body in bytes.
    pub max_body_bytes: usize,
    /// Writes that may wait for the store at a time.
    pub write_queue: usize,
    /// How often clients may do what.
    pub rates: RateLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 100_000,
            handshake_timeout: Duration::from_secs(10),
            http_idle_timeout: Duration::from_mins(1),
            // A bulk of ten enrollments with two certificates each stays below.
            max_body_bytes: 1024 * 1024,
            write_queue: 20_000,
            rates: RateLimits::default(),
        }
    }
}

/// Switches of the provisioning service where Azure's own behaviour is not known or not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DpsOptions {
    /// A PUT without If-Match may replace an existing, different entry.
    pub allow_blind_overwrite: bool,
    /// A group's signing certificate must itself chain to a verified CA of the instance.
    pub signing_certificates_need_verified_ca: bool,
    /// CA certificates may not be uploaded as verified; possession must be proven.
    pub require_proof_of_possession: bool,
    /// What is kept of refusals for `explain`.
    pub refusals: RefusalRetention,
    /// How much there may be of everything.
    pub quotas: Quotas,
    /// Longest body of a request to the provisioning service, in bytes.
    pub message_bytes: usize,
}

impl Default for DpsOptions {
    fn default() -> Self {
        Self {
            allow_blind_overwrite: false,
            signing_certificates_need_verified_ca: false,
            require_proof_of_possession: false,
            refusals: RefusalRetention::default(),
            quotas: Quotas::default(),
            message_bytes: MESSAGE_BYTES,
        }
    }
}

impl Config {
    /// Puts the configuration together from the flags and the file they name.
    pub fn load(arguments: ServeArguments) -> Result<Self> {
        let file = match &arguments.config {
            Some(path) => ConfigFile::read(path)?,
            None => ConfigFile::default(),
        };
        Self::merge(arguments, file, &KeysEnvironment::read())
    }

    fn merge(arguments: ServeArguments, file: ConfigFile, environment: &KeysEnvironment) -> Result<Self> {
        let data = arguments
            .data
            .or(file.data)
            .unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
        let host = host_name(arguments.host.or(file.host).as_deref().unwrap_or("localhost"))?;
        let aliases = if arguments.alias.is_empty() {
            file.aliases
        } else {
            arguments.alias
        };
        let http_port = arguments.http_port.or(file.http_port);
        let mut registry = registry_options(file.registry, arguments.ocsp, &host, http_port)?;
        let keys = file
            .keys
            .with_flags(arguments.keys_passphrase_file, arguments.keys_key_file)
            .config(&data, environment)?;
        if let Some(token) = &keys.token {
            // Others sign while a token over a network is waited for.
            registry.signing_threads = registry.signing_threads.max(token.sessions);
        }
        Ok(Self {
            registry,
            keys,
            store: store_address(arguments.store.or(file.store), &data),
            data,
            aliases: aliases
                .iter()
                .map(|alias| host_name(alias))
                .collect::<Result<_>>()?,
            listen: match arguments.listen.or(file.listen) {
                Some(address) => address,
                // On a laptop nothing is opened to the network unless asked for.
                None if host.key() == "localhost" => IpAddr::from([127, 0, 0, 1]),
                None => IpAddr::from([0, 0, 0, 0]),
            },
            host,
            https_port: arguments.https_port.or(file.https_port).unwrap_or(8443),
            mqtt_port: arguments.mqtt_port.or(file.mqtt_port).unwrap_or(8883),
            http_port,
            tls_files: tls_files(
                arguments.tls_cert.or(file.tls.certificate),
                arguments.tls_key.or(file.tls.key),
            )?,
            ready_file: arguments.ready_file,
            log: log_config(arguments.log, arguments.log_json, file.log),
            limits: limits_config(&file.limits)?,
            metrics_open: file.metrics.open,
            telemetry: file.telemetry.retention(),
            telemetry_partitions: file.hub.telemetry_partitions()?,
            refuse_revoked_serials: file.hub.refuse_revoked_serials,
            measured_renewal_codes: file.hub.measured_renewal_codes,
            jobs: file.hub.jobs.options()?,
            messages: file.hub.c2d.limits()?,
            geo: geo::geo_order(&file.dps.geo)?,
            outbound: file.dps.outbound(),
            dps: file.dps.options(),
        })
    }
}

fn limits_config(limits: &LimitsSection) -> Result<Limits> {
    let defaults = Limits::default();
    Ok(Limits {
        max_connections: limits.max_connections.unwrap_or(defaults.max_connections),
        handshake_timeout: limits
            .handshake_seconds
            .map_or(defaults.handshake_timeout, Duration::from_secs),
        http_idle_timeout: limits
            .http_idle_seconds
            .map_or(defaults.http_idle_timeout, Duration::from_secs),
        max_body_bytes: limits.max_body_bytes.unwrap_or(defaults.max_body_bytes),
        write_queue: limits.write_queue.unwrap_or(defaults.write_queue).max(1),
        rates: rates::rate_limits(limits.rates, limits.refusals)?,
    })
}

/// Without addresses of their own, CRLs and CA certificates are told to be where this server serves them.
fn registry_options(
    mut section: registry::RegistrySection,
    ocsp: bool,
    host: &HostName,
    http_port: Option<u16>,
) -> Result<RegistryOptions> {
    section.ocsp |= ocsp;
    if section.ocsp && http_port.is_none() {
        bail!("OCSP is on, and there is no plain HTTP to answer it over: set http_port");
    }
    if let (true, Some(port @ 1..)) = (section.publication.is_empty(), http_port) {
        section.publication = vec![match port {
            80 => format!("http://{host}"),
            port => format!("http://{host}:{port}"),
        }];
    }
    section.options()
}

fn log_config(filter: Option<String>, json: bool, file: file::LogSection) -> LogConfig {
    LogConfig {
        filter: filter.or(file.filter).unwrap_or_else(|| "info".to_owned()),
        json: json || file.json.unwrap_or(false),
    }
}

fn host_name(text: &str) -> Result<HostName> {
    let host = HostName::parse(text).with_context(|| format!("`{text}` is not a host name"))?;
    if host.as_str().contains(':') {
        bail!("`{text}` has a port; devices are told bare host names, the ports are flags of their own");
    }
    Ok(host)
}

/// Data folder and store as `serve` finds them; whether the store was named rather than taken for granted.
pub(crate) struct Located {
    pub(crate) data: PathBuf,
    pub(crate) store: StoreAddress,
    pub(crate) is_store_named: bool,
}

/// Finds data folder and store by flags and the configuration file, without the rest of it.
pub(crate) fn locate(
    data: Option<PathBuf>,
    store: Option<String>,
    config: Option<&std::path::Path>,
) -> Result<Located> {
    let file = match config {
        Some(path) => ConfigFile::read(path)?,
        None => ConfigFile::default(),
    };
    let data = data.or(file.data).unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
    let store = store.or(file.store);
    Ok(Located {
        is_store_named: store.is_some(),
        store: store_address(store, &data),
        data,
    })
}

/// Where the keys of a server are, by its configuration file, flags and the environment.
pub(crate) fn locate_keys(
    data: &std::path::Path,
    config: Option<&std::path::Path>,
    passphrase_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
) -> Result<KeysConfig> {
    let file = match config {
        Some(path) => ConfigFile::read(path)?,
        None => ConfigFile::default(),
    };
    let section = file.keys.with_flags(passphrase_file, key_file);
    section.config(data, &KeysEnvironment::read())
}

pub(crate) fn store_address(text: Option<String>, data: &std::path::Path) -> StoreAddress {
    match text {
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            StoreAddress::Postgres(url)
        }
        Some(path) => StoreAddress::Sqlite(PathBuf::from(path)),
        None => StoreAddress::Sqlite(data.join("provost.db")),
    }
}

fn tls_files(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => bail!("a TLS certificate is given without its key"),
        (None, Some(_)) => bail!("a TLS key is given without its certificate"),
    }
}

#[cfg(test)]
mod tests;
