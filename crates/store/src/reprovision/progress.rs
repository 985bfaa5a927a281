//! How far a run is. As with jobs it carries no audit events of its own, and counts only while the run
//! is held.

use provost_model::{DeviceId, Reprovision, Timestamp};

use super::{COLUMNS, run};
use crate::sql::params;
use crate::{AppendTx, ReadTx, StoreError};

const HELD: &str = "number = ?1 AND lease_holder = ?2";

impl ReadTx<'_> {
    /// Whether somebody should look at a run.
    pub fn has_due_reprovision(&self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT number FROM reprovision WHERE due_at <= ?1 LIMIT 1";
        Ok(self
            .find(sql, params![now.as_micros()], |row| row.int(0))?
            .is_some())
    }

    /// A run as it stands, as long as it is held.
    pub fn held_reprovision(&self, number: i64, holder: &str) -> Result<Option<Reprovision>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM reprovision WHERE {HELD}");
        self.find(&sql, params![number, holder], run)
    }
}

impl AppendTx<'_> {
    /// Takes up to `limit` runs that are due, until `until`. Those `at_work`, by their numbers, the
    /// holder works on already.
    pub fn lease_reprovisions(
        &self,
        now: Timestamp,
        until: Timestamp,
        holder: &str,
        (limit, at_work): (usize, &[i64]),
    ) -> Result<Vec<Reprovision>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM reprovision WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2");
        let count = i64::try_from(limit.saturating_add(at_work.len())).unwrap_or(i64::MAX);
        let mut due = self.read().query(&sql, params![now.as_micros(), count], run)?;
        due.retain(|run| !at_work.contains(&run.number));
        due.truncate(limit);
        for run in &due {
            let sql = "UPDATE reprovision SET lease_holder = ?2, due_at = ?3 WHERE number = ?1";
            self.execute(sql, params![run.number, holder, until.as_micros()])?;
        }
        Ok(due)
    }

    /// Holds a run until `until`; `false` when it is somebody else's now, or has ended.
    pub fn renew_reprovision(&self, number: i64, holder: &str, until: Timestamp) -> Result<bool, StoreError> {
        let sql = format!("UPDATE reprovision SET due_at = ?3 WHERE {HELD} AND due_at IS NOT NULL");
        Ok(self.execute(&sql, params![number, holder, until.as_micros()])? > 0)
    }

    /// Whoever stops gives back what it holds.
    pub fn release_reprovisions(&self, holder: &str) -> Result<(), StoreError> {
        let sql = "UPDATE reprovision SET lease_holder = NULL, due_at = 0 WHERE lease_holder = ?1 \
                   AND due_at IS NOT NULL";
        self.execute(sql, params![holder]).map(|_| ())
    }

    /// Writes down devices of a run and how far they were looked for; `false` when it is not held.
    pub fn expand_reprovision(
        &self,
        (number, holder): (i64, &str),
        devices: &[DeviceId],
        found_until: Option<&DeviceId>,
        is_expanded: bool,
    ) -> Result<bool, StoreError> {
        let held = format!("SELECT COUNT(*) FROM reprovision WHERE {HELD} AND due_at IS NOT NULL");
        if self.read().count(&held, params![number, holder])? == 0 {
            return Ok(false);
        }
        let insert = "INSERT INTO reprovision_device (run, device_id, state) VALUES (?1, ?2, 'pending') \
                      ON CONFLICT (run, device_id) DO NOTHING";
        let mut added = 0_i64;
        for device in devices {
            let new = self.execute(insert, params![number, device.as_str()])?;
            added += i64::try_from(new).unwrap_or(0);
        }
        let sql = format!(
            "UPDATE reprovision SET found_until = ?3, is_expanded = ?4, device_count = device_count + ?5, \
             pending_count = pending_count + ?5 WHERE {HELD}"
        );
        let found_until = found_until.map(DeviceId::as_str);
        self.execute(&sql, params![number, holder, found_until, is_expanded, added])?;
        Ok(true)
    }

    /// Pauses a run by itself; `false` when it is not running, or not held.
    pub fn pause_reprovision(&self, number: i64, holder: &str, reason: &str) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE reprovision SET status = 'paused', reason = ?3 WHERE {HELD} AND status = 'running'"
        );
        Ok(self.execute(&sql, params![number, holder, reason])? > 0)
    }

    /// Ends a run that has nothing left to do; `false` when it is not so, or not held.
    pub fn complete_reprovision(
        &self,
        number: i64,
        holder: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE reprovision SET status = 'completed', reason = NULL, ended_at = ?3, due_at = NULL, \
             lease_holder = NULL WHERE {HELD} AND status = 'running' AND is_expanded = 1 \
             AND pending_count = 0 AND called_count = 0 AND left_count = 0"
        );
        Ok(self.execute(&sql, params![number, holder, now.as_micros()])? > 0)
    }

    /// Forgets the oldest run that ended before `before`, by at most `limit` rows; answers how many
    /// rows went.
    pub fn forget_reprovisions(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let oldest =
            "SELECT number FROM reprovision WHERE ended_at < ?1 AND due_at IS NULL ORDER BY ended_at LIMIT 1";
        let found = self
            .read()
            .find(oldest, params![before.as_micros()], |row| row.int(0))?;
        let Some(number) = found else {
            return Ok(0);
        };
        let rows = "DELETE FROM reprovision_device WHERE run = ?1 AND device_id IN \
                    (SELECT device_id FROM reprovision_device WHERE run = ?1 ORDER BY device_id LIMIT ?2)";
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        let gone = self.execute(rows, params![number, count])?;
        if gone < limit as u64 {
            return Ok(gone + self.execute("DELETE FROM reprovision WHERE number = ?1", params![number])?);
        }
        Ok(gone)
    }
}
