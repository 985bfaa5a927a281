//! iot-hub-device-api.md 4.3 to 4.5 and 18: what a device may say, and what is said for it.

use std::time::{Duration, Instant};

use provost_model::SymmetricKey;
use provost_testkit::{HubConnect, RawStream, TestServer, connack_code, eventually};
use provost_transport::mqtt::codec::{Delivery, PacketId, Publish, QoS};
use serde_json::{Value, json};

use super::device_connect::device_with_key;

const SOON: Duration = Duration::from_secs(10);
const NOT_AUTHORIZED: u8 = 5;

/// Everything the hub has taken in so far.
async fn telemetry(server: &TestServer) -> Vec<Value> {
    let path = format!("/provost/hubs/{}/telemetry?after=0", server.hub().name);
    let page = server.hub_api().get(&path).await.ok();
    page["value"].as_array().expect("messages").clone()
}

fn payloads(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .filter_map(|message| message["body"].as_str())
        .collect()
}

fn will_of<'a>(server: &'a TestServer, id: &str, key: &SymmetricKey) -> HubConnect<'a> {
    let topic = format!("devices/{id}/messages/events/hall=7");
    HubConnect::of(server, id)
        .key(key)
        .will(&topic, b"gone", QoS::AtLeastOnce)
}

#[tokio::test]
async fn d_11_a_session_ends_with_its_token_and_the_grace() {
    let (server, clock) = TestServer::start_with_clock().await;
    let (_, key) = device_with_key(&server, "dev-11").await;
    let host = &server.hub().host;
    let resource = format!("{host}/devices/dev-11");
    let token_over_since = |gone: Duration| {
        let expires_at = provost_model::Clock::now(&clock).before(gone);
        HubConnect::of(&server, "dev-11").token(&resource, &key, expires_at, None)
    };
    // Five minutes of grace, of which two seconds are left, or one: a token counts whole seconds.
    let connected_at = Instant::now();
    let mut late = token_over_since(Duration::from_secs(298))
        .connect()
        .await
        .unwrap();
    assert!(late.closed(SOON).await, "the token is over");
    let after = connected_at.elapsed();
    assert!(
        (900..8_000).contains(&after.as_millis()),
        "after {after:?}, not 2 s"
    );
    let refused = token_over_since(Duration::from_secs(302)).connect().await;
    assert_eq!(connack_code(refused), NOT_AUTHORIZED);
    let mut renewed = HubConnect::of(&server, "dev-11")
        .key(&key)
        .connect()
        .await
        .unwrap();
    assert!(
        !renewed.closed(Duration::from_secs(3)).await,
        "a renewed one stays"
    );
}

#[tokio::test]
async fn d_16_a_foreign_filter_among_good_ones_closes_and_a_sixth_does() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-16").await;
    let (_, other_key) = device_with_key(&server, "other").await;
    let mut other = HubConnect::of(&server, "other")
        .key(&other_key)
        .connect()
        .await
        .unwrap();
    let five = [
        "$iothub/twin/res/#",
        "$iothub/twin/PATCH/properties/desired/#",
        "$iothub/methods/POST/#",
        "$iothub/credentials/res/#",
        "devices/dev-16/messages/devicebound/#",
    ]
    .map(|filter| (filter, QoS::AtMostOnce));
    for sixth in [
        "devices/other/messages/devicebound/#",
        "devices/dev-16/modules/m/inputs/#",
        "devices/dev-16/messages/events/#",
        "$iothub/#",
    ] {
        let mut client = HubConnect::of(&server, "dev-16")
            .key(&key)
            .connect()
            .await
            .unwrap();
        client.subscribe(&five).await.unwrap();
        // The same again is no sixth.
        client.subscribe(&five[..2]).await.unwrap();
        assert!(
            client
                .subscribe(&[five[0], (sixth, QoS::AtMostOnce)])
                .await
                .is_err(),
            "{sixth}"
        );
        assert!(client.closed(SOON).await, "{sixth}");
    }
    other
        .publish("devices/other/messages/events/", b"{}", QoS::AtLeastOnce)
        .await
        .expect("others are not disturbed");
}

#[tokio::test]
async fn d_17_retain_is_accepted_and_said_to_the_back_end() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-17").await;
    let mut stream = RawStream::mqtt(&server).await;
    stream
        .send(&HubConnect::of(&server, "dev-17").key(&key).packet())
        .await;
    assert_eq!(stream.read_packet().await, [0x20, 2, 0, 0], "CONNACK");
    let publish = Publish {
        topic: "devices/dev-17/messages/events/",
        payload: b"kept?",
        delivery: Delivery::AtLeastOnce(PacketId::FIRST),
        duplicate: false,
        retain: true,
    };
    let mut packet = Vec::new();
    publish.encode(&mut packet).unwrap();
    stream.send(&packet).await;
    assert_eq!(stream.read_packet().await, [0x40, 2, 0, 1], "PUBACK");
    let messages = telemetry(&server).await;
    assert_eq!(messages[0]["properties"], json!({ "mqtt-retain": "true" }));
}

