//! How far a job is. All of it is a trace of work under way and carries no audit event of its own;
//! whoever works on a job holds it, and what is written in its name counts only while it does.

use provost_model::{DeviceId, Job, JobEvent, JobStatus, Timestamp};

use super::{COLUMNS, TABLE, job};
use crate::convert::Place;
use crate::sql::params;
use crate::{AppendTx, ReadTx, StoreError};

/// A job that goes on and is held.
const HELD: &str = "number = ?1 AND lease_holder = ?2 AND status = 'running'";

impl ReadTx<'_> {
    /// Whether somebody should look at a job.
    pub fn has_due_job(&self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT number FROM job WHERE due_at <= ?1 LIMIT 1";
        Ok(self
            .find(sql, params![now.as_micros()], |row| row.int(0))?
            .is_some())
    }

    /// Where a job stands, as long as it is held.
    pub fn held_job(&self, number: i64, holder: &str) -> Result<Option<JobStatus>, StoreError> {
        let sql = "SELECT status, job_id FROM job WHERE number = ?1 AND lease_holder = ?2";
        self.find(sql, params![number, holder], |row| {
            let id = row.text(1)?;
            let place = Place {
                table: TABLE,
                key: &id,
            };
            JobStatus::parse(&row.text(0)?).ok_or_else(|| place.inconsistent("status"))
        })
    }
}

impl AppendTx<'_> {
    /// Takes up to `limit` jobs that are due, until `until`. Those whose time has come begin. Those
    /// `at_work`, by their numbers, the holder works on already.
    pub fn lease_jobs(
        &self,
        now: Timestamp,
        until: Timestamp,
        holder: &str,
        (limit, at_work): (usize, &[i64]),
    ) -> Result<Vec<Job>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2");
        let count = i64::try_from(limit.saturating_add(at_work.len())).unwrap_or(i64::MAX);
        let mut due = self.read().query(&sql, params![now.as_micros(), count], job)?;
        due.retain(|job| !at_work.contains(&job.number));
        due.truncate(limit);
        let take =
            "UPDATE job SET lease_holder = ?2, due_at = ?3, status = ?4, started_at = ?5 WHERE number = ?1";
        for job in &mut due {
            if let Some(status) = job.status.after(JobEvent::Start) {
                job.status = status;
                job.started_at = job.started_at.or(Some(now));
            }
            let params = params![
                job.number,
                holder,
                until.as_micros(),
                job.status.as_str(),
                job.started_at.map(Timestamp::as_micros),
            ];
            self.execute(take, params)?;
        }
        Ok(due)
    }

    /// Holds a job until `until`; `false` when it is somebody else's now, or is done with.
    pub fn renew_job(&self, number: i64, holder: &str, until: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE job SET due_at = ?3 WHERE number = ?1 AND lease_holder = ?2 AND due_at IS NOT NULL";
        Ok(self.execute(sql, params![number, holder, until.as_micros()])? > 0)
    }

    /// Whoever stops gives back what it holds: others may go on at once.
    pub fn release_jobs(&self, holder: &str) -> Result<(), StoreError> {
        let sql =
            "UPDATE job SET lease_holder = NULL, due_at = 0 WHERE lease_holder = ?1 AND due_at IS NOT NULL";
        self.execute(sql, params![holder]).map(|_| ())
    }

    /// Writes down devices of a job and how far they were looked for; `false` when it is not held.
    pub fn expand_job(
        &self,
        (number, holder): (i64, &str),
        devices: &[DeviceId],
        found_until: Option<&DeviceId>,
        is_expanded: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let held = format!("SELECT COUNT(*) FROM job WHERE {HELD}");
        if self.read().count(&held, params![number, holder])? == 0 {
            return Ok(false);
        }
        let insert = "INSERT INTO job_device (job, device_id, state, created_at, updated_at) \
                      VALUES (?1, ?2, 'pending', ?3, ?3) ON CONFLICT (job, device_id) DO NOTHING";
        let mut added = 0_i64;
        for device in devices {
            let new = self.execute(insert, params![number, device.as_str(), now.as_micros()])?;
            added += i64::try_from(new).unwrap_or(0);
        }
        let sql = format!(
            "UPDATE job SET found_until = ?3, is_expanded = ?4, device_count = device_count + ?5, \
             pending_count = pending_count + ?5 WHERE {HELD}"
        );
        let found_until = found_until.map(DeviceId::as_str);
        let params = params![number, holder, found_until, is_expanded, added];
        Ok(self.execute(&sql, params)? > 0)
    }

    /// Ends a job that is held; devices whose turn did not come count as failed. `false` when it is
    /// not held, or the event is refused.
    pub fn end_job(
        &self,
        job: &Job,
        holder: &str,
        event: JobEvent,
        failure: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(status) = JobStatus::Running.after(event) else {
            return Ok(false);
        };
        let sql = format!(
            "UPDATE job SET status = ?3, failure = ?4, ended_at = ?5, due_at = NULL, lease_holder = NULL, \
             failed_count = failed_count + pending_count, pending_count = 0 WHERE {HELD}"
        );
        let params = params![job.number, holder, status.as_str(), failure, now.as_micros()];
        Ok(self.execute(&sql, params)? > 0)
    }

    /// Leaves a job alone that was called off, once none of its devices has its turn.
    pub fn leave_job(&self, number: i64, holder: &str) -> Result<(), StoreError> {
        let sql = "UPDATE job SET due_at = NULL, lease_holder = NULL WHERE number = ?1 AND lease_holder = ?2 \
                   AND ended_at IS NOT NULL";
        self.execute(sql, params![number, holder]).map(|_| ())
    }

    /// Forgets the oldest jobs that ended before `before`, and those beyond the newest `keep`, by at
    /// most `limit` rows; answers how many rows went.
    pub fn forget_jobs(&self, before: Timestamp, keep: usize, limit: usize) -> Result<u64, StoreError> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let oldest = "SELECT number FROM job WHERE ended_at IS NOT NULL AND due_at IS NULL AND (ended_at < ?1 OR \
                      ended_at < (SELECT ended_at FROM job WHERE ended_at IS NOT NULL ORDER BY ended_at DESC \
                      LIMIT 1 OFFSET ?2)) ORDER BY ended_at LIMIT 1";
        let found = self
            .read()
            .find(oldest, params![before.as_micros(), keep], |row| row.int(0))?;
        let Some(number) = found else {
            return Ok(0);
        };
        let rows = "DELETE FROM job_device WHERE job = ?1 AND device_id IN \
                    (SELECT device_id FROM job_device WHERE job = ?1 ORDER BY device_id LIMIT ?2)";
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        let gone = self.execute(rows, params![number, count])?;
        if gone < limit as u64 {
            return Ok(gone + self.execute("DELETE FROM job WHERE number = ?1", params![number])?);
        }
        Ok(gone)
    }
}
