//! Sessions that outlive their connections (iot-hub-device-api.md 2.4).

use std::time::Duration;

use provost_hub::{DeviceSession, Feature, Granted, SessionEvent};
use provost_model::twin::{DesiredNotification, TwinWrite};
use provost_model::{IfMatch, SymmetricKey};
use provost_store::KeptSession;
use serde_json::{Value, json};

use crate::house::{House, device, event, identity, keys};

async fn made(house: &House, id: &str) -> SymmetricKey {
    keys(&house.create(id).await).primary
}

async fn kept(house: &House, id: &str) -> Option<KeptSession> {
    let (hub, id) = (house.hub.name.clone(), identity(id));
    let read = house.store.read(move |tx| tx.kept_session(&hub, &id));
    read.await.unwrap()
}

async fn set_desired(house: &House, id: &str, patch: &Value) {
    let caller = house.owner().await;
    let write = TwinWrite {
        tags: None,
        desired: patch.as_object().cloned(),
    };
    let written = house
        .service
        .patch_twin(&caller, &device(id), write, IfMatch::Any)
        .await;
    written.unwrap();
}

async fn told(session: &DeviceSession) -> DesiredNotification {
    let told = queued(session).await;
    session.desired_was_sent(told.version).await.unwrap();
    told
}

/// Taken by the connection and not sent.
async fn queued(session: &DeviceSession) -> DesiredNotification {
    match event(session).await {
        SessionEvent::Desired(told) => *told,
        other => panic!("{other:?} is no notification"),
    }
}

async fn is_silent(session: &DeviceSession) -> bool {
    let more = tokio::time::timeout(Duration::from_millis(100), session.next_event());
    more.await.is_err()
}

#[tokio::test]
async fn kept_session_goes_on_with_what_it_was_granted() {
    let house = House::new().await;
    let key = made(&house, "d1").await;
    let first = house.connect_kept("d1", &key).await;
    assert!(!first.is_resumed());
    let wanted = [
        (Feature::CloudToDevice, Granted::AtLeastOnce),
        (Feature::Methods, Granted::AtMostOnce),
        (Feature::Desired, Granted::AtMostOnce),
    ];
    first.subscribe_all(&wanted).await.unwrap();
    first.unsubscribe_all(&[Feature::Desired]).await.unwrap();
    drop(first);
    let second = house.connect_kept("d1", &key).await;
    assert!(second.is_resumed());
    assert_eq!(second.granted(Feature::CloudToDevice), Some(Granted::AtLeastOnce));
    assert_eq!(second.granted(Feature::Methods), Some(Granted::AtMostOnce));
    assert_eq!(second.granted(Feature::Desired), None);
    // Taken over while it lives: the newcomer goes on with it as well.
    let third = house.connect_kept("d1", &key).await;
    assert!(third.is_resumed() && third.is_subscribed(Feature::Methods) && second.is_closed());
    assert!(second.subscribe(Feature::Desired).await.is_err());
    third
        .unsubscribe_all(&[Feature::Methods, Feature::CloudToDevice])
        .await
        .unwrap();
    assert_eq!(kept(&house, "d1").await, None);
    drop(third);
    assert!(!house.connect_kept("d1", &key).await.is_resumed());
}

#[tokio::test]
async fn clean_session_keeps_nothing_and_forgets_what_was_kept() {
    let house = House::new().await;
    let key = made(&house, "d1").await;
    let clean = house.connect_with_key("d1", &key).await.unwrap();
    clean.subscribe(Feature::Methods).await.unwrap();
    assert_eq!(kept(&house, "d1").await, None);
    let session = house.connect_kept("d1", &key).await;
    assert!(!session.is_resumed());
    session.subscribe(Feature::Methods).await.unwrap();
    assert!(kept(&house, "d1").await.is_some());
    let clean = house.connect_with_key("d1", &key).await.unwrap();
    assert!(!clean.is_resumed() && !clean.is_subscribed(Feature::Methods));
    assert_eq!(kept(&house, "d1").await, None);
}

#[tokio::test]
async fn s14_device_made_anew_has_no_session_of_the_one_before() {
    let house = House::new().await;
    let key = made(&house, "d1").await;
    let session = house.connect_kept("d1", &key).await;
    session.subscribe(Feature::Methods).await.unwrap();
    house.delete("d1").await;
    assert_eq!(kept(&house, "d1").await, None);
    // What the old one writes after its end is nobody's.
    assert!(session.subscribe(Feature::Desired).await.is_err());
    let key = made(&house, "d1").await;
    assert_eq!(kept(&house, "d1").await, None);
    assert!(!house.connect_kept("d1", &key).await.is_resumed());
}

