//! What the OCSP responder reads and writes, on each engine.

use std::time::Duration;

use provost_model::registry::{
    CaState, DelegatedResponder, KeyRef, ResponderState, Revocation, RevocationReason, SerialNumber,
};
use provost_model::{CertificateDer, Timestamp};
use provost_store::{LeafStatus, Store, StoreError};
use provost_testkit::TestStore;

use super::device_registry::{ca, ca_id, intent, issue, write};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);
const DAY: Duration = Duration::from_hours(24);

fn serial(number: u8) -> SerialNumber {
    SerialNumber::from_bytes(&[number]).unwrap()
}

fn intended(number: u8, created_at: Timestamp, days: u32) -> DelegatedResponder {
    DelegatedResponder {
        ca: ca_id('a'),
        serial: serial(number),
        key: KeyRef(format!("sealed:{number}")),
        state: ResponderState::Intended,
        certificate: None,
        not_before: created_at,
        not_after: created_at.after(days * DAY),
        created_at,
    }
}

async fn intend(store: &Store, new: &DelegatedResponder, follows: Option<u8>, since: Timestamp) -> bool {
    let (new, follows) = (new.clone(), follows.map(serial));
    store
        .append(move |tx| tx.intend_responder(&new, follows.as_ref(), since))
        .await
        .unwrap()
}

async fn complete(store: &Store, number: u8) {
    write(store, move |tx| {
        let der = CertificateDer(vec![number]);
        assert!(tx.complete_responder(&ca_id('a'), &serial(number), &der)?);
        assert!(!tx.complete_responder(&ca_id('a'), &serial(number), &der)?);
        Ok(())
    })
    .await;
}

async fn answering(store: &Store) -> Option<DelegatedResponder> {
    store.read(|tx| tx.ocsp_responder(&ca_id('a'))).await.unwrap()
}

async fn in_state(store: &Store, state: ResponderState) -> Vec<SerialNumber> {
    let found = store.read(move |tx| tx.ocsp_responders_in_state(state)).await;
    let found: Vec<DelegatedResponder> = found.unwrap();
    found.into_iter().map(|responder| responder.serial).collect()
}

