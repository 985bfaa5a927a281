use provost_model::ambient::SystemRandom;
use provost_model::registry::DeviceIdentifier;
use provost_model::{DeviceId, HubName, Timestamp};
use provost_store::{CertificateRenewal, ReadTx, RenewalError, RenewalState, Store, StoreError};
use provost_testkit::TestStore;

use super::event;

fn renewal(request: &str, at: i64) -> CertificateRenewal {
    CertificateRenewal {
        hub: HubName::parse("hub").unwrap(),
        device_id: DeviceId::parse("Press-1").unwrap(),
        request_id: request.to_owned(),
        correlation_id: format!("c-{request}"),
        csr: "AAAA".to_owned(),
        identifier: DeviceIdentifier::generate(&SystemRandom),
        state: RenewalState::Pending,
        is_delivered: false,
        asked_at: Timestamp::from_unix_seconds(at),
        expires_at: Timestamp::from_unix_seconds(at + 100),
    }
}

async fn put(store: &Store, renewal: &CertificateRenewal) {
    let renewal = renewal.clone();
    let put = store.append(move |tx| tx.put_certificate_renewal(&renewal)).await;
    let put: Result<(), StoreError> = put;
    put.unwrap();
}

async fn found(store: &Store) -> Option<CertificateRenewal> {
    let of = renewal("any", 0);
    let read = store.read(move |tx| tx.certificate_renewal(&of.hub, &of.device_id));
    read.await.unwrap()
}

async fn end(store: &Store, renewal: &CertificateRenewal, number: i64) -> bool {
    let renewal = renewal.clone();
    let ended: Result<bool, StoreError> = store
        .write(move |tx| {
            let is_ended = tx.end_certificate_renewal(&renewal, number)?;
            tx.record(&event("certificate"), is_ended)
        })
        .await;
    ended.unwrap()
}

#[tokio::test]
async fn a_renewal_is_one_for_each_device_and_ends_once() {
    let test = TestStore::open().await;
    let store = &test.store;
    let (first, second) = (renewal("first", 1), renewal("second", 2));
    put(store, &first).await;
    assert_eq!(found(store).await.as_ref(), Some(&first));
    put(store, &second).await;
    assert_eq!(found(store).await.as_ref(), Some(&second));
    assert!(!end(store, &first, 7).await, "another one took its place");
    assert!(end(store, &second, 7).await);
    assert!(!end(store, &second, 8).await, "it has ended");
    assert_eq!(found(store).await.unwrap().state, RenewalState::Issued(7));
    let note = second.clone();
    let noted = store.append(move |tx| tx.note_renewal_delivered(&note, true));
    noted.await.unwrap();
    assert!(found(store).await.unwrap().is_delivered);
}

#[tokio::test]
async fn a_failed_renewal_keeps_why() {
    let test = TestStore::open().await;
    let store = &test.store;
    let asked = renewal("first", 1);
    put(store, &asked).await;
    let error = RenewalError {
        code: 400_040,
        message: "wrong".to_owned(),
        credential_error: Some("FailedToDecodeCsr".to_owned()),
    };
    let (failing, kept) = (asked.clone(), error.clone());
    let failed = store.append(move |tx| tx.fail_certificate_renewal(&failing, &kept));
    assert!(failed.await.unwrap());
    assert_eq!(found(store).await.unwrap().state, RenewalState::Failed(error));
}

#[tokio::test]
async fn pending_ones_are_found_by_age_and_forgotten_when_they_expire() {
    let test = TestStore::open().await;
    let store = &test.store;
    let asked = renewal("first", 1);
    put(store, &asked).await;
    let before = |seconds| Timestamp::from_unix_seconds(seconds);
    let none = store.read(move |tx| tx.pending_renewals(before(0), 10)).await;
    assert_eq!(none.unwrap(), []);
    let one = store.read(move |tx| tx.pending_renewals(before(1), 10)).await;
    assert_eq!(one.unwrap(), std::slice::from_ref(&asked));
    // One that is put off leaves its place to others.
    let mut other = renewal("other", 2);
    other.device_id = DeviceId::parse("Press-2").unwrap();
    put(store, &other).await;
    let late = asked.clone();
    let put_off = store.append(move |tx| tx.put_off_renewal(&late, before(50)));
    put_off.await.unwrap();
    let first = store.read(move |tx| tx.pending_renewals(before(49), 1)).await;
    assert_eq!(first.unwrap(), [other.clone()]);
    let both = store.read(move |tx| tx.pending_renewals(before(50), 10)).await;
    assert_eq!(both.unwrap(), [other.clone(), asked.clone()]);
    let forget = store.append(move |tx| tx.forget_certificate_renewal(&other));
    forget.await.unwrap();
    // One without an outcome gets one first.
    let kept = store.append(move |tx| tx.forget_renewals(before(101))).await;
    assert_eq!(kept.unwrap(), 0);
    let none = store.read(move |tx| tx.overdue_renewals(before(100), 10)).await;
    assert_eq!(none.unwrap(), []);
    let overdue = store.read(move |tx| tx.overdue_renewals(before(101), 10)).await;
    let mut overdue = overdue.unwrap().remove(0);
    assert_eq!(overdue, asked);
    let pending = store.read(|tx: &ReadTx<'_>| tx.renewals_pending()).await;
    assert_eq!(pending.unwrap(), [(asked.hub.clone(), 1)]);
    overdue.expires_at = before(200);
    let late = RenewalError {
        code: 429_003,
        message: "late".to_owned(),
        credential_error: None,
    };
    let failed = store.append(move |tx| tx.fail_certificate_renewal(&overdue, &late));
    assert!(failed.await.unwrap());
    let pending = store.read(|tx: &ReadTx<'_>| tx.renewals_pending()).await;
    assert_eq!(pending.unwrap(), []);
    let kept = store.append(move |tx| tx.forget_renewals(before(199))).await;
    assert_eq!(kept.unwrap(), 0);
    let gone = store.append(move |tx| tx.forget_renewals(before(200))).await;
    assert_eq!(gone.unwrap(), 1);
    assert_eq!(found(store).await, None);
}
