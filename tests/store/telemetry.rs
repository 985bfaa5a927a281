use provost_model::{DeviceId, HubName, Telemetry, Timestamp};
use provost_store::{Store, StoreError, TelemetryCut};
use provost_testkit::TestStore;

use super::hub;

fn message(n: i64) -> Telemetry {
    Telemetry {
        device_id: DeviceId::parse("d").unwrap(),
        generation_id: "1".into(),
        auth_method: "{}".into(),
        properties: vec![("b".into(), Some(String::new())), ("a".into(), None)],
        system_properties: vec![("$.ct".into(), Some("application/json".into()))],
        body: vec![0xff; 100],
        enqueued_at: Timestamp::from_unix_seconds(n),
    }
}

async fn append(store: &Store, hub: HubName, n: i64) -> (i64, u64) {
    let appended: Result<_, StoreError> = store
        .append(move |tx| tx.append_telemetry(&hub, &message(n)))
        .await;
    appended.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_back_in_order_and_per_hub() {
    let test = TestStore::open().await;
    let other = HubName::parse("other").unwrap();
    let (first, size) = append(&test.store, hub(), 1).await;
    append(&test.store, other, 2).await;
    let (second, _) = append(&test.store, hub(), 3).await;
    assert!(first < second);
    let read = test
        .store
        .read(|tx| tx.telemetry_after(&hub(), 0, 10))
        .await
        .unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].message, message(1));
    assert_eq!(
        (read[0].sequence_number, read[1].sequence_number),
        (first, second)
    );
    assert_eq!(
        test.store
            .read(move |tx| tx.telemetry_after(&hub(), first, 10))
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        test.store.read(|tx| tx.telemetry_bytes(&hub())).await.unwrap(),
        2 * size
    );
    assert_eq!(
        test.store.read(|tx| tx.last_telemetry(&hub())).await.unwrap(),
        second
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_takes_the_oldest_by_age_and_by_size() {
    let test = TestStore::open().await;
    let mut size = 0;
    for n in 0..10 {
        size = append(&test.store, hub(), n).await.1;
    }
    let cut = |before: i64, bytes: u64, limit: usize| {
        let store = test.store.clone();
        async move {
            let before = Timestamp::from_unix_seconds(before);
            let cut: Result<_, StoreError> = store
                .append(move |tx| tx.cut_telemetry(&hub(), before, bytes, limit))
                .await;
            cut.unwrap()
        }
    };
    assert_eq!(cut(0, 0, 100).await, TelemetryCut::default());
    assert_eq!(
        cut(3, 0, 100).await,
        TelemetryCut {
            messages: 3,
            bytes: 3 * size
        }
    );
    assert_eq!(
        cut(0, size + 1, 100).await,
        TelemetryCut {
            messages: 2,
            bytes: 2 * size
        }
    );
    assert_eq!(cut(100, 0, 4).await.messages, 4);
    assert_eq!(
        test.store
            .read(|tx| tx.telemetry_after(&hub(), 0, 100))
            .await
            .unwrap()
            .len(),
        1
    );
}
