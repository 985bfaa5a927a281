use provost_model::{DpsName, PageSize, RegistrationId, Timestamp};

use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError};

const COLUMNS: &str = "tracking_id, at, explanation";

/// A refusal that is kept for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRefusal {
    /// What the device was told with it.
    pub tracking_id: String,
    /// When.
    pub at: Timestamp,
    /// How it came about, as the service writes it.
    pub explanation: String,
}

impl ReadTx<'_> {
    /// The refusal a device of this instance was told this tracking id with.
    pub fn refusal(&self, dps: &DpsName, tracking_id: &str) -> Result<Option<StoredRefusal>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM refusal WHERE tracking_id = ?1 AND dps = ?2");
        self.find(&sql, params![tracking_id, dps.key()], refusal)
    }

    /// The latest refusals of a device, latest first.
    pub fn refusals_of(
        &self,
        dps: &DpsName,
        id: &RegistrationId,
        most: PageSize,
    ) -> Result<Vec<StoredRefusal>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM refusal WHERE dps = ?1 AND registration_key = ?2 ORDER BY number DESC LIMIT ?3"
        );
        let limit = i64::try_from(most.get()).unwrap_or(i64::MAX);
        self.query(&sql, params![dps.key(), id.key(), limit], refusal)
    }
}

impl AppendTx<'_> {
    /// Keeps a refusal.
    pub fn append_refusal(
        &self,
        dps: &DpsName,
        id: &RegistrationId,
        refusal: &StoredRefusal,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO refusal (number, tracking_id, dps, registration_key, at, explanation) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let params = params![
            self.next_number(),
            &refusal.tracking_id,
            dps.key(),
            id.key(),
            refusal.at.as_micros(),
            &refusal.explanation,
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Forgets refusals from before an instant, and the oldest of more than `most`.
    pub fn prune_refusals(&self, before: Timestamp, most: usize) -> Result<u64, StoreError> {
        let old = self.execute("DELETE FROM refusal WHERE at < ?1", params![before.as_micros()])?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let excess = self.read().count("SELECT COUNT(*) FROM refusal", params![])? - most;
        if excess <= 0 {
            return Ok(old);
        }
        let sql = "DELETE FROM refusal WHERE number IN \
                   (SELECT number FROM refusal ORDER BY number LIMIT ?1)";
        Ok(old + self.execute(sql, params![excess])?)
    }
}

fn refusal(row: &Row<'_>) -> Result<StoredRefusal, StoreError> {
    Ok(StoredRefusal {
        tracking_id: row.text(0)?,
        at: Timestamp::from_micros(row.int(1)?),
        explanation: row.text(2)?,
    })
}
