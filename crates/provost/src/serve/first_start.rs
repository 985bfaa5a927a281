//! What a first start makes, each step only when it is missing, so that a start that was cut off is
//! finished by the next one.

use anyhow::{Context, Result};
use provost_access::NewToken;
use provost_hub::{HubError, create_hub};
use provost_model::{Action, Actor, AllocationPolicy, AuditEvent, DpsName, Hub, HubName, LinkedHub, Random};
use provost_provisioning::{NewInstance, ProvisioningError, create_instance, link_hub};
use provost_store::{Store, StoreAddress};
use tracing::info;

use super::ready::ADMIN_TOKEN_FILE;
use super::{Ambient, private_file};
use crate::config::Config;

const HUB: &str = "hub";
const DPS: &str = "dps";
/// Whom the token in the data folder belongs to.
const TOKEN_OWNER: &str = "command-line";

/// Makes the built-in hub, the provisioning service linked to it and the command line's token.
pub(super) async fn prepare(config: &Config, store: &Store, ambient: &Ambient) -> Result<()> {
    let hub = HubName::parse(HUB)?;
    let dps = DpsName::parse(DPS)?;
    prepare_hub(config, store, ambient, &hub)
        .await
        .context("cannot make the hub")?;
    prepare_dps(config, store, ambient, dps, hub)
        .await
        .context("cannot make the provisioning service")?;
    prepare_token(config, store, ambient)
        .await
        .context("cannot make the admin token")
}

fn event(action: Action, kind: &'static str, name: &str) -> AuditEvent {
    AuditEvent::new(Actor::System, action, kind, name, name)
}

async fn prepare_hub(
    config: &Config,
    store: &Store,
    ambient: &Ambient,
    name: &HubName,
) -> Result<(), HubError> {
    let (name, host, random) = (name.clone(), config.host.clone(), ambient.random.clone());
    store
        .write(move |tx| match tx.hub(&name)? {
            Some(hub) if hub.host.as_str() == host.as_str() => Ok(tx.unchanged(())),
            Some(_) => {
                tx.set_hub_host(&name, &host)?;
                let event = event(Action::Update, "hub", name.as_str()).with_detail(format!("host {host}"));
                Ok(tx.record(&event, ())?)
            }
            // Its operator took it away and has others.
            None if tx.hubs()?.iter().any(|hub| !hub.is_remote) => Ok(tx.unchanged(())),
            None => {
                let hub = Hub {
                    name,
                    host,
                    is_remote: false,
                    created_at: tx.now(),
                };
                create_hub(&tx, &hub, &*random)?;
                Ok(tx.record(&event(Action::Create, "hub", hub.name.as_str()), ())?)
            }
        })
        .await
}

async fn prepare_dps(
    config: &Config,
    store: &Store,
    ambient: &Ambient,
    name: DpsName,
    hub: HubName,
) -> Result<(), ProvisioningError> {
    let (host, random) = (config.host.clone(), ambient.random.clone());
    let quotas = config.dps.quotas;
    store
        .write(move |tx| match tx.dps(&name)? {
            Some(dps) if dps.host.as_str() == host.as_str() => Ok(tx.unchanged(())),
            Some(_) => {
                tx.set_dps_host(&name, &host)?;
                let event = event(Action::Update, "dps", name.as_str()).with_detail(format!("host {host}"));
                Ok(tx.record(&event, ())?)
            }
            None if !tx.dps_instances()?.is_empty() => Ok(tx.unchanged(())),
            None => {
                let new = NewInstance {
                    name: name.clone(),
                    host: host.clone(),
                    allocation: AllocationPolicy::Hashed,
                };
                let instance = create_instance(&tx, new, &quotas, &*random)?;
                let link = LinkedHub {
                    hub,
                    host,
                    is_remote: false,
                    apply_allocation_policy: true,
                    allocation_weight: 1,
                };
                link_hub(&tx, &name, &link)?;
                let event = event(Action::Create, "dps", name.as_str())
                    .with_detail(format!("ID scope {}, linked to {}", instance.id_scope, link.hub));
                Ok(tx.record(&event, ())?)
            }
        })
        .await
}

/// The file is the only place where the token itself is; without it there is no use for the old
/// one, and a new one takes its place. A PostgreSQL database may serve other data folders, whose
/// tokens stay.
async fn prepare_token(config: &Config, store: &Store, ambient: &Ambient) -> Result<()> {
    let path = config.data.join(ADMIN_TOKEN_FILE);
    let is_alone = matches!(config.store, StoreAddress::Sqlite(_));
    if path.exists() {
        return Ok(());
    }
    let random = ambient.random.clone();
    let token = store
        .write(move |tx| {
            if is_alone {
                tx.delete_admin_tokens(TOKEN_OWNER)?;
            }
            let token = NewToken::owner(TOKEN_OWNER).create(&tx, &*random as &dyn Random)?;
            let event = AuditEvent::new(Actor::System, Action::Create, "adminToken", "", TOKEN_OWNER);
            Ok::<_, ProvisioningError>(tx.record(&event, token)?)
        })
        .await?;
    private_file::write(&path, token.expose().as_bytes())?;
    info!(path = %path.display(), "made the command line's admin token");
    Ok(())
}
