use std::time::Duration;

use provost_model::{Hub, HubName};
use provost_store::{ReadTx, StoreError};
use tracing::warn;

use crate::HubError;
use crate::service::HubService;

/// How often old messages are looked for.
const TRIM_EVERY: Duration = Duration::from_mins(1);
/// Segments removed in one append, so that others get their turn.
const CHUNK: usize = 200;

impl HubService {
    /// Keeps every hub's buffer within its retention, for ever. Spawned by the program.
    pub async fn trim_telemetry(self) {
        loop {
            if let Err(error) = self.trim_telemetry_now().await {
                warn!(error = &error as &dyn std::error::Error, "cannot cut telemetry");
            }
            // Asked for, or time to look: both go on with a look.
            let _ = tokio::time::timeout(TRIM_EVERY, self.telemetry().trim_asked_for()).await;
        }
    }

    /// Removes what is over the retention now, in every hub.
    ///
    /// # Errors
    /// [`HubError::Store`].
    pub async fn trim_telemetry_now(&self) -> Result<(), HubError> {
        for hub in self.store().read(every_hub).await? {
            if hub.is_remote {
                continue;
            }
            match self.trim_hub(&hub.name).await {
                // It went meanwhile, and its messages with it.
                Ok(()) | Err(HubError::HubNotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn trim_hub(&self, hub: &HubName) -> Result<(), HubError> {
        let intake = self.telemetry().of(self, hub).await?;
        loop {
            let retention = self.retention();
            let before = self.now().before(retention.age);
            let name = hub.clone();
            let cut = self
                .store()
                .append(move |tx| tx.cut_telemetry(&name, before, retention.bytes, CHUNK))
                .await?;
            intake.counters.cut(cut);
            if cut.segments < CHUNK {
                return Ok(());
            }
        }
    }
}

fn every_hub(tx: &ReadTx<'_>) -> Result<Vec<Hub>, StoreError> {
    tx.hubs()
}
