//! Work that goes on beside the listeners.

use std::sync::Arc;
use std::time::Duration;

use provost_hub::HubService;
use provost_store::{Store, StoreError};
use provost_transport::shutdown::Shutdown;
use provost_transport::tls::ReloadingIdentity;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::warn;

use super::Ambient;
use super::tls_files::{self, TlsMaterial};
use crate::config::Config;

/// How often the files of the server certificate are looked at.
const IDENTITY_LOOK: Duration = Duration::from_secs(2);
/// How often our own server certificate is looked at for renewal.
const RENEWAL_LOOK: Duration = Duration::from_hours(12);
/// How often old changes are forgotten, and how old they are then.
const CHANGES_KEPT: Duration = Duration::from_hours(1);

/// Spawns everything; all of it ends when `shutdown` is requested.
pub(super) fn start(
    config: &Config,
    tls: &TlsMaterial,
    hub: HubService,
    store: &Store,
    ambient: &Ambient,
    shutdown: &Shutdown,
    tasks: &mut JoinSet<()>,
) {
    spawn(tasks, shutdown, {
        let hub = hub.clone();
        async move { hub.follow_changes().await }
    });
    spawn(tasks, shutdown, {
        let hub = hub.clone();
        async move { hub.keep_activity().await }
    });
    spawn(tasks, shutdown, async move { hub.trim_telemetry().await });
    spawn(tasks, shutdown, forget_changes(store.clone(), ambient.clone()));
    if tls.root.is_some() {
        spawn(
            tasks,
            shutdown,
            renew_certificate(config.clone(), ambient.clone()),
        );
    }
}

fn spawn(tasks: &mut JoinSet<()>, shutdown: &Shutdown, work: impl Future<Output = ()> + Send + 'static) {
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

async fn renew_certificate(config: Config, ambient: Ambient) {
    let mut ticks = every(RENEWAL_LOOK);
    loop {
        ticks.tick().await;
        if let Err(error) = tls_files::prepare(&config, ambient.clock.now(), &*ambient.random) {
            warn!(error = &*error, "cannot renew the server certificate");
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
