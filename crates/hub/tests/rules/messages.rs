//! Cloud-to-device messages: how they wait, are delivered and end.

use std::time::Duration;

use provost_hub::{ConnectRequest, DeviceCaller, Feature, Granted, HubError, SentMessage, SessionEvent};
use provost_model::{Ack, DeviceStatus, IdentityId, LockToken, MessageOutcome, QueuedMessage};
use provost_wire::hub::device::PropertyBag;
use provost_wire::hub::service::MessageInput;

use crate::house::{HOST, House, device, event, keys};

fn input(message_id: &str, ack: Ack) -> MessageInput {
    MessageInput {
        message_id: Some(message_id.to_owned()),
        ack,
        body: message_id.as_bytes().to_vec(),
        ..MessageInput::default()
    }
}

async fn send(house: &House, input: MessageInput) -> Result<SentMessage, HubError> {
    let caller = house.owner().await;
    house.service.send_message(&caller, &device("d1"), input).await
}

async fn caller(house: &House) -> DeviceCaller {
    let owner = house.owner().await;
    let view = house.service.device(&owner, &device("d1")).await.unwrap();
    let token = house.token(&format!("{HOST}/devices/d1"), &keys(&view).primary, None);
    let id = IdentityId::device(device("d1"));
    let request = ConnectRequest {
        host: HOST,
        id: &id,
        sas: Some(&token),
        certificates: None,
        is_kept: false,
    };
    house.service.authenticate_device(request).await.unwrap()
}

async fn receive(house: &House) -> Option<QueuedMessage> {
    let caller = caller(house).await;
    house.service.receive_message(&caller, None).await.unwrap()
}

fn token(message: &QueuedMessage) -> LockToken {
    message.delivery.lock().unwrap().0.clone()
}

async fn count(house: &House) -> u32 {
    let owner = house.owner().await;
    let view = house.service.device(&owner, &device("d1")).await.unwrap();
    view.identity.cloud_to_device_message_count
}

/// What became of messages, each with its ID; read away.
async fn feedback(house: &House) -> Vec<(String, MessageOutcome)> {
    let owner = house.owner().await;
    let Some(batch) = house.service.receive_feedback(&owner).await.unwrap() else {
        return Vec::new();
    };
    house
        .service
        .complete_feedback(&owner, &batch.token)
        .await
        .unwrap();
    let told = batch.records.into_iter();
    told.map(|record| (record.message_id, record.outcome)).collect()
}

#[tokio::test]
async fn messages_are_given_in_order_and_counted() {
    let house = House::new().await;
    house.create("d1").await;
    for name in ["a", "b"] {
        send(&house, input(name, Ack::None)).await.unwrap();
    }
    assert_eq!(count(&house).await, 2);
    let first = receive(&house).await.unwrap();
    let second = receive(&house).await.unwrap();
    assert_eq!(
        (&*first.message.body, &*second.message.body),
        (&b"a"[..], &b"b"[..])
    );
    assert_eq!(receive(&house).await, None);
    let caller = caller(&house).await;
    house
        .service
        .complete_message(&caller, &token(&first))
        .await
        .unwrap();
    assert_eq!(count(&house).await, 1);
    let again = house.service.complete_message(&caller, &token(&first)).await;
    assert_eq!(again.unwrap_err().code(), 412_002);
}

#[tokio::test]
async fn a_lock_that_is_over_is_lost_and_the_message_comes_back() {
    let house = House::new().await;
    house.create("d1").await;
    send(&house, input("a", Ack::Full)).await.unwrap();
    let first = receive(&house).await.unwrap();
    house.clock.advance(Duration::from_mins(1));
    let caller = caller(&house).await;
    let late = house.service.complete_message(&caller, &token(&first)).await;
    assert_eq!(late.unwrap_err().code(), 412_002);
    let again = receive(&house).await.unwrap();
    assert_eq!((first.delivery.count(), again.delivery.count()), (1, 2));
    assert_ne!(token(&first), token(&again));
    assert_eq!(feedback(&house).await, []);
}

#[tokio::test]
async fn an_asked_for_lock_is_kept_and_bounded() {
    let house = House::new().await;
    house.create("d1").await;
    send(&house, input("a", Ack::None)).await.unwrap();
    let caller = caller(&house).await;
    for seconds in [4, 301] {
        let refused = house
            .service
            .receive_message(&caller, Some(Duration::from_secs(seconds)))
            .await;
        assert_eq!(refused.unwrap_err().code(), 400_004);
    }
    let lock = Some(Duration::from_mins(5));
    let taken = house
        .service
        .receive_message(&caller, lock)
        .await
        .unwrap()
        .unwrap();
    house.clock.advance(Duration::from_secs(299));
    house
        .service
        .complete_message(&caller, &token(&taken))
        .await
        .unwrap();
}

