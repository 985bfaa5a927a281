use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use provost_model::{AuditOrigin, Job};
use provost_store::{StoreError, with_origin};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tracing::warn;

use super::driver::Driver;
use super::pacer::Pacer;
use crate::service::HubService;

/// How long a job is held at a time; one whose holder died is taken up again after that.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// How often jobs are looked for whose time has come, or that somebody else took in.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Jobs run at a time on this node.
const RUN_AT_ONCE: usize = 200;

impl HubService {
    /// Runs jobs, for ever. Spawned by the program; what it held is taken up by the next one that
    /// runs, after [`Self::release_held`] at once.
    pub async fn run_jobs(self) {
        let pacer = Arc::new(Pacer::new(self.job_options().pace));
        let holder: Arc<str> = self.job_holder().into();
        let mut running = JoinSet::new();
        let mut at_work: HashMap<i64, AbortHandle> = HashMap::new();
        loop {
            while running.try_join_next().is_some() {}
            // What is worked on here is not taken a second time, though its lease may have run out.
            at_work.retain(|_, task| !task.is_finished());
            let numbers: Vec<i64> = at_work.keys().copied().collect();
            match self.lease_jobs(&holder, numbers).await {
                Ok(jobs) => {
                    for job in jobs {
                        let number = job.number;
                        let origin = AuditOrigin::system(job.id.to_string());
                        let driver = Driver::new(self.clone(), job, Arc::clone(&holder), Arc::clone(&pacer));
                        at_work.insert(number, running.spawn(with_origin(origin, driver.run())));
                    }
                }
                Err(error) => warn!(error = &error as &dyn std::error::Error, "cannot look for jobs"),
            }
            // Woken, or time to look: both go on with a look.
            let _ = timeout(LOOK_EVERY, self.job_signals().woken()).await;
        }
    }

    /// Gives back the jobs and the runs over fleets this node works on, when it stops: others, or
    /// the next start, go on at once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_held(&self) -> Result<(), StoreError> {
        self.release_reprovisions().await?;
        let holder = self.job_holder().to_owned();
        self.store().append(move |tx| tx.release_jobs(&holder)).await
    }

    fn job_holder(&self) -> &str {
        self.job_signals().holder(self.random().as_ref())
    }

    async fn lease_jobs(&self, holder: &Arc<str>, at_work: Vec<i64>) -> Result<Vec<Job>, StoreError> {
        let limit = RUN_AT_ONCE.saturating_sub(at_work.len());
        let (now, holder) = (self.now(), Arc::clone(holder));
        let due: bool = self.store().read(move |tx| tx.has_due_job(now)).await?;
        if !due || limit == 0 {
            return Ok(Vec::new());
        }
        self.store()
            .append(move |tx| tx.lease_jobs(now, now.after(LEASE), &holder, (limit, &at_work)))
            .await
    }
}
