use std::sync::Arc;
use std::time::Duration;

use provost_hub::DeviceSession;
use provost_model::{PageSize, Retention, StoredTelemetry};
use provost_wire::hub::device::{PropertyBag, parse_bag};

use crate::house::House;

fn all() -> PageSize {
    PageSize::clamp(None, 1000, 1000)
}

async fn read(house: &House, after: i64) -> Vec<StoredTelemetry> {
    let caller = house.owner().await;
    let read = house
        .service
        .read_telemetry(&caller, after, all(), Duration::ZERO);
    read.await.unwrap()
}

async fn send(session: &DeviceSession, body: &[u8]) {
    let sent = session.send_telemetry(PropertyBag::default(), body.to_vec());
    sent.await.unwrap();
}

#[tokio::test]
async fn message_is_kept_with_its_origin() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    let bag = parse_bag("%24.ct=application%2Fjson&line=7&flag").unwrap();
    session.send_telemetry(bag.clone(), b"{}".to_vec()).await.unwrap();
    let stored = read(&house, 0).await.remove(0);
    let message = &stored.message;
    assert_eq!(message.device_id.as_str(), "d1");
    assert_eq!(
        (message.body.as_slice(), &message.properties, message.enqueued_at),
        (&b"{}"[..], &bag.properties, house.now())
    );
    assert_eq!(message.system_properties, bag.system_properties);
    let method: serde_json::Value = serde_json::from_str(&message.auth_method).unwrap();
    assert_eq!(
        (&method["scope"], &method["type"]),
        (&"device".into(), &"sas".into())
    );
    assert!(read(&house, stored.sequence_number).await.is_empty());
}

#[tokio::test]
async fn message_over_256_kib_is_refused() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    send(&session, &vec![0; 262_144]).await;
    let bag = parse_bag("a=1").unwrap();
    let over = session.send_telemetry(bag, vec![0; 262_143]).await;
    assert_eq!(over.unwrap_err().code(), 413_001);
}

#[tokio::test]
async fn pages_are_bounded_in_messages_and_bytes() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    for number in 0..70 {
        send(&session, &[number; 10]).await;
    }
    let caller = house.owner().await;
    let limit = PageSize::clamp(Some(50), 1000, 1000);
    let first = house
        .service
        .read_telemetry(&caller, 0, limit, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(first.len(), 50);
    let rest = read(&house, first[49].sequence_number).await;
    assert_eq!(rest.len(), 20);
    assert_eq!(rest[0].message.body, [50; 10]);
    let last = house.service.last_telemetry(&caller).await.unwrap();
    assert_eq!(last, rest[19].sequence_number);
    for _ in 0..40 {
        send(&session, &vec![0; 262_144]).await;
    }
    let large = read(&house, last).await;
    assert!(large.len() < 40, "{}", large.len());
}

#[tokio::test]
async fn reader_is_woken_by_a_new_message() {
    let house = Arc::new(House::new().await);
    let session = house.connected("d1").await;
    let reading = {
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            let caller = house.owner().await;
            let wait = Duration::from_secs(30);
            house
                .service
                .read_telemetry(&caller, 0, all(), wait)
                .await
                .unwrap()
        })
    };
    tokio::task::yield_now().await;
    send(&session, b"x").await;
    let page = tokio::time::timeout(Duration::from_secs(10), reading).await;
    assert_eq!(page.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn old_messages_go() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    send(&session, b"old").await;
    house.clock.advance(Duration::from_hours(23));
    send(&session, b"young").await;
    house.service.trim_telemetry_now().await.unwrap();
    assert_eq!(read(&house, 0).await.len(), 2);
    house.clock.advance(Duration::from_hours(2));
    house.service.trim_telemetry_now().await.unwrap();
    let left = read(&house, 0).await;
    assert_eq!((left.len(), left[0].message.body.as_slice()), (1, &b"young"[..]));
}

#[tokio::test]
async fn buffer_keeps_to_its_size() {
    let retention = Retention {
        bytes: 10_000,
        ..Retention::default()
    };
    let house = House::with_retention(retention).await;
    let session = house.connected("d1").await;
    for number in 0..100 {
        send(&session, &[number; 1000]).await;
    }
    house.service.trim_telemetry_now().await.unwrap();
    let left = read(&house, 0).await;
    assert!((8..=10).contains(&left.len()), "{}", left.len());
    assert_eq!(left.last().unwrap().message.body, [99; 1000]);
    // The account is exact: nothing more goes while the buffer is within its size.
    house.service.trim_telemetry_now().await.unwrap();
    assert_eq!(read(&house, 0).await.len(), left.len());
    // Another service over the same data counts what is there.
    let second = house.second_node();
    second.trim_telemetry_now().await.unwrap();
    assert_eq!(read(&house, 0).await.len(), left.len());
}