#[tokio::test]
async fn every_end_is_told_to_who_asked_for_it() {
    let house = House::new().await;
    house.create("d1").await;
    let caller = caller(&house).await;
    for ack in Ack::ALL {
        let (good, bad) = (
            ack.wants(MessageOutcome::Success),
            ack.wants(MessageOutcome::Rejected),
        );
        send(&house, input("completed", ack)).await.unwrap();
        let taken = receive(&house).await.unwrap();
        house
            .service
            .complete_message(&caller, &token(&taken))
            .await
            .unwrap();
        send(&house, input("rejected", ack)).await.unwrap();
        let taken = receive(&house).await.unwrap();
        house
            .service
            .reject_message(&caller, &token(&taken))
            .await
            .unwrap();
        send(&house, input("purged", ack)).await.unwrap();
        let owner = house.owner().await;
        assert_eq!(
            house.service.purge_messages(&owner, &device("d1")).await.unwrap(),
            1
        );
        let mut expected = Vec::new();
        if good {
            expected.push(("completed".to_owned(), MessageOutcome::Success));
        }
        if bad {
            expected.push(("rejected".to_owned(), MessageOutcome::Rejected));
            expected.push(("purged".to_owned(), MessageOutcome::Purged));
        }
        assert_eq!(feedback(&house).await, expected, "{ack:?}");
        assert_eq!(count(&house).await, 0);
    }
}

#[tokio::test]
async fn a_message_whose_time_is_over_is_never_given() {
    let house = House::new().await;
    house.create("d1").await;
    let expires_at = Some(house.now().after(Duration::from_secs(10)));
    let short = MessageInput {
        expires_at,
        ..input("short", Ack::Negative)
    };
    send(&house, short).await.unwrap();
    send(&house, input("long", Ack::Negative)).await.unwrap();
    house.clock.advance(Duration::from_secs(10));
    assert_eq!(receive(&house).await.unwrap().message.message_id, "long");
    assert_eq!(
        feedback(&house).await,
        [("short".to_owned(), MessageOutcome::Expired)]
    );
}

#[tokio::test]
async fn messages_of_a_device_that_never_comes_end_by_themselves() {
    let house = House::new().await;
    house.create("d1").await;
    send(&house, input("a", Ack::Full)).await.unwrap();
    house.service.tidy_messages_now().await.unwrap();
    assert_eq!(count(&house).await, 1);
    house.clock.advance(Duration::from_hours(1));
    house.service.tidy_messages_now().await.unwrap();
    assert_eq!(count(&house).await, 0);
    assert_eq!(
        feedback(&house).await,
        [("a".to_owned(), MessageOutcome::Expired)]
    );
}

#[tokio::test]
async fn a_message_is_given_ten_times_and_then_no_more() {
    let house = House::new().await;
    house.create("d1").await;
    send(&house, input("a", Ack::Full)).await.unwrap();
    let caller = caller(&house).await;
    for delivery in 1..=10 {
        let taken = receive(&house).await.unwrap();
        assert_eq!(taken.delivery.count(), delivery);
        house
            .service
            .abandon_message(&caller, &token(&taken))
            .await
            .unwrap();
    }
    assert_eq!(receive(&house).await, None);
    assert_eq!(
        feedback(&house).await,
        [("a".to_owned(), MessageOutcome::DeliveryCountExceeded)]
    );
    assert_eq!(count(&house).await, 0);
}

#[tokio::test]
async fn a_full_queue_takes_no_more_until_there_is_room() {
    let house = House::new().await;
    house.create("d1").await;
    let expires_at = Some(house.now().after(Duration::from_secs(10)));
    for _ in 0..50 {
        let message = MessageInput {
            expires_at,
            ..input("a", Ack::None)
        };
        send(&house, message).await.unwrap();
    }
    let refused = send(&house, input("b", Ack::None)).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.name()),
        (403_004, "DeviceMaximumQueueDepthExceeded")
    );
    // Those whose time is over make room.
    house.clock.advance(Duration::from_secs(10));
    send(&house, input("b", Ack::None)).await.unwrap();
    assert_eq!(count(&house).await, 1);
}

