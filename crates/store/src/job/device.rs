//! The devices of a job, one row each.

use provost_model::{
    DeviceId, DeviceJob, DeviceJobOutcome, DeviceJobState, HubName, JobId, JobKind, Timestamp,
};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

const TABLE: &str = "job_device";
/// A device whose turn never came shares the lot of its job.
const STATE: &str = "CASE WHEN d.state = 'pending' AND j.status = 'cancelled' THEN 'cancelled' \
    WHEN d.state = 'pending' AND j.status = 'failed' THEN 'failed' ELSE d.state END";
/// The job goes on and is held; one more of its devices is done.
const COUNT_DONE: &str = "UPDATE job SET pending_count = pending_count - 1, succeeded_count = succeeded_count + ?3, \
    failed_count = failed_count + ?4 WHERE number = ?1 AND lease_holder = ?2 AND status = 'running'";

/// Which devices of which jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceJobFilter {
    /// Of this job alone.
    pub job_id: Option<JobId>,
    /// In this state alone.
    pub state: Option<DeviceJobState>,
    /// Rows of this device alone.
    pub device_id: Option<DeviceId>,
}

impl ReadTx<'_> {
    /// Devices of a hub's jobs in the order of the jobs and of their own IDs, beginning after `after`.
    pub fn device_jobs(
        &self,
        hub: &HubName,
        filter: &DeviceJobFilter,
        after: Option<(i64, &DeviceId)>,
        limit: usize,
    ) -> Result<Vec<DeviceJob>, StoreError> {
        let state = filter.state.map(|state| match state {
            DeviceJobState::Pending => "d.state = 'pending' AND j.status NOT IN ('cancelled', 'failed')",
            DeviceJobState::Running => "d.state = 'running'",
            DeviceJobState::Completed => "d.state = 'completed'",
            DeviceJobState::Failed => "(d.state = 'failed' OR (d.state = 'pending' AND j.status = 'failed'))",
            DeviceJobState::Cancelled => "d.state = 'pending' AND j.status = 'cancelled'",
        });
        let job = filter.job_id.as_ref().map(|_| "j.job_id = ?2");
        let device = filter.device_id.as_ref().map(|_| "d.device_id = ?3");
        let narrowed = [state, job, device]
            .into_iter()
            .flatten()
            .fold(String::new(), |text, condition| text + " AND " + condition);
        let sql = format!(
            "SELECT d.job, j.job_id, j.kind, d.device_id, {STATE}, d.created_at, d.updated_at, d.started_at, \
             d.ended_at, d.answer_status, d.answer, d.error_code, d.error, j.failure, j.ended_at \
             FROM job j JOIN job_device d ON d.job = j.number \
             WHERE j.hub = ?1 AND (?2 = '' OR j.job_id = ?2) AND (?3 = '' OR d.device_id = ?3) \
             AND (j.number > ?4 OR (j.number = ?4 AND d.device_id > ?5)){narrowed} \
             ORDER BY j.number, d.device_id LIMIT ?6"
        );
        let (number, after) = after.map_or((0, ""), |(number, device)| (number, device.as_str()));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let job = filter.job_id.as_ref().map(JobId::as_str).unwrap_or_default();
        let device = filter
            .device_id
            .as_ref()
            .map(DeviceId::as_str)
            .unwrap_or_default();
        self.query(
            &sql,
            params![hub.key(), job, device, number, after, limit],
            device_job,
        )
    }

    /// Devices of a job whose turn has not come, in the order of their IDs, beginning after `after`.
    pub fn pending_devices_of_job(
        &self,
        number: i64,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<DeviceId>, StoreError> {
        let sql = "SELECT device_id FROM job_device WHERE job = ?1 AND state = 'pending' AND device_id > ?2 \
                   ORDER BY device_id LIMIT ?3";
        let after = after.map(DeviceId::as_str).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.query(sql, params![number, after, limit], |row| {
            let id = row.text(0)?;
            let place = Place {
                table: TABLE,
                key: &id,
            };
            place.id("device_id", DeviceId::parse(&id))
        })
    }
}