#[tokio::test]
async fn d14_changes_while_away_are_told_once_on_return() {
    let house = House::new().await;
    let key = made(&house, "d1").await;
    set_desired(&house, "d1", &json!({"rate": 1, "old": {"a": 1, "b": 2}})).await;
    let session = house.connect_kept("d1", &key).await;
    session.subscribe(Feature::Desired).await.unwrap();
    set_desired(&house, "d1", &json!({"live": 1})).await;
    assert_eq!(told(&session).await.version, 3);
    drop(session);
    set_desired(&house, "d1", &json!({"rate": 2})).await;
    set_desired(&house, "d1", &json!({"old": {"a": null}, "rate": 3})).await;
    set_desired(&house, "d1", &json!({"live": null})).await;
    let session = house.connect_kept("d1", &key).await;
    let news = told(&session).await;
    assert_eq!(
        (news.version, Value::Object(news.patch)),
        (6, json!({"rate": 3, "old": {"a": null}, "live": null}))
    );
    assert_eq!(kept(&house, "d1").await.unwrap().desired_base, None);
    assert!(is_silent(&session).await);
    set_desired(&house, "d1", &json!({"rate": 4})).await;
    assert_eq!(told(&session).await.version, 7);
    drop(session);
    assert!(is_silent(&house.connect_kept("d1", &key).await).await);
}

#[tokio::test]
async fn nothing_is_noted_for_who_did_not_listen() {
    let house = House::new().await;
    let key = made(&house, "d1").await;
    let session = house.connect_kept("d1", &key).await;
    session.subscribe(Feature::Methods).await.unwrap();
    drop(session);
    set_desired(&house, "d1", &json!({"rate": 2})).await;
    assert_eq!(kept(&house, "d1").await.unwrap().desired_base, None);
    let session = house.connect_kept("d1", &key).await;
    session.subscribe(Feature::Desired).await.unwrap();
    assert!(is_silent(&session).await);
}

/// A node that writes does not know who is connected to another: what it notes is forgotten once
/// the other node told the device.
#[tokio::test]
async fn device_at_another_node_is_told_once() {
    let house = House::new().await;
    let key = made(&house, "d1").await;
    let session = house.connect_kept("d1", &key).await;
    session.subscribe(Feature::Desired).await.unwrap();
    let following = tokio::spawn(house.service.clone().follow_changes());
    let (caller, node, id) = (house.owner().await, house.second_node(), device("d1"));
    let write = TwinWrite {
        tags: None,
        desired: json!({"a": 1}).as_object().cloned(),
    };
    let patch = node.patch_twin(&caller, &id, write, IfMatch::Any);
    patch.await.unwrap();
    assert_eq!(told(&session).await.version, 2);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while kept(&house, "d1").await.unwrap().desired_base.is_some() {
        assert!(tokio::time::Instant::now() < deadline, "the note stays");
        tokio::task::yield_now().await;
    }
    drop(session);
    assert!(is_silent(&house.connect_kept("d1", &key).await).await);
    following.abort();
}

/// Whatever part of the notifications reached the device, it ends with the newest state.
#[tokio::test]
async fn changes_that_were_not_sent_are_told_on_return() {
    let house = House::new().await;
    let key = made(&house, "d1").await;
    set_desired(&house, "d1", &json!({"rate": 1})).await;
    let session = house.connect_kept("d1", &key).await;
    session.subscribe(Feature::Desired).await.unwrap();
    set_desired(&house, "d1", &json!({"rate": 2})).await;
    set_desired(&house, "d1", &json!({"rate": 1, "new": true})).await;
    // The first one may have reached the device; the second was never taken.
    assert_eq!(queued(&session).await.version, 3);
    let waits = house.connect_kept("d1", &key).await;
    assert!(session.is_closed());
    drop(waits);
    // Nor was what waited for the connection that followed.
    let session = house.connect_kept("d1", &key).await;
    let news = told(&session).await;
    assert_eq!(
        (news.version, Value::Object(news.patch)),
        (4, json!({"rate": 1, "new": true}))
    );
    drop(session);
    assert!(is_silent(&house.connect_kept("d1", &key).await).await);
}

#[tokio::test]
async fn older_notification_does_not_stand_for_a_newer_one() {
    let house = House::new().await;
    let key = made(&house, "d1").await;
    let session = house.connect_kept("d1", &key).await;
    session.subscribe(Feature::Desired).await.unwrap();
    set_desired(&house, "d1", &json!({"rate": 1})).await;
    let first = queued(&session).await;
    set_desired(&house, "d1", &json!({"rate": 2})).await;
    session.desired_was_sent(first.version).await.unwrap();
    drop(session);
    let session = house.connect_kept("d1", &key).await;
    assert_eq!(told(&session).await.version, 3);
}
