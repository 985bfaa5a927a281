//! Work outside the program: pending registrations, removals, and the health of hubs elsewhere.

use std::time::Duration;

use provost_model::{Clock, HubHealthState, Timestamp};
use provost_provisioning::ProvisioningService;
use provost_store::{Store, StoreError};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::Ambient;

/// Most runs and most removals at a time: each has its share, and neither waits for the other.
const RUNS: usize = 96;
const REMOVALS: usize = 32;
/// How long nobody looks when nothing is known to be due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The least time between two looks: a busy server changes all the time.
const BREATH: Duration = Duration::from_millis(20);
/// How often a hub that is not well is looked at.
const CHECK_SICK: Duration = Duration::from_secs(5);

/// What is done outside the program.
#[derive(Clone, Copy)]
enum Kind {
    Runs,
    Removals,
}

/// Takes what is due, and does it, until the end.
pub(super) async fn work(dps: ProvisioningService, store: Store, ambient: Ambient) {
    tokio::join!(
        work_at(Kind::Runs, &dps, &store, &ambient),
        work_at(Kind::Removals, &dps, &store, &ambient)
    );
}

async fn work_at(kind: Kind, dps: &ProvisioningService, store: &Store, ambient: &Ambient) {
    let mut changed = store.changed();
    let mut running = JoinSet::new();
    loop {
        changed.mark_unchanged();
        while running.try_join_next().is_some() {}
        let pause = match kind.take(dps, &*ambient.clock, &mut running).await {
            Ok(pause) => pause,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "cannot take work");
                LOOK_EVERY
            }
        };
        sleep(BREATH).await;
        tokio::select! {
            // A closed channel means a closed store; the next look says so.
            _ = timeout(pause, changed.changed()) => {}
            Some(_) = running.join_next() => {}
        }
    }
}

impl Kind {
    /// Starts what is due and says how long the next look may wait.
    async fn take(
        self,
        dps: &ProvisioningService,
        clock: &dyn Clock,
        running: &mut JoinSet<()>,
    ) -> Result<Duration, StoreError> {
        let (due, most) = match self {
            Self::Runs => (dps.next_pending().await?, RUNS),
            Self::Removals => (dps.next_removal().await?, REMOVALS),
        };
        let Some(due) = due else {
            return Ok(LOOK_EVERY);
        };
        let (now, free) = (clock.now(), most.saturating_sub(running.len()));
        if free == 0 {
            // The end of a piece of work wakes.
            return Ok(LOOK_EVERY);
        }
        if due > now {
            return Ok(due.since(now).clamp(BREATH, LOOK_EVERY));
        }
        match self {
            Self::Runs => {
                for run in dps.lease_pending(free).await? {
                    let dps = dps.clone();
                    running.spawn(async move { tell(Box::pin(dps.run_pending(run)).await) });
                }
            }
            Self::Removals => {
                for removal in dps.lease_removals(free).await? {
                    let dps = dps.clone();
                    running.spawn(async move { tell(Box::pin(dps.run_removal(removal)).await) });
                }
            }
        }
        Ok(Duration::ZERO)
    }
}

fn tell(done: Result<(), provost_provisioning::ProvisioningError>) {
    if let Err(error) = done {
        warn!(
            error = &error as &dyn std::error::Error,
            "work outside the program was cut off"
        );
    }
}

/// Looks at the hubs elsewhere again and again; `every` so often at those that are well.
pub(super) async fn watch_hubs(dps: ProvisioningService, store: Store, ambient: Ambient, every: Duration) {
    let mut changed = store.changed();
    loop {
        changed.mark_unchanged();
        match dps.hubs_to_check().await {
            Ok(hubs) => {
                let mut looks = JoinSet::new();
                let now = ambient.clock.now();
                for (hub, _) in hubs.into_iter().filter(|(_, health)| is_due(health, now, every)) {
                    let dps = dps.clone();
                    looks.spawn(async move { dps.check_hub(&hub).await });
                }
                while looks.join_next().await.is_some() {}
            }
            Err(error) => tell(Err(error)),
        }
        sleep(LOOK_EVERY).await;
        // A new hub is looked at soon.
        let _ = timeout(CHECK_SICK.min(every), changed.changed()).await;
    }
}

fn is_due(health: &provost_model::HubHealth, now: Timestamp, every: Duration) -> bool {
    let pause = match health.state {
        HubHealthState::Healthy => every,
        HubHealthState::Unknown | HubHealthState::Unreachable | HubHealthState::Unauthorized => CHECK_SICK,
    };
    health.checked_at.is_none_or(|at| now.since(at) >= pause)
}
