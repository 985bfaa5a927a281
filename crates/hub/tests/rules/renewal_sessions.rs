//! The session rules of certificate-management.md 3.3: who is told the outcome of a renewal, and when.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use provost_hub::{DeviceSession, Feature};
use provost_store::ReadTx;
use serde_json::Value;

use crate::managed::Plant;
use crate::renewal::{Issuer, ask, outcome, plant};

const CREDENTIALS: Feature = Feature::CredentialResponses;

/// Lets the program go on until what was asked for is issued.
async fn issued(plant: &Plant, issuer: &Arc<Issuer>) {
    issuer.is_closed.store(false, Ordering::SeqCst);
    plant.house.clock.advance(Duration::from_secs(1));
    let work = tokio::spawn(plant.house.service.clone().keep_renewals());
    let store = plant.house.store.clone();
    let is_done = async {
        while !store
            .read(|tx: &ReadTx<'_>| tx.renewals_pending())
            .await
            .unwrap()
            .is_empty()
        {
            tokio::task::yield_now().await;
        }
    };
    let is_done = tokio::time::timeout(Duration::from_secs(10), is_done).await;
    is_done.expect("it is issued");
    work.abort();
    assert_eq!(issuer.completed.lock().unwrap().len(), 1);
}

async fn again(plant: &Plant, is_kept: bool) -> DeviceSession {
    let leaf = plant.leaf("press-1", plant.registered("press-1").await);
    plant.connect_kept("press-1", &leaf, is_kept).await.unwrap()
}

/// A session that asked and was told 202, and a server that cannot issue yet.
async fn asked(is_kept: bool) -> (Plant, Arc<Issuer>, DeviceSession) {
    let (plant, issuer, first) = plant(true).await;
    drop(first);
    let session = again(&plant, is_kept).await;
    session.subscribe(CREDENTIALS).await.unwrap();
    assert_eq!(ask(&session, "first", "AAAA", Value::Null).await.0, 202);
    (plant, issuer, session)
}

fn told() -> (u16, String) {
    (200, "first".to_owned())
}

#[tokio::test]
async fn who_unsubscribed_is_told_after_subscribing_again() {
    let (plant, issuer, session) = asked(false).await;
    session.unsubscribe_all(&[CREDENTIALS]).await.unwrap();
    issued(&plant, &issuer).await;
    assert_eq!(session.take_renewal().await.unwrap(), None, "it does not listen");
    session.subscribe(CREDENTIALS).await.unwrap();
    assert_eq!(outcome(&session).await, told());
}

#[tokio::test]
async fn a_kept_session_is_told_without_subscribing_again() {
    let (plant, issuer, session) = asked(true).await;
    drop(session);
    issued(&plant, &issuer).await;
    let session = again(&plant, true).await;
    assert!(session.is_resumed());
    assert_eq!(outcome(&session).await, told());
}

#[tokio::test]
async fn a_clean_session_is_told_once_it_subscribes_and_not_before() {
    let (plant, issuer, session) = asked(true).await;
    drop(session);
    issued(&plant, &issuer).await;
    let session = again(&plant, false).await;
    assert_eq!(session.take_renewal().await.unwrap(), None, "it does not listen");
    session.subscribe(CREDENTIALS).await.unwrap();
    assert_eq!(outcome(&session).await, told());
    assert_eq!(session.take_renewal().await.unwrap(), None, "it is told once");
}

#[tokio::test]
async fn who_never_subscribed_is_not_heard_and_not_told() {
    let (plant, issuer, first) = plant(false).await;
    drop(first);
    let session = again(&plant, false).await;
    let body = br#"{"id":"press-1","csr":"AAAA"}"#;
    assert_eq!(session.renew("first", body).await.unwrap(), None);
    session.subscribe(CREDENTIALS).await.unwrap();
    assert_eq!(session.take_renewal().await.unwrap(), None);
    assert!(issuer.completed.lock().unwrap().is_empty());
}
