//! iot-hub-service-api.md 19: direct methods as a back end sees them.

use std::time::{Duration, Instant};

use provost_device::hub::{HubEvent, HubSession};
use provost_testkit::{Device, TestServer, eventually};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::device_connect::device_with_key;

const SOON: Duration = Duration::from_secs(20);

/// Answers one call with status 200.
async fn answer_one(mut session: HubSession) {
    let event = session.next_event(SOON).await.unwrap().expect("a method");
    let HubEvent::Method { rid, .. } = event else {
        panic!("{event:?}")
    };
    session.answer_method(&rid, 200, b"\"done\"").await.unwrap();
    // Until the back end has its answer the connection must stand.
    session.closed(Duration::from_secs(1)).await;
}

async fn subscribed(server: &TestServer, device: &Device) -> HubSession {
    let mut session = device.connect(server).await.unwrap();
    session.subscribe().await.unwrap();
    session
}

fn call(connect_timeout: i64, response_timeout: i64) -> Value {
    json!({
        "methodName": "reboot",
        "payload": null,
        "connectTimeoutInSeconds": connect_timeout,
        "responseTimeoutInSeconds": response_timeout,
    })
}

#[tokio::test]
async fn s_08_a_method_is_answered_by_the_device() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-8").await;
    let answering = tokio::spawn(answer_one(subscribed(&server, &device).await));
    let answer = server
        .hub_api()
        .post("/twins/dev-8/methods", &call(0, 10))
        .await
        .ok();
    assert_eq!(answer, json!({ "status": 200, "payload": "done" }));
    answering.await.unwrap();
}

#[tokio::test]
async fn s_08_offline_disabled_and_unknown_devices_have_their_codes() {
    let server = TestServer::start().await;
    device_with_key(&server, "dev-8").await;
    let (api, path) = (server.hub_api(), "/twins/dev-8/methods");
    api.post(path, &call(0, 10)).await.refused_by_hub(404_103);
    api.put_if(
        "/devices/dev-8",
        "*",
        &json!({ "deviceId": "dev-8", "status": "disabled" }),
    )
    .await
    .ok();
    api.post(path, &call(0, 10)).await.refused_by_hub(404_103);
    api.post("/twins/dev-9/methods", &call(0, 10))
        .await
        .refused_by_hub(404_001);
}

#[tokio::test]
async fn s_08_the_connect_timeout_is_waited_for_and_ends_a_little_early() {
    let server = TestServer::start().await;
    device_with_key(&server, "dev-8").await;
    let asked_at = Instant::now();
    server
        .hub_api()
        .post("/twins/dev-8/methods", &call(2, 5))
        .await
        .refused_by_hub(404_103);
    let waited = asked_at.elapsed();
    assert!(
        waited >= Duration::from_millis(1_500) && waited < Duration::from_millis(2_600),
        "{waited:?}"
    );
}

#[tokio::test]
async fn s_08_no_answer_in_time_is_504101() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-8").await;
    let session = subscribed(&server, &device).await;
    let asked_at = Instant::now();
    server
        .hub_api()
        .post("/twins/dev-8/methods", &call(0, 5))
        .await
        .refused_by_hub(504_101);
    let waited = asked_at.elapsed();
    assert!(
        waited >= Duration::from_secs(4) && waited < Duration::from_secs(7),
        "{waited:?}"
    );
    drop(session);
}

#[tokio::test]
async fn s_08_a_connection_lost_while_waiting_is_404104() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-8").await;
    let mut session = subscribed(&server, &device).await;
    let leaving = tokio::spawn(async move {
        session.next_event(SOON).await.unwrap().expect("a method");
        session.disconnect().await;
    });
    server
        .hub_api()
        .post("/twins/dev-8/methods", &call(0, 20))
        .await
        .refused_by_hub(404_104);
    leaving.await.unwrap();
}

#[tokio::test]
async fn s_08_times_out_of_range_and_bad_names_are_400004() {
    let server = TestServer::start().await;
    device_with_key(&server, "dev-8").await;
    let api = server.hub_api();
    for (connect, response) in [(0, 4), (0, 301), (-1, 30), (301, 30)] {
        let answer = api.post("/twins/dev-8/methods", &call(connect, response)).await;
        answer.refused_by_hub(400_004);
    }
    for name in ["a/b", "a b", "a?b", "$a"] {
        let answer = api
            .post("/twins/dev-8/methods", &json!({ "methodName": name }))
            .await;
        answer.refused_by_hub(400_004);
    }
    for missing in [json!({}), json!({ "methodName": "" })] {
        api.post("/twins/dev-8/methods", &missing)
            .await
            .refused_by_hub(400_006);
    }
}

#[tokio::test]
async fn s_08_an_unknown_module_of_a_known_device_is_404010() {
    let server = TestServer::start().await;
    device_with_key(&server, "dev-8").await;
    let answer = server
        .hub_api()
        .post("/twins/dev-8/modules/m1/methods", &call(0, 10))
        .await;
    answer.refused_by_hub(404_010);
}

#[tokio::test]
async fn s_09_a_device_that_connects_within_the_connect_timeout_is_called() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-9").await;
    // It was there and went away.
    subscribed(&server, &device).await.disconnect().await;
    eventually("the device is gone", async || {
        let shown = server.hub_api().get("/devices/dev-9").await.ok();
        (shown["connectionState"] == "Disconnected").then_some(())
    })
    .await;
    let api = server.hub_api();
    let mut calling = tokio::spawn(async move { api.post("/twins/dev-9/methods", &call(15, 10)).await });
    assert!(
        timeout(Duration::from_millis(500), &mut calling).await.is_err(),
        "the call waits"
    );
    let answering = tokio::spawn(answer_one(subscribed(&server, &device).await));
    let answer = calling.await.unwrap().ok();
    assert_eq!(answer, json!({ "status": 200, "payload": "done" }));
    answering.await.unwrap();
}
