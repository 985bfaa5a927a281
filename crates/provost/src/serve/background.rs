//! Work that goes on beside the listeners.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use provost_hub::HubService;
use provost_model::HostName;
use provost_provisioning::ProvisioningService;
use provost_registry::RegistryService;
use provost_store::{AppendTx, ReadTx, Store, StoreAddress, StoreError};
use provost_transport::shutdown::Shutdown;
use provost_transport::tls::ReloadingIdentity;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::warn;

use super::tls_files::{self, TlsMaterial};
use super::{Ambient, outbound_work, ready};
use crate::config::Config;
use crate::connection_file::ConnectionFile;

/// How often the files of the server certificate are looked at.
const IDENTITY_LOOK: Duration = Duration::from_secs(2);
/// The least time between two looks at the list of hubs.
const HUBS_LOOK: Duration = Duration::from_secs(1);
/// How often our own server certificate is looked at for renewal.
const RENEWAL_LOOK: Duration = Duration::from_hours(12);
/// How often refusals go from memory to disk.
const REFUSALS_FLUSH: Duration = Duration::from_secs(1);
/// How often old refusals are forgotten.
const REFUSALS_LOOK: Duration = Duration::from_mins(1);
/// How often old changes are forgotten, and how old they are then.
const CHANGES_KEPT: Duration = Duration::from_hours(1);

/// What works in the background.
pub(super) struct Workers<'a> {
    pub(super) config: &'a Config,
    pub(super) tls: &'a TlsMaterial,
    pub(super) hub: &'a HubService,
    pub(super) dps: &'a ProvisioningService,
    pub(super) registry: &'a RegistryService,
    pub(super) store: &'a Store,
    pub(super) ambient: &'a Ambient,
}

impl Workers<'_> {
    /// Spawns what keeps the connection file true.
    pub(super) fn keep_connection(
        &self,
        known: &ConnectionFile,
        ports: [SocketAddr; 2],
        shutdown: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) {
        let keep = ready::keep(self.config.clone(), self.store.clone(), known.clone(), ports);
        spawn(tasks, shutdown, keep);
    }
}

/// Spawns everything; all of it ends when `shutdown` is requested.
pub(super) fn start(workers: &Workers<'_>, shutdown: &Shutdown, tasks: &mut JoinSet<()>) {
    let Workers {
        config,
        tls,
        hub,
        dps,
        registry,
        store,
        ambient,
    } = *workers;
    spawn(tasks, shutdown, {
        let hub = hub.clone();
        async move { hub.follow_changes().await }
    });
    spawn(tasks, shutdown, {
        let hub = hub.clone();
        async move { hub.keep_activity().await }
    });
    spawn(tasks, shutdown, {
        let hub = hub.clone();
        async move { hub.trim_telemetry().await }
    });
    spawn(tasks, shutdown, {
        let hub = hub.clone();
        async move { hub.forget_jobs().await }
    });
    spawn(tasks, shutdown, {
        let hub = hub.clone();
        async move { hub.keep_messages().await }
    });
    spawn(tasks, shutdown, hub.clone().keep_renewals());
    spawn(tasks, shutdown, registry.clone().maintain());
    spawn(tasks, shutdown, keep_refusals(dps.clone()));
    spawn(tasks, shutdown, forget_refusals(dps.clone()));
    spawn(tasks, shutdown, forget_changes(store.clone(), ambient.clone()));
    if tls.root.is_some() {
        spawn(
            tasks,
            shutdown,
            renew_certificate(config.clone(), store.clone(), ambient.clone()),
        );
    }
}

/// Spawns the work that is held by leases: jobs, and what is to be done outside the program. An embedded database has one server: what a server before
/// this one held when it ended is taken over at once. With a database that others use too, leases
/// run out by themselves.
pub(super) async fn start_leased(
    workers: &Workers<'_>,
    shutdown: &Shutdown,
    tasks: &mut JoinSet<()>,
) -> Result<(), StoreError> {
    let Workers {
        config,
        hub,
        dps,
        store,
        ambient,
        ..
    } = *workers;
    if matches!(config.store, StoreAddress::Sqlite(_)) {
        let forget = |tx: &AppendTx<'_>| tx.forget_leases();
        store.append(forget).await?;
    }
    // Only now: what a server before this one held is free.
    let hub = hub.clone();
    spawn(tasks, shutdown, hub.clone().run_reprovisions());
    spawn(tasks, shutdown, hub.run_jobs());
    let work = outbound_work::work(dps.clone(), store.clone(), ambient.clone());
    spawn(tasks, shutdown, work);
    let every = config.outbound.hub_check;
    let watch = outbound_work::watch_hubs(dps.clone(), store.clone(), ambient.clone(), every);
    spawn(tasks, shutdown, watch);
    Ok(())
}

pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    shutdown: &Shutdown,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let mut shutdown = shutdown.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = shutdown.requested() => {}
            () = work => {}
        }
    });
}

/// Looks for a newer server certificate.
pub(super) async fn follow_identity(identity: Arc<ReloadingIdentity>, mut shutdown: Shutdown) {
    let mut ticks = every(IDENTITY_LOOK);
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            _ = ticks.tick() => {}
        }
        identity.reload_if_changed();
    }
}

/// The host names of every hub and every provisioning service of this program.
pub(super) async fn own_hosts(store: &Store) -> Result<Vec<HostName>, StoreError> {
    let read = |tx: &ReadTx<'_>| Ok::<_, StoreError>((tx.hubs()?, tx.dps_instances()?));
    let (hubs, instances) = store.read(read).await?;
    let own = hubs.into_iter().filter(|hub| !hub.is_remote);
    let of_instances = instances.into_iter().map(|instance| instance.host);
    Ok(own.map(|hub| hub.host).chain(of_instances).collect())
}

/// Makes another server certificate in time, and when a hub or a provisioning service was added.
async fn renew_certificate(config: Config, store: Store, ambient: Ambient) {
    let mut ticks = every(RENEWAL_LOOK);
    let mut changed = store.changed();
    let mut named = Vec::new();
    loop {
        let is_due = tokio::select! {
            _ = ticks.tick() => true,
            woken = changed.changed() => match woken {
                Ok(()) => false,
                Err(_) => return,
            },
        };
        // Devices change all the time; a new hub can wait a moment.
        tokio::time::sleep(HUBS_LOOK).await;
        let prepared = match own_hosts(&store).await {
            Ok(hubs) if !is_due && hubs == named => Ok(()),
            Ok(hubs) => {
                named.clone_from(&hubs);
                tls_files::prepare(&config, &hubs, ambient.clock.now(), &*ambient.random).map(|_| ())
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = prepared {
            warn!(error = &*error, "cannot renew the server certificate");
        }
    }
}

async fn keep_refusals(dps: ProvisioningService) {
    let mut ticks = every(REFUSALS_FLUSH);
    loop {
        ticks.tick().await;
        if let Err(error) = dps.flush_refusals().await {
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot store why devices were refused"
            );
        }
    }
}

async fn forget_refusals(dps: ProvisioningService) {
    let mut ticks = every(REFUSALS_LOOK);
    loop {
        ticks.tick().await;
        if let Err(error) = dps.forget_refusals().await {
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot forget old refusals"
            );
        }
    }
}

async fn forget_changes(store: Store, ambient: Ambient) {
    let mut ticks = every(CHANGES_KEPT);
    loop {
        ticks.tick().await;
        let before = ambient.clock.now().before(CHANGES_KEPT);
        let pruned: Result<u64, StoreError> = store.append(move |tx| tx.prune_changes(before)).await;
        if let Err(error) = pruned {
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot forget old changes"
            );
        }
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
