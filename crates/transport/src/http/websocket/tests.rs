//! Upgrades and MQTT inside a WebSocket.

use std::sync::Arc;

use ::http::{Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::http::{HttpLimits, empty_body, serve};
use crate::mqtt::codec::{Packet, encode_pingreq};
use crate::mqtt::connection::{Connection, Limits, ReadError};
use crate::peer::Peer;
use crate::shutdown::ShutdownTrigger;

/// From RFC 6455 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn upgrade(protocols: &[&str]) -> Request<()> {
    let mut request = Request::get("/any/path?iothub-no-client-cert=true")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "WebSocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", KEY);
    for protocol in protocols {
        request = request.header("sec-websocket-protocol", *protocol);
    }
    request.body(()).unwrap()
}

#[test]
fn the_offered_spelling_of_mqtt_is_echoed() {
    for (offered, echoed) in [
        (&["mqtt"][..], "mqtt"),
        (&["MQTT"], "MQTT"),
        (&["AMQPWSB10, Mqtt"], "Mqtt"),
        (&["x", "mqtt"], "mqtt"),
    ] {
        let request = upgrade(offered);
        assert!(is_upgrade(&request));
        let response = accept(&request).unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()["sec-websocket-protocol"], echoed);
        assert_eq!(
            response.headers()["sec-websocket-accept"],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}

#[test]
fn unusable_upgrades_are_refused_with_a_reason() {
    let without = |name: &str| {
        let mut request = upgrade(&["mqtt"]);
        request.headers_mut().remove(name);
        request
    };
    assert!(!is_upgrade(&without("upgrade")));
    for (request, refusal, status) in [
        (upgrade(&[]), Refusal::Subprotocol, 400),
        (upgrade(&["AMQPWSB10"]), Refusal::Subprotocol, 400),
        (without("connection"), Refusal::Malformed, 400),
        (without("sec-websocket-key"), Refusal::Malformed, 400),
        (without("sec-websocket-version"), Refusal::Version, 426),
    ] {
        assert_eq!(accept(&request).unwrap_err(), refusal);
        assert_eq!(refusal.response().status().as_u16(), status);
    }
    let mut request = upgrade(&["mqtt"]);
    request
        .headers_mut()
        .insert("sec-websocket-key", "c2hvcnQ=".parse().unwrap());
    assert_eq!(accept(&request).unwrap_err(), Refusal::Malformed);
}

/// Serves MQTT that answers pings; returns the client's stream after the 101.
async fn upgraded() -> (DuplexStream, ShutdownTrigger) {
    let (near, mut far) = duplex(1 << 20);
    let (trigger, shutdown) = ShutdownTrigger::new();
    let peer = Peer {
        address: "127.0.0.1:1".parse().unwrap(),
        certificates: Arc::new([]),
    };
    let answer = |_, _| async { Response::new(empty_body()) };
    tokio::spawn(serve(
        near,
        peer,
        HttpLimits::default(),
        shutdown,
        answer,
        |io, _| answer_pings(io),
    ));
    let head = format!(
        "GET /$iothub/websocket HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\nsec-websocket-protocol: mqtt\r\n\r\n"
    );
    far.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(far.read_u8().await.unwrap());
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    (far, trigger)
}

async fn answer_pings(io: WebSocketIo<DuplexStream>) {
    let mut connection = Connection::new(io, Limits::default());
    loop {
        match connection.next().await {
            Ok(Some(incoming)) => {
                if matches!(incoming.packet, Packet::Pingreq) {
                    incoming.outbox.pingresp();
                }
                connection.flush().await.unwrap();
            }
            Ok(None) | Err(ReadError::Stream(_)) => return connection.close().await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// A masked frame with a mask of zeros.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0x80 | opcode, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

const BINARY: u8 = 2;
const PINGRESP: [u8; 4] = [0x82, 2, 0xd0, 0];

async fn read<const N: usize>(stream: &mut DuplexStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_packet_may_span_frames_and_a_frame_hold_packets() {
    let (mut client, _trigger) = upgraded().await;
    client.write_all(&frame(BINARY, &[0xc0])).await.unwrap();
    client.write_all(&frame(BINARY, &[])).await.unwrap();
    client.write_all(&frame(BINARY, &[0x00])).await.unwrap();
    assert_eq!(read(&mut client).await, PINGRESP);
    client
        .write_all(&frame(BINARY, &[0xc0, 0, 0xc0, 0]))
        .await
        .unwrap();
    assert_eq!(read(&mut client).await, PINGRESP);
    assert_eq!(read(&mut client).await, PINGRESP);
}

#[tokio::test(start_paused = true)]
async fn pings_and_closes_of_the_websocket_are_answered() {
    let (mut client, _trigger) = upgraded().await;
    client.write_all(&frame(9, b"hi")).await.unwrap();
    assert_eq!(read(&mut client).await, [0x8a, 2, b'h', b'i']);
    client
        .write_all(&frame(8, &1_000_u16.to_be_bytes()))
        .await
        .unwrap();
    assert_eq!(read(&mut client).await, [0x88, 2, 0x03, 0xe8]);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "the stream ends");
}

#[tokio::test(start_paused = true)]
async fn text_and_unmasked_frames_end_the_connection() {
    for bytes in [frame(1, b"hi"), vec![0x82, 2, 0xc0, 0]] {
        let (mut client, _trigger) = upgraded().await;
        client.write_all(&bytes).await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(!rest.ends_with(&PINGRESP));
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_over_the_limit_ends_the_connection() {
    let (mut client, _trigger) = upgraded().await;
    let length = u64::try_from(WebSocketLimits::default().max_message_bytes + 1).unwrap();
    let head = [&[0x82, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
    client.write_all(&head).await.unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn both_sides_carry_mqtt_unchanged() {
    let (client, _trigger) = upgraded().await;
    let io = WebSocketIo::client(client, &[], WebSocketLimits::default()).await;
    let mut connection = Connection::new(io, Limits::default());
    encode_pingreq(connection.outbox().buffer());
    connection.flush().await.unwrap();
    let incoming = connection.next().await.unwrap().unwrap();
    assert!(matches!(incoming.packet, Packet::Pingresp));
    connection.close().await;
}
