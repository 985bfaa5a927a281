use provost_model::{DeviceJob, DeviceJobOutcome, DeviceJobState, Job, JobWork};
use serde_json::{Map, Value, json};

use crate::hub::error::name;
use crate::time::{iso, iso_or_never};

/// The answer to a job that was taken in (iot-hub-service-api.md 10.1).
pub fn taken_in(job: &Job) -> Value {
    json!({ "jobId": job.id.as_str(), "type": job.work.kind().as_str(), "status": "queued" })
}

/// A job with its statistics (iot-hub-service-api.md 10.2).
pub fn job(job: &Job) -> Value {
    let counts = job.counts;
    let mut document = json!({
        "jobId": job.id.as_str(),
        "queryCondition": job.condition,
        "createdTime": iso(job.created_at),
        "startTime": iso(job.start_at),
        "maxExecutionTimeInSeconds": job.max_execution.as_secs(),
        "type": job.work.kind().as_str(),
        "status": job.status.as_str(),
        "deviceJobStatistics": {
            "deviceCount": counts.devices,
            "failedCount": counts.failed,
            "succeededCount": counts.succeeded,
            "runningCount": counts.running,
            "pendingCount": counts.pending,
        },
    });
    let mut add = |name: &str, value: Value| {
        if let Value::Object(members) = &mut document {
            members.insert(name.to_owned(), value);
        }
    };
    match &job.work {
        JobWork::Twin { etag, write } => {
            let etag = etag.as_ref().map_or("*", |etag| etag.as_str());
            let mut twin = Map::from_iter([("etag".to_owned(), json!(etag))]);
            twin.extend(write.tags.clone().map(|tags| ("tags".to_owned(), tags.into())));
            let desired = write.desired.clone();
            twin.extend(desired.map(|desired| ("properties".to_owned(), json!({ "desired": desired }))));
            add("updateTwin", twin.into());
        }
        JobWork::Method(method) => add(
            "cloudToDeviceMethod",
            json!({
                "methodName": method.name,
                "payload": method.payload,
                "responseTimeoutInSeconds": method.response_timeout.as_secs(),
                "connectTimeoutInSeconds": method.connect_timeout.as_secs(),
            }),
        ),
    }
    if let Some(ended_at) = job.ended_at {
        add("endTime", json!(iso(ended_at)));
    }
    if let Some(failure) = &job.failure {
        add("failureReason", json!(failure));
        add("statusMessage", json!(failure));
    }
    document
}

/// One device of a job, an item of `SELECT * FROM devices.jobs` (iot-hub-service-api.md 10.2).
pub fn device_job(row: &DeviceJob) -> Value {
    let mut document = json!({
        "deviceId": row.device_id.as_str(),
        "jobId": row.job_id.as_str(),
        "jobType": row.kind.as_str(),
        "status": device_state_word(row.state),
        "startTimeUtc": iso_or_never(row.started_at),
        "endTimeUtc": iso_or_never(row.ended_at),
        "createdDateTimeUtc": iso(row.created_at),
        "lastUpdatedDateTimeUtc": iso(row.updated_at),
    });
    let part = match &row.outcome {
        None | Some(DeviceJobOutcome::Written) => None,
        Some(DeviceJobOutcome::Answered { status, payload }) => Some((
            "outcome",
            json!({ "deviceMethodResponse": { "status": status, "payload": payload } }),
        )),
        Some(DeviceJobOutcome::Failed { code, reason }) => {
            Some(("error", json!({ "code": name(*code), "description": reason })))
        }
    };
    if let (Some((name, part)), Value::Object(members)) = (part, &mut document) {
        members.insert(name.to_owned(), part);
    }
    document
}