async fn status(store: &Store, ca: char, number: u8) -> Option<LeafStatus> {
    store
        .read(move |tx| tx.leaf_status(&ca_id(ca), &serial(number)))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_makes_the_responder_and_the_latest_to_end_answers() {
    let test = TestStore::open().await;
    let (store, minute_ago) = (&test.store, NOW.before(Duration::from_mins(1)));
    let first = intended(1, NOW, 7);
    assert!(intend(store, &first, None, minute_ago).await);
    assert!(
        !intend(store, &intended(2, NOW, 7), None, minute_ago).await,
        "it is being made"
    );
    assert_eq!(answering(store).await, None, "intended is not active");
    complete(store, 1).await;
    let active = DelegatedResponder {
        state: ResponderState::Active,
        certificate: Some(CertificateDer(vec![1])),
        ..first
    };
    assert_eq!(answering(store).await, Some(active));
    let later = NOW.after(4 * DAY);
    assert!(
        !intend(store, &intended(3, later, 7), None, later).await,
        "there is one"
    );
    assert!(
        !intend(store, &intended(3, later, 7), Some(2), later).await,
        "another one answers"
    );
    assert!(intend(store, &intended(3, later, 7), Some(1), later).await);
    complete(store, 3).await;
    assert_eq!(answering(store).await.unwrap().serial, serial(3));
    let again = test.open_again().await;
    assert_eq!(answering(&again).await.unwrap().serial, serial(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_was_left_is_no_hindrance_and_is_forgotten() {
    let test = TestStore::open().await;
    let store = &test.store;
    write(store, |tx| tx.insert_ca(&ca('a', CaState::Active))).await;
    assert!(intend(store, &intended(1, NOW, 7), None, NOW).await);
    let later = NOW.after(DAY);
    assert!(intend(store, &intended(2, later, 7), None, later).await);
    let give_up = |number| {
        let intended = intended(number, NOW, 7);
        store.append(move |tx| tx.give_up_responder(&intended, later))
    };
    assert!(give_up(1).await.unwrap());
    assert!(!give_up(1).await.unwrap());
    complete(store, 2).await;
    assert!(!give_up(2).await.unwrap(), "it is active");
    assert_eq!(in_state(store, ResponderState::Intended).await, []);
    let given_up: Result<_, StoreError> = store.read(|tx| tx.given_up_keys()).await;
    let given_up: Vec<_> = given_up
        .unwrap()
        .into_iter()
        .map(|key| key.intent.key.0)
        .collect();
    assert_eq!(given_up, ["sealed:1"], "its key is to be destroyed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_responder_answers_no_more_and_is_forgotten_when_it_expired() {
    let test = TestStore::open().await;
    let store = &test.store;
    assert!(intend(store, &intended(1, NOW, 7), None, NOW).await);
    complete(store, 1).await;
    write(store, |tx| {
        assert!(tx.end_responder(&ca_id('a'), &serial(1))?);
        assert!(!tx.end_responder(&ca_id('a'), &serial(1))?);
        Ok(())
    })
    .await;
    assert_eq!(answering(store).await, None);
    assert_eq!(in_state(store, ResponderState::Ended).await, [serial(1)]);
    let prune = |at: Timestamp| store.append(move |tx| tx.prune_ended_responders(at));
    assert_eq!(prune(NOW.after(7 * DAY)).await.unwrap(), 0);
    assert_eq!(prune(NOW.after(8 * DAY)).await.unwrap(), 1);
    assert_eq!(in_state(store, ResponderState::Ended).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_issued_has_a_status() {
    let test = TestStore::open().await;
    let store = &test.store;
    let issued = issue(store, "press", 1, 'a', 30).await;
    let open = intent("press", 2, 'a', 30);
    let number = store
        .append(move |tx| tx.intend_certificate(&open))
        .await
        .unwrap();
    assert_eq!(status(store, 'a', 1).await, Some(LeafStatus { revoked: None }));
    assert_eq!(status(store, 'a', 2).await, None, "intended");
    store
        .append(move |tx| tx.orphan_certificate(number))
        .await
        .unwrap();
    assert_eq!(status(store, 'a', 2).await, None, "given up");
    assert_eq!(status(store, 'a', 3).await, None, "never begun");
    assert_eq!(status(store, 'b', 1).await, None, "another CA's");
    let revocation = Revocation {
        at: NOW,
        reason: RevocationReason::KeyCompromise,
    };
    write(store, move |tx| {
        tx.revoke_leaf(issued, revocation)
            .map(|part| assert!(part.is_some()))
    })
    .await;
    let revoked = LeafStatus {
        revoked: Some(revocation),
    };
    assert_eq!(status(store, 'a', 1).await, Some(revoked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_signs_and_has_nobody_to_answer_for_it_is_noticed() {
    let test = TestStore::open().await;
    let is_missing = async |at: Timestamp| -> bool {
        let found = test.store.read(move |tx| tx.is_responder_missing(at)).await;
        found.unwrap_or_else(|error: StoreError| panic!("{error}"))
    };
    write(&test.store, |tx| {
        let mut offline = ca('e', CaState::Active);
        offline.key = KeyRef::offline();
        tx.insert_ca(&offline)?;
        tx.insert_ca(&ca('b', CaState::Revoked))?;
        tx.insert_ca(&ca('c', CaState::Closed))
    })
    .await;
    assert!(!is_missing(NOW).await);
    write(&test.store, |tx| tx.insert_ca(&ca('a', CaState::Active))).await;
    assert!(is_missing(NOW).await);
    assert!(!is_missing(NOW.after(400 * DAY)).await, "it has expired");
    assert!(intend(&test.store, &intended(1, NOW, 7), None, NOW).await);
    assert!(is_missing(NOW).await, "intended is not active");
    complete(&test.store, 1).await;
    assert!(!is_missing(NOW).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cas_of_a_root_are_those_it_signed() {
    let test = TestStore::open().await;
    write(&test.store, |tx| {
        tx.insert_ca(&ca('a', CaState::Active))?;
        tx.insert_ca(&ca('b', CaState::Revoked))?;
        let mut foreign = ca('c', CaState::Active);
        foreign.parent = None;
        tx.insert_ca(&foreign)
    })
    .await;
    let under: Vec<_> = test.store.read(|tx| tx.cas_under(&ca_id('f'))).await.unwrap();
    let ids: Vec<_> = under.into_iter().map(|ca| ca.id).collect();
    assert_eq!(ids, [ca_id('a'), ca_id('b')]);
}
