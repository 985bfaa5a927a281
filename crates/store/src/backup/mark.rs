//! Whether a database is the one that was there before, or one of an earlier day put in its place.

use provost_model::Timestamp;

use super::finish::RESTORE_ITEM;
use crate::audit::{self, AuditHash};
use crate::sql::params;
use crate::{ReadTx, StoreError};

/// The last event of an audit log, kept apart from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditMark {
    /// Its number.
    pub number: i64,
    /// Its hash, over everything before it too.
    pub hash: AuditHash,
}

impl ReadTx<'_> {
    /// The last event; `None` in an empty log.
    pub fn audit_mark(&self) -> Result<Option<AuditMark>, StoreError> {
        let sql = "SELECT number, hash FROM audit_event ORDER BY number DESC LIMIT 1";
        self.find(sql, &[], |row| {
            Ok(AuditMark {
                number: row.int(0)?,
                hash: audit::head(row.opt_blob(1)?)?,
            })
        })
    }

    /// Whether the log holds a mark taken at this instant, or was restored since with what is to be done then.
    pub fn holds_audit_mark(&self, mark: &AuditMark, taken_at: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT hash FROM audit_event WHERE number = ?1";
        let found = self.find(sql, params![mark.number], |row| row.opt_blob(0))?;
        if found.flatten().is_some_and(|hash| hash == mark.hash.as_bytes()) {
            return Ok(true);
        }
        let sql = "SELECT 1 FROM audit_event WHERE kind = 'store' AND item = ?1 AND at > ?2 LIMIT 1";
        let params = params![RESTORE_ITEM, taken_at.as_micros()];
        Ok(self.find(sql, params, |_| Ok(()))?.is_some())
    }
}
