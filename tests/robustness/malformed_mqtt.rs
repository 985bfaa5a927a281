use std::time::Duration;

use provost_testkit::{Device, HubConnect, RawStream, Via, assigned};
use provost_transport::mqtt::codec::{Delivery, PacketId, Publish, QoS, Subscribe};

use super::Witness;

const CONNACK_ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

/// A CONNECT with this protocol name and level.
fn connect(protocol: &[u8], level: u8, flags: u8) -> Vec<u8> {
    let mut body = vec![0, u8::try_from(protocol.len()).unwrap()];
    body.extend_from_slice(protocol);
    body.extend_from_slice(&[level, flags, 0, 60, 0, 1, b'a']);
    let mut packet = vec![0x10, u8::try_from(body.len()).unwrap()];
    packet.extend(body);
    packet
}

#[tokio::test]
async fn what_does_not_begin_with_a_connect_is_closed() {
    let mut witness = Witness::new().await;
    let openings: [Vec<u8>; 8] = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xc0, 0],
        vec![0x10, 0xff, 0xff, 0xff, 0xff, 0xff],
        // Announces 256 MB.
        vec![0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4],
        vec![0x00, 0x00],
        connect(b"MQTT", 4, 3),
        connect(b"MQTT", 4, 0xc2),
        vec![0x1f, 2, 0, 0],
    ];
    for opening in openings {
        let mut stream = RawStream::mqtt(&witness.server).await;
        stream.send(&opening).await;
        assert_eq!(stream.read_to_close().await, b"", "{opening:02x?}");
    }
    witness.is_unharmed().await;
}

#[tokio::test]
async fn another_protocol_level_and_a_strange_user_name_are_told() {
    let mut witness = Witness::new().await;
    for (opening, code) in [
        (connect(b"MQTT", 5, 2), 1),
        (connect(b"MQXX", 4, 2), 1),
        (connect(b"MQIsdp", 3, 2), 1),
        (connect(b"MQTT", 4, 2), 5),
    ] {
        let mut stream = RawStream::mqtt(&witness.server).await;
        stream.send(&opening).await;
        assert_eq!(stream.read_to_close().await, [0x20, 2, 0, code], "{opening:02x?}");
    }
    witness.is_unharmed().await;
}

#[tokio::test]
async fn a_device_that_breaks_the_rules_loses_its_own_session_only() {
    let mut witness = Witness::new().await;
    let device = Device::of_group("rude", witness.group_key());
    assigned(device.register(&witness.server, Via::Mqtt).await);
    let key = provost_attestation::symmetric::derive_device_key(witness.group_key(), "rude");
    let hello = HubConnect::of(&witness.server, "rude").key(&key).packet();
    for (what, packet) in violations(&hello) {
        let mut stream = RawStream::mqtt(&witness.server).await;
        stream.send(&hello).await;
        assert_eq!(stream.read_packet().await, CONNACK_ACCEPTED, "{what}");
        stream.send(&packet).await;
        assert_eq!(stream.read_to_close().await, b"", "{what}");
    }
    witness.is_unharmed().await;
}

fn violations(hello: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let telemetry = "devices/rude/messages/events/";
    vec![
        ("second CONNECT", hello.to_vec()),
        (
            "QoS 2",
            publish(telemetry, b"{}", Delivery::ExactlyOnce(PacketId::FIRST)),
        ),
        ("QoS 3", vec![0x36, 5, 0, 1, b'a', 0, 1]),
        (
            "wildcard in a topic",
            publish("devices/#", b"", Delivery::AtMostOnce),
        ),
        (
            "foreign topic",
            publish("devices/witness/messages/events/", b"", Delivery::AtMostOnce),
        ),
        ("unknown topic", publish("anything", b"", Delivery::AtMostOnce)),
        (
            "over 256 KB",
            publish(telemetry, &vec![b'x'; 300 * 1024], Delivery::AtMostOnce),
        ),
        ("not UTF-8", vec![0x30, 4, 0, 2, 0xc3, 0x28]),
        (
            "topic longer than the packet",
            vec![0x30, 4, 0xff, 0xff, b'a', b'b'],
        ),
        ("packet id 0", vec![0x32, 5, 0, 1, b'a', 0, 0]),
        ("SUBSCRIBE without filters", vec![0x82, 2, 0, 1]),
        (
            "SUBSCRIBE with the wrong flags",
            vec![0x80, 6, 0, 1, 0, 1, b'a', 0],
        ),
        (
            "foreign filter",
            subscribe("devices/witness/messages/devicebound/#"),
        ),
        ("unknown filter", subscribe("#")),
        ("packet of a server", vec![0xd0, 0]),
        ("reserved packet type", vec![0xf0, 0]),
    ]
}

fn publish(topic: &str, payload: &[u8], delivery: Delivery) -> Vec<u8> {
    let mut packet = Vec::new();
    let publish = Publish {
        topic,
        payload,
        delivery,
        duplicate: false,
        retain: false,
    };
    if publish.encode(&mut packet).is_ok() {
        return packet;
    }
    // What the codec does not write is put together by hand.
    let body = [
        &[0, u8::try_from(topic.len()).unwrap()],
        topic.as_bytes(),
        payload,
    ]
    .concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
}

fn subscribe(filter: &str) -> Vec<u8> {
    let mut packet = Vec::new();
    Subscribe::encode(PacketId::FIRST, &[(filter, QoS::AtMostOnce)], &mut packet).unwrap();
    packet
}

#[tokio::test]
async fn who_never_sends_a_connect_is_closed() {
    let mut witness = Witness::new().await;
    let mut stream = RawStream::mqtt(&witness.server).await;
    stream.send(&[0x10]).await;
    let said = stream.read_to_close_within(Duration::from_secs(40)).await;
    assert_eq!(
        said.as_deref(),
        Some(&b""[..]),
        "a CONNECT that never ends is not waited for"
    );
    witness.is_unharmed().await;
}
