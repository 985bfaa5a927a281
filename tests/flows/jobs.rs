//! iot-hub-service-api.md 10 and 19: jobs as a back end sees them.

use std::time::Duration;

use provost_device::hub::{HubEvent, HubSession};
use provost_model::{Clock, DeviceJobOutcome, DeviceJobState, Pace};
use provost_testkit::{Device, ServiceApi, TestServer, eventually};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::device_connect::device_with_key;

const SOON: Duration = Duration::from_secs(20);

fn twin_job(condition: &str, patch: &Value) -> Value {
    let mut twin = patch.clone();
    twin["etag"] = json!("*");
    json!({ "type": "scheduleUpdateTwin", "queryCondition": condition, "updateTwin": twin })
}

fn method_job(condition: &str, connect_timeout: u32) -> Value {
    let method = json!({
        "methodName": "reboot",
        "payload": { "now": true },
        "responseTimeoutInSeconds": 30,
        "connectTimeoutInSeconds": connect_timeout,
    });
    json!({ "type": "scheduleDeviceMethod", "queryCondition": condition, "cloudToDeviceMethod": method })
}

async fn put(api: &ServiceApi, id: &str, body: &Value) -> Value {
    api.put(&format!("/jobs/v2/{id}"), body).await.ok()
}

async fn shown(api: &ServiceApi, id: &str) -> Value {
    api.get(&format!("/jobs/v2/{id}")).await.ok()
}

/// The job once it has this status.
async fn with_status(api: &ServiceApi, id: &str, status: &str) -> Value {
    eventually(&format!("{id} is {status}"), async || {
        let job = shown(api, id).await;
        (job["status"] == status).then_some(job)
    })
    .await
}

fn statistics(job: &Value) -> [u64; 5] {
    [
        "deviceCount",
        "pendingCount",
        "runningCount",
        "succeededCount",
        "failedCount",
    ]
    .map(|name| job["deviceJobStatistics"][name].as_u64().unwrap())
}

/// Devices `{prefix}-1` to `{prefix}-{count}`.
async fn devices(server: &TestServer, prefix: &str, count: usize) -> Vec<Device> {
    let mut devices = Vec::new();
    for number in 1..=count {
        devices.push(device_with_key(server, &format!("{prefix}-{number}")).await.0);
    }
    devices
}

async fn listening(server: &TestServer, device: &Device) -> HubSession {
    let mut session = device.connect(server).await.unwrap();
    session.subscribe().await.unwrap();
    session
}

/// Answers calls until the connection ends; tells how many there were.
fn answering(mut session: HubSession, status: i32) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let mut calls = 0;
        while let Ok(Some(event)) = session.next_event(SOON).await {
            if let HubEvent::Method { rid, .. } = event {
                calls += 1;
                session.answer_method(&rid, status, b"\"done\"").await.unwrap();
            }
        }
        calls
    })
}

#[tokio::test]
async fn s_10_a_twin_job_updates_those_its_condition_names() {
    let server = TestServer::start().await;
    devices(&server, "press", 3).await;
    devices(&server, "lathe", 1).await;
    let api = server.hub_api();
    for id in ["press-1", "press-2", "lathe-1"] {
        api.patch(&format!("/twins/{id}"), &json!({ "tags": { "hall": 7 } }))
            .await
            .ok();
    }
    let patch = json!({ "tags": { "line": "b" }, "properties": { "desired": { "rate": 2 } } });
    let body = twin_job("tags.hall = 7 AND deviceId != 'lathe-1'", &patch);
    let taken_in = put(&api, "j1", &body).await;
    assert_eq!(
        taken_in,
        json!({ "jobId": "j1", "type": "scheduleUpdateTwin", "status": "queued" })
    );
    let job = with_status(&api, "j1", "completed").await;
    assert_eq!(statistics(&job), [2, 0, 0, 2, 0]);
    assert_eq!(job["updateTwin"]["tags"], json!({ "line": "b" }));
    assert_eq!(job["maxExecutionTimeInSeconds"], 3600);
    for (id, expected) in [
        ("press-1", json!("b")),
        ("press-2", json!("b")),
        ("press-3", Value::Null),
        ("lathe-1", Value::Null),
    ] {
        let twin = api.get(&format!("/twins/{id}")).await.ok();
        assert_eq!(twin["tags"]["line"], expected, "{id}");
        let rate = if expected.is_null() { Value::Null } else { json!(2) };
        assert_eq!(twin["properties"]["desired"]["rate"], rate, "{id}");
    }
    let rows = server.stored().device_jobs("j1").await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.device_id.as_str(), row.state, row.outcome.clone()))
        .collect();
    let written = |id| (id, DeviceJobState::Completed, Some(DeviceJobOutcome::Written));
    assert_eq!(told, [written("press-1"), written("press-2")]);
}

