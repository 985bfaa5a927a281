use std::time::Duration;

use provost_model::{Etag, IfMatch, JobId, JobKind, JobMethod, JobWork, NewJob};

use super::MAX_EXECUTION_SECONDS;
use crate::hub::service::MethodRequest;
use crate::hub::service::twin_input::read_patch;
use crate::json::{self, BodyError, Members};
use crate::time::parse_iso;

/// What older SDKs send is taken as well (iot-hub-service-api.md 10.1).
const TYPES: [(&str, JobKind); 4] = [
    ("scheduleUpdateTwin", JobKind::UpdateTwin),
    ("scheduleTwinUpdate", JobKind::UpdateTwin),
    ("scheduleDeviceMethod", JobKind::DeviceMethod),
    ("scheduleDirectRequest", JobKind::DeviceMethod),
];

/// Longest text of a condition, as of a whole query (iot-hub-service-api.md 8.2).
const MAX_CONDITION: usize = 8192;

/// Reads the body of `PUT /jobs/v2/{jobId}`. The condition is kept as text; whether it is one, the
/// query language says.
pub fn parse_job(body: &[u8], id: JobId) -> Result<NewJob, BodyError> {
    let value = json::parse(body)?;
    let members = Members::root(&value)?;
    if members.text("jobId")?.is_some_and(|named| named != id.as_str()) {
        return Err(members.invalid("jobId", "must be that of the address"));
    }
    let kind = members
        .word("type", &TYPES)?
        .ok_or_else(|| members.shape("type", "is required"))?;
    let work = match kind {
        JobKind::UpdateTwin => twin(&members)?,
        JobKind::DeviceMethod => method(&members)?,
    };
    let start_at = members.parsed("startTime", |text| {
        parse_iso(text).ok_or("it must be an ISO 8601 time")
    })?;
    Ok(NewJob {
        id,
        work,
        condition: condition(&members)?,
        start_at,
        max_execution: max_execution(&members)?,
    })
}

fn condition(members: &Members<'_>) -> Result<String, BodyError> {
    const NAME: &str = "queryCondition";
    let text = members.text(NAME)?.unwrap_or_default().trim();
    if text.is_empty() {
        // 400004 and not 400006: a condition is an argument.
        return Err(members.invalid(NAME, "is required; `*` is for every device"));
    }
    if text.len() > MAX_CONDITION {
        return Err(members.invalid(NAME, format!("must have at most {MAX_CONDITION} characters")));
    }
    Ok(text.to_owned())
}

fn max_execution(members: &Members<'_>) -> Result<Duration, BodyError> {
    const NAME: &str = "maxExecutionTimeInSeconds";
    let seconds = match members.integer(NAME)? {
        None => MAX_EXECUTION_SECONDS,
        Some(seconds) => u32::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(u64::from)
            .ok_or_else(|| members.invalid(NAME, "must be a positive number of seconds"))?,
    };
    Ok(Duration::from_secs(seconds))
}

fn twin(members: &Members<'_>) -> Result<JobWork, BodyError> {
    let twin = members
        .object("updateTwin")?
        .ok_or_else(|| members.invalid("updateTwin", "is required for this type"))?;
    // Absent is an error, other than with a twin by itself (iot-hub-service-api.md 10.1).
    let etag = match IfMatch::parse(twin.text("etag")?) {
        IfMatch::Absent => return Err(twin.invalid("etag", "is required; `*` is for whatever is there")),
        IfMatch::Any => None,
        IfMatch::Tag(tag) => Some(Etag::from_text(tag.as_str())),
    };
    Ok(JobWork::Twin {
        etag,
        write: read_patch(&twin)?,
    })
}

