use provost_model::{AuditFacts, AuditOrigin, Timestamp, Word};
use provost_store::{AuditChain, AuditHash, BrokenChain, Store, StoreError, StoredAuditEvent, with_origin};
use provost_testkit::TestStore;

use super::event;

async fn note(store: &Store, key: &str) {
    let event = event(key).with_detail("a remark");
    let written: Result<(), StoreError> = store.write(move |tx| tx.record(&event, ())).await;
    written.unwrap();
}

async fn log(store: &Store) -> Vec<StoredAuditEvent> {
    store.read(|tx| tx.audit_events_after(0, 1000)).await.unwrap()
}

fn follow(events: &[StoredAuditEvent]) -> Result<AuditHash, BrokenChain> {
    let mut chain = AuditChain::new();
    for event in events {
        chain.follow(event)?;
    }
    Ok(chain.head())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_chained_to_the_one_before_it() {
    let test = TestStore::open().await;
    for key in ["a", "b", "c"] {
        note(&test.store, key).await;
    }
    let again = test.open_again().await;
    note(&again, "d").await;
    let events = log(&again).await;
    let head = again.read(|tx| tx.audit_head()).await.unwrap();
    assert_eq!((events.len(), follow(&events)), (4, Ok(head)));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_are_rolled_back_leave_no_hole_in_the_chain() {
    let test = TestStore::open().await;
    let writes: Vec<_> = (0..200)
        .map(|n: u32| {
            let store = test.store.clone();
            tokio::spawn(async move {
                let write = move |tx: provost_store::WriteTx<'_>| {
                    let recorded = tx.record(&event(&n.to_string()), ())?;
                    // A write may still fail after its event was written.
                    if n.is_multiple_of(3) {
                        Err(StoreError::Busy)
                    } else {
                        Ok(recorded)
                    }
                };
                store.write(write).await.is_ok()
            })
        })
        .collect();
    let mut kept = 0;
    for write in writes {
        kept += usize::from(write.await.unwrap());
    }
    let events = log(&test.store).await;
    assert_eq!((kept, events.len()), (133, 133));
    follow(&events).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_removed_or_moved_is_found() {
    let test = TestStore::open().await;
    for key in ["a", "b", "c", "d"] {
        note(&test.store, key).await;
    }
    let events = log(&test.store).await;
    let number = |index: usize| events[index].number;
    let changed = |change: fn(&mut StoredAuditEvent)| {
        let mut events = events.clone();
        change(&mut events[1]);
        follow(&events)
    };
    let changes: [fn(&mut StoredAuditEvent); 12] = [
        |event| event.at = Timestamp::from_micros(event.at.as_micros() + 1),
        |event| event.actor.push('x'),
        |event| event.action = "delete".into(),
        |event| event.kind.push('x'),
        |event| event.scope.clear(),
        |event| event.key = "B".into(),
        |event| event.detail.clear(),
        |event| event.origin.address.push('x'),
        |event| event.origin.tracking_id.push('x'),
        |event| event.before.push('x'),
        |event| event.after.push('x'),
        |event| event.result.push('x'),
    ];
    for change in changes {
        assert_eq!(changed(change), Err(BrokenChain::Hash { number: number(1) }));
    }
    let no_hash = changed(|event| event.hash = None);
    assert_eq!(no_hash, Err(BrokenChain::NoHash { number: number(1) }));
    let mut removed = events.clone();
    removed.remove(1);
    assert_eq!(follow(&removed), Err(BrokenChain::Hash { number: number(2) }));
    let mut first = events.clone();
    first.remove(0);
    assert_eq!(follow(&first), Err(BrokenChain::Hash { number: number(1) }));
    let mut moved = events.clone();
    moved.swap(1, 2);
    assert_eq!(follow(&moved), Err(BrokenChain::Hash { number: number(2) }));
    let mut twice = events.clone();
    twice.insert(2, events[1].clone());
    let order = BrokenChain::Order {
        number: number(1),
        before: number(1),
    };
    assert_eq!(follow(&twice), Err(order));
    // What was cut off at the end is found by whoever noted the head.
    assert_ne!(follow(&events[..3]).unwrap(), follow(&events).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_says_from_where_what_before_and_what_after() {
    let test = TestStore::open().await;
    let store = test.store.clone();
    let origin = AuditOrigin {
        address: "192.0.2.7:4711".into(),
        tracking_id: "t-1".into(),
    };
    let elsewhere = AuditOrigin {
        address: "portal".into(),
        tracking_id: String::new(),
    };
    let told = event("told")
        .with_before(AuditFacts::new().with("b", 1_u32).with("a", Word("x")))
        .with_after(AuditFacts::new().with("b", 2_u32))
        .with_result("3 certificates revoked");
    let overridden = event("elsewhere").with_origin(elsewhere.clone());
    let written: Result<(), StoreError> = with_origin(origin.clone(), async {
        store.write(move |tx| tx.record(&told, ())).await?;
        store.write(move |tx| tx.record(&overridden, ())).await
    })
    .await;
    written.unwrap();
    note(&test.store, "background").await;
    let events = log(&test.store).await;
    let first = &events[0];
    assert_eq!(first.origin, origin);
    assert_eq!(
        (first.before.as_str(), first.after.as_str(), first.result.as_str()),
        (r#"{"a":"x","b":1}"#, r#"{"b":2}"#, "3 certificates revoked")
    );
    assert_eq!(events[1].origin, elsewhere);
    assert_eq!(events[2].origin, AuditOrigin::default());
    assert_eq!(events[2].result, "succeeded");
    follow(&events).unwrap();
}