#[tokio::test]
async fn s_10_a_live_device_is_told_what_a_job_wrote() {
    let server = TestServer::start().await;
    let all = devices(&server, "press", 1).await;
    let mut session = listening(&server, &all[0]).await;
    let patch = json!({ "properties": { "desired": { "rate": 2 } } });
    put(&server.hub_api(), "j1", &twin_job("*", &patch)).await;
    let event = session.next_event(SOON).await.unwrap().expect("a change");
    let HubEvent::DesiredPatch { .. } = event else {
        panic!("{event:?}")
    };
}

#[tokio::test]
async fn s_10_a_method_job_says_what_each_device_answered_and_who_was_offline() {
    let server = TestServer::start().await;
    let all = devices(&server, "press", 3).await;
    let one = answering(listening(&server, &all[0]).await, 200);
    let other = answering(listening(&server, &all[1]).await, 503);
    let api = server.hub_api();
    put(&api, "call-1", &method_job("*", 0)).await;
    let job = with_status(&api, "call-1", "completed").await;
    assert_eq!(statistics(&job), [3, 0, 0, 2, 1]);
    assert_eq!(job["cloudToDeviceMethod"]["payload"], json!({ "now": true }));
    assert!(job["endTime"].is_string());
    let rows = server.stored().device_jobs("call-1").await;
    let outcomes: Vec<_> = rows
        .iter()
        .map(|row| row.outcome.clone().expect("an outcome"))
        .collect();
    let answered = |status| DeviceJobOutcome::Answered {
        status,
        payload: json!("done"),
    };
    assert_eq!(outcomes[..2], [answered(200), answered(503)]);
    assert!(
        matches!(outcomes[2], DeviceJobOutcome::Failed { code: 404_103, .. }),
        "{outcomes:?}"
    );
    drop(server);
    assert_eq!((one.await.unwrap(), other.await.unwrap()), (1, 1));
}

#[tokio::test]
async fn s_10_devices_come_back_within_the_connect_timeout_of_a_job() {
    let server = TestServer::start().await;
    let all = devices(&server, "press", 2).await;
    let api = server.hub_api();
    put(&api, "call-1", &method_job("*", 60)).await;
    eventually("both are waited for", async || {
        (statistics(&shown(&api, "call-1").await) == [2, 2, 0, 0, 0]).then_some(())
    })
    .await;
    let sessions: Vec<_> = [
        listening(&server, &all[0]).await,
        listening(&server, &all[1]).await,
    ]
    .into_iter()
    .map(|session| answering(session, 200))
    .collect();
    let job = with_status(&api, "call-1", "completed").await;
    assert_eq!(statistics(&job), [2, 0, 0, 2, 0]);
    drop(sessions);
}

