use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use provost_model::{AuditOrigin, Reprovision};
use provost_store::{StoreError, with_origin};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tracing::warn;

use super::run::Run;
use crate::service::HubService;

/// How long a run is held at a time; one whose holder died is taken up again after that.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// How often runs are looked for that somebody else took in, and old ones that may go.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Runs at a time on this node.
const RUN_AT_ONCE: usize = 50;
/// Rows removed in one append, so that others get their turn.
const CHUNK: usize = 500;
/// Looks between two at old runs.
const FORGET_EVERY: u32 = 600;

impl HubService {
    /// Works on runs over fleets, for ever. Spawned by the program, as [`Self::run_jobs`] is.
    pub async fn run_reprovisions(self) {
        let holder: Arc<str> = self.job_signals().holder(self.random().as_ref()).into();
        let mut running = JoinSet::new();
        let mut at_work: HashMap<i64, AbortHandle> = HashMap::new();
        let mut looks = 0_u32;
        loop {
            while running.try_join_next().is_some() {}
            // What is worked on here is not taken a second time, though its lease may have run out.
            at_work.retain(|_, task| !task.is_finished());
            let numbers: Vec<i64> = at_work.keys().copied().collect();
            match self.lease_reprovisions(&holder, numbers).await {
                Ok(runs) => {
                    for run in runs {
                        let number = run.number;
                        let origin = AuditOrigin::system(run.id.to_string());
                        let run = Run::new(self.clone(), run, Arc::clone(&holder));
                        at_work.insert(number, running.spawn(with_origin(origin, run.work())));
                    }
                }
                Err(error) => warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot look for runs over fleets"
                ),
            }
            if looks.is_multiple_of(FORGET_EVERY)
                && let Err(error) = self.forget_reprovisions().await
            {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot forget old runs over fleets"
                );
            }
            looks = looks.wrapping_add(1);
            // Woken, or time to look: both go on with a look.
            let _ = timeout(LOOK_EVERY, self.fleet_signals().woken()).await;
        }
    }

    /// Gives back the runs this node works on.
    pub(crate) async fn release_reprovisions(&self) -> Result<(), StoreError> {
        let holder = self.job_signals().holder(self.random().as_ref()).to_owned();
        self.store()
            .append(move |tx| tx.release_reprovisions(&holder))
            .await
    }

    async fn lease_reprovisions(
        &self,
        holder: &Arc<str>,
        at_work: Vec<i64>,
    ) -> Result<Vec<Reprovision>, StoreError> {
        let limit = RUN_AT_ONCE.saturating_sub(at_work.len());
        let (now, holder) = (self.now(), Arc::clone(holder));
        let is_due: bool = self.store().read(move |tx| tx.has_due_reprovision(now)).await?;
        if !is_due || limit == 0 {
            return Ok(Vec::new());
        }
        self.store()
            .append(move |tx| tx.lease_reprovisions(now, now.after(LEASE), &holder, (limit, &at_work)))
            .await
    }

    async fn forget_reprovisions(&self) -> Result<(), StoreError> {
        let before = self.now().before(self.job_options().history);
        loop {
            let gone: Result<u64, StoreError> = self
                .store()
                .append(move |tx| tx.forget_reprovisions(before, CHUNK))
                .await;
            if gone? == 0 {
                return Ok(());
            }
        }
    }
}
