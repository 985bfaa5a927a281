//! iot-hub-device-api.md 4.4 and 6: cloud-to-device messages over MQTT.

use std::time::Duration;

use provost_device::mqtt::{Message, MqttClient};
use provost_testkit::{HubConnect, RawStream, TestServer};
use provost_transport::mqtt::codec::{Acknowledgement, PacketId, QoS, Subscribe};
use provost_wire::hub::device::parse_bag;
use serde_json::json;

use super::device_connect::device_with_key;
use super::messages_over_https::{device_api, feedback, send};

const SOON: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_millis(300);

fn filter(id: &str) -> String {
    format!("devices/{id}/messages/devicebound/#")
}

async fn next(client: &mut MqttClient) -> Message {
    client.next_publish(SOON).await.unwrap().expect("a message")
}

async fn count(server: &TestServer, id: &str) -> u64 {
    let shown = server.hub_api().get(&format!("/devices/{id}")).await.ok();
    shown["cloudToDeviceMessageCount"].as_u64().expect("a count")
}

/// Waits until so many messages wait for a device.
async fn waiting(server: &TestServer, id: &str, expected: u64) {
    let reached = async {
        while count(server, id).await != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, reached)
        .await
        .expect("the queue changes");
}

#[tokio::test]
async fn a_listening_device_gets_a_message_at_once_and_its_acknowledgement_completes_it() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-1").await;
    let mut session = device.connect(&server).await.unwrap();
    let client = session.mqtt();
    client
        .subscribe(&[(&filter("dev-1"), QoS::AtLeastOnce)])
        .await
        .unwrap();
    let message = json!({
        "messageId": "m/1", "contentType": "application/json", "ack": "full",
        "properties": { "Line": "7 a" }, "body": "b24=",
    });
    send(&server, "dev-1", message).await.ok();
    let heard = next(client).await;
    assert_eq!((heard.qos, &*heard.payload), (QoS::AtLeastOnce, &b"on"[..]));
    let bag = heard
        .topic
        .strip_prefix("devices/dev-1/messages/devicebound/")
        .expect("the device's topic");
    assert!(bag.starts_with("%24.mid=m%2F1&"), "{bag}");
    assert!(bag.contains("%24.to=%2Fdevices%2Fdev-1%2Fmessages%2FdeviceBound&"));
    let bag = parse_bag(bag).unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
    assert_eq!(bag.properties, [pair("iothub-ack", "full"), pair("Line", "7 a")]);
    waiting(&server, "dev-1", 0).await;
    assert_eq!(
        feedback(&server).await,
        [("m/1".to_owned(), "Success".to_owned())]
    );
}

#[tokio::test]
async fn messages_that_waited_come_in_order_however_many_there_are() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-2").await;
    for qos in [QoS::AtLeastOnce, QoS::AtMostOnce] {
        for n in 0..40 {
            send(&server, "dev-2", json!({ "messageId": n.to_string() }))
                .await
                .ok();
        }
        let mut session = device.connect(&server).await.unwrap();
        let client = session.mqtt();
        client.subscribe(&[(&filter("dev-2"), qos)]).await.unwrap();
        for n in 0..40 {
            let heard = next(client).await;
            assert_eq!(heard.qos, qos);
            assert!(heard.topic.contains(&format!("/%24.mid={n}&")), "{}", heard.topic);
        }
        waiting(&server, "dev-2", 0).await;
        client.unsubscribe(&[&filter("dev-2")]).await.unwrap();
    }
}

#[tokio::test]
async fn who_unsubscribed_or_never_subscribed_gets_nothing() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-3").await;
    let mut session = device.connect(&server).await.unwrap();
    let client = session.mqtt();
    send(&server, "dev-3", json!({})).await.ok();
    assert_eq!(client.next_publish(QUIET).await.unwrap(), None);
    client
        .subscribe(&[(&filter("dev-3"), QoS::AtLeastOnce)])
        .await
        .unwrap();
    next(client).await;
    client.unsubscribe(&[&filter("dev-3")]).await.unwrap();
    send(&server, "dev-3", json!({})).await.ok();
    assert_eq!(client.next_publish(QUIET).await.unwrap(), None);
    assert_eq!(count(&server, "dev-3").await, 1);
}

/// A session that acknowledges only what it is told to.
struct Mute {
    stream: RawStream,
}

/// A message as it came: DUP, packet identifier, and everything else.
struct Raw {
    duplicate: bool,
    packet_id: u16,
    text: String,
}

impl Mute {
    async fn open(server: &TestServer, connect: &HubConnect<'_>, id: &str) -> Self {
        let mut stream = RawStream::mqtt(server).await;
        stream.send(&connect.packet()).await;
        assert_eq!(stream.read_packet().await[3], 0);
        let mut subscribe = Vec::new();
        let filters = filter(id);
        Subscribe::encode(PacketId::FIRST, &[(&filters, QoS::AtLeastOnce)], &mut subscribe).unwrap();
        stream.send(&subscribe).await;
        assert_eq!(stream.read_packet().await[0] >> 4, 9);
        Self { stream }
    }

