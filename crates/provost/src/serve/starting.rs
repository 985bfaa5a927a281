//! The parts of a server, in the order in which they are started.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use provost_ca::CaKeys;
use provost_hub::{HubOptions, HubService};
use provost_provisioning::ProvisioningService;
use provost_registry::RegistryService;
use provost_store::{Store, StoreAddress, StoreOptions};
use provost_transport::metrics::Metrics;
use provost_transport::shutdown::Shutdown;
use tokio::task::JoinSet;
use tracing::warn;

use super::background::{self, Workers};
use super::certificate_issuer::{IssuerOfHubs, RegistryIssuer};
use super::publishing::Publishing;
use super::store_mark::StoreMarking;
use super::tls_files::{self, TlsMaterial};
use super::{Ambient, first_start, listeners, provisioning, ready, registry};
use crate::config::Config;
use crate::connection_file::ConnectionFile;

/// What is there before anything is served: the store, what a first start makes in it, and the TLS files.
pub(super) struct Ground {
    pub(super) store: Store,
    pub(super) marking: StoreMarking,
    tls: TlsMaterial,
}

impl Ground {
    pub(super) async fn lay(config: &Config, ambient: &Ambient) -> Result<Self> {
        let store = open_store(config, ambient).await?;
        let marking = StoreMarking::begin(&config.data, &store, ambient).await?;
        first_start::prepare(config, &store, ambient).await?;
        let hubs = background::own_hosts(&store).await?;
        let tls = tls_files::prepare(config, &hubs, ambient.clock.now(), &*ambient.random)?;
        Ok(Self { store, marking, tls })
    }
}

/// The services, plugged together.
pub(super) struct Services {
    pub(super) hub: HubService,
    pub(super) dps: ProvisioningService,
    pub(super) registry: RegistryService,
}

impl Services {
    pub(super) async fn open(
        config: &Config,
        store: &Store,
        keys: &CaKeys,
        ambient: &Ambient,
    ) -> Result<Self> {
        let hub = HubService::new(hub_options(config, store, ambient));
        let (registry, issuer) = open_registry(config, store, keys, &hub, ambient).await?;
        provisioning::warn_of_unknown_hubs(&config.geo, store).await?;
        let dps = provisioning::service(config, store, &hub, issuer, ambient)?;
        Ok(Self { hub, dps, registry })
    }
}

/// What a running server is made of.
pub(super) struct Running {
    pub(super) config: Config,
    pub(super) ambient: Ambient,
    pub(super) ground: Ground,
    pub(super) keys: CaKeys,
    pub(super) services: Services,
    pub(super) metrics: Arc<Metrics>,
    pub(super) shutdown: Shutdown,
}

/// Where it is served.
pub(super) struct Addresses {
    pub(super) https: SocketAddr,
    pub(super) mqtt: SocketAddr,
    pub(super) http: Option<SocketAddr>,
}

impl Running {
    fn publishing(&self) -> Publishing<'_> {
        Publishing::new(&self.config, &self.ground.store, &self.keys, &self.ambient)
    }

    /// Accepts on every listener from here on.
    pub(super) fn listen(&self, tasks: &mut JoinSet<()>) -> Result<Addresses> {
        let Services { hub, dps, registry } = &self.services;
        let watched = (&self.metrics, &self.shutdown);
        let (https, mqtt) = listeners::open(
            &self.config,
            &self.ground.tls,
            hub.clone(),
            (dps.clone(), registry.clone()),
            &self.ambient,
            watched,
            tasks,
        )?;
        let http = self.publishing().open(watched, tasks)?;
        Ok(Addresses { https, mqtt, http })
    }

    /// Begins what goes on beside the listeners, and writes down how to reach them.
    pub(super) async fn work(
        &self,
        addresses: &Addresses,
        tasks: &mut JoinSet<()>,
    ) -> Result<ConnectionFile> {
        let (config, store, shutdown) = (&self.config, &self.ground.store, &self.shutdown);
        let workers = Workers {
            config,
            tls: &self.ground.tls,
            hub: &self.services.hub,
            dps: &self.services.dps,
            registry: &self.services.registry,
            store,
            ambient: &self.ambient,
        };
        background::start(&workers, shutdown, tasks);
        self.publishing().start(shutdown, tasks);
        background::start_leased(&workers, shutdown, tasks).await?;
        let Addresses { https, mqtt, .. } = *addresses;
        let connection = ready::connection(config, store, https, mqtt).await?;
        connection.write(&config.data)?;
        workers.keep_connection(&connection, [https, mqtt], shutdown, tasks);
        Ok(connection)
    }
}

fn hub_options(config: &Config, store: &Store, ambient: &Ambient) -> HubOptions {
    HubOptions {
        store: store.clone(),
        clock: Arc::clone(&ambient.clock),
        random: Arc::clone(&ambient.random),
        retention: config.telemetry,
        telemetry_partitions: config.telemetry_partitions,
        jobs: config.jobs.clone(),
        refuse_revoked_serials: config.refuse_revoked_serials,
        measured_renewal_codes: config.measured_renewal_codes,
        messages: config.messages,
    }
}

async fn open_store(config: &Config, ambient: &Ambient) -> Result<Store> {
    let opened = Store::open(StoreOptions {
        address: config.store.clone(),
        clock: Arc::clone(&ambient.clock),
        queue: config.limits.write_queue,
    });
    opened.await.context("cannot open the store")
}

/// The Device Registry, plugged into the hubs; what an earlier run left is taken up.
async fn open_registry(
    config: &Config,
    store: &Store,
    keys: &CaKeys,
    hub: &HubService,
    ambient: &Ambient,
) -> Result<(RegistryService, Arc<RegistryIssuer>)> {
    let registry = registry::service(config, store, keys, hub, ambient);
    let trial_day = config.registry.leaf_day;
    if trial_day < Duration::from_hours(24) {
        let seconds = trial_day.as_secs();
        warn!(
            seconds,
            "a day of a device certificate's validity is shortened: for trials only"
        );
    }
    let issuer = Arc::new(RegistryIssuer::new(registry.clone()));
    hub.issue_certificates_by(Arc::new(IssuerOfHubs::new(&issuer)));
    let is_alone = matches!(config.store, StoreAddress::Sqlite(_));
    let resumed = registry.resume(is_alone).await;
    resumed.context("cannot take up the work of the device registry")?;
    Ok((registry, issuer))
}
