//! Runs that tell a fleet to register anew: what was asked for, how far they are, who is at them.

mod device;
mod progress;

use std::time::Duration;

use provost_model::{
    DeviceId, FailureLimit, HubName, JobId, Pace, PolicyName, Reprovision, ReprovisionCounts,
    ReprovisionEvent, ReprovisionPlan, ReprovisionStatus, Timestamp,
};

pub use self::device::ReprovisionNote;
use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

const TABLE: &str = "reprovision";
const COLUMNS: &str = "number, hub, run_id, policy, query_condition, method, payload, response_timeout, pace, \
    return_within, connect_within, at_most_away, pause_on, accept_same_credential, status, reason, created_at, \
    ended_at, found_until, is_expanded, device_count, pending_count, called_count, left_count, returned_count, \
    failed_count, not_returned_count, skipped_count, since_asked, since_bad";

impl ReadTx<'_> {
    /// The run of this name.
    pub fn reprovision(&self, hub: &HubName, id: &JobId) -> Result<Option<Reprovision>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM reprovision WHERE hub = ?1 AND run_id = ?2");
        self.find(&sql, params![hub.key(), id.as_str()], run)
    }

    /// Runs of a hub, newest first.
    pub fn reprovisions(&self, hub: &HubName, limit: usize) -> Result<Vec<Reprovision>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM reprovision WHERE hub = ?1 ORDER BY number DESC LIMIT ?2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.query(&sql, params![hub.key(), limit], run)
    }

    /// Runs of every hub that have not ended.
    pub fn active_reprovisions(&self) -> Result<Vec<Reprovision>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM reprovision WHERE due_at IS NOT NULL ORDER BY number");
        self.query(&sql, params![], run)
    }
}

