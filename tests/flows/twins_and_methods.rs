//! iot-hub-device-api.md 18: twins, methods and subscriptions as the device sees them.

use std::time::Duration;

use provost_device::DeviceError;
use provost_device::hub::{HubEvent, HubSession};
use provost_testkit::{HubConnect, RawStream, TestServer};
use provost_transport::mqtt::codec::{PacketId, QoS, Subscribe};
use serde_json::{Value, json};

use super::device_connect::device_with_key;

/// How long the hub may take to say something.
const SOON: Duration = Duration::from_secs(10);
/// How long nothing must come for it to count as nothing.
const QUIET: Duration = Duration::from_millis(300);

async fn subscribed(server: &TestServer, id: &str) -> HubSession {
    let (device, _) = device_with_key(server, id).await;
    let mut session = device.connect(server).await.unwrap();
    session.subscribe().await.unwrap();
    session
}

fn desired(value: &Value) -> Value {
    json!({ "properties": { "desired": value } })
}

async fn next_patch(session: &mut HubSession) -> (i64, Value) {
    match session.next_event(SOON).await.unwrap().expect("a notification") {
        HubEvent::DesiredPatch { version, patch } => (version, serde_json::from_slice(&patch).unwrap()),
        other => panic!("not a desired patch: {other:?}"),
    }
}

#[tokio::test]
async fn d_12_the_twin_answer_has_three_digits_the_rid_as_sent_and_both_versions() {
    let server = TestServer::start().await;
    let mut session = subscribed(&server, "dev-12").await;
    for rid in ["1", "f5a1e0d2-6c1b-4f0e-9a53-3f5f3a6d1c11", "0a%20b"] {
        let topic = format!("$iothub/twin/GET/?$rid={rid}");
        for payload in [&b" "[..], b""] {
            session
                .mqtt()
                .publish(&topic, payload, QoS::AtMostOnce)
                .await
                .unwrap();
            let answer = session
                .mqtt()
                .next_publish(SOON)
                .await
                .unwrap()
                .expect("an answer");
            assert_eq!(answer.topic, format!("$iothub/twin/res/200/?$rid={rid}"));
            let twin: Value = serde_json::from_slice(&answer.payload).unwrap();
            assert_eq!(
                twin,
                json!({ "desired": { "$version": 1 }, "reported": { "$version": 1 } })
            );
        }
    }
}

#[tokio::test]
async fn d_13_a_reported_patch_is_merged_counted_and_null_deletes() {
    let server = TestServer::start().await;
    let mut session = subscribed(&server, "dev-13").await;
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=7";
    session
        .mqtt()
        .publish(topic, b"{\"a\":1,\"b\":{\"c\":2}}", QoS::AtMostOnce)
        .await
        .unwrap();
    let answer = session
        .mqtt()
        .next_publish(SOON)
        .await
        .unwrap()
        .expect("an answer");
    assert_eq!(
        (answer.topic.as_str(), answer.payload.len()),
        ("$iothub/twin/res/204/?$rid=7&$version=2", 0)
    );

    let version = session
        .patch_reported(&json!({ "a": null, "b": { "d": 3 } }))
        .await
        .unwrap();
    assert_eq!(version, Some(3));
    let reported = session.twin_get().await.unwrap()["reported"].clone();
    assert_eq!(reported, json!({ "b": { "c": 2, "d": 3 }, "$version": 3 }));
    let seen = server.hub_api().get("/twins/dev-13").await.ok();
    assert_eq!(seen["properties"]["reported"]["b"], json!({ "c": 2, "d": 3 }));
    assert_eq!(seen["properties"]["desired"]["$version"], 1);
}

#[tokio::test]
async fn d_13_a_patch_over_a_limit_or_not_json_is_400_with_a_code() {
    let server = TestServer::start().await;
    let mut session = subscribed(&server, "dev-13").await;
    let deep = (0..12).fold(json!(1), |inner, _| json!({ "k": inner }));
    let long = json!({ "k": "x".repeat(5_000) });
    let large: Value = (0..40)
        .map(|n| (format!("k{n}"), json!("x".repeat(1_000))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for patch in [deep, long, large, json!({ "$k": 1 }), json!([1])] {
        let refused = session.patch_reported(&patch).await;
        let Err(DeviceError::Status { status: 400, body }) = refused else {
            panic!("{refused:?}")
        };
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body["errorCode"].as_u64().map(|code| code / 1000),
            Some(400),
            "{body}"
        );
    }
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=8";
    session
        .mqtt()
        .publish(topic, b"{\"a\":", QoS::AtMostOnce)
        .await
        .unwrap();
    let answer = session
        .mqtt()
        .next_publish(SOON)
        .await
        .unwrap()
        .expect("an answer");
    assert_eq!(answer.topic, "$iothub/twin/res/400/?$rid=8");
    let reported = session.twin_get().await.unwrap()["reported"].clone();
    assert_eq!(reported, json!({ "$version": 1 }), "nothing of it is stored");
}

#[tokio::test]
async fn d_14_a_desired_patch_reaches_a_live_device_once_with_its_version() {
    let server = TestServer::start().await;
    let mut session = subscribed(&server, "dev-14").await;
    let api = server.hub_api();
    api.patch(
        "/twins/dev-14",
        &desired(&json!({ "interval": 5, "mode": "slow" })),
    )
    .await
    .ok();
    let patch = json!({ "interval": 5, "mode": "slow", "$version": 2 });
    assert_eq!(next_patch(&mut session).await, (2, patch));
    api.patch("/twins/dev-14", &desired(&json!({ "mode": null })))
        .await
        .ok();
    assert_eq!(
        next_patch(&mut session).await,
        (3, json!({ "mode": null, "$version": 3 }))
    );
    api.patch("/twins/dev-14", &json!({ "tags": { "hall": 7 } }))
        .await
        .ok();
    assert_eq!(
        session.next_event(QUIET).await.unwrap(),
        None,
        "tags are not the device's to see"
    );
}

#[tokio::test]
async fn d_14_a_device_that_was_away_sees_the_change_on_get() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-14").await;
    server
        .hub_api()
        .patch("/twins/dev-14", &desired(&json!({ "interval": 9 })))
        .await
        .ok();
    let mut session = device.connect(&server).await.unwrap();
    session.subscribe().await.unwrap();
    let twin = session.twin_get().await.unwrap();
    assert_eq!(twin["desired"], json!({ "interval": 9, "$version": 2 }));
    assert_eq!(
        session.next_event(QUIET).await.unwrap(),
        None,
        "nothing is sent late"
    );
}

