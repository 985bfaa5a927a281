use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

/// Flags of `provost serve`; each has an environment variable.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArguments {
    /// Folder for the store, keys and certificates [default: ./provost-data]
    #[arg(long, env = "PROVOST_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// SQLite file or postgres:// URL [default: DIR/provost.db]
    #[arg(long, env = "PROVOST_STORE", value_name = "FILE|URL", hide_env_values = true)]
    pub store: Option<String>,
    /// Name devices and back ends reach this server by [default: localhost]
    #[arg(long, env = "PROVOST_HOST", value_name = "NAME")]
    pub host: Option<String>,
    /// Another name for the server certificate; may be repeated
    #[arg(long, env = "PROVOST_ALIAS", value_name = "NAME", value_delimiter = ',')]
    pub alias: Vec<String>,
    /// Address to listen on [default: 127.0.0.1 for localhost, else 0.0.0.0]
    #[arg(long, env = "PROVOST_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<IpAddr>,
    /// Port of HTTPS and WebSocket, 0 for a free one [default: 8443]
    #[arg(long, env = "PROVOST_HTTPS_PORT", value_name = "PORT")]
    pub https_port: Option<u16>,
    /// Port of MQTT over TLS, 0 for a free one [default: 8883]
    #[arg(long, env = "PROVOST_MQTT_PORT", value_name = "PORT")]
    pub mqtt_port: Option<u16>,
    /// Port of plain HTTP for CRLs and CA certificates, 0 for a free one [default: none]
    #[arg(long, env = "PROVOST_HTTP_PORT", value_name = "PORT")]
    pub http_port: Option<u16>,
    /// Answer OCSP over plain HTTP, and write its address into certificates
    #[arg(long, env = "PROVOST_OCSP")]
    pub ocsp: bool,
    /// Configuration file
    #[arg(long, env = "PROVOST_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Server certificate chain, PEM, instead of one made here
    #[arg(long, env = "PROVOST_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Key of the server certificate, PEM
    #[arg(long, env = "PROVOST_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// File with the passphrase the private keys of CAs are sealed with
    #[arg(long, env = "PROVOST_KEYS_PASSPHRASE_FILE", value_name = "FILE")]
    pub keys_passphrase_file: Option<PathBuf>,
    /// File of 32 random bytes they are sealed with instead [default: DIR/keys/kek, made here]
    #[arg(long, env = "PROVOST_KEYS_KEY_FILE", value_name = "FILE")]
    pub keys_key_file: Option<PathBuf>,
    /// JSON file to write once every listener accepts
    #[arg(long, env = "PROVOST_READY_FILE", value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// What to log, e.g. `info` or `debug` [default: info]
    #[arg(long, env = "PROVOST_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Log one JSON object a line
    #[arg(long, env = "PROVOST_LOG_JSON")]
    pub log_json: bool,
}
