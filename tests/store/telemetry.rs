use provost_model::{
    AcceptedTelemetry, Checkpoint, ConsumerGroupName, DeviceId, HostName, Hub, HubName, PartitionId,
    SegmentBuilder, TelemetryPartition, TelemetrySegment, Timestamp,
};
use provost_store::{Store, StoreError, TelemetryAppended, TelemetryCut};
use provost_testkit::TestStore;

use super::{event, hub};

fn partition(number: u16) -> PartitionId {
    PartitionId::new(number).unwrap()
}

/// Messages of the given second, each 100 bytes of payload.
fn segment(second: i64, count: usize) -> TelemetrySegment {
    let mut builder = SegmentBuilder::default();
    for _ in 0..count {
        builder.push(&AcceptedTelemetry {
            device_id: &DeviceId::parse("d").unwrap(),
            module_id: None,
            generation_id: "1",
            auth_method: "{}",
            properties: &[],
            system_properties: &[],
            body: &[0xff; 100],
            enqueued_at: Timestamp::from_unix_seconds(second),
        });
    }
    builder.into_segments().remove(0)
}

/// A hub of this name, unless it is there.
async fn make(store: &Store, name: &HubName) {
    let hub = Hub {
        name: name.clone(),
        host: HostName::parse(name.as_str()).unwrap(),
        is_remote: false,
        created_at: Timestamp::default(),
    };
    let made = store.write(move |tx| {
        if tx.hub(&hub.name)?.is_none() {
            tx.insert_hub(&hub)?;
        }
        tx.record(&event("hub"), ())
    });
    let made: Result<_, StoreError> = made.await;
    made.unwrap();
}

async fn open(store: &Store, hub: HubName, wanted: u16) -> Vec<TelemetryPartition> {
    make(store, &hub).await;
    let opened: Result<_, StoreError> = store.append(move |tx| tx.open_partitions(&hub, wanted)).await;
    opened.unwrap().unwrap().1
}

async fn append(store: &Store, hub: HubName, number: u16, second: i64, count: usize) -> TelemetryAppended {
    let segments = [(partition(number), segment(second, count))];
    let appended: Result<_, StoreError> = store.append(move |tx| tx.append_telemetry(&hub, &segments)).await;
    appended.unwrap()
}