#[tokio::test]
async fn s_10_a_job_that_is_called_off_calls_nobody_any_more() {
    let server = TestServer::start().await;
    let all = devices(&server, "press", 2).await;
    let api = server.hub_api();
    put(&api, "call-1", &method_job("*", 300)).await;
    eventually("both are waited for", async || {
        (statistics(&shown(&api, "call-1").await) == [2, 2, 0, 0, 0]).then_some(())
    })
    .await;
    let cancelled = api.post("/jobs/v2/call-1/cancel", &Value::Null).await.ok();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(statistics(&cancelled), [2, 0, 0, 0, 0]);
    let rows = server.stored().device_jobs("call-1").await;
    assert!(
        rows.iter().all(|row| row.state == DeviceJobState::Cancelled),
        "{rows:?}"
    );
    // Again is no error; nobody is called who comes now.
    api.post("/jobs/v2/call-1/cancel", &json!({})).await.ok();
    let mut session = listening(&server, &all[0]).await;
    let event = session.next_event(Duration::from_millis(700)).await.unwrap();
    assert!(event.is_none(), "{event:?}");
    put(&api, "j2", &twin_job("*", &json!({ "tags": { "a": 1 } }))).await;
    with_status(&api, "j2", "completed").await;
    api.post("/jobs/v2/j2/cancel", &Value::Null)
        .await
        .refused_by_hub(412_003);
}

#[tokio::test]
async fn s_10_a_call_under_way_is_answered_although_its_job_is_called_off() {
    let server = TestServer::start().await;
    let all = devices(&server, "press", 1).await;
    let mut session = listening(&server, &all[0]).await;
    let api = server.hub_api();
    put(&api, "call-1", &method_job("*", 0)).await;
    let event = session.next_event(SOON).await.unwrap().expect("a method");
    let HubEvent::Method { rid, .. } = event else {
        panic!("{event:?}")
    };
    let cancelled = api.post("/jobs/v2/call-1/cancel", &Value::Null).await.ok();
    assert_eq!(statistics(&cancelled), [1, 0, 1, 0, 0]);
    session.answer_method(&rid, 200, b"").await.unwrap();
    eventually("the answer is written down", async || {
        (statistics(&shown(&api, "call-1").await) == [1, 0, 0, 1, 0]).then_some(())
    })
    .await;
    assert_eq!(shown(&api, "call-1").await["status"], "cancelled");
}

#[tokio::test]
async fn s_10_a_job_of_the_future_is_kept_over_a_restart_and_begins_in_time() {
    let (mut server, clock) = TestServer::start_with_clock().await;
    devices(&server, "press", 2).await;
    let mut body = twin_job("*", &json!({ "tags": { "a": 1 } }));
    let at = clock.now().after(Duration::from_hours(2));
    body["startTime"] = json!(provost_wire::time::iso(at));
    put(&server.hub_api(), "later", &body).await;
    assert_eq!(shown(&server.hub_api(), "later").await["status"], "scheduled");
    server.restart().await;
    let api = server.hub_api();
    assert_eq!(shown(&api, "later").await["status"], "scheduled");
    assert_eq!(api.get("/twins/press-1").await.ok()["tags"], json!({}));
    clock.set(at);
    let api = server.hub_api();
    let job = with_status(&api, "later", "completed").await;
    assert_eq!(statistics(&job), [2, 0, 0, 2, 0]);
}

#[tokio::test]
async fn s_10_a_job_whose_time_is_over_fails_with_those_that_had_no_turn() {
    let (server, clock) = TestServer::start_with_clock().await;
    devices(&server, "press", 2).await;
    let api = server.hub_api();
    let mut body = method_job("*", 300);
    body["maxExecutionTimeInSeconds"] = json!(60);
    put(&api, "call-1", &body).await;
    eventually("both are waited for", async || {
        (statistics(&shown(&api, "call-1").await) == [2, 2, 0, 0, 0]).then_some(())
    })
    .await;
    clock.set(clock.now().after(Duration::from_secs(61)));
    // Tokens signed at the new instant.
    let api = server.hub_api();
    let job = with_status(&api, "call-1", "failed").await;
    assert_eq!(statistics(&job), [2, 0, 0, 0, 2]);
    assert!(job["failureReason"].as_str().unwrap().contains("time"), "{job}");
    let rows = server.stored().device_jobs("call-1").await;
    assert!(
        rows.iter()
            .all(|row| matches!(row.outcome, Some(DeviceJobOutcome::Failed { code: 500_002, .. }))),
        "{rows:?}"
    );
}