#[tokio::test]
async fn d_17_a_will_is_stored_when_the_device_is_lost_whoever_ended_it() {
    let server = TestServer::start().await;
    for (id, what) in [("cut", "stream"), ("taken", "takeover"), ("out", "disabled")] {
        let (device, key) = device_with_key(&server, id).await;
        let client = will_of(&server, id, &key).connect().await.unwrap();
        match what {
            "stream" => drop(client),
            "takeover" => device.connect(&server).await.unwrap().disconnect().await,
            _ => {
                let body = json!({ "deviceId": id, "status": "disabled" });
                let path = format!("/devices/{id}");
                server.hub_api().put_if(&path, "*", &body).await.ok();
            }
        }
        let will = eventually("the will is stored", async || {
            let messages = telemetry(&server).await;
            messages.into_iter().find(|message| message["deviceId"] == id)
        })
        .await;
        assert_eq!(
            will["properties"],
            json!({ "hall": "7", "iothub-MessageType": "Will" }),
            "{what}"
        );
        assert_eq!(will["body"], "Z29uZQ==", "{what}");
    }
}

#[tokio::test]
async fn d_17_a_device_that_says_goodbye_leaves_no_will() {
    let server = TestServer::start().await;
    let (device, key) = device_with_key(&server, "dev-17").await;
    let client = will_of(&server, "dev-17", &key).connect().await.unwrap();
    client.disconnect().await;
    eventually("the device is gone", async || {
        let shown = server.hub_api().get("/devices/dev-17").await.ok();
        (shown["connectionState"] == "Disconnected").then_some(())
    })
    .await;
    // A message that comes after whatever a will would have been.
    let mut session = device.connect(&server).await.unwrap();
    session.send_telemetry(b"later", &[]).await.unwrap();
    assert_eq!(payloads(&telemetry(&server).await), ["bGF0ZXI="]);
}

#[tokio::test]
async fn d_17_a_will_that_is_not_the_devices_own_message_is_refused() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-17").await;
    for (topic, qos) in [
        ("devices/other/messages/events/", QoS::AtMostOnce),
        ("devices/dev-17/modules/m/messages/events/", QoS::AtMostOnce),
        ("devices/dev-17/messages/devicebound/", QoS::AtMostOnce),
        ("anything", QoS::AtMostOnce),
        ("devices/dev-17/messages/events/", QoS::ExactlyOnce),
    ] {
        let connect = HubConnect::of(&server, "dev-17")
            .key(&key)
            .will(topic, b"gone", qos);
        assert_eq!(connack_code(connect.connect().await), NOT_AUTHORIZED, "{topic}");
    }
    assert_eq!(telemetry(&server).await, Vec::<Value>::new());
}

#[tokio::test]
async fn d_18_filters_in_one_packet_are_all_heard() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-18").await;
    let mut client = HubConnect::of(&server, "dev-18")
        .key(&key)
        .connect()
        .await
        .unwrap();
    let filters = ["$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#"];
    client
        .subscribe(&filters.map(|filter| (filter, QoS::AtLeastOnce)))
        .await
        .unwrap();
    client
        .publish("$iothub/twin/GET/?$rid=1", b"", QoS::AtMostOnce)
        .await
        .unwrap();
    let answer = client.next_publish(SOON).await.unwrap().expect("an answer");
    // Answers are QoS 0 whatever was granted (iot-hub-device-api.md 4.4).
    assert_eq!(
        (answer.topic.as_str(), answer.qos),
        ("$iothub/twin/res/200/?$rid=1", QoS::AtMostOnce)
    );
    let body = json!({ "properties": { "desired": { "rate": 1 } } });
    server.hub_api().patch("/twins/dev-18", &body).await.ok();
    let told = client.next_publish(SOON).await.unwrap().expect("a notification");
    assert_eq!(told.topic, "$iothub/twin/PATCH/properties/desired/?$version=2");
    // Unsubscribed from one of them, the other is still heard.
    client.unsubscribe(&[filters[1]]).await.unwrap();
    server.hub_api().patch("/twins/dev-18", &body).await.ok();
    client
        .publish("$iothub/twin/GET/?$rid=2", b"", QoS::AtMostOnce)
        .await
        .unwrap();
    let answer = client.next_publish(SOON).await.unwrap().expect("an answer");
    assert_eq!(answer.topic, "$iothub/twin/res/200/?$rid=2");
}