impl WriteTx<'_> {
    /// Notes that a device's twin is written, in the transaction that writes it. `false` when it is
    /// done already, or the job has ended or is somebody else's: then nothing may be written.
    pub fn note_twin_of_job(&self, number: i64, holder: &str, device: &DeviceId) -> Result<bool, StoreError> {
        if self.execute(COUNT_DONE, params![number, holder, 1_i64, 0_i64])? == 0 {
            return Ok(false);
        }
        let sql = "UPDATE job_device SET state = 'completed', started_at = ?3, ended_at = ?3, updated_at = ?3 \
                   WHERE job = ?1 AND device_id = ?2 AND state = 'pending'";
        Ok(self.execute(sql, params![number, device.as_str(), self.now().as_micros()])? > 0)
    }
}

impl AppendTx<'_> {
    /// Notes that a device could not be reached or done. `false`, and nothing is noted, when it is
    /// done already, or the job has ended or is somebody else's.
    pub fn fail_device_of_job(
        &self,
        (number, holder): (i64, &str),
        device: &DeviceId,
        (code, reason): (u32, &str),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE job_device SET state = 'failed', error_code = ?3, error = ?4, started_at = ?5, \
                   ended_at = ?5, updated_at = ?5 WHERE job = ?1 AND device_id = ?2 AND state = 'pending' \
                   AND EXISTS (SELECT 1 FROM job WHERE number = ?1 AND lease_holder = ?6 AND status = 'running')";
        let params = params![
            number,
            device.as_str(),
            i64::from(code),
            reason,
            now.as_micros(),
            holder,
        ];
        if self.execute(sql, params)? == 0 {
            return Ok(false);
        }
        Ok(self.execute(COUNT_DONE, params![number, holder, 0_i64, 1_i64])? > 0)
    }

    /// Notes that a device's method is about to be sent: it will not be sent again. `false`, and it
    /// may not be sent, when that was noted before, or the job has ended or is somebody else's.
    pub fn begin_call_of_job(
        &self,
        (number, holder): (i64, &str),
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE job_device SET state = 'running', started_at = ?3, updated_at = ?3 \
                   WHERE job = ?1 AND device_id = ?2 AND state = 'pending' \
                   AND EXISTS (SELECT 1 FROM job WHERE number = ?1 AND lease_holder = ?4 AND status = 'running')";
        let params = params![number, device.as_str(), now.as_micros(), holder];
        if self.execute(sql, params)? == 0 {
            return Ok(false);
        }
        self.count_call(number, 1)?;
        Ok(true)
    }

    /// Takes back [`Self::begin_call_of_job`]: the device went away before anything was sent.
    pub fn undo_call_of_job(&self, number: i64, device: &DeviceId, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE job_device SET state = 'pending', started_at = NULL, updated_at = ?3 \
                   WHERE job = ?1 AND device_id = ?2 AND state = 'running'";
        if self.execute(sql, params![number, device.as_str(), now.as_micros()])? > 0 {
            self.count_call(number, -1)?;
        }
        Ok(())
    }

    /// Notes what came of a call. A job that was called off meanwhile takes it all the same.
    pub fn end_call_of_job(
        &self,
        number: i64,
        device: &DeviceId,
        outcome: &DeviceJobOutcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE job_device SET state = ?3, answer_status = ?4, answer = ?5, error_code = ?6, \
                   error = ?7, ended_at = ?8, updated_at = ?8 \
                   WHERE job = ?1 AND device_id = ?2 AND state = 'running'";
        let (status, answer, code, error) = match outcome {
            DeviceJobOutcome::Written => (None, None, None, None),
            DeviceJobOutcome::Answered { status, payload } => {
                (Some(i64::from(*status)), Some(payload.to_string()), None, None)
            }
            DeviceJobOutcome::Failed { code, reason } => {
                (None, None, Some(i64::from(*code)), Some(reason.as_str()))
            }
        };
        let state = outcome.state();
        let params = params![
            number,
            device.as_str(),
            state.as_str(),
            status,
            answer.as_deref(),
            code,
            error,
            now.as_micros(),
        ];
        if self.execute(sql, params)? == 0 {
            return Ok(());
        }
        let succeeded = i64::from(state == DeviceJobState::Completed);
        let sql = "UPDATE job SET running_count = running_count - 1, succeeded_count = succeeded_count + ?2, \
                   failed_count = failed_count + ?3 WHERE number = ?1";
        self.execute(sql, params![number, succeeded, 1 - succeeded])
            .map(|_| ())
    }

    /// Gives up calls of which nobody knows how they ended: who made them is gone. They may have
    /// reached their devices and are not made again. Answers how many there were.
    pub fn give_up_calls_of_job(
        &self,
        number: i64,
        (code, reason): (u32, &str),
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = "UPDATE job_device SET state = 'failed', error_code = ?2, error = ?3, ended_at = ?4, \
                   updated_at = ?4 WHERE job = ?1 AND state = 'running'";
        let params = params![number, i64::from(code), reason, now.as_micros()];
        let given_up = self.execute(sql, params)?;
        let count = i64::try_from(given_up).unwrap_or(0);
        let sql = "UPDATE job SET running_count = running_count - ?2, failed_count = failed_count + ?2 \
                   WHERE number = ?1";
        self.execute(sql, params![number, count])?;
        Ok(given_up)
    }

    fn count_call(&self, number: i64, step: i64) -> Result<(), StoreError> {
        let sql = "UPDATE job SET running_count = running_count + ?2, \
                   pending_count = CASE WHEN status = 'running' THEN pending_count - ?2 ELSE pending_count END \
                   WHERE number = ?1";
        self.execute(sql, params![number, step]).map(|_| ())
    }
}

