//! Jobs of hubs: what was asked for, how far they are, who is at them.

mod device;
mod progress;

use std::time::Duration;

use provost_model::twin::TwinWrite;
use provost_model::{
    DeviceId, Etag, HubName, Job, JobCounts, JobEvent, JobId, JobKind, JobMethod, JobStatus, JobWork, NewJob,
    PolicyName, Timestamp,
};

pub use self::device::DeviceJobFilter;
use crate::convert::{Place, json};
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

const TABLE: &str = "job";
const COLUMNS: &str = "number, hub, job_id, policy, kind, etag, tags, desired, method, payload, response_timeout, \
    connect_timeout, query_condition, status, created_at, start_at, max_execution, started_at, ended_at, failure, \
    found_until, is_expanded, device_count, pending_count, running_count, succeeded_count, failed_count";

impl ReadTx<'_> {
    /// The job of this name.
    pub fn job(&self, hub: &HubName, id: &JobId) -> Result<Option<Job>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE hub = ?1 AND job_id = ?2");
        self.find(&sql, params![hub.key(), id.as_str()], job)
    }

    /// Jobs of a hub, newest first, beginning before the one numbered `before`.
    pub fn jobs(
        &self,
        hub: &HubName,
        kind: Option<JobKind>,
        status: Option<JobStatus>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM job WHERE hub = ?1 AND number < ?2 AND (?3 = '' OR kind = ?3) \
             AND (?4 = '' OR status = ?4) ORDER BY number DESC LIMIT ?5"
        );
        let kind = kind.map(JobKind::as_str).unwrap_or_default();
        let status = status.map(JobStatus::as_str).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let params = params![hub.key(), before.unwrap_or(i64::MAX), kind, status, limit];
        self.query(&sql, params, job)
    }

    /// How many jobs of a hub have not ended.
    pub fn active_jobs(&self, hub: &HubName) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM job WHERE due_at IS NOT NULL AND hub = ?1 AND ended_at IS NULL";
        self.count(sql, params![hub.key()])
    }
}

impl WriteTx<'_> {
    /// Stores a new job. The caller has seen that there is none of this name.
    pub fn insert_job(
        &self,
        hub: &HubName,
        policy: &PolicyName,
        new: &NewJob,
        (status, now): (JobStatus, Timestamp),
    ) -> Result<i64, StoreError> {
        let sql = "INSERT INTO job (number, hub, job_id, policy, kind, etag, tags, desired, method, payload, \
                   response_timeout, connect_timeout, query_condition, status, created_at, start_at, \
                   max_execution, is_expanded, device_count, pending_count, running_count, succeeded_count, \
                   failed_count, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
                   ?15, ?16, ?17, 0, 0, 0, 0, 0, 0, ?16)";
        let number = self.next_number();
        let columns = WorkColumns::of(&new.work);
        let params = params![
            number,
            hub.key(),
            new.id.as_str(),
            policy.as_str(),
            new.work.kind().as_str(),
            columns.etag.as_deref(),
            columns.tags.as_deref(),
            columns.desired.as_deref(),
            columns.method.as_deref(),
            columns.payload.as_deref(),
            columns.response_timeout,
            columns.connect_timeout,
            &new.condition,
            status.as_str(),
            now.as_micros(),
            new.start_at.unwrap_or(now).as_micros(),
            micros(new.max_execution),
        ];
        self.execute(sql, params)?;
        Ok(number)
    }

    /// Calls a job off. Devices whose turn has come go on to their end; somebody has to see to it
    /// that the job is left alone after that, so it stays due while there are any.
    pub fn cancel_job(&self, job: &Job, now: Timestamp) -> Result<(), StoreError> {
        let Some(status) = job.status.after(JobEvent::Cancel) else {
            return Ok(());
        };
        let sql = "UPDATE job SET status = ?2, ended_at = ?3, pending_count = 0, due_at = CASE \
                   WHEN running_count > 0 THEN due_at ELSE NULL END WHERE number = ?1";
        self.execute(sql, params![job.number, status.as_str(), now.as_micros()])
            .map(|_| ())
    }
}

/// What is done, as stored.
#[derive(Default)]
struct WorkColumns {
    etag: Option<String>,
    tags: Option<String>,
    desired: Option<String>,
    method: Option<String>,
    payload: Option<String>,
    response_timeout: Option<i64>,
    connect_timeout: Option<i64>,
}

impl WorkColumns {
    fn of(work: &JobWork) -> Self {
        match work {
            JobWork::Twin { etag, write } => Self {
                etag: etag.as_ref().map(ToString::to_string),
                tags: write.tags.as_ref().map(json),
                desired: write.desired.as_ref().map(json),
                ..Self::default()
            },
            JobWork::Method(method) => Self {
                method: Some(method.name.clone()),
                payload: method.payload.as_ref().map(ToString::to_string),
                response_timeout: Some(micros(method.response_timeout)),
                connect_timeout: Some(micros(method.connect_timeout)),
                ..Self::default()
            },
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn work(row: &Row<'_>, place: Place<'_>) -> Result<JobWork, StoreError> {
    let kind = JobKind::parse(&row.text(4)?).ok_or_else(|| place.inconsistent("kind"))?;
    Ok(match kind {
        JobKind::UpdateTwin => JobWork::Twin {
            etag: row.opt_text(5)?.map(|text| Etag::from_text(&text)),
            write: TwinWrite {
                tags: place.opt_object("tags", row.opt_text(6)?.as_deref())?,
                desired: place.opt_object("desired", row.opt_text(7)?.as_deref())?,
            },
        },
        JobKind::DeviceMethod => {
            let payload = row
                .opt_text(9)?
                .map(|text| serde_json::from_str(&text).map_err(|_| place.inconsistent("payload")));
            JobWork::Method(JobMethod {
                name: row.text(8)?,
                payload: payload.transpose()?,
                response_timeout: duration(row.int(10)?),
                connect_timeout: duration(row.int(11)?),
            })
        }
    })
}

fn job(row: &Row<'_>) -> Result<Job, StoreError> {
    let id = row.text(2)?;
    let place = Place {
        table: TABLE,
        key: &id,
    };
    let count =
        |column: usize| -> Result<u64, StoreError> { Ok(u64::try_from(row.int(column)?).unwrap_or(0)) };
    let status = JobStatus::parse(&row.text(13)?).ok_or_else(|| place.inconsistent("status"))?;
    let found_until = row
        .opt_text(20)?
        .map(|text| place.id("found_until", DeviceId::parse(&text)))
        .transpose()?;
    Ok(Job {
        number: row.int(0)?,
        hub: place.id("hub", HubName::parse(&row.text(1)?))?,
        id: place.id("job_id", JobId::parse(&id))?,
        policy: place.id("policy", PolicyName::parse(&row.text(3)?))?,
        work: work(row, place)?,
        condition: row.text(12)?,
        status,
        created_at: Timestamp::from_micros(row.int(14)?),
        start_at: Timestamp::from_micros(row.int(15)?),
        max_execution: duration(row.int(16)?),
        started_at: row.opt_int(17)?.map(Timestamp::from_micros),
        ended_at: row.opt_int(18)?.map(Timestamp::from_micros),
        failure: row.opt_text(19)?,
        found_until,
        is_expanded: row.flag(21)?,
        counts: JobCounts {
            devices: count(22)?,
            pending: count(23)?,
            running: count(24)?,
            succeeded: count(25)?,
            failed: count(26)?,
        },
    })
}
