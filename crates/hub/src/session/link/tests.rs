use provost_model::SymmetricKey;
use serde_json::Map;

use super::*;
use crate::auth::AdmittedBy;

fn link() -> Link {
    Link::new(
        HubName::parse("hub").unwrap(),
        IdentityId::parse("d1").unwrap(),
        false,
        None,
    )
}

fn admitted() -> Admitted {
    Admitted {
        by: AdmittedBy::DeviceKey(SymmetricKey::from_bytes(vec![1; 32]).unwrap()),
        hub_made_at: Timestamp::default(),
        generation_id: "1".to_owned(),
        at: Timestamp::from_unix_seconds(1),
        expires_at: None,
    }
}

fn listen(link: &Link, feature: Feature) {
    let mut subscriptions = link.subscriptions();
    subscriptions.set(feature, Some(Granted::AtMostOnce));
    link.subscribe(subscriptions);
}

fn notification(version: i64) -> DesiredNotification {
    DesiredNotification {
        patch: Map::new(),
        version,
    }
}

#[test]
fn change_during_the_judgement_refuses_it_until_the_device_is_read_again() {
    let link = link();
    link.begin_reading();
    link.mark_stale();
    assert!(!link.admit(admitted()));
    assert!(link.admitted().is_none());
    link.begin_reading();
    assert!(link.admit(admitted()));
}

#[test]
fn nothing_reaches_who_does_not_listen() {
    let link = link();
    link.notify_desired(notification(2));
    assert_eq!(
        link.call_method("m", b"").unwrap_err(),
        MethodRefusal::NotListening
    );
    assert!(link.lock().waiting.is_empty());
    assert_eq!(link.desired_version(), 2);
}

#[tokio::test]
async fn events_come_in_order_and_close_overtakes_them() {
    let link = link();
    listen(&link, Feature::Desired);
    (2..5).for_each(|version| link.notify_desired(notification(version)));
    let SessionEvent::Desired(first) = link.next_event().await else {
        panic!("not a notification")
    };
    assert_eq!(first.version, 2);
    link.close(CloseReason::Disabled);
    link.close(CloseReason::TooSlow);
    for _ in 0..2 {
        assert_eq!(
            link.next_event().await,
            SessionEvent::Close(CloseReason::Disabled)
        );
    }
}

#[test]
fn session_that_does_not_drain_is_closed() {
    let link = link();
    listen(&link, Feature::Desired);
    for version in 0..=64 {
        assert!(!link.is_closed());
        link.notify_desired(notification(version));
    }
    assert!(link.is_closed());
}

#[tokio::test]
async fn method_is_answered_once() {
    let link = link();
    listen(&link, Feature::Methods);
    let (_, answered) = link.call_method("reboot", b"{}").unwrap();
    let SessionEvent::Method(request) = link.next_event().await else {
        panic!("not a method")
    };
    assert_eq!(
        (request.name.as_str(), request.payload.as_slice()),
        ("reboot", &b"{}"[..])
    );
    let answer = RawAnswer {
        status: 204,
        payload: Vec::new(),
    };
    assert!(link.answer_method(&request.rid, answer.clone()));
    assert!(!link.answer_method(&request.rid, answer.clone()));
    assert!(!link.answer_method("zz", answer.clone()));
    assert_eq!(answered.await.unwrap(), answer);
}

#[test]
fn methods_in_flight_are_capped() {
    let link = link();
    listen(&link, Feature::Methods);
    let calls: Vec<_> = (0..MAX_METHODS)
        .map(|_| link.call_method("m", b"").unwrap())
        .collect();
    assert_eq!(link.call_method("m", b"").unwrap_err(), MethodRefusal::TooMany);
    link.forget_method(calls[0].0);
    assert!(link.call_method("m", b"").is_ok());
}

#[tokio::test]
async fn forgotten_method_that_was_not_sent_never_is() {
    let link = link();
    listen(&link, Feature::Methods);
    let (first, _answered) = link.call_method("first", b"").unwrap();
    let _second = link.call_method("second", b"").unwrap();
    link.forget_method(first);
    let SessionEvent::Method(request) = link.next_event().await else {
        panic!("not a method")
    };
    assert_eq!(request.name, "second");
}

#[tokio::test]
async fn closing_tells_the_callers_of_methods() {
    let link = link();
    listen(&link, Feature::Methods);
    let (_, answered) = link.call_method("m", b"").unwrap();
    link.close(CloseReason::TakenOver);
    assert!(answered.await.is_err());
}

#[test]
fn idle_session_is_small() {
    // The table's key and slot, the names and the credential come on top: well under 1 KiB.
    assert!(size_of::<Link>() <= 384, "{}", size_of::<Link>());
    assert!(size_of::<SessionEvent>() <= 16, "{}", size_of::<SessionEvent>());
}
