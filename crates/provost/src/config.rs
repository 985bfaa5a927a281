//! Configuration: flags and environment first, then the file, then the defaults.

mod arguments;
mod file;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use provost_model::{HostName, Retention};
use provost_store::StoreAddress;

pub use self::arguments::ServeArguments;
pub use self::file::ConfigFile;

/// The data folder of server and command line when none is named.
pub const DEFAULT_DATA: &str = "./provost-data";

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
    /// An operator's own certificate chain and key instead of one made here.
    pub tls_files: Option<TlsFiles>,
    /// Written once every listener accepts.
    pub ready_file: Option<PathBuf>,
    /// What the log shows.
    pub log: LogConfig,
    /// What connections may take.
    pub limits: Limits,
    /// What of the telemetry is kept.
    pub telemetry: Retention,
    /// Switches of the provisioning service.
    pub dps: DpsOptions,
    /// Requests to webhooks and to hubs elsewhere.
    pub outbound: OutboundConfig,
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
        }
    }
}

/// Switches of the provisioning service where Azure's own behaviour is not known or not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DpsOptions {
    /// A PUT without If-Match may replace an existing, different entry.
    pub allow_blind_overwrite: bool,
    /// A group's signing certificate must itself chain to a verified CA of the instance.
    pub signing_certificates_need_verified_ca: bool,
    /// CA certificates may not be uploaded as verified; possession must be proven.
    pub require_proof_of_possession: bool,
}

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

impl Config {
    /// Puts the configuration together from the flags and the file they name.
    pub fn load(arguments: ServeArguments) -> Result<Self> {
        let file = match &arguments.config {
            Some(path) => ConfigFile::read(path)?,
            None => ConfigFile::default(),
        };
        Self::merge(arguments, file)
    }

    fn merge(arguments: ServeArguments, file: ConfigFile) -> Result<Self> {
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
        let defaults = Limits::default();
        let limits = file.limits;
        Ok(Self {
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
            tls_files: tls_files(
                arguments.tls_cert.or(file.tls.certificate),
                arguments.tls_key.or(file.tls.key),
            )?,
            ready_file: arguments.ready_file,
            log: LogConfig {
                filter: arguments
                    .log
                    .or(file.log.filter)
                    .unwrap_or_else(|| "info".to_owned()),
                json: arguments.log_json || file.log.json.unwrap_or(false),
            },
            limits: Limits {
                max_connections: limits.max_connections.unwrap_or(defaults.max_connections),
                handshake_timeout: limits
                    .handshake_seconds
                    .map_or(defaults.handshake_timeout, Duration::from_secs),
                http_idle_timeout: limits
                    .http_idle_seconds
                    .map_or(defaults.http_idle_timeout, Duration::from_secs),
                max_body_bytes: limits.max_body_bytes.unwrap_or(defaults.max_body_bytes),
                write_queue: limits.write_queue.unwrap_or(defaults.write_queue).max(1),
            },
            telemetry: file.telemetry.retention(),
            outbound: file.dps.outbound(),
            dps: DpsOptions {
                allow_blind_overwrite: file.dps.allow_blind_overwrite,
                signing_certificates_need_verified_ca: file.dps.signing_certificates_need_verified_ca,
                require_proof_of_possession: file.dps.require_proof_of_possession,
            },
        })
    }
}

fn host_name(text: &str) -> Result<HostName> {
    let host = HostName::parse(text).with_context(|| format!("`{text}` is not a host name"))?;
    if host.as_str().contains(':') {
        bail!("`{text}` has a port; devices are told bare host names, the ports are flags of their own");
    }
    Ok(host)
}

fn store_address(text: Option<String>, data: &std::path::Path) -> StoreAddress {
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
