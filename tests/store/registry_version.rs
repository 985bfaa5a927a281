//! Who keeps what certificates are issued by sees at his next transaction that it has changed.

use provost_model::NamespaceName;
use provost_model::registry::{CaState, NamespaceLink};
use provost_store::{Store, StoreError};
use provost_testkit::TestStore;

use super::device_registry::{ca, ca_id, line, plant};
use super::{dps, event, hub};

async fn version(store: &Store) -> i64 {
    let read: Result<Option<i64>, StoreError> = store.append(|tx| Ok(tx.registry_version())).await;
    read.unwrap().expect("nothing else is written")
}

async fn link(store: &Store, namespace: NamespaceName) {
    let written: Result<(), StoreError> = store
        .write(move |tx| {
            let before = tx.registry_version();
            assert!(before.is_some());
            tx.put_namespace_link(&NamespaceLink::Hub(hub()), &namespace)?;
            assert_eq!(tx.registry_version(), None, "what is read now may be rolled back");
            tx.record(&event("link"), ())
        })
        .await;
    written.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_by_the_next_transaction_of_every_node() {
    let test = TestStore::open().await;
    let other = test.open_again().await;
    let before = version(&other).await;
    assert_eq!(version(&test.store).await, before);
    link(&test.store, plant()).await;
    let after = version(&other).await;
    assert_ne!(after, before);
    assert_eq!(version(&test.store).await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_rolled_back_is_none() {
    let test = TestStore::open().await;
    let before = version(&test.store).await;
    let unchanged: Result<(), StoreError> = test
        .store
        .write(|tx| {
            tx.put_namespace_link(&NamespaceLink::Dps(dps()), &plant())?;
            Ok(tx.unchanged(()))
        })
        .await;
    unchanged.unwrap();
    let failed: Result<(), StoreError> = test
        .store
        .write(|tx| {
            tx.insert_ca(&ca('a', CaState::Active))?;
            Err(StoreError::Busy)
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(version(&test.store).await, before);
}

type Write = fn(&provost_store::WriteTx<'_>) -> Result<(), StoreError>;

#[tokio::test(flavor = "multi_thread")]
async fn cas_policies_and_whole_hubs_count() {
    let test = TestStore::open().await;
    let mut seen = vec![version(&test.store).await];
    let writes: [Write; 4] = [
        |tx| tx.insert_ca(&ca('a', CaState::Active)),
        |tx| {
            tx.set_ca_state(&ca_id('a'), CaState::Revoked, tx.now())
                .map(|_| ())
        },
        |tx| tx.delete_credential_policy(&plant(), &line()).map(|_| ()),
        |tx| tx.delete_hub(&hub()),
    ];
    for write in writes {
        let written: Result<(), StoreError> = test
            .store
            .write(move |tx| {
                write(&tx)?;
                tx.record(&event("registry"), ())
            })
            .await;
        written.unwrap();
        let now = version(&test.store).await;
        assert!(!seen.contains(&now));
        seen.push(now);
    }
}
