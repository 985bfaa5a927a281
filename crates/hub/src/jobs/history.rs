use std::time::Duration;

use provost_store::StoreError;
use tracing::warn;

use crate::service::HubService;

/// How often old jobs are looked for.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// Rows removed in one append, so that others get their turn.
const CHUNK: usize = 500;

impl HubService {
    /// Forgets old jobs, for ever. Spawned by the program.
    pub async fn forget_jobs(self) {
        loop {
            if let Err(error) = self.forget_jobs_now().await {
                warn!(error = &error as &dyn std::error::Error, "cannot forget old jobs");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Forgets the jobs that are over the history now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_jobs_now(&self) -> Result<(), StoreError> {
        let options = self.job_options();
        let (before, keep) = (self.now().before(options.history), options.history_count);
        loop {
            let gone: Result<u64, StoreError> = self
                .store()
                .append(move |tx| tx.forget_jobs(before, keep, CHUNK))
                .await;
            if gone? == 0 {
                return Ok(());
            }
        }
    }
}