/// With one `l` here and two for a job (iot-hub-service-api.md 10.2).
fn device_state_word(state: DeviceJobState) -> &'static str {
    match state {
        DeviceJobState::Cancelled => "canceled",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use provost_model::twin::TwinWrite;
    use provost_model::{
        DeviceId, HubName, JobCounts, JobId, JobKind, JobMethod, JobStatus, PolicyName, Timestamp,
    };

    use super::*;

    fn example(work: JobWork) -> Job {
        Job {
            number: 7,
            hub: HubName::parse("hub").unwrap(),
            id: JobId::parse("j1").unwrap(),
            policy: PolicyName::parse("service").unwrap(),
            work,
            condition: "*".to_owned(),
            status: JobStatus::Running,
            created_at: Timestamp::from_unix_seconds(0),
            start_at: Timestamp::from_unix_seconds(1),
            max_execution: Duration::from_mins(1),
            started_at: None,
            ended_at: None,
            failure: None,
            found_until: None,
            is_expanded: false,
            counts: JobCounts {
                devices: 3,
                pending: 1,
                running: 0,
                succeeded: 1,
                failed: 1,
            },
        }
    }

    #[test]
    fn a_method_job() {
        let work = JobWork::Method(JobMethod {
            name: "m".to_owned(),
            payload: None,
            response_timeout: Duration::from_secs(30),
            connect_timeout: Duration::ZERO,
        });
        let shown = job(&example(work));
        assert_eq!(
            shown,
            json!({
                "jobId": "j1", "queryCondition": "*", "createdTime": "1970-01-01T00:00:00.0000000Z",
                "startTime": "1970-01-01T00:00:01.0000000Z", "maxExecutionTimeInSeconds": 60,
                "type": "scheduleDeviceMethod", "status": "running",
                "cloudToDeviceMethod": {"methodName": "m", "payload": null, "responseTimeoutInSeconds": 30,
                    "connectTimeoutInSeconds": 0},
                "deviceJobStatistics": {"deviceCount": 3, "failedCount": 1, "succeededCount": 1, "runningCount": 0,
                    "pendingCount": 1},
            })
        );
    }

    #[test]
    fn a_twin_job_that_failed() {
        let tags = Map::from_iter([("a".to_owned(), json!(1))]);
        let write = TwinWrite {
            tags: Some(tags),
            desired: None,
        };
        let mut failed = example(JobWork::Twin { etag: None, write });
        failed.failure = Some("time".to_owned());
        failed.ended_at = Some(Timestamp::from_unix_seconds(2));
        let shown = job(&failed);
        assert_eq!(shown["updateTwin"], json!({"etag": "*", "tags": {"a": 1}}));
        assert_eq!(
            (&shown["failureReason"], &shown["endTime"]),
            (&json!("time"), &json!("1970-01-01T00:00:02.0000000Z"))
        );
        assert_eq!(
            taken_in(&failed),
            json!({"jobId": "j1", "type": "scheduleUpdateTwin", "status": "queued"})
        );
    }

    #[test]
    fn rows_of_devices() {
        let mut row = DeviceJob {
            job: 7,
            job_id: JobId::parse("j1").unwrap(),
            kind: JobKind::DeviceMethod,
            device_id: DeviceId::parse("d1").unwrap(),
            state: DeviceJobState::Cancelled,
            created_at: Timestamp::from_unix_seconds(0),
            updated_at: Timestamp::from_unix_seconds(0),
            started_at: None,
            ended_at: None,
            outcome: None,
        };
        let shown = device_job(&row);
        assert_eq!(
            (&shown["status"], &shown["startTimeUtc"]),
            (&json!("canceled"), &json!("0001-01-01T00:00:00Z"))
        );
        row.outcome = Some(DeviceJobOutcome::Answered {
            status: 200,
            payload: json!("done"),
        });
        let answer = json!({"deviceMethodResponse": {"status": 200, "payload": "done"}});
        assert_eq!(device_job(&row)["outcome"], answer);
        row.outcome = Some(DeviceJobOutcome::Failed {
            code: 404_103,
            reason: "not there".to_owned(),
        });
        assert_eq!(
            device_job(&row)["error"],
            json!({"code": "DeviceNotOnline", "description": "not there"})
        );
    }
}