#[tokio::test]
async fn what_is_too_large_or_over_already_is_refused() {
    let house = House::new().await;
    house.create("d1").await;
    let large = MessageInput {
        body: vec![0; 64 * 1024],
        ..MessageInput::default()
    };
    assert_eq!(send(&house, large).await.unwrap_err().code(), 413_001);
    // It fits the limit of a message, and not a topic: each character takes three there.
    let long = MessageInput {
        properties: vec![("a".to_owned(), "%".repeat(22_000))],
        ..MessageInput::default()
    };
    assert_eq!(send(&house, long).await.unwrap_err().code(), 413_001);
    let over = MessageInput {
        expires_at: Some(house.now()),
        ..MessageInput::default()
    };
    assert_eq!(send(&house, over).await.unwrap_err().code(), 400_004);
    let far = MessageInput {
        expires_at: Some(house.now().after(Duration::from_hours(1000))),
        ..MessageInput::default()
    };
    let sent = send(&house, far).await.unwrap();
    assert_eq!(sent.expires_at, house.now().after(Duration::from_hours(48)));
    assert_eq!(sent.message_id.len(), 36);
    let owner = house.owner().await;
    let unknown = house
        .service
        .send_message(&owner, &device("nobody"), MessageInput::default())
        .await;
    assert_eq!(unknown.unwrap_err().code(), 404_001);
}

#[tokio::test]
async fn a_device_that_is_deleted_takes_its_messages_along() {
    let house = House::new().await;
    house.create("d1").await;
    send(&house, input("a", Ack::Full)).await.unwrap();
    let before = caller(&house).await;
    house.delete("d1").await;
    house.create("d1").await;
    assert_eq!(count(&house).await, 0);
    send(&house, input("b", Ack::Full)).await.unwrap();
    // Who proved himself as the device before is another one.
    let refused = house.service.receive_message(&before, None).await;
    assert!(matches!(refused, Err(HubError::SessionClosed)), "{refused:?}");
    assert_eq!(receive(&house).await.unwrap().message.message_id, "b");
    assert_eq!(feedback(&house).await, []);
}

#[tokio::test]
async fn feedback_that_is_not_completed_comes_back() {
    let house = House::new().await;
    house.create("d1").await;
    let owner = house.owner().await;
    for n in 0..50 {
        send(&house, input(&format!("a{n}"), Ack::Full)).await.unwrap();
    }
    house.service.purge_messages(&owner, &device("d1")).await.unwrap();
    for n in 0..20 {
        send(&house, input(&format!("b{n}"), Ack::Full)).await.unwrap();
    }
    house.service.purge_messages(&owner, &device("d1")).await.unwrap();
    let first = house.service.receive_feedback(&owner).await.unwrap().unwrap();
    assert_eq!(first.records.len(), 64);
    assert_eq!(first.records[0].message_id, "a0");
    let rest = house.service.receive_feedback(&owner).await.unwrap().unwrap();
    assert_eq!(rest.records.len(), 6);
    house.service.abandon_feedback(&owner, &rest.token).await.unwrap();
    let rest = house.service.receive_feedback(&owner).await.unwrap().unwrap();
    house
        .service
        .complete_feedback(&owner, &rest.token)
        .await
        .unwrap();
    assert_eq!(house.service.receive_feedback(&owner).await.unwrap(), None);
    house.clock.advance(Duration::from_mins(1));
    let late = house.service.complete_feedback(&owner, &first.token).await;
    assert_eq!(late.unwrap_err().code(), 412_002);
    let again = house.service.receive_feedback(&owner).await.unwrap().unwrap();
    assert_eq!(again.records.len(), 64);
    house.clock.advance(Duration::from_hours(1));
    assert_eq!(house.service.receive_feedback(&owner).await.unwrap(), None);
}

#[tokio::test]
async fn a_live_session_is_told_at_once_and_by_other_nodes() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    session.subscribe(Feature::CloudToDevice).await.unwrap();
    assert_eq!(event(&session).await, SessionEvent::Messages);
    let taken = session.take_messages(Granted::AtLeastOnce, 8).await.unwrap();
    assert!(taken.messages.is_empty());
    send(&house, input("a", Ack::Full)).await.unwrap();
    assert_eq!(event(&session).await, SessionEvent::Messages);
    let taken = session.take_messages(Granted::AtLeastOnce, 8).await.unwrap();
    session
        .complete_message(&token(&taken.messages[0]))
        .await
        .unwrap();
    // Another node sends: this one hears of it through the change feed.
    let other = house.second_node();
    let following = tokio::spawn(house.service.clone().follow_changes());
    tokio::task::yield_now().await;
    let owner = house.owner().await;
    other
        .send_message(&owner, &device("d1"), input("b", Ack::None))
        .await
        .unwrap();
    assert_eq!(event(&session).await, SessionEvent::Messages);
    following.abort();
}

