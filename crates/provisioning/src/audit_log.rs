//! The audit log, as whoever may read it reads it.

use provost_access::Permission;
use provost_store::{AuditHash, ReadTx, StoreError, StoredAuditEvent};

use crate::{AdminCaller, ProvisioningError, ProvisioningService};

impl ProvisioningService {
    /// Events after the one numbered `after`, oldest first, at most `limit`, and the hash of the last event
    /// of the whole log.
    ///
    /// # Errors
    /// 403001.
    pub async fn audit_events(
        &self,
        admin: &AdminCaller,
        after: i64,
        limit: usize,
    ) -> Result<(Vec<StoredAuditEvent>, AuditHash), ProvisioningError> {
        admin.require(Permission::AuditRead, None)?;
        let read = move |tx: &ReadTx<'_>| {
            Ok::<_, StoreError>((tx.audit_events_after(after, limit)?, tx.audit_head()?))
        };
        Ok(self.store().scan(read).await?)
    }
}
