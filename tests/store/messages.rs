use std::time::Duration;

use provost_model::{Ack, CloudMessage, Delivery, DeviceId, Feedback, LockToken, MessageOutcome, Timestamp};
use provost_store::{Store, StoreError};
use provost_testkit::TestStore;

use super::devices::store_device;
use super::{event, hub};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn id() -> DeviceId {
    DeviceId::parse("d").unwrap()
}

fn message(name: &str) -> CloudMessage {
    CloudMessage {
        message_id: name.to_owned(),
        correlation_id: Some("c".to_owned()),
        user_id: None,
        content_type: Some("text/plain".to_owned()),
        content_encoding: None,
        ack: Ack::Full,
        properties: vec![("b".to_owned(), "1".to_owned()), ("a".to_owned(), String::new())],
        body: vec![0xff, 0],
    }
}

async fn enqueue(store: &Store, name: &str, expires: i64) -> i64 {
    let message = message(name);
    let number: Result<_, StoreError> = store
        .write(move |tx| {
            let number = tx.enqueue_message(&hub(), &id(), "1", &message, at(expires))?;
            tx.record(&event("message"), number)
        })
        .await;
    number.unwrap()
}

async fn count(store: &Store) -> u32 {
    let device = store.read(|tx| tx.device(&hub(), &id())).await.unwrap();
    device.unwrap().cloud_to_device_message_count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_keeps_what_it_is_given_in_order_and_counts_along() {
    let test = TestStore::open().await;
    store_device(&test.store, "d").await;
    let first = enqueue(&test.store, "a", 100).await;
    let second = enqueue(&test.store, "b", 200).await;
    assert_eq!(count(&test.store).await, 2);
    let read: Result<_, StoreError> = test
        .store
        .append(move |tx| {
            let queues = tx.messages();
            let taken = Delivery::enqueued(at(100)).taken(LockToken::new("t"), at(60));
            queues.put_delivery(&hub(), &id(), first, &taken.unwrap())?;
            let entries = queues.entries(&hub(), &id(), "1")?;
            let others = queues.entries(&hub(), &id(), "2")?;
            Ok((entries, others, queues.message(&hub(), &id(), first)?))
        })
        .await;
    let (entries, others, whole) = read.unwrap();
    let numbers: Vec<i64> = entries.iter().map(|entry| entry.sequence_number).collect();
    assert_eq!(numbers, [first, second]);
    assert_eq!(entries[0].delivery.lock(), Some((&LockToken::new("t"), at(60))));
    assert_eq!((entries[0].delivery.count(), entries[1].delivery.count()), (1, 0));
    assert!(others.is_empty());
    assert_eq!(whole.unwrap().message, message("a"));
    let removed: Result<_, StoreError> = test
        .store
        .append(move |tx| {
            let queues = tx.messages();
            queues.remove(&hub(), &id(), first)?;
            // One that is gone already counts for nothing.
            queues.remove(&hub(), &id(), first)
        })
        .await;
    removed.unwrap();
    assert_eq!(count(&test.store).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_that_time_has_changed_are_found() {
    let test = TestStore::open().await;
    store_device(&test.store, "d").await;
    let number = enqueue(&test.store, "a", 100).await;
    let due = |now: i64| {
        let store = test.store.clone();
        async move {
            let due = store
                .read(move |tx| tx.devices_with_due_messages(at(now), 10))
                .await;
            due.unwrap()
        }
    };
    assert_eq!(due(99).await, []);
    let named = (hub(), id(), "1".to_owned());
    assert_eq!(due(100).await, std::slice::from_ref(&named));
    let locked: Result<_, StoreError> = test
        .store
        .append(move |tx| {
            let taken = Delivery::enqueued(at(100)).taken(LockToken::new("t"), at(150));
            tx.messages().put_delivery(&hub(), &id(), number, &taken.unwrap())
        })
        .await;
    locked.unwrap();
    assert_eq!(due(149).await, []);
    assert_eq!(due(150).await, [named]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_with_their_device() {
    let test = TestStore::open().await;
    store_device(&test.store, "d").await;
    enqueue(&test.store, "a", 100).await;
    assert!(
        test.store
            .read(|tx| tx.has_messages(&hub(), &id()))
            .await
            .unwrap()
    );
    let deleted: Result<_, StoreError> = test
        .store
        .write(|tx| {
            tx.delete_device(&hub(), &id())?;
            tx.record(&event("d"), ())
        })
        .await;
    deleted.unwrap();
    assert!(
        !test
            .store
            .read(|tx| tx.has_messages(&hub(), &id()))
            .await
            .unwrap()
    );
}

async fn tell(store: &Store, name: &'static str, expires: i64) {
    let told: Result<_, StoreError> = store
        .append(move |tx| {
            let feedback = Feedback {
                message_id: name.to_owned(),
                device_id: id(),
                generation_id: "1".to_owned(),
                at: at(1),
                outcome: MessageOutcome::Rejected,
            };
            tx.messages().add_feedback(&hub(), &feedback, at(expires))
        })
        .await;
    told.unwrap();
}

async fn take(store: &Store, token: &'static str, now: i64, limit: usize) -> Vec<String> {
    let taken: Result<_, StoreError> = store
        .append(move |tx| {
            let token = LockToken::new(token);
            let until = at(now).after(Duration::from_secs(10));
            tx.take_feedback(&hub(), at(now), (&token, until), limit)
        })
        .await;
    taken.unwrap().into_iter().map(|told| told.message_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_is_held_completed_given_back_and_forgotten() {
    let test = TestStore::open().await;
    for name in ["a", "b", "c"] {
        tell(&test.store, name, 100).await;
    }
    assert_eq!(take(&test.store, "one", 5, 2).await, ["a", "b"]);
    assert_eq!(take(&test.store, "two", 5, 2).await, ["c"]);
    assert_eq!(take(&test.store, "three", 5, 2).await, [""; 0]);
    let settle = |complete: bool, token: &'static str, now: i64| {
        let store = test.store.clone();
        async move {
            let settled: Result<_, StoreError> = store
                .append(move |tx| {
                    let token = LockToken::new(token);
                    if complete {
                        tx.complete_feedback(&hub(), &token, at(now))
                    } else {
                        tx.abandon_feedback(&hub(), &token, at(now))
                    }
                })
                .await;
            settled.unwrap()
        }
    };
    assert!(settle(false, "two", 6).await);
    assert!(!settle(true, "two", 6).await);
    assert_eq!(take(&test.store, "three", 6, 9).await, ["c"]);
    assert!(settle(true, "one", 14).await);
    // The lock of the third is over at 16.
    assert!(!settle(true, "three", 16).await);
    assert_eq!(take(&test.store, "four", 16, 9).await, ["c"]);
    let has_old = |now: i64| {
        let store = test.store.clone();
        async move { store.read(move |tx| tx.has_old_feedback(at(now))).await.unwrap() }
    };
    assert!(!has_old(99).await);
    assert!(has_old(100).await);
    let pruned: Result<_, StoreError> = test.store.append(|tx| tx.prune_feedback(at(100))).await;
    assert_eq!(pruned.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn feedback_beyond_the_most_goes_oldest_first() {
    let test = TestStore::open().await;
    for name in ["a", "b", "c", "d"] {
        tell(&test.store, name, 100).await;
    }
    let beyond = |keep: usize| {
        let store = test.store.clone();
        async move {
            store
                .read(move |tx| tx.feedback_beyond(&hub(), keep))
                .await
                .unwrap()
        }
    };
    assert_eq!(beyond(4).await, None);
    let last = beyond(3).await.unwrap();
    let cut: Result<_, StoreError> = test.store.append(move |tx| tx.cut_feedback(&hub(), last)).await;
    assert_eq!(cut.unwrap(), 1);
    assert_eq!(take(&test.store, "t", 5, 9).await, ["b", "c", "d"]);
}