fn device_job(row: &Row<'_>) -> Result<DeviceJob, StoreError> {
    let id = row.text(3)?;
    let place = Place {
        table: TABLE,
        key: &id,
    };
    let kind = JobKind::parse(&row.text(2)?).ok_or_else(|| place.inconsistent("kind"))?;
    let state = DeviceJobState::parse(&row.text(4)?).ok_or_else(|| place.inconsistent("state"))?;
    let job_ended_at = row.opt_int(14)?.map(Timestamp::from_micros);
    let is_left =
        matches!(state, DeviceJobState::Cancelled | DeviceJobState::Failed) && row.opt_int(8)?.is_none();
    let ended_at = row.opt_int(8)?.map(Timestamp::from_micros);
    Ok(DeviceJob {
        job: row.int(0)?,
        job_id: place.id("job_id", JobId::parse(&row.text(1)?))?,
        kind,
        state,
        created_at: Timestamp::from_micros(row.int(5)?),
        updated_at: Timestamp::from_micros(row.int(6)?),
        started_at: row.opt_int(7)?.map(Timestamp::from_micros),
        ended_at: if is_left { job_ended_at } else { ended_at },
        outcome: outcome(row, place, state)?,
        device_id: place.id("device_id", DeviceId::parse(&id))?,
    })
}

fn outcome(
    row: &Row<'_>,
    place: Place<'_>,
    state: DeviceJobState,
) -> Result<Option<DeviceJobOutcome>, StoreError> {
    Ok(match (state, row.opt_int(9)?, row.opt_int(11)?) {
        (DeviceJobState::Pending | DeviceJobState::Running | DeviceJobState::Cancelled, ..) => None,
        (DeviceJobState::Completed, None, _) => Some(DeviceJobOutcome::Written),
        (DeviceJobState::Completed, Some(status), _) => Some(DeviceJobOutcome::Answered {
            status: i32::try_from(status).map_err(|_| place.inconsistent("answer_status"))?,
            payload: serde_json::from_str(&row.text(10)?).map_err(|_| place.inconsistent("answer"))?,
        }),
        (DeviceJobState::Failed, _, Some(code)) => Some(DeviceJobOutcome::Failed {
            code: u32::try_from(code).map_err(|_| place.inconsistent("error_code"))?,
            reason: row.text(12)?,
        }),
        (DeviceJobState::Failed, _, None) => Some(DeviceJobOutcome::Failed {
            code: NOT_REACHED,
            reason: row.opt_text(13)?.unwrap_or_default(),
        }),
    })
}

/// `JobCancelled` (iot-hub-service-api.md 12.2): the job ended before the device had its turn.
const NOT_REACHED: u32 = 500_002;
