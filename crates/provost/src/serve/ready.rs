//! What others are told once the server accepts.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use provost_model::{AccessPolicy, PolicyOwner};
use provost_store::{ReadTx, Store, StoreError};
use serde_json::json;
use tracing::warn;

use super::private_file;
use crate::config::Config;
use crate::connection_file::{ConnectionFile, DpsConnection, HubConnection, PolicyKey};

/// Name of the file with the command line's admin token, inside the data folder.
pub(super) const ADMIN_TOKEN_FILE: &str = "admin-token";

/// The least time between two looks at what the connection file says.
const KEEP_PAUSE: Duration = Duration::from_millis(100);

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
    let mut instances = tx.dps_instances()?;
    // The first is the default of the command line: it stays the same when others come.
    instances.sort_by_key(|instance| instance.created_at);
    instances.into_iter().map(of).collect()
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
    let mut hubs = tx.hubs()?;
    hubs.sort_by_key(|hub| hub.created_at);
    let own = hubs.into_iter().filter(|hub| !hub.is_remote);
    own.map(of).collect()
}

fn keys(policies: &[AccessPolicy]) -> Vec<PolicyKey> {
    let of = |policy: &AccessPolicy| PolicyKey {
        name: policy.name.to_string(),
        key: policy.keys.primary.to_base64(),
    };
    policies.iter().map(of).collect()
}

/// Writes the connection file anew when an instance, a hub or a policy changed, for ever.
pub(super) async fn keep(config: Config, store: Store, mut known: ConnectionFile, ports: [SocketAddr; 2]) {
    let [https, mqtt] = ports;
    let mut changed = store.changed();
    loop {
        let kept = match connection(&config, &store, https, mqtt).await {
            Ok(now) if now == known => Ok(()),
            Ok(now) => now.write(&config.data).map(|()| known = now),
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            warn!(error = &*error, "cannot keep the connection file up to date");
        }
        if changed.changed().await.is_err() {
            return;
        }
        // Devices change all the time.
        tokio::time::sleep(KEEP_PAUSE).await;
    }
}

/// Writes the ready file where one is asked for.
pub(super) fn tell(config: &Config, connection: &ConnectionFile) -> Result<()> {
    match &config.ready_file {
        Some(path) => write(path, connection),
        None => Ok(()),
    }
}

/// Writes the file a script waits for. It holds no secret.
fn write(path: &Path, connection: &ConnectionFile) -> Result<()> {
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