#[tokio::test]
async fn d_15_a_method_makes_the_round_trip_with_any_status_and_payload() {
    let server = TestServer::start().await;
    let mut session = subscribed(&server, "dev-15").await;
    let device = tokio::spawn(async move {
        let mut heard = Vec::new();
        for (status, payload) in [(200, &b"{\"ok\":true}"[..]), (418, b"[1,2]"), (-3, b"")] {
            let event = session.next_event(SOON).await.unwrap().expect("a method");
            let HubEvent::Method {
                name,
                rid,
                payload: asked,
            } = event
            else {
                panic!("{event:?}")
            };
            heard.push((name, String::from_utf8(asked).unwrap()));
            session.answer_method(&rid, status, payload).await.unwrap();
            // Only one answer counts; the late second one is dropped and does no harm.
            session.answer_method(&rid, 500, b"\"late\"").await.unwrap();
        }
        heard
    });
    let api = server.hub_api();
    let with_payload = json!({ "methodName": "reboot", "payload": { "delay": 3 } });
    let answer = api.post("/twins/dev-15/methods", &with_payload).await.ok();
    assert_eq!(answer, json!({ "status": 200, "payload": { "ok": true } }));
    let bare = json!({ "methodName": "lights.on" });
    let answer = api.post("/twins/dev-15/methods", &bare).await.ok();
    assert_eq!(answer, json!({ "status": 418, "payload": [1, 2] }));
    let answer = api.post("/twins/dev-15/methods", &bare).await.ok();
    assert_eq!(answer, json!({ "status": -3, "payload": null }));

    let heard = device.await.unwrap();
    assert_eq!(heard[0], ("reboot".to_owned(), "{\"delay\":3}".to_owned()));
    assert_eq!(heard[1].0, "lights.on");
    assert!(["", "null"].contains(&heard[1].1.as_str()), "{:?}", heard[1]);
}

#[tokio::test]
async fn d_15_not_subscribed_is_404103_and_no_answer_is_504101() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-15").await;
    let mut session = device.connect(&server).await.unwrap();
    let call = json!({ "methodName": "reboot", "responseTimeoutInSeconds": 5 });
    let api = server.hub_api();
    api.post("/twins/dev-15/methods", &call)
        .await
        .refused_by_hub(404_103);
    session.subscribe().await.unwrap();
    api.post("/twins/dev-15/methods", &call)
        .await
        .refused_by_hub(504_101);
    // The session lives, and the answer that comes too late is dropped.
    let event = session.next_event(SOON).await.unwrap().expect("the method");
    let HubEvent::Method { rid, .. } = event else {
        panic!("{event:?}")
    };
    session.answer_method(&rid, 200, b"{}").await.unwrap();
    session.twin_get().await.unwrap();
}

#[tokio::test]
async fn d_18_every_filter_gets_its_code_and_qos_2_is_granted_1() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-18").await;
    let mut stream = RawStream::mqtt(&server).await;
    stream
        .send(&HubConnect::of(&server, "dev-18").key(&key).packet())
        .await;
    assert_eq!(stream.read_packet().await, [0x20, 2, 0, 0], "CONNACK");
    let filters = [
        ("$iothub/twin/res/#", QoS::AtMostOnce),
        ("$iothub/methods/POST/#", QoS::AtLeastOnce),
        ("$iothub/twin/PATCH/properties/desired/#", QoS::ExactlyOnce),
        ("devices/dev-18/messages/devicebound/#", QoS::ExactlyOnce),
    ];
    let mut packet = Vec::new();
    Subscribe::encode(PacketId::FIRST, &filters, &mut packet).unwrap();
    stream.send(&packet).await;
    assert_eq!(stream.read_packet().await, [0x90, 6, 0, 1, 0, 1, 1, 1], "SUBACK");
}
