use std::time::{Duration, Instant};

use provost_testkit::{DEADLINE, RawStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Witness;

/// Whether the peer closes in time.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut said = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut said)).await.is_ok()
}

#[tokio::test]
async fn what_is_not_tls_is_closed() {
    let mut witness = Witness::new().await;
    let garbage: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[
            0x10, 0x10, 0x00, 0x04, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 4, b'a', b'b', b'c', b'd',
        ],
        &[0xff; 512],
        // A handshake record that announces more than a record may hold.
        &[0x16, 0x03, 0x01, 0xff, 0xff, 0x01],
        // A ClientHello that is cut off, and one of nonsense.
        &[0x16, 0x03, 0x01, 0x00, 0x10, 0x01, 0x00, 0x00, 0x0c, 0x03],
        &[0x16, 0x03, 0x01, 0x00, 0x04, 0x01, 0x00, 0x00, 0x00],
    ];
    let connection = witness.server.connection.clone();
    for listener in [&connection.https, &connection.mqtt] {
        for bytes in garbage {
            let mut stream = RawStream::plain(listener).await;
            stream.write_all(bytes).await.unwrap();
            assert!(is_closed(&mut stream).await, "{bytes:02x?}");
        }
    }
    witness.is_unharmed().await;
}

#[tokio::test]
async fn who_says_nothing_is_closed_after_the_handshake_timeout() {
    let mut witness = Witness::new().await;
    let connection = witness.server.connection.clone();
    for listener in [&connection.https, &connection.mqtt] {
        let began_at = Instant::now();
        let mut stream = RawStream::plain(listener).await;
        assert!(is_closed(&mut stream).await);
        let after = began_at.elapsed();
        assert!(
            after > Duration::from_secs(1) && after < Duration::from_secs(8),
            "{after:?}"
        );
    }
    witness.is_unharmed().await;
}

#[tokio::test]
async fn a_thousand_garbage_connections_keep_no_device_out() {
    let mut witness = Witness::new().await;
    let connection = witness.server.connection.clone();
    // Kept open while the others are served; batches, because a process has only so many files.
    for batch in 0..5_u8 {
        let mut open = Vec::new();
        for number in 0..200_u8 {
            let listener = if number % 2 == 0 {
                &connection.https
            } else {
                &connection.mqtt
            };
            let mut stream = RawStream::plain(listener).await;
            let bytes = [0x16_u8.wrapping_add(number % 3), 3, batch, 0, number, 1, 2, 3];
            stream.write_all(&bytes).await.unwrap();
            open.push(stream);
        }
        witness.is_unharmed().await;
        drop(open);
    }
}
