use provost_model::Timestamp;
use provost_model::registry::{CaId, Revocation, RevocationReason, RevokedEntry, SerialNumber};
use provost_store::{CrlPart, CrlWork, NewCrl, Store, StoreError, StoredCrl};
use provost_testkit::TestStore;

use super::event;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

/// Later than any instant of the store's own clock.
const LATER: i64 = 9_000_000_000;

fn part() -> CrlPart {
    CrlPart {
        ca: CaId::parse(&"0a".repeat(16)).unwrap(),
        shard: 0,
    }
}

async fn mark(store: &Store) {
    let marked: Result<(), StoreError> = store
        .write(|tx| {
            tx.mark_crl_dirty(&part().ca, 0)?;
            tx.record(&event("crl"), ())
        })
        .await;
    marked.unwrap();
}

async fn revoke(store: &Store, serial: &[u8], not_after: i64) {
    let entry = RevokedEntry {
        serial: SerialNumber::from_bytes(serial).unwrap(),
        revocation: Revocation {
            at: at(5),
            reason: RevocationReason::Superseded,
        },
        not_after: at(not_after),
    };
    let inserted: Result<(), StoreError> = store
        .write(move |tx| {
            tx.insert_revoked(&part(), &entry)?;
            tx.mark_crl_dirty(&part().ca, 0)?;
            tx.record(&event("revoked"), ())
        })
        .await;
    inserted.unwrap();
}

async fn work(store: &Store) -> CrlWork {
    store.read(|tx| tx.crl_work(&part())).await.unwrap().unwrap()
}

async fn stored(store: &Store) -> StoredCrl {
    store.read(|tx| tx.crl(&part())).await.unwrap().unwrap()
}

async fn lease(store: &Store, now: i64, until: i64) -> Vec<CrlPart> {
    store
        .append(move |tx| tx.lease_crls(at(now), at(until), 10))
        .await
        .unwrap()
}

fn new_crl(number: i64, this_update: i64, due_at: Option<i64>) -> NewCrl {
    NewCrl {
        number,
        this_update: at(this_update),
        next_update: at(this_update + 100),
        der: vec![1, 2, 3],
        entries: 1,
        due_at: due_at.map(at),
        rests_until: at(0),
    }
}

async fn replace(store: &Store, work: &CrlWork, new: NewCrl) -> bool {
    let work = work.clone();
    store.append(move |tx| tx.replace_crl(&work, &new)).await.unwrap()
}

