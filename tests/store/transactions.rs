use provost_model::{Change, DeviceId, HostName, Hub, HubName, Timestamp};
use provost_store::{ReadTx, Store, StoreError};
use provost_testkit::TestStore;

use super::event;

fn a_hub(name: &str) -> Hub {
    Hub {
        name: HubName::parse(name).unwrap(),
        host: HostName::parse(&format!("{name}.example")).unwrap(),
        is_remote: false,
        created_at: Timestamp::from_unix_seconds(1),
    }
}

async fn insert(store: &Store, name: &str) -> Result<(), StoreError> {
    let hub = a_hub(name);
    let key = name.to_owned();
    store
        .write(move |tx| {
            tx.insert_hub(&hub)?;
            tx.record(&event(&key), ())
        })
        .await
}

async fn hub_names(store: &Store) -> Vec<String> {
    let hubs = store.read(|tx| tx.hubs()).await.unwrap();
    hubs.iter().map(|hub| hub.name.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_write_is_there_with_one_audit_event() {
    let test = TestStore::open().await;
    insert(&test.store, "a").await.unwrap();
    assert_eq!(hub_names(&test.store).await, ["a"]);
    let events = test.store.read(|tx| tx.audit_events_after(0, 10)).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].actor.as_str(), events[0].key.as_str()),
        ("system", "a")
    );
    assert_eq!(hub_names(&test.open_again().await).await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_write_and_a_failed_one_leave_no_trace() {
    let test = TestStore::open().await;
    let unchanged: Result<u8, StoreError> = test
        .store
        .write(|tx| {
            tx.insert_hub(&a_hub("a"))?;
            Ok(tx.unchanged(7))
        })
        .await;
    assert_eq!(unchanged.unwrap(), 7);
    let failed: Result<(), StoreError> = test
        .store
        .write(|tx| {
            tx.insert_hub(&a_hub("b"))?;
            Err(StoreError::Busy)
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Busy)));
    assert!(hub_names(&test.store).await.is_empty());
    assert!(
        test.store
            .read(|tx| tx.audit_events_after(0, 10))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_write_of_a_batch_does_not_take_the_others_with_it() {
    let test = TestStore::open().await;
    let writes: Vec<_> = (0..64)
        .map(|n| {
            let store = test.store.clone();
            tokio::spawn(async move {
                // Every fourth write collides with its neighbour's name and must fail alone.
                let name = if n % 4 == 3 {
                    format!("hub{}", n - 1)
                } else {
                    format!("hub{n}")
                };
                insert(&store, &name).await.is_ok()
            })
        })
        .collect();
    let mut done = 0;
    for write in writes {
        done += usize::from(write.await.unwrap());
    }
    assert_eq!(done, 48);
    assert_eq!(hub_names(&test.store).await.len(), 48);
    assert_eq!(
        test.store
            .read(|tx| tx.audit_events_after(0, 100))
            .await
            .unwrap()
            .len(),
        48
    );
    let counts = test.store.commit_counts();
    assert_eq!(counts.writes, 64);
    assert!(counts.commits < 64, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_write_is_rolled_back_and_the_writer_lives_on() {
    let test = TestStore::open().await;
    let panicked: Result<(), StoreError> = test
        .store
        .write(|tx| {
            tx.insert_hub(&a_hub("a"))?;
            panic!("on purpose")
        })
        .await;
    assert!(matches!(panicked, Err(StoreError::Stopped)));
    insert(&test.store, "b").await.unwrap();
    assert_eq!(hub_names(&test.store).await, ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_grow_in_the_order_of_commits_over_two_nodes() {
    let test = TestStore::open().await;
    // Two writers on one SQLite file wait for each other; numbers must still be distinct.
    let nodes = [test.store.clone(), test.open_again().await];
    let writes: Vec<_> = (0..40)
        .map(|n| {
            let store = nodes[n % 2].clone();
            tokio::spawn(async move {
                let change = Change::Device {
                    hub: HubName::parse("h").unwrap(),
                    device_id: DeviceId::parse("d").unwrap(),
                };
                let written: Result<(), StoreError> = store
                    .write(move |tx| {
                        tx.announce(&change)?;
                        tx.record(&event("x"), ())
                    })
                    .await;
                written.unwrap();
            })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    let changes = test.store.read(|tx| tx.changes_after(0, 100)).await.unwrap();
    assert_eq!(changes.len(), 40);
    assert!(changes.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert_eq!(
        test.store.read(|tx| tx.last_change()).await.unwrap(),
        changes[39].number
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_wakes_the_follower() {
    let test = TestStore::open().await;
    let mut changed = test.store.changed();
    changed.mark_unchanged();
    let written: Result<(), StoreError> = test
        .store
        .write(|tx| {
            tx.announce(&Change::Configuration)?;
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(5), changed.changed())
        .await
        .unwrap()
        .unwrap();
    let changes = test.store.read(|tx| tx.changes_after(0, 10)).await.unwrap();
    assert_eq!(changes[0].change, Change::Configuration);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_nodes_change_wakes_the_follower_on_postgresql() {
    let test = TestStore::open().await;
    if !test.is_postgres() {
        return; // One node is all SQLite has.
    }
    let other = test.open_again().await;
    let mut changed = test.store.changed();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    changed.mark_unchanged();
    let written: Result<(), StoreError> = other
        .write(|tx| {
            tx.announce(&Change::Configuration)?;
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(5), changed.changed())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_changes_are_forgotten_on_request_but_the_latest_stays() {
    let test = TestStore::open().await;
    for change in [Change::Configuration, Change::Outbound] {
        let written: Result<(), StoreError> = test
            .store
            .write(move |tx| {
                tx.announce(&change)?;
                tx.record(&event("x"), ())
            })
            .await;
        written.unwrap();
    }
    let before = test.store.read(|tx| tx.changes_after(0, 10)).await.unwrap();
    let later = Timestamp::from_micros(i64::MAX);
    let pruned: Result<u64, StoreError> = test.store.append(move |tx| tx.prune_changes(later)).await;
    assert_eq!(pruned.unwrap(), 1);
    let left = test.store.read(|tx| tx.changes_after(0, 10)).await.unwrap();
    assert_eq!(left, before[1..]);
    let (first, last) = (before[0].number, before[1].number);
    // Who saw the first only has missed what may have come after it; who saw the last has not.
    let read = move |tx: &ReadTx<'_>| {
        Ok::<_, StoreError>((
            tx.missed_changes(first)?,
            tx.missed_changes(last)?,
            tx.missed_changes(0)?,
        ))
    };
    assert_eq!(test.store.read(read).await.unwrap(), (true, false, false));
}