    async fn next(&mut self) -> Raw {
        let packet = self.stream.read_packet().await;
        assert_eq!((packet[0] >> 4, packet[0] >> 1 & 3), (3, 1), "a message at QoS 1");
        // The remaining length of these takes two bytes.
        let topic = usize::from(u16::from_be_bytes([packet[3], packet[4]]));
        let (id, text) = (5 + topic, String::from_utf8_lossy(&packet[5..]).into_owned());
        Raw {
            duplicate: packet[0] & 8 != 0,
            packet_id: u16::from_be_bytes([packet[id], packet[id + 1]]),
            text,
        }
    }

    async fn acknowledge(&mut self, packet_id: u16) {
        let mut packet = Vec::new();
        Acknowledgement::Puback.encode(PacketId::new(packet_id).unwrap(), &mut packet);
        self.stream.send(&packet).await;
    }
}

#[tokio::test]
async fn a_message_that_is_not_acknowledged_comes_again_with_dup_and_its_packet_identifier() {
    let server = TestServer::start_configured(|config| {
        config.messages.lock = Duration::from_millis(400);
        config.messages.max_delivery_count = 3;
    })
    .await;
    let (_, key) = device_with_key(&server, "dev-4").await;
    let connect = HubConnect::of(&server, "dev-4").key(&key);
    let mut device = Mute::open(&server, &connect, "dev-4").await;
    let message = json!({ "messageId": "m", "ack": "full" });
    send(&server, "dev-4", message).await.ok();
    let first = device.next().await;
    assert!(!first.duplicate);
    for _ in 0..2 {
        let again = device.next().await;
        assert_eq!((again.duplicate, again.packet_id), (true, first.packet_id));
        assert_eq!(again.text, first.text);
    }
    // Three times are enough.
    waiting(&server, "dev-4", 0).await;
    assert_eq!(
        feedback(&server).await,
        [("m".to_owned(), "DeliveryCountExceeded".to_owned())]
    );
}

#[tokio::test]
async fn the_window_holds_eight_and_an_acknowledgement_makes_room() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-5").await;
    for n in 0..9 {
        send(&server, "dev-5", json!({ "messageId": n.to_string() }))
            .await
            .ok();
    }
    let connect = HubConnect::of(&server, "dev-5").key(&key);
    let mut device = Mute::open(&server, &connect, "dev-5").await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(device.next().await.packet_id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    // The ninth waits, as another reader sees.
    let api = device_api(&server, "dev-5", &key);
    let ninth = api.get("/devices/dev-5/messages/devicebound").await;
    assert_eq!(ninth.header("iothub-messageid").as_deref(), Some("8"));
    let lock = ninth.header("etag").unwrap().replace('"', "");
    let abandon = format!("/devices/dev-5/messages/devicebound/{lock}/abandon");
    api.post(&abandon, &json!({})).await.no_content();
    // An acknowledgement of nothing does no harm and makes no room.
    device.acknowledge(999).await;
    device.acknowledge(ids[3]).await;
    let last = device.next().await;
    assert!(last.text.contains("%24.mid=8&"), "{}", last.text);
    assert!(!ids.contains(&last.packet_id) || last.packet_id == ids[3]);
}

#[tokio::test]
async fn what_was_on_its_way_at_a_disconnect_comes_back_after_the_lock() {
    let server = TestServer::start_configured(|config| {
        config.messages.lock = Duration::from_millis(500);
    })
    .await;
    let (device, key) = device_with_key(&server, "dev-6").await;
    let connect = HubConnect::of(&server, "dev-6").key(&key);
    let mut lost = Mute::open(&server, &connect, "dev-6").await;
    send(&server, "dev-6", json!({ "messageId": "m" })).await.ok();
    lost.next().await;
    drop(lost);
    let mut session = device.connect(&server).await.unwrap();
    let client = session.mqtt();
    client
        .subscribe(&[(&filter("dev-6"), QoS::AtLeastOnce)])
        .await
        .unwrap();
    assert!(next(client).await.topic.contains("%24.mid=m&"));
    waiting(&server, "dev-6", 0).await;
}

#[tokio::test]
async fn a_kept_session_gets_what_waited_without_subscribing_again() {
    let mut server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-7").await;
    let mut session = device.connect(&server).await.unwrap();
    session
        .mqtt()
        .subscribe(&[(&filter("dev-7"), QoS::AtLeastOnce)])
        .await
        .unwrap();
    session.disconnect().await;
    send(&server, "dev-7", json!({ "messageId": "m" })).await.ok();
    server.restart().await;
    let mut session = device.connect(&server).await.unwrap();
    assert!(next(session.mqtt()).await.topic.contains("%24.mid=m&"));
    waiting(&server, "dev-7", 0).await;
}
