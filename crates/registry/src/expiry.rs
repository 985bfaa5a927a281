//! Ends of CAs in sight.

use std::time::Duration;

use provost_model::registry::{Ca, CaState};
use provost_store::{ReadTx, StoreError};
use tracing::warn;

use crate::{RegistryError, RegistryService};

const DAY: Duration = Duration::from_hours(24);
/// From when on the end of a CA is warned of. One of ours is renewed long before; that it still stands then says
/// that its renewal fails, or that its root ends.
const WARN_BEFORE: Duration = Duration::from_hours(24 * 60);

impl RegistryService {
    /// The CAs that hubs trust or that sign, of every namespace; for whoever watches when they end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn standing_authorities(&self) -> Result<Vec<Ca>, StoreError> {
        let read = |tx: &ReadTx<'_>| {
            let mut standing = tx.cas_in_state(CaState::Active)?;
            standing.extend(tx.cas_in_state(CaState::Retired)?);
            Ok(standing)
        };
        self.store().read(read).await
    }

    /// Warns of CAs that sign and end soon, each once a day.
    pub(crate) async fn warn_of_ends(&self) -> Result<(), RegistryError> {
        let now = self.now();
        if !self.ends_warned().is_due(now, DAY) {
            return Ok(());
        }
        for ca in self.standing_authorities().await? {
            let Some(end) = ca.not_after.filter(|_| ca.state == CaState::Active) else {
                continue;
            };
            let left = end.since(now);
            if left < WARN_BEFORE {
                warn!(
                    ca = %ca.id,
                    namespace = %ca.namespace,
                    role = ca.role.as_str(),
                    days_left = left.as_secs() / DAY.as_secs(),
                    "a CA ends soon"
                );
            }
        }
        self.warn_of_offline_roots().await
    }
}