async fn serials(store: &Store, expired_at: Option<i64>) -> Vec<String> {
    let entries = store
        .scan(move |tx| tx.revoked_entries(&part(), expired_at.map(at), None, 10))
        .await;
    entries
        .unwrap()
        .iter()
        .map(|entry: &RevokedEntry| entry.serial.to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marked_part_is_due_until_a_crl_tells_everything() {
    let test = TestStore::open().await;
    assert!(lease(&test.store, LATER, LATER + 5).await.is_empty());
    mark(&test.store).await;
    let before = work(&test.store).await;
    // Marked again after the work was looked at: the CRL does not tell that, and another one is due.
    mark(&test.store).await;
    assert!(replace(&test.store, &before, new_crl(7, 10, Some(LATER + 100))).await);
    let out = stored(&test.store).await;
    assert_eq!((out.number, out.untold, out.is_last), (7, 1, false));
    assert_eq!(lease(&test.store, LATER, LATER).await, [part()]);
    let before = work(&test.store).await;
    assert!(replace(&test.store, &before, new_crl(8, 20, Some(LATER + 100))).await);
    assert_eq!(stored(&test.store).await.untold, 0);
    assert!(lease(&test.store, LATER + 99, LATER).await.is_empty());
    assert_eq!(lease(&test.store, LATER + 100, LATER).await, [part()], "by age");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leased_part_is_nobody_elses_until_the_lease_ends() {
    let test = TestStore::open().await;
    mark(&test.store).await;
    assert_eq!(lease(&test.store, LATER, LATER + 30).await, [part()]);
    mark(&test.store).await;
    assert!(lease(&test.store, LATER + 29, LATER + 60).await.is_empty());
    assert_eq!(lease(&test.store, LATER + 30, LATER + 60).await, [part()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn crl_numbers_only_grow_and_the_first_of_two_stands() {
    let test = TestStore::open().await;
    mark(&test.store).await;
    let before = work(&test.store).await;
    assert!(replace(&test.store, &before, new_crl(5, 10, Some(20))).await);
    assert!(!replace(&test.store, &before, new_crl(6, 11, Some(20))).await);
    let next = work(&test.store).await;
    assert_eq!(next.number, 5);
    for number in [4, 5] {
        assert!(!replace(&test.store, &next, new_crl(number, 12, Some(20))).await);
    }
    assert_eq!(stored(&test.store).await.this_update, Some(at(10)));
    let again = test.open_again().await;
    assert_eq!(work(&again).await.number, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_stands_on_one_crl_after_its_expiry_and_is_gone_then() {
    let test = TestStore::open().await;
    revoke(&test.store, &[9], 15).await;
    revoke(&test.store, &[9], 15).await;
    revoke(&test.store, &[0x81, 2], 500).await;
    revoke(&test.store, &[0x10], 500).await;
    assert_eq!(serials(&test.store, None).await, ["09", "10", "8102"]);
    let first = work(&test.store).await;
    assert!(replace(&test.store, &first, new_crl(1, 10, Some(20))).await);
    // It expired at 15: the CRL of 20 still tells it.
    assert_eq!(serials(&test.store, Some(10)).await, ["09", "10", "8102"]);
    let second = work(&test.store).await;
    assert!(replace(&test.store, &second, new_crl(2, 20, Some(30))).await);
    assert_eq!(serials(&test.store, Some(20)).await, ["10", "8102"]);
    let third = work(&test.store).await;
    assert!(replace(&test.store, &third, new_crl(3, 30, Some(40))).await);
    assert_eq!(serials(&test.store, None).await, ["10", "8102"]);
    let paged = test
        .store
        .scan(|tx| tx.revoked_entries(&part(), None, SerialNumber::from_bytes(&[0x10]).as_ref(), 10));
    assert_eq!(paged.await.unwrap().len(), 1);
    let one = SerialNumber::from_bytes(&[0x10]).unwrap();
    let found = test.store.read(move |tx| tx.revoked_entry(&part(), &one)).await;
    assert_eq!(
        found.unwrap().unwrap().revocation.reason,
        RevocationReason::Superseded
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_follows_the_last_crl() {
    let test = TestStore::open().await;
    mark(&test.store).await;
    let before = work(&test.store).await;
    mark(&test.store).await;
    assert!(replace(&test.store, &before, new_crl(1, 10, None)).await);
    // What was revoked while it was made stands on one more.
    assert!(!stored(&test.store).await.is_last);
    let last = work(&test.store).await;
    assert!(replace(&test.store, &last, new_crl(2, 20, None)).await);
    mark(&test.store).await;
    assert!(lease(&test.store, LATER, LATER).await.is_empty());
    let out = stored(&test.store).await;
    assert_eq!((out.is_last, out.untold), (true, 1));
    let parts: Vec<_> = test.store.read(|tx| tx.crls_of(&part().ca)).await.unwrap();
    assert_eq!(parts, [StoredCrl { der: None, ..out }]);
}

/// A CRL that is signed elsewhere: nobody makes it here, and what is brought takes its place in a write of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_crl_that_is_brought_is_awaited_and_not_made() {
    let test = TestStore::open().await;
    mark(&test.store).await;
    let wait: Result<(), StoreError> = test.store.append(|tx| tx.await_crl(&part())).await;
    wait.unwrap();
    assert!(lease(&test.store, LATER, LATER).await.is_empty());
    assert_eq!(stored(&test.store).await.untold, 1);
    let before = work(&test.store).await;
    let brought: Result<bool, StoreError> = test
        .store
        .write(move |tx| {
            let new = NewCrl {
                due_at: Some(Timestamp::from_micros(i64::MAX)),
                ..new_crl(3, 10, None)
            };
            let is_taken = tx.replace_crl(&before, &new)?;
            tx.record(&event("crl"), is_taken)
        })
        .await;
    assert!(brought.unwrap());
    let out = stored(&test.store).await;
    assert_eq!((out.number, out.untold, out.is_last), (3, 0, false));
    assert!(lease(&test.store, LATER, LATER).await.is_empty());
}
