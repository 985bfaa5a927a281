//! iot-hub-device-api.md 4.4 and 5: telemetry in, and out to back ends.

use std::time::{Duration, Instant};

use provost_device::hub::HubSession;
use provost_model::Retention;
use provost_testkit::{HubConnect, RawStream, TestServer, eventually};
use provost_transport::mqtt::codec::{Delivery, PacketId, Publish};
use serde_json::{Value, json};

use super::device_connect::device_with_key;

/// How soon C has to see its PUBACK before it publishes again.
const C_REPUBLISHES: Duration = Duration::from_secs(3);

pub(super) fn base(server: &TestServer) -> String {
    format!("/provost/hubs/{}", server.hub().name)
}

pub(super) async fn connected(server: &TestServer, id: &str) -> HubSession {
    let (device, _) = device_with_key(server, id).await;
    device.connect(server).await.expect("the device connects")
}

async fn page(server: &TestServer, query: &str) -> Value {
    let path = format!("{}/telemetry?{query}", base(server));
    server.hub_api().get(&path).await.ok()
}

fn numbers(page: &Value) -> Vec<i64> {
    let items = page["value"].as_array().expect("messages").iter();
    items
        .map(|item| item["sequenceNumber"].as_i64().expect("a number"))
        .collect()
}

async fn stored(server: &TestServer) -> i64 {
    let path = format!("{}/telemetry/partitions", base(server));
    let answer = server.hub_api().get(&path).await.ok();
    let partitions = answer["value"].as_array().expect("partitions").iter();
    partitions
        .map(|partition| {
            partition["lastEnqueuedSequenceNumber"]
                .as_i64()
                .expect("a number")
                + 1
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_19_telemetry_at_qos_1_is_acknowledged_within_three_seconds_at_full_load() {
    let server = TestServer::start().await;
    let mut load = Vec::new();
    for number in 0..10 {
        let mut session = connected(&server, &format!("press-{number}")).await;
        load.push(tokio::spawn(async move {
            let sent = session.send_telemetry_all(&[b'x'; 200], 400, 32).await;
            sent.expect("all are acknowledged, in order");
        }));
    }
    let mut witness = connected(&server, "witness").await;
    let mut slowest = Duration::ZERO;
    let mut count = 0;
    while load.iter().any(|sending| !sending.is_finished()) {
        let began = Instant::now();
        witness.send_telemetry(b"{}", &[]).await.unwrap();
        slowest = slowest.max(began.elapsed());
        count += 1;
    }
    for sending in load {
        sending.await.unwrap();
    }
    assert!(
        count > 0 && slowest < C_REPUBLISHES,
        "{count} sent, slowest {slowest:?}"
    );
    assert_eq!(stored(&server).await, 4_000 + count);
}

#[tokio::test]
async fn d_17_retain_is_accepted_not_retained_and_told_to_the_back_end() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-17").await;
    let mut stream = RawStream::mqtt(&server).await;
    stream
        .send(&HubConnect::of(&server, "dev-17").key(&key).packet())
        .await;
    stream.read_packet().await;
    let publish = Publish {
        topic: "devices/dev-17/messages/events/a=1",
        payload: b"{}",
        delivery: Delivery::AtLeastOnce(PacketId::FIRST),
        duplicate: false,
        retain: true,
    };
    let mut packet = Vec::new();
    publish.encode(&mut packet).unwrap();
    stream.send(&packet).await;
    assert_eq!(stream.read_packet().await, [0x40, 2, 0, 1]);
    let page = page(&server, "from=earliest").await;
    assert_eq!(
        page["value"][0]["properties"],
        json!({ "a": "1", "mqtt-retain": "true" })
    );
}

/// MQTT-4.6.0-2: whatever they are about, acknowledgements leave in the order of the messages.
#[tokio::test]
async fn d_19_acknowledgements_keep_the_order_of_messages() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-1").await;
    let mut stream = RawStream::mqtt(&server).await;
    stream
        .send(&HubConnect::of(&server, "dev-1").key(&key).packet())
        .await;
    stream.read_packet().await;
    let mut packets = Vec::new();
    let mut packet_id = PacketId::FIRST;
    for turn in 0..60 {
        let topic = match turn % 3 {
            0 => "devices/dev-1/messages/events/",
            1 => "$iothub/twin/PATCH/properties/reported/?$rid=1",
            _ => "$iothub/twin/GET/?$rid=2",
        };
        let publish = Publish {
            topic,
            payload: b"{}",
            delivery: Delivery::AtLeastOnce(packet_id),
            duplicate: false,
            retain: false,
        };
        publish.encode(&mut packets).unwrap();
        packet_id = packet_id.next();
    }
    stream.send(&packets).await;
    for expected in 1..=60 {
        assert_eq!(stream.read_packet().await, [0x40, 2, 0, expected]);
    }
    assert_eq!(stored(&server).await, 20);
}

#[tokio::test]
async fn a_page_names_the_sender_and_goes_on_where_the_last_one_ended() {
    let mut server = TestServer::start().await;
    let mut session = connected(&server, "press-1").await;
    let properties = [("$.ct", "application/json"), ("hall", "7")];
    session.send_telemetry(b"{\"t\":1}", &properties).await.unwrap();
    session.send_telemetry_all(b"{}", 9, 4).await.unwrap();
    let first = page(&server, "from=earliest&limit=4").await;
    assert_eq!(numbers(&first), [0, 1, 2, 3]);
    let item = &first["value"][0];
    assert_eq!(
        (&item["deviceId"], &item["properties"], &item["body"]),
        (&json!("press-1"), &json!({ "hall": "7" }), &json!("eyJ0IjoxfQ=="))
    );
    let system = &item["systemProperties"];
    assert_eq!(system["ct"], "application/json");
    assert_eq!(system["iothub-connection-device-id"], "press-1");
    assert_eq!(system["iothub-enqueuedtime"], item["enqueuedTimeUtc"]);
    let next = first["next"].as_str().unwrap().to_owned();
    let second = page(&server, &format!("after={next}")).await;
    assert_eq!(numbers(&second), [4, 5, 6, 7, 8, 9]);

    // What was acknowledged outlives the server, and numbers go on.
    drop(session);
    server.restart().await;
    let again = page(&server, &format!("after={next}")).await;
    assert_eq!(again, second);
    let key = server.hub_api().get("/devices/press-1").await.ok();
    let key = key["authentication"]["symmetricKey"]["primaryKey"]
        .as_str()
        .unwrap();
    let key = provost_model::SymmetricKey::parse(key).unwrap();
    let device = provost_testkit::Device::with_key("press-1", &key);
    let mut session = device.connect(&server).await.unwrap();
    session.send_telemetry(b"{}", &[]).await.unwrap();
    let next = second["next"].as_str().unwrap();
    let last = page(&server, &format!("after={next}&wait=10")).await;
    assert_eq!(numbers(&last), [10]);
    for bad in [
        "after=9-1",
        "partition=9",
        "partition=0&sequenceNumber=99",
        "from=soon",
    ] {
        let path = format!("{}/telemetry?{bad}", base(&server));
        assert_eq!(server.hub_api().get(&path).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_consumer_group_remembers_and_two_readers_do_not_overwrite_each_other() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    let mut session = connected(&server, "press-1").await;
    session.send_telemetry_all(b"{}", 5, 5).await.unwrap();
    let partition = page(&server, "from=earliest").await["value"][0]["partitionId"].clone();
    let partition = partition.as_str().unwrap();
    let group = format!("{}/consumerGroups/dashboard", base(&server));
    let made = api.put(&group, &json!({})).await.ok();
    assert_eq!(made["name"], "dashboard");
    let checkpoint = format!("{group}/partitions/{partition}/checkpoint");
    let put = |number: i64, previous: Value| {
        let body = json!({ "sequenceNumber": number, "previous": previous });
        let (api, checkpoint) = (api.clone(), checkpoint.clone());
        async move { api.put(&checkpoint, &body).await }
    };
    put(3, Value::Null).await.ok();
    put(4, Value::Null).await.refused_by_hub(412_001);
    put(2, json!(1)).await.refused_by_hub(412_001);
    put(9, json!(3)).await.refused_by_hub(400_004);
    put(4, json!(3)).await.ok();
    let left = page(&server, &format!("consumerGroup=dashboard&partition={partition}")).await;
    assert_eq!(numbers(&left), [4]);
    let shown = api.get(&group).await.ok();
    assert_eq!(shown["checkpoints"][0]["sequenceNumber"], 4);
    let listed = api.get(&format!("{}/consumerGroups", base(&server))).await.ok();
    let names: Vec<&Value> = listed["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["name"])
        .collect();
    assert_eq!(names, ["$Default", "dashboard"]);
    assert_eq!(api.delete(&group).await.status, 204);
    api.get(&group).await.refused_by_hub(404_050);
    let of_none = format!("{}/telemetry?consumerGroup=dashboard", base(&server));
    api.get(&of_none).await.refused_by_hub(404_050);
}

#[tokio::test]
async fn what_retention_took_is_told_to_who_comes_too_late_and_counted() {
    let server = TestServer::start_configured(|config| {
        config.telemetry = Retention {
            bytes: 50_000,
            ..Retention::default()
        };
    })
    .await;
    let mut session = connected(&server, "press-1").await;
    session.send_telemetry(b"first", &[]).await.unwrap();
    let begin = page(&server, "from=earliest&limit=1").await;
    for _ in 0..20 {
        session.send_telemetry_all(&[b'x'; 1000], 10, 10).await.unwrap();
    }
    let partition = begin["value"][0]["partitionId"].as_str().unwrap().to_owned();
    let path = format!("{}/telemetry/partitions", base(&server));
    let removed = eventually("the buffer is cut", async || {
        let answer = server.hub_api().get(&path).await.ok();
        let partitions = answer["value"].as_array().unwrap();
        let mine = partitions
            .iter()
            .find(|shown| shown["partitionId"] == *partition)
            .unwrap();
        let (removed, bytes) = (mine["removed"].as_i64().unwrap(), mine["bytes"].as_i64().unwrap());
        (bytes <= 50_000).then_some(removed)
    })
    .await;
    assert!(removed > 100, "{removed}");
    let late = page(
        &server,
        &format!("after={}&limit=1", begin["next"].as_str().unwrap()),
    )
    .await;
    assert_eq!(
        late["lost"],
        json!([{ "partitionId": partition, "count": removed - 1 }])
    );
    assert_eq!(numbers(&late), [removed]);
    let next = late["next"].as_str().unwrap();
    assert_eq!(
        page(&server, &format!("after={next}&limit=1")).await["lost"],
        json!([])
    );
    let metrics = server.own_api().get("/provost/metrics").await;
    let text = String::from_utf8(metrics.raw.to_vec()).unwrap();
    for (name, count) in [("messages", 201), ("removed", removed)] {
        let hub = server.hub().name.to_lowercase();
        let line = format!("provost_telemetry_{name}_total{{hub=\"{hub}\"}} {count}");
        assert!(text.contains(&line), "{line} is not in {text}");
    }
}
