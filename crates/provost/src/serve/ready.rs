//! What others are told once the server accepts.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use provost_model::{AccessPolicy, PolicyOwner};
use provost_store::{ReadTx, Store, StoreError};
use serde_json::json;

use super::private_file;
use crate::config::Config;
use crate::connection_file::{ConnectionFile, DpsConnection, HubConnection, PolicyKey};

/// Name of the file with the command line's admin token, inside the data folder.
pub(super) const ADMIN_TOKEN_FILE: &str = "admin-token";

/// Gathers how to reach the server.
pub(super) async fn connection(
    config: &Config,
    store: &Store,
    https: SocketAddr,
    mqtt: SocketAddr,
) -> Result<ConnectionFile> {
    let (dps, hubs) = store
        .read(|tx| Ok::<_, StoreError>((dps(tx)?, hubs(tx)?)))
        .await?;
    let root_ca = match config.tls_files {
        Some(_) => None,
        None => Some(std::path::absolute(config.data.join("tls").join("root.pem"))?),
    };
    Ok(ConnectionFile {
        https: format!("{}:{}", config.host, https.port()),
        mqtt: format!("{}:{}", config.host, mqtt.port()),
        root_ca,
        dps,
        hubs,
        admin_token_file: std::path::absolute(config.data.join(ADMIN_TOKEN_FILE))?,
    })
}

fn dps(tx: &ReadTx<'_>) -> Result<Vec<DpsConnection>, StoreError> {
    let of = |instance: provost_model::DpsInstance| {
        let policies = tx.access_policies(&PolicyOwner::Dps(instance.name.clone()))?;
        Ok(DpsConnection {
            name: instance.name.to_string(),
            id_scope: instance.id_scope.to_string(),
            host: instance.host.to_string(),
            policies: keys(&policies),
        })
    };
    tx.dps_instances()?.into_iter().map(of).collect()
}

fn hubs(tx: &ReadTx<'_>) -> Result<Vec<HubConnection>, StoreError> {
    let of = |hub: provost_model::Hub| {
        let policies = tx.access_policies(&PolicyOwner::Hub(hub.name.clone()))?;
        Ok(HubConnection {
            name: hub.name.to_string(),
            host: hub.host.to_string(),
            policies: keys(&policies),
        })
    };
    let own = tx.hubs()?.into_iter().filter(|hub| !hub.is_remote);
    own.map(of).collect()
}

fn keys(policies: &[AccessPolicy]) -> Vec<PolicyKey> {
    let of = |policy: &AccessPolicy| PolicyKey {
        name: policy.name.to_string(),
        key: policy.keys.primary.to_base64(),
    };
    policies.iter().map(of).collect()
}

/// Writes the file a script waits for. It holds no secret.
pub(super) fn write(path: &Path, connection: &ConnectionFile) -> Result<()> {
    let dps = connection
        .dps
        .first()
        .context("there is no provisioning service")?;
    let hub = connection.hubs.first().context("there is no hub")?;
    let ready = json!({
        "https": connection.https,
        "mqtt": connection.mqtt,
        "idScope": dps.id_scope,
        "hub": hub.host,
        "rootCa": connection.root_ca,
    });
    private_file::write_public(path, ready.to_string().as_bytes())
}