impl WriteTx<'_> {
    /// Stores a new run. The caller has seen that there is none of this name.
    pub fn insert_reprovision(
        &self,
        hub: &HubName,
        policy: &PolicyName,
        id: &JobId,
        plan: &ReprovisionPlan,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO reprovision (number, hub, run_id, policy, query_condition, method, payload, \
                   response_timeout, pace, return_within, connect_within, at_most_away, pause_on, \
                   accept_same_credential, status, created_at, is_expanded, device_count, pending_count, \
                   called_count, left_count, returned_count, failed_count, not_returned_count, skipped_count, \
                   since_asked, since_bad, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
                   ?14, ?15, ?16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ?16)";
        let (pace, payload) = (
            plan.pace.to_string(),
            plan.payload.as_ref().map(ToString::to_string),
        );
        let pause_on = plan.pause_on.map(|limit| limit.to_string());
        let params = params![
            self.next_number(),
            hub.key(),
            id.as_str(),
            policy.as_str(),
            &plan.condition,
            &plan.method,
            payload.as_deref(),
            micros(plan.response_timeout),
            &pace,
            micros(plan.return_within),
            micros(plan.connect_within),
            plan.at_most_away.map(i64::from),
            pause_on.as_deref(),
            plan.accept_same_credential,
            ReprovisionStatus::Running.as_str(),
            self.now().as_micros(),
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Lets something happen to a run; `false` when it is refused. Another limit takes the place of
    /// the one before. What counts for a pause begins anew when a run goes on.
    pub fn change_reprovision(
        &self,
        run: &Reprovision,
        event: ReprovisionEvent,
        pause_on: Option<FailureLimit>,
    ) -> Result<bool, StoreError> {
        let Some(status) = run.status.after(event) else {
            return Ok(false);
        };
        let (asked, bad) = (run.counts.asked(), run.counts.bad());
        let since = match event {
            ReprovisionEvent::Resume => (asked, bad),
            ReprovisionEvent::Retry => (asked.saturating_sub(bad), 0),
            ReprovisionEvent::Pause | ReprovisionEvent::Complete | ReprovisionEvent::Cancel => run.since,
        };
        if event == ReprovisionEvent::Retry {
            self.retry_devices(run.number)?;
        }
        if run.status == ReprovisionStatus::Paused && status == ReprovisionStatus::Running {
            self.wait_anew(run.number)?;
        }
        let pause_on = pause_on.or(run.plan.pause_on).map(|limit| limit.to_string());
        let sql = "UPDATE reprovision SET status = ?2, reason = NULL, pause_on = ?3, since_asked = ?4, \
                   since_bad = ?5, ended_at = NULL, due_at = COALESCE(due_at, ?6) WHERE number = ?1";
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let params = params![
            run.number,
            status.as_str(),
            pause_on.as_deref(),
            count(since.0),
            count(since.1),
            self.now().as_micros(),
        ];
        self.execute(sql, params)?;
        if status.is_ended() {
            // Nobody's from now on: whoever is at it sees that.
            let sql =
                "UPDATE reprovision SET ended_at = ?2, due_at = NULL, lease_holder = NULL WHERE number = ?1";
            self.execute(sql, params![run.number, self.now().as_micros()])?;
        }
        Ok(true)
    }

    /// Time that passed while a run was paused is not held against devices that are waited for.
    fn wait_anew(&self, number: i64) -> Result<(), StoreError> {
        let sql = "UPDATE reprovision_device SET until_at = NULL WHERE run = ?1 AND state = 'pending'";
        self.execute(sql, params![number]).map(|_| ())
    }

    fn retry_devices(&self, number: i64) -> Result<(), StoreError> {
        let rows = "UPDATE reprovision_device SET state = 'pending', reason = NULL, called_at = NULL, \
                    left_at = NULL, ended_at = NULL, until_at = NULL, certificate = NULL \
                    WHERE run = ?1 AND state IN ('failed', 'notReturned', 'skipped')";
        self.execute(rows, params![number])?;
        let counts = "UPDATE reprovision SET pending_count = pending_count + failed_count + not_returned_count \
                      + skipped_count, failed_count = 0, not_returned_count = 0, skipped_count = 0 \
                      WHERE number = ?1";
        self.execute(counts, params![number]).map(|_| ())
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn plan(row: &Row<'_>, place: Place<'_>) -> Result<ReprovisionPlan, StoreError> {
    let payload = row
        .opt_text(6)?
        .map(|text| serde_json::from_str(&text).map_err(|_| place.inconsistent("payload")));
    let at_most_away = row
        .opt_int(11)?
        .map(|count| u32::try_from(count).map_err(|_| place.inconsistent("at_most_away")));
    let pause_on = row
        .opt_text(12)?
        .map(|text| FailureLimit::parse(&text).map_err(|_| place.inconsistent("pause_on")));
    Ok(ReprovisionPlan {
        condition: row.text(4)?,
        method: row.text(5)?,
        payload: payload.transpose()?,
        response_timeout: duration(row.int(7)?),
        pace: Pace::parse(&row.text(8)?).map_err(|_| place.inconsistent("pace"))?,
        return_within: duration(row.int(9)?),
        connect_within: duration(row.int(10)?),
        at_most_away: at_most_away.transpose()?,
        pause_on: pause_on.transpose()?,
        accept_same_credential: row.flag(13)?,
    })
}

fn run(row: &Row<'_>) -> Result<Reprovision, StoreError> {
    let id = row.text(2)?;
    let place = Place {
        table: TABLE,
        key: &id,
    };
    let count =
        |column: usize| -> Result<u64, StoreError> { Ok(u64::try_from(row.int(column)?).unwrap_or(0)) };
    let found_until = row
        .opt_text(18)?
        .map(|text| place.id("found_until", DeviceId::parse(&text)));
    Ok(Reprovision {
        number: row.int(0)?,
        hub: place.id("hub", HubName::parse(&row.text(1)?))?,
        id: place.id("run_id", JobId::parse(&id))?,
        policy: place.id("policy", PolicyName::parse(&row.text(3)?))?,
        plan: plan(row, place)?,
        status: ReprovisionStatus::parse(&row.text(14)?).ok_or_else(|| place.inconsistent("status"))?,
        reason: row.opt_text(15)?,
        created_at: Timestamp::from_micros(row.int(16)?),
        ended_at: row.opt_int(17)?.map(Timestamp::from_micros),
        found_until: found_until.transpose()?,
        is_expanded: row.flag(19)?,
        counts: ReprovisionCounts {
            devices: count(20)?,
            pending: count(21)?,
            called: count(22)?,
            left: count(23)?,
            returned: count(24)?,
            failed: count(25)?,
            not_returned: count(26)?,
            skipped: count(27)?,
        },
        since: (count(28)?, count(29)?),
    })
}
