use provost_testkit::RawStream;

use super::Witness;

const GOOD: &str = "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

#[tokio::test]
async fn malformed_handshakes_are_refused() {
    let mut witness = Witness::new().await;
    for (what, request) in [
        (
            "no key",
            GOOD.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ),
        ("short key", GOOD.replace("dGhlIHNhbXBsZSBub25jZQ==", "aGVsbG8=")),
        ("old version", GOOD.replace("Version: 13", "Version: 8")),
        (
            "no sub-protocol",
            GOOD.replace("Sec-WebSocket-Protocol: mqtt\r\n", ""),
        ),
        (
            "another sub-protocol",
            GOOD.replace("Protocol: mqtt", "Protocol: soap"),
        ),
        ("not GET", GOOD.replace("GET ", "POST ")),
    ] {
        let mut stream = RawStream::https(&witness.server).await;
        stream.send(request.as_bytes()).await;
        let head = stream.read_head().await;
        assert!(head.starts_with("HTTP/1.1 4"), "{what}: {head}");
    }
    witness.is_unharmed().await;
}

#[tokio::test]
async fn malformed_frames_close_the_connection() {
    let mut witness = Witness::new().await;
    let mask = [1, 2, 3, 4];
    let frames: [(&str, Vec<u8>); 9] = [
        ("not masked", vec![0x82, 2, 0xc0, 0]),
        ("text", [&[0x81, 0x82][..], &mask, &[b'h' ^ 1, b'i' ^ 2]].concat()),
        ("reserved bits", [&[0xf2, 0x80][..], &mask].concat()),
        ("reserved opcode", [&[0x83, 0x80][..], &mask].concat()),
        ("continuation of nothing", [&[0x80, 0x80][..], &mask].concat()),
        (
            "long ping",
            [&[0x89, 0xfe, 0, 126][..], &mask, &[0; 126]].concat(),
        ),
        ("fragmented ping", [&[0x09, 0x80][..], &mask].concat()),
        (
            "endless",
            [
                &[0x82, 0xff, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
                &mask,
                &[0; 64],
            ]
            .concat(),
        ),
        ("not MQTT inside", [&[0x82, 0x84][..], &mask, &[0xff; 4]].concat()),
    ];
    for (what, frame) in frames {
        let mut stream = RawStream::https(&witness.server).await;
        stream.send(GOOD.as_bytes()).await;
        let head = stream.read_head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        stream.send(&frame).await;
        let said = stream.read_to_close().await;
        // At most a close frame is said, never a message.
        assert!(said.is_empty() || said[0] == 0x88, "{what}: {said:02x?}");
    }
    witness.is_unharmed().await;
}