#[tokio::test]
async fn s_10_after_a_restart_nobody_is_called_twice() {
    let mut server = TestServer::start().await;
    let all = devices(&server, "press", 2).await;
    // One has its call and does not answer, the other is not there yet.
    let mut session = listening(&server, &all[0]).await;
    put(&server.hub_api(), "call-1", &method_job("*", 120)).await;
    session.next_event(SOON).await.unwrap().expect("a method");
    server.restart().await;
    let mut session = listening(&server, &all[0]).await;
    let other = answering(listening(&server, &all[1]).await, 200);
    let api = server.hub_api();
    let job = with_status(&api, "call-1", "completed").await;
    assert_eq!(statistics(&job), [2, 0, 0, 1, 1]);
    let event = session.next_event(Duration::from_millis(300)).await.unwrap();
    assert!(event.is_none(), "called again: {event:?}");
    let rows = server.stored().device_jobs("call-1").await;
    // The server saw its connection end, or was gone before that.
    assert!(
        matches!(
            rows[0].outcome,
            Some(DeviceJobOutcome::Failed {
                code: 404_104 | 500_001,
                ..
            })
        ),
        "{rows:?}"
    );
    drop(other);
}

#[tokio::test]
async fn s_10_what_is_wrong_with_a_job_has_its_code() {
    let server = TestServer::start_configured(|config| config.jobs.active = 1).await;
    let api = server.hub_api();
    let mut body = method_job("*", 0);
    body["startTime"] = json!("2100-01-01T00:00:00Z");
    put(&api, "j1", &body).await;
    api.put("/jobs/v2/j1", &body).await.refused_by_hub(409_104);
    api.put("/jobs/v2/j2", &body).await.refused_by_hub(429_004);
    api.get("/jobs/v2/j2").await.refused_by_hub(404_002);
    api.post("/jobs/v2/j2/cancel", &Value::Null)
        .await
        .refused_by_hub(404_002);
    let mut without_etag = twin_job("*", &json!({ "tags": {} }));
    without_etag["updateTwin"].as_object_mut().unwrap().remove("etag");
    api.put("/jobs/v2/j3", &without_etag)
        .await
        .refused_by_hub(400_004);
    for condition in ["tags.a ==", "", "SELECT"] {
        api.put("/jobs/v2/j3", &method_job(condition, 0))
            .await
            .refused_by_hub(400_004);
    }
    let bad = twin_job("*", &json!({ "tags": { "a.b": 1 } }));
    api.put("/jobs/v2/j3", &bad).await.refused_by_hub(400_004);
    // One that has ended makes room.
    api.post("/jobs/v2/j1/cancel", &Value::Null).await.ok();
    put(&api, "j2", &body).await;
}

#[tokio::test]
async fn s_10_jobs_of_older_spellings_are_taken() {
    let server = TestServer::start().await;
    devices(&server, "press", 1).await;
    let api = server.hub_api();
    let mut twin = twin_job(
        "SELECT * FROM devices WHERE deviceId = 'press-1'",
        &json!({ "tags": { "a": 1 } }),
    );
    twin["type"] = json!("scheduleTwinUpdate");
    assert_eq!(put(&api, "j1", &twin).await["type"], "scheduleUpdateTwin");
    let mut method = method_job("*", 0);
    method["type"] = json!("scheduleDirectRequest");
    assert_eq!(put(&api, "j2", &method).await["type"], "scheduleDeviceMethod");
    assert_eq!(
        statistics(&with_status(&api, "j1", "completed").await),
        [1, 0, 0, 1, 0]
    );
    assert_eq!(
        statistics(&with_status(&api, "j2", "completed").await),
        [1, 0, 0, 0, 1]
    );
}