fn method(members: &Members<'_>) -> Result<JobWork, BodyError> {
    let method = members
        .object("cloudToDeviceMethod")?
        .ok_or_else(|| members.invalid("cloudToDeviceMethod", "is required for this type"))?;
    let MethodRequest {
        name,
        payload,
        response_timeout,
        connect_timeout,
    } = MethodRequest::read(&method)?;
    Ok(JobWork::Method(JobMethod {
        name,
        payload,
        response_timeout,
        connect_timeout,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: &Value) -> Result<NewJob, BodyError> {
        parse_job(body.to_string().as_bytes(), JobId::parse("j1").unwrap())
    }

    #[test]
    fn a_method_job_with_and_without_its_times() {
        let job = parse(&json!({"jobId": "j1", "type": "scheduleDeviceMethod",
            "cloudToDeviceMethod": {"methodName": "reprovision", "payload": {"a": 1}, "responseTimeoutInSeconds": 20,
                "connectTimeoutInSeconds": 5},
            "queryCondition": "deviceId IN ['a']", "startTime": "2026-01-01T00:00:00Z", "maxExecutionTimeInSeconds": 300}))
        .unwrap();
        let JobWork::Method(method) = &job.work else {
            panic!("{job:?}")
        };
        assert_eq!(
            (
                method.name.as_str(),
                method.response_timeout.as_secs(),
                method.connect_timeout.as_secs()
            ),
            ("reprovision", 20, 5)
        );
        assert_eq!((job.max_execution.as_secs(), job.start_at.is_some()), (300, true));
        let job = parse(
            &json!({"type": "scheduleDirectRequest", "queryCondition": "*", "startTime": "",
            "cloudToDeviceMethod": {"methodName": "m"}}),
        )
        .unwrap();
        assert_eq!((job.max_execution.as_secs(), job.start_at), (3600, None));
    }

    #[test]
    fn a_twin_job_must_say_which_twins_it_takes() {
        let body =
            |twin: Value| json!({"type": "scheduleTwinUpdate", "queryCondition": "*", "updateTwin": twin});
        let job = parse(&body(json!({"etag": "*", "tags": {"a": null}}))).unwrap();
        let JobWork::Twin { etag: None, write } = job.work else {
            panic!("{job:?}")
        };
        assert_eq!(Value::from(write.tags.unwrap()), json!({"a": null}));
        let job = parse(&body(
            json!({"etag": "AAAAAAAAAAE=", "properties": {"desired": {}}}),
        ))
        .unwrap();
        assert!(matches!(job.work, JobWork::Twin { etag: Some(_), .. }));
        let error = parse(&body(json!({"tags": {}}))).unwrap_err();
        assert_eq!(error.hub_code(), 400_004);
        assert!(error.to_string().contains("updateTwin.etag"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_400004_and_named() {
        let method = json!({"methodName": "m"});
        for (body, member) in [
            (
                json!({"type": "scheduleDeviceMethod", "cloudToDeviceMethod": method}),
                "queryCondition",
            ),
            (
                json!({"type": "scheduleDeviceMethod", "queryCondition": "*"}),
                "cloudToDeviceMethod",
            ),
            (
                json!({"type": "scheduleUpdateTwin", "queryCondition": "*"}),
                "updateTwin",
            ),
            (json!({"type": "rebootDevice", "queryCondition": "*"}), "type"),
            (
                json!({"jobId": "j2", "type": "scheduleDeviceMethod", "queryCondition": "*"}),
                "jobId",
            ),
            (
                json!({"type": "scheduleDeviceMethod", "queryCondition": "*", "cloudToDeviceMethod": method, "startTime": "soon"}),
                "startTime",
            ),
            (
                json!({"type": "scheduleDeviceMethod", "queryCondition": "*", "cloudToDeviceMethod": method, "maxExecutionTimeInSeconds": 0}),
                "maxExecutionTimeInSeconds",
            ),
            (
                json!({"type": "scheduleDeviceMethod", "queryCondition": "*",
                    "cloudToDeviceMethod": {"methodName": "m", "responseTimeoutInSeconds": 4}}),
                "cloudToDeviceMethod.responseTimeoutInSeconds",
            ),
        ] {
            let error = parse(&body).unwrap_err();
            assert_eq!(error.hub_code(), 400_004, "{error}");
            assert!(error.to_string().contains(&format!("`{member}`")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_job(&bytes, JobId::parse("j").unwrap());
        }
    }
}
