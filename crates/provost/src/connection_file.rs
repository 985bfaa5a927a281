//! `connection.json` in the data folder: what the command line needs to reach the server.
//!
//! Holds keys, so only its owner may read it. Written at every start of the server; it also serves
//! `connection-string` while the server is down.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Name of the file inside the data folder.
pub const FILE_NAME: &str = "connection.json";

/// How to reach the server and as whom.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionFile {
    /// `host:port` of HTTPS.
    pub https: String,
    /// `host:port` of MQTT.
    pub mqtt: String,
    /// The root certificate to trust, PEM; absent when the operator brought an own certificate.
    pub root_ca: Option<PathBuf>,
    /// The provisioning services.
    pub dps: Vec<DpsConnection>,
    /// The hubs.
    pub hubs: Vec<HubConnection>,
    /// File with the admin token of the command line.
    pub admin_token_file: PathBuf,
}

/// One provisioning service.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DpsConnection {
    /// Its name.
    pub name: String,
    /// Its ID scope.
    pub id_scope: String,
    /// Its host name.
    pub host: String,
    /// Its shared access policies.
    pub policies: Vec<PolicyKey>,
}

/// One hub.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HubConnection {
    /// Its name.
    pub name: String,
    /// Its host name.
    pub host: String,
    /// Its shared access policies.
    pub policies: Vec<PolicyKey>,
}

/// A shared access policy with its primary key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyKey {
    /// The policy.
    pub name: String,
    /// Base64.
    pub key: String,
}

impl ConnectionFile {
    /// Reads the file of a data folder.
    pub fn read(data: &Path) -> Result<Self> {
        let path = data.join(FILE_NAME);
        let text = std::fs::read(&path).with_context(|| {
            format!(
                "cannot read {}; was `provost serve` ever started there?",
                path.display()
            )
        })?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not usable", path.display()))
    }

    /// Writes the file of a data folder.
    pub fn write(&self, data: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        crate::serve::private_file::write(&data.join(FILE_NAME), &text)
    }
}
