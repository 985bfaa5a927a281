//! Counting what stands up to a mark, and what comes after it, on each engine.

use provost_model::registry::{CaId, CaState, Revocation, RevocationReason};
use provost_store::{StandingOf, StandingPage, Store, StoreError};
use provost_testkit::TestStore;

use super::device_registry::{NOW, ca, ca_id, intent, issue, name, plant, write};

async fn mark(store: &Store, cas: Vec<CaId>) -> i64 {
    let found: Result<i64, StoreError> = store.read(move |tx| tx.issuing_mark(&cas)).await;
    found.unwrap()
}

/// All pages of so many devices: devices and certificates.
async fn counted(store: &Store, cas: &[CaId], mark: i64, limit: usize) -> (u64, u64) {
    let (mut devices, mut certificates, mut after) = (0, 0, None::<String>);
    loop {
        let (cas, namespace, from) = (cas.to_vec(), plant(), after.take());
        let page: Result<StandingPage, StoreError> = store
            .scan(move |tx| {
                let of = StandingOf {
                    namespace: &namespace,
                    cas: &cas,
                    now: NOW,
                    mark,
                };
                tx.standing_page(of, from.as_deref(), limit)
            })
            .await;
        let page = page.unwrap();
        devices += page.devices;
        certificates += page.certificates;
        match page.last {
            Some(last) => after = Some(last),
            None => return (devices, certificates),
        }
    }
}

/// Four leaves of two CAs that stand; of the others one is of a third CA, one is over and one is revoked.
async fn leaves_of_three_cas(store: &Store) {
    write(store, |tx| {
        tx.insert_ca(&ca('a', CaState::Active))?;
        tx.insert_ca(&ca('b', CaState::Retired))?;
        tx.insert_ca(&ca('c', CaState::Active))
    })
    .await;
    for (device, serial, of) in [
        ("drill", 1, 'a'),
        ("lathe", 2, 'a'),
        ("press", 3, 'b'),
        ("press", 4, 'a'),
    ] {
        issue(store, device, serial, of, 30).await;
    }
    issue(store, "saw", 5, 'c', 30).await;
    issue(store, "old", 6, 'a', 0).await;
    let revoked = issue(store, "thief", 7, 'a', 30).await;
    write(store, move |tx| {
        let revocation = Revocation {
            at: NOW,
            reason: RevocationReason::KeyCompromise,
        };
        tx.revoke_leaf(revoked, revocation).map(|_| ())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_is_counted_once_by_the_mark_and_what_is_issued_after_it() {
    let test = TestStore::open().await;
    let store = &test.store;
    leaves_of_three_cas(store).await;
    let cas = vec![ca_id('a'), ca_id('b')];
    // One is being issued while it is counted.
    let open = intent("press", 8, 'a', 30);
    let open = store.append(move |tx| tx.intend_certificate(&open)).await;
    let open: i64 = open.unwrap_or_else(|error: StoreError| panic!("{error}"));
    let mark = mark(store, cas.clone()).await;
    assert_eq!(mark, open);
    for limit in [1, 2, 100] {
        assert_eq!(counted(store, &cas, mark, limit).await, (3, 4), "{limit}");
    }
    write(store, move |tx| {
        let der = provost_model::CertificateDer(vec![8]);
        assert!(tx.complete_issued(open, &der, [8; 20], [8; 32])?);
        Ok(())
    })
    .await;
    issue(store, "mill", 9, 'b', 30).await;
    issue(store, "saw", 10, 'c', 30).await;
    assert_eq!(counted(store, &cas, mark, 2).await, (3, 4), "as before");
    let (of_cas, namespace) = (cas.clone(), plant());
    let found: Result<_, StoreError> = store
        .read(move |tx| {
            let of = StandingOf {
                namespace: &namespace,
                cas: &of_cas,
                now: NOW,
                mark,
            };
            let new = tx.standing_from_mark(of, 100)?;
            assert_eq!(tx.standing_from_mark(of, 1)?, new[..1]);
            assert!(tx.has_standing_below_mark(of, &name("press"))?);
            assert!(!tx.has_standing_below_mark(of, &name("mill"))?);
            assert!(!tx.has_standing_below_mark(of, &name("thief"))?);
            Ok(new)
        })
        .await;
    let new: Vec<_> = found.unwrap().into_iter().map(|leaf| leaf.device).collect();
    assert_eq!(new, [name("press"), name("mill")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_cas_nothing_stands() {
    let test = TestStore::open().await;
    issue(&test.store, "press", 1, 'a', 30).await;
    let mark = mark(&test.store, Vec::new()).await;
    assert_eq!(counted(&test.store, &[], mark, 10).await, (0, 0));
}
