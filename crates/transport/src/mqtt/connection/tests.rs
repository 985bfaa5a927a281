//! Packets over an in-memory stream.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::*;
use crate::mqtt::codec::tests::any_packet;
use crate::mqtt::codec::{Acknowledgement, Delivery, PacketId, Publish, encode_pingreq};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

fn publish_of(size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let payload = vec![7; size];
    let delivery = Delivery::AtLeastOnce(PacketId::FIRST);
    Publish {
        topic: "a/b",
        payload: &payload,
        delivery,
        duplicate: false,
        retain: false,
    }
    .encode(&mut out)
    .unwrap();
    out
}

fn pair(limits: Limits) -> (Connection<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(1 << 20);
    (Connection::new(near, limits), far)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_packets_come_out_however_the_bytes_are_cut(
        packets in prop::collection::vec(any_packet(), 1..6),
        cuts in prop::collection::vec(1_usize..200, 1..8),
    ) {
        runtime().block_on(async {
            let (mut connection, mut far) = pair(Limits::default());
            let bytes = packets.concat();
            let writer = async move {
                let mut rest = bytes.as_slice();
                for cut in cuts.iter().cycle() {
                    let (now, later) = rest.split_at((*cut).min(rest.len()));
                    far.write_all(now).await.unwrap();
                    tokio::task::yield_now().await;
                    rest = later;
                    if rest.is_empty() { break }
                }
            };
            let reader = async {
                let mut kinds = Vec::new();
                while let Some(incoming) = connection.next().await.unwrap() {
                    kinds.push(format!("{:?}", incoming.packet));
                }
                kinds
            };
            let ((), kinds) = tokio::join!(writer, reader);
            let wanted: Vec<_> = packets.iter().map(|bytes| {
                let packet = crate::mqtt::codec::decode(bytes, DEFAULT_MAX_REMAINING);
                format!("{:?}", packet.unwrap().unwrap().0)
            }).collect();
            assert_eq!(kinds, wanted);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_owns_no_heap_memory() {
    let (mut connection, mut far) = pair(Limits::default());
    far.write_all(&publish_of(50_000)).await.unwrap();
    let incoming = connection.next().await.unwrap().unwrap();
    let Packet::Publish(publish) = incoming.packet else {
        panic!("not a publish")
    };
    assert_eq!(publish.payload.len(), 50_000);
    incoming.outbox.puback(PacketId::FIRST);
    connection.flush().await.unwrap();
    let waited = timeout(Duration::from_secs(1), connection.next()).await;
    assert!(waited.is_err(), "nothing more was sent");
    assert_eq!(
        (
            connection.inbox.heap_bytes(),
            connection.outbox.buffer().capacity()
        ),
        (0, 0)
    );
    let mut puback = [0; 4];
    far.read_exact(&mut puback).await.unwrap();
    assert_eq!(puback, [0x40, 2, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_reading_loop_is_a_small_future() {
    let (mut connection, _far) = pair(Limits::default());
    let of_stream = size_of::<DuplexStream>();
    let session = async {
        while let Ok(Some(incoming)) = connection.next().await {
            if matches!(incoming.packet, Packet::Pingreq) {
                incoming.outbox.pingresp();
            }
            if connection.flush().await.is_err() {
                return;
            }
        }
    };
    let (future, state) = (size_of_val(&session), size_of::<Connection<DuplexStream>>());
    println!(
        "reading loop {future} bytes, connection {} bytes",
        state - of_stream
    );
    assert!(future < 768, "future is {future} bytes");
    assert!(state - of_stream < 320, "connection is {state} bytes");
}

#[tokio::test(start_paused = true)]
async fn next_loses_nothing_when_it_is_cancelled() {
    let (mut connection, mut far) = pair(Limits::default());
    let bytes = publish_of(300);
    let (last, first) = bytes.split_last().unwrap();
    for byte in first {
        far.write_u8(*byte).await.unwrap();
        let waited = timeout(Duration::from_millis(1), connection.next()).await;
        assert!(waited.is_err(), "the packet is not complete");
    }
    far.write_u8(*last).await.unwrap();
    assert!(connection.next().await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_never_ends_is_given_up() {
    let (mut connection, mut far) = pair(Limits::default());
    far.write_all(&[0x30, 10, 0]).await.unwrap();
    let started = Instant::now();
    assert!(matches!(connection.next().await, Err(ReadError::Stalled)));
    assert_eq!(started.elapsed(), Limits::default().packet_timeout);
}

#[tokio::test(start_paused = true)]
async fn an_announced_length_reserves_nothing() {
    let (mut connection, mut far) = pair(Limits::default());
    let packet = publish_of(200_000);
    far.write_all(&packet[..1_000]).await.unwrap();
    let waited = timeout(Duration::from_secs(1), connection.next()).await;
    assert!(waited.is_err(), "the packet is not complete");
    assert!(
        connection.inbox.heap_bytes() <= 4_096,
        "{}",
        connection.inbox.heap_bytes()
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_packet_is_refused_at_its_header() {
    let (mut connection, mut far) = pair(Limits {
        max_remaining: 100,
        ..Limits::default()
    });
    far.write_all(&[0x30, 101]).await.unwrap();
    assert!(matches!(
        connection.next().await,
        Err(ReadError::Malformed(DecodeError::TooLarge {
            remaining: 101,
            limit: 100
        }))
    ));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_is_told_from_a_cut_packet() {
    let (mut connection, mut far) = pair(Limits::default());
    let mut bytes = Vec::new();
    encode_pingreq(&mut bytes);
    far.write_all(&bytes).await.unwrap();
    drop(far);
    assert!(connection.next().await.unwrap().is_some());
    assert!(connection.next().await.unwrap().is_none());

    let (mut connection, mut far) = pair(Limits::default());
    far.write_all(&[0x40, 2]).await.unwrap();
    drop(far);
    assert!(matches!(connection.next().await, Err(ReadError::Truncated)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_given_up() {
    let (near, mut far) = duplex(64);
    let mut connection = Connection::new(near, Limits::default());
    connection.outbox().buffer().extend_from_slice(&publish_of(1_000));
    assert!(matches!(connection.flush().await, Err(WriteError::Stalled)));
    // The peer comes back: what it had already taken is not sent twice.
    let reading = tokio::spawn(async move {
        let mut all = vec![0; publish_of(1_000).len()];
        far.read_exact(&mut all).await.map(|_| all)
    });
    connection.flush().await.unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), publish_of(1_000));
}

#[tokio::test(start_paused = true)]
async fn several_short_packets_in_one_read_come_out_one_by_one() {
    let (mut connection, mut far) = pair(Limits::default());
    let mut bytes = Vec::new();
    for id in 1..=60 {
        Acknowledgement::Puback.encode(PacketId::new(id).unwrap(), &mut bytes);
    }
    far.write_all(&bytes).await.unwrap();
    for id in 1..=60 {
        let incoming = connection.next().await.unwrap().unwrap();
        let Packet::Acknowledgement(Acknowledgement::Puback, got) = incoming.packet else {
            panic!("not a puback");
        };
        assert_eq!(got.get(), id);
    }
}