#[tokio::test]
async fn a_session_without_acknowledgements_is_done_by_sending() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    for name in ["a", "b", "c"] {
        send(&house, input(name, Ack::Positive)).await.unwrap();
    }
    let taken = session.take_messages(Granted::AtMostOnce, 2).await.unwrap();
    assert_eq!((taken.messages.len(), taken.has_more), (2, true));
    assert_eq!(count(&house).await, 1);
    assert_eq!(
        feedback(&house).await,
        [
            ("a".to_owned(), MessageOutcome::Success),
            ("b".to_owned(), MessageOutcome::Success)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_looks_again_when_a_lock_is_over() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    session.subscribe(Feature::CloudToDevice).await.unwrap();
    assert_eq!(event(&session).await, SessionEvent::Messages);
    send(&house, input("a", Ack::None)).await.unwrap();
    assert_eq!(event(&session).await, SessionEvent::Messages);
    // Somebody took it over HTTPS.
    let held = receive(&house).await.unwrap();
    let taken = session.take_messages(Granted::AtLeastOnce, 8).await.unwrap();
    assert!(taken.messages.is_empty());
    let begin = tokio::time::Instant::now();
    let waiting = tokio::time::timeout(Duration::from_secs(100), session.next_event()).await;
    assert_eq!(waiting.unwrap(), SessionEvent::Messages);
    assert!(begin.elapsed() >= Duration::from_mins(1));
    house.clock.advance(Duration::from_mins(1));
    let taken = session.take_messages(Granted::AtLeastOnce, 8).await.unwrap();
    assert_eq!(taken.messages[0].sequence_number, held.sequence_number);
    assert_eq!(taken.messages[0].delivery.count(), 2);
}

#[tokio::test]
async fn deliveries_leave_no_audit_event() {
    let house = House::new().await;
    house.create("d1").await;
    send(&house, input("a", Ack::Full)).await.unwrap();
    let events = || async {
        let events = house.store.read(|tx| tx.audit_events_after(0, 100)).await;
        events.unwrap().len()
    };
    let before = events().await;
    let caller = caller(&house).await;
    let taken = receive(&house).await.unwrap();
    house
        .service
        .complete_message(&caller, &token(&taken))
        .await
        .unwrap();
    assert_eq!(feedback(&house).await.len(), 1);
    assert_eq!(events().await, before);
}

/// A request was judged, and then the device was disabled before it acted.
#[tokio::test]
async fn who_is_shut_out_after_the_proof_gets_and_settles_nothing() {
    let house = House::new().await;
    house.create("d1").await;
    for name in ["a", "b"] {
        send(&house, input(name, Ack::None)).await.unwrap();
    }
    let held = token(&receive(&house).await.unwrap());
    let early = caller(&house).await;
    house.set_status("d1", DeviceStatus::Disabled).await;
    let hub = &house.service;
    let events = [(PropertyBag::default(), b"x".to_vec())];
    for refused in [
        hub.receive_message(&early, None).await.map(drop),
        hub.complete_message(&early, &held).await,
        hub.abandon_message(&early, &held).await,
        hub.send_events(&early, &events).await,
    ] {
        assert!(matches!(refused, Err(HubError::SessionClosed)), "{refused:?}");
    }
    assert_eq!(count(&house).await, 2);
    house.set_status("d1", DeviceStatus::Enabled).await;
    hub.send_events(&early, &events).await.unwrap();
    hub.complete_message(&early, &held).await.unwrap();
}

#[tokio::test]
async fn each_message_of_a_batch_counts_more_than_its_texts() {
    let house = House::new().await;
    house.create("d1").await;
    let caller = caller(&house).await;
    let of = |size: usize, empty: usize| {
        let first = std::iter::once((PropertyBag::default(), vec![b'x'; size]));
        first
            .chain(vec![(PropertyBag::default(), Vec::new()); empty])
            .collect::<Vec<_>>()
    };
    let send = |batch: Vec<_>| async { house.service.send_events(&caller, &{ batch }).await };
    send(of(256 * 1024, 0)).await.unwrap();
    send(of(256 * 1024 - 640, 10)).await.unwrap();
    let refused = send(of(256 * 1024 - 639, 10)).await;
    assert!(
        matches!(refused, Err(HubError::MessageTooLarge { .. })),
        "{refused:?}"
    );
}
