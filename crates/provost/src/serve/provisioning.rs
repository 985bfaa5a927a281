//! The provisioning service with everything it is plugged into.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use provost_hub::HubService;
use provost_model::{GeoOrder, HubName};
use provost_provisioning::{OutboundOptions, ProvisioningOptions, ProvisioningParts, ProvisioningService};
use provost_store::{ReadTx, Store};
use tracing::warn;

use super::Ambient;
use super::certificate_issuer::RegistryIssuer;
use super::hub_directory::BuiltInHubs;
use crate::config::{Config, OutboundConfig};
use crate::outbound::{RegistryClient, WebhookClient};

/// Puts it together as configured.
pub(super) fn service(
    config: &Config,
    store: &Store,
    hub: &HubService,
    issuer: Arc<RegistryIssuer>,
    ambient: &Ambient,
) -> Result<ProvisioningService> {
    let outbound = &config.outbound;
    let client = RegistryClient::new(Arc::clone(&ambient.clock), outbound.hub_timeout)?;
    let webhooks =
        WebhookClient::new(&outbound.webhook).context("the authorities of webhooks cannot be used")?;
    Ok(ProvisioningService::new(ProvisioningParts {
        store: store.clone(),
        hubs: Arc::new(BuiltInHubs::new(Arc::clone(&ambient.random), hub.clone())),
        remote_hubs: Arc::new(client),
        webhooks: Arc::new(webhooks),
        certificates: issuer,
        clock: Arc::clone(&ambient.clock),
        random: Arc::clone(&ambient.random),
        options: options(config),
    }))
}

/// Says which hubs of `[[dps.geo]]` there are not; they may come later.
pub(super) async fn warn_of_unknown_hubs(geo: &GeoOrder, store: &Store) -> Result<()> {
    let known = store.read(|tx: &ReadTx<'_>| tx.hubs()).await?;
    let names: BTreeSet<&str> = geo.names().map(HubName::key).collect();
    for name in names {
        if !known.iter().any(|hub| hub.name.key() == name) {
            warn!(hub = name, "`[[dps.geo]]` names a hub that is not there");
        }
    }
    Ok(())
}

fn options(config: &Config) -> ProvisioningOptions {
    let (dps, outbound) = (&config.dps, &config.outbound);
    ProvisioningOptions {
        signing_certificates_need_verified_ca: dps.signing_certificates_need_verified_ca,
        allow_blind_overwrite: dps.allow_blind_overwrite,
        require_proof_of_possession: dps.require_proof_of_possession,
        refusals: dps.refusals,
        quotas: dps.quotas,
        geo: config.geo.clone(),
        outbound: OutboundOptions {
            webhook_attempts: outbound.webhook.attempts,
            hub_patience: outbound.hub_patience,
            lease: lease(outbound),
        },
        ..ProvisioningOptions::default()
    }
}

/// Longer than any one step: a device is looked for, read, written, and its twin written.
fn lease(outbound: &OutboundConfig) -> Duration {
    outbound.hub_timeout.max(outbound.webhook.timeout) * 5
}
