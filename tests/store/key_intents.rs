//! Keys that are about to be made, on each engine.

use std::time::Duration;

use provost_model::Timestamp;
use provost_model::registry::{Ca, CaState, KeyIntent, KeyRef};
use provost_store::{GivenUpKey, Store, StoreError};
use provost_testkit::TestStore;

use super::device_registry::{NOW, ca, ca_id, write};

fn of(digit: char) -> Ca {
    Ca {
        key: KeyRef(format!("sealed:{digit}")),
        ..ca(digit, CaState::Active)
    }
}

async fn intend(store: &Store, digit: char, at: Timestamp) {
    let intent = KeyIntent {
        created_at: at,
        ..KeyIntent::of(&of(digit))
    };
    let done: Result<(), StoreError> = store.append(move |tx| tx.intend_key(&intent)).await;
    done.unwrap();
}

async fn give_up(store: &Store, digit: char) -> bool {
    let intent = KeyIntent::of(&of(digit));
    let done: Result<bool, StoreError> = store.append(move |tx| tx.give_up_key(&intent, NOW)).await;
    done.unwrap()
}

async fn given_up(store: &Store) -> Vec<GivenUpKey> {
    let found: Result<_, StoreError> = store.read(|tx| tx.given_up_keys()).await;
    found.unwrap()
}

async fn in_use(store: &Store) -> Vec<String> {
    let found: Result<Vec<KeyRef>, StoreError> = store.read(|tx| tx.keys_in_use()).await;
    let mut found: Vec<String> = found.unwrap().into_iter().map(|key| key.0).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_takes_the_place_of_its_intent_and_its_key_is_not_given_up_any_more() {
    let test = TestStore::open().await;
    intend(&test.store, 'a', NOW).await;
    assert_eq!(in_use(&test.store).await, ["sealed:a"]);
    write(&test.store, |tx| {
        assert!(!tx.complete_ca(&of('b'))?, "nobody intended it");
        assert!(tx.complete_ca(&of('a'))?);
        Ok(())
    })
    .await;
    assert!(!give_up(&test.store, 'a').await, "it stands");
    assert_eq!(given_up(&test.store).await, []);
    assert_eq!(in_use(&test.store).await, ["sealed:a"]);
    write(&test.store, |tx| tx.note_key_destroyed(&ca_id('a')).map(|_| ())).await;
    assert_eq!(in_use(&test.store).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_whose_key_was_given_up_is_not_stored() {
    let test = TestStore::open().await;
    intend(&test.store, 'a', NOW).await;
    assert!(give_up(&test.store, 'a').await);
    write(&test.store, |tx| {
        assert!(!tx.complete_ca(&of('a'))?);
        assert_eq!(tx.ca(&ca_id('a'))?, None);
        Ok(())
    })
    .await;
    let [key] = &given_up(&test.store).await[..] else {
        panic!("one");
    };
    assert_eq!((&key.intent, key.since), (&KeyIntent::of(&of('a')), NOW));
    assert_eq!(in_use(&test.store).await, [""; 0]);
    // Whoever made it comes after the row has gone: it is there again.
    write(&test.store, |tx| {
        assert!(tx.forget_given_up_key(&KeyRef("sealed:a".into()))?);
        assert!(!tx.forget_given_up_key(&KeyRef("sealed:a".into()))?);
        Ok(())
    })
    .await;
    assert!(give_up(&test.store, 'a').await);
    assert_eq!(given_up(&test.store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_waited_for_long_is_given_up() {
    let test = TestStore::open().await;
    let later = NOW.after(Duration::from_mins(1));
    intend(&test.store, 'a', NOW).await;
    intend(&test.store, 'b', later).await;
    let count: Result<u64, StoreError> = test
        .store
        .append(move |tx| tx.give_up_keys_intended(later, later))
        .await;
    assert_eq!(count.unwrap(), 1);
    let [key] = &given_up(&test.store).await[..] else {
        panic!("one");
    };
    assert_eq!((key.intent.key.0.as_str(), key.since), ("sealed:a", later));
    write(&test.store, |tx| {
        assert!(
            !tx.forget_given_up_key(&KeyRef("sealed:b".into()))?,
            "it is intended"
        );
        Ok(())
    })
    .await;
    assert_eq!(in_use(&test.store).await, ["sealed:b"]);
}