/// First number, count of messages and first offset of what is kept from a number on.
async fn kept(store: &Store, number: u16, from: i64) -> Vec<(i64, usize, i64)> {
    let read = store
        .read(move |tx| tx.telemetry_segments(&hub(), partition(number), from, usize::MAX))
        .await
        .unwrap();
    read.iter()
        .map(|segment| {
            let (messages, _) = segment.messages(from, usize::MAX, |_| true).unwrap();
            (segment.first_sequence, messages.len(), segment.first_offset)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn how_many_partitions_a_hub_has_is_settled_once() {
    let test = TestStore::open().await;
    let nobody: Result<_, StoreError> = test.store.append(|tx| tx.open_partitions(&hub(), 3)).await;
    assert_eq!(nobody.unwrap(), None, "there is no such hub");
    assert_eq!(open(&test.store, hub(), 3).await.len(), 3);
    let again = open(&test.store, hub(), 8).await;
    let expected: Vec<_> = (0..3)
        .map(|number| TelemetryPartition::empty(partition(number)))
        .collect();
    assert_eq!(again, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_a_partition_have_no_gap_and_are_its_own() {
    let test = TestStore::open().await;
    let other = HubName::parse("other").unwrap();
    open(&test.store, hub(), 2).await;
    open(&test.store, other.clone(), 2).await;
    append(&test.store, hub(), 0, 1, 3).await;
    append(&test.store, other, 0, 1, 7).await;
    append(&test.store, hub(), 1, 2, 1).await;
    let appended = append(&test.store, hub(), 0, 3, 2).await;
    let (one, two, three) = (segment(1, 1), segment(1, 2), segment(1, 3));
    let (one, two, three) = (one.bytes.len(), two.bytes.len(), three.bytes.len());
    assert_eq!(
        appended,
        TelemetryAppended {
            messages: 2,
            bytes: two as u64,
            kept: (one + two + three) as u64,
        }
    );
    let offset = i64::try_from(three).unwrap();
    assert_eq!(kept(&test.store, 0, 0).await, [(0, 3, 0), (3, 2, offset)]);
    assert_eq!(kept(&test.store, 0, 2).await, [(0, 1, 0), (3, 2, offset)]);
    assert_eq!(kept(&test.store, 0, 4).await, [(3, 1, offset)]);
    assert_eq!(kept(&test.store, 0, 5).await, []);
    assert_eq!(kept(&test.store, 1, 0).await, [(0, 1, 0)]);
    let partitions = open(&test.store, hub(), 2).await;
    assert_eq!((partitions[0].begin, partitions[0].next), (0, 5));
    assert_eq!(
        partitions[0].last_enqueued_at,
        Some(Timestamp::from_unix_seconds(3))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_side_by_side_leave_no_gap() {
    let test = TestStore::open().await;
    open(&test.store, hub(), 1).await;
    // On PostgreSQL another node's writer has a connection of its own.
    let second = test.open_again().await;
    let writers = (0..40).map(|n| {
        let store = if n % 2 == 0 {
            test.store.clone()
        } else {
            second.clone()
        };
        tokio::spawn(async move { append(&store, hub(), 0, n, 2).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let numbers: Vec<i64> = kept(&test.store, 0, 0).await.iter().map(|kept| kept.0).collect();
    let expected: Vec<i64> = (0..40).map(|n| 2 * n).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_bounded_and_gives_one_segment_at_least() {
    let test = TestStore::open().await;
    open(&test.store, hub(), 1).await;
    for second in 0..5 {
        append(&test.store, hub(), 0, second, 1).await;
    }
    let size = segment(0, 1).bytes.len();
    for (bytes, expected) in [(0, 1), (size, 1), (2 * size, 2), (usize::MAX, 5)] {
        let read = test
            .store
            .read(move |tx| tx.telemetry_segments(&hub(), partition(0), 0, bytes))
            .await
            .unwrap();
        assert_eq!(read.len(), expected, "{bytes} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instant_is_found_by_halving() {
    let test = TestStore::open().await;
    open(&test.store, hub(), 1).await;
    for n in 0..20 {
        append(&test.store, hub(), 0, 10 * n, 3).await;
    }
    for (second, expected) in [(-1, 0), (0, 0), (1, 3), (10, 3), (95, 30), (190, 57), (191, 60)] {
        let since = Timestamp::from_unix_seconds(second);
        let found = test
            .store
            .read(move |tx| tx.telemetry_since(&hub(), partition(0), (0, 60), since))
            .await
            .unwrap();
        assert_eq!(found, expected, "since {second}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_takes_the_oldest_of_all_partitions_by_age_and_by_size() {
    let test = TestStore::open().await;
    open(&test.store, hub(), 2).await;
    for n in 0..10 {
        append(&test.store, hub(), u16::try_from(n % 2).unwrap(), n, 2).await;
    }
    let size = segment(0, 2).bytes.len() as u64;
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
    let of = |segments: usize| TelemetryCut {
        segments,
        messages: 2 * segments as u64,
        bytes: size * segments as u64,
    };
    assert_eq!(cut(0, u64::MAX, 100).await, of(0));
    assert_eq!(cut(3, u64::MAX, 100).await, of(3));
    assert_eq!(cut(0, 7 * size, 100).await, of(0));
    assert_eq!(cut(0, 6 * size - 1, 100).await, of(2));
    assert_eq!(cut(100, 0, 4).await, of(4));
    let partitions = open(&test.store, hub(), 2).await;
    let state = |at: usize| (partitions[at].begin, partitions[at].next, partitions[at].bytes);
    assert_eq!(state(0), (10, 10, 0));
    assert_eq!(state(1), (8, 10, i64::try_from(size).unwrap()));
    assert_eq!(kept(&test.store, 1, 0).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_moves_only_from_where_it_stood() {
    let test = TestStore::open().await;
    let name = || ConsumerGroupName::parse("Dashboard").unwrap();
    let made: Result<(), StoreError> = test
        .store
        .write(move |tx| {
            tx.insert_consumer_group(&hub(), &name())?;
            tx.record(&event("consumerGroup"), ())
        })
        .await;
    made.unwrap();
    let put = |previous: Option<i64>, next: i64| {
        let store = test.store.clone();
        async move {
            let checkpoint = Checkpoint {
                partition: partition(1),
                sequence_number: next,
                updated_at: Timestamp::from_unix_seconds(next),
            };
            let put: Result<_, StoreError> = store
                .append(move |tx| tx.put_checkpoint(&hub(), &name(), previous, &checkpoint))
                .await;
            put.unwrap()
        }
    };
    assert!(!put(Some(0), 5).await, "there is none yet");
    assert!(put(None, 5).await);
    assert!(!put(None, 7).await && !put(Some(4), 7).await);
    assert!(put(Some(5), 3).await, "back, when that is what is meant");
    let stored = test
        .store
        .read(move |tx| tx.checkpoints(&hub(), &ConsumerGroupName::parse("dashboard").unwrap()))
        .await
        .unwrap();
    assert_eq!((stored.len(), stored[0].sequence_number), (1, 3));
    let deleted: Result<bool, StoreError> = test
        .store
        .write(move |tx| {
            let deleted = tx.delete_consumer_group(&hub(), &name())?;
            tx.record(&event("consumerGroup"), deleted)
        })
        .await;
    assert!(deleted.unwrap());
    let left = test
        .store
        .read(move |tx| tx.checkpoints(&hub(), &name()))
        .await
        .unwrap();
    assert!(left.is_empty());
}