#[tokio::test]
async fn s_10_jobs_are_listed_in_pages_narrowed_and_as_each_client_takes_them() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    for id in ["j1", "j2", "j3"] {
        put(&api, id, &twin_job("*", &json!({ "tags": { "a": 1 } }))).await;
        with_status(&api, id, "completed").await;
    }
    let mut later = method_job("*", 0);
    later["startTime"] = json!("2100-01-01T00:00:00Z");
    put(&api, "j4", &later).await;
    let names = |jobs: &Value| -> Vec<String> {
        let jobs = jobs.as_array().expect("an array").iter();
        jobs.map(|job| job["jobId"].as_str().unwrap().to_owned())
            .collect()
    };
    let path = "/jobs/v2/query?jobType=&jobStatus=";
    let first = api.send("GET", path, &[("x-ms-max-item-count", "3")], None).await;
    assert_eq!(first.header("x-ms-item-type").as_deref(), Some("JobResponse"));
    assert_eq!(names(&first.body), ["j4", "j3", "j2"]);
    let token = first.header("x-ms-continuation").expect("there is more");
    let second = api
        .send("GET", path, &[("x-ms-continuation", &token)], None)
        .await;
    assert_eq!(
        (names(&second.body), second.header("x-ms-continuation")),
        (vec!["j1".to_owned()], None)
    );
    for (query, expected) in [
        ("jobType=scheduleDeviceMethod", vec!["j4"]),
        ("jobStatus=completed", vec!["j3", "j2", "j1"]),
        ("jobType=scheduleUpdateTwin&jobStatus=scheduled", vec![]),
        ("jobType=export", vec![]),
    ] {
        let listed = api.get(&format!("/jobs/v2/query?{query}")).await.ok();
        assert_eq!(names(&listed), expected, "{query}");
    }
    api.get("/jobs/v2/query?jobStatus=over")
        .await
        .refused_by_hub(400_004);
    let bad = api.send("GET", path, &[("x-ms-continuation", "7")], None).await;
    bad.refused_by_hub(400_004);
    let python = [("user-agent", "azsdk-python-iot-hub/2.7.0 Python/3.11.7")];
    let object = api.send("GET", path, &python, None).await.ok();
    assert_eq!(names(&object["items"]).len(), 4);
}

#[tokio::test]
async fn s_10_import_and_export_are_not_offered_and_said_so() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    assert_eq!(api.get("/jobs").await.ok(), json!([]));
    api.get("/jobs/j1").await.refused_by_hub(404_002);
    api.post("/jobs/create", &json!({ "type": "export" }))
        .await
        .refused_by_hub(403_010);
}

#[tokio::test]
async fn s_10_jobs_keep_to_the_configured_pace() {
    let server = TestServer::start_configured(|config| config.jobs.pace = Pace::parse("20/s").ok()).await;
    devices(&server, "press", 20).await;
    let api = server.hub_api();
    let began = std::time::Instant::now();
    put(&api, "j1", &twin_job("*", &json!({ "tags": { "a": 1 } }))).await;
    with_status(&api, "j1", "completed").await;
    // 19 intervals of 50 ms, less what is made up for at the beginning.
    assert!(
        began.elapsed() >= Duration::from_millis(850),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn s_10_a_twin_job_takes_only_twins_with_its_tag() {
    let server = TestServer::start().await;
    devices(&server, "press", 2).await;
    let api = server.hub_api();
    let etag = api.get("/twins/press-1").await.ok()["etag"].clone();
    api.patch("/twins/press-2", &json!({ "tags": { "hall": 7 } }))
        .await
        .ok();
    let mut body = twin_job("*", &json!({ "tags": { "a": 1 } }));
    body["updateTwin"]["etag"] = etag;
    put(&api, "j1", &body).await;
    assert_eq!(
        statistics(&with_status(&api, "j1", "completed").await),
        [2, 0, 0, 1, 1]
    );
    let rows = server.stored().device_jobs("j1").await;
    assert!(matches!(
        rows[1].outcome,
        Some(DeviceJobOutcome::Failed { code: 412_001, .. })
    ));
}
