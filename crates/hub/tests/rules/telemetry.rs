use std::sync::Arc;
use std::time::Duration;

use provost_hub::{CloseReason, DeviceSession, HubError, SessionEvent, TelemetryPage, TelemetryRead};
use provost_model::{
    ConsumerGroupName, HostName, HubName, PageSize, PartitionId, Retention, StoredTelemetry, TelemetryStart,
};
use provost_wire::hub::device::{PropertyBag, parse_bag};

use crate::house::{HOST, House, device, event};

fn all() -> TelemetryRead {
    TelemetryRead {
        partition: None,
        device_id: None,
        limit: PageSize::clamp(None, 1000, 1000),
        wait: Duration::ZERO,
    }
}

async fn page(house: &House, read: &TelemetryRead, start: TelemetryStart) -> Result<TelemetryPage, HubError> {
    let caller = house.owner().await;
    let cursor = house.service.telemetry_cursor(&caller, read, start).await?;
    house.service.read_telemetry(&caller, read, cursor).await
}

async fn read(house: &House, start: TelemetryStart) -> Vec<StoredTelemetry> {
    page(house, &all(), start).await.unwrap().messages
}

fn bodies(messages: &[StoredTelemetry]) -> Vec<&[u8]> {
    messages
        .iter()
        .map(|stored| stored.message.body.as_slice())
        .collect()
}

async fn send(session: &DeviceSession, body: &[u8]) {
    let sent = session.send_telemetry(PropertyBag::default(), body.to_vec());
    sent.await.unwrap();
}

#[tokio::test]
async fn message_is_kept_with_its_origin() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    let bag = parse_bag("%24.ct=application%2Fjson&line=7&flag").unwrap();
    session.send_telemetry(bag.clone(), b"{}".to_vec()).await.unwrap();
    let stored = read(&house, TelemetryStart::Earliest).await.remove(0);
    let message = &stored.message;
    assert_eq!(message.sender.to_string(), "d1");
    assert_eq!(stored.partition, PartitionId::of(&device("d1"), 4));
    assert_eq!(
        (message.body.as_slice(), &message.properties, message.enqueued_at),
        (&b"{}"[..], &bag.properties, house.now())
    );
    assert_eq!(message.system_properties, bag.system_properties);
    let method: serde_json::Value = serde_json::from_str(&message.auth_method).unwrap();
    assert_eq!(
        (&method["scope"], &method["type"]),
        (&"device".into(), &"sas".into())
    );
    assert!(read(&house, TelemetryStart::Latest).await.is_empty());
}

#[tokio::test]
async fn message_over_256_kib_is_refused() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    send(&session, &vec![0; 262_144]).await;
    let bag = parse_bag("a=1").unwrap();
    let over = session.send_telemetry(bag, vec![0; 262_143]).await;
    assert_eq!(over.unwrap_err().code(), 413_001);
}

#[tokio::test]
async fn messages_accepted_while_one_is_stored_share_a_commit_and_keep_their_order() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    let bag = PropertyBag::default();
    let mut tickets = Vec::new();
    let before = house.store.commit_counts().commits;
    for number in 0..200_u8 {
        tickets.push(session.accept_telemetry(&bag, &[number]).await.unwrap());
    }
    for ticket in &mut tickets {
        ticket.stored().await.unwrap();
    }
    let commits = house.store.commit_counts().commits - before;
    assert!(commits < 20, "{commits} commits for 200 messages");
    assert!(tickets[198].is_of_same_commit(&tickets[199]));
    let messages = read(&house, TelemetryStart::Earliest).await;
    let numbers: Vec<i64> = messages.iter().map(|stored| stored.sequence_number).collect();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    let expected: Vec<u8> = (0..200).collect();
    assert_eq!(bodies(&messages).concat(), expected);
    assert!(messages.windows(2).all(|pair| pair[0].offset < pair[1].offset));
}

#[tokio::test]
async fn a_closed_session_has_nothing_more_to_say() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    house.delete("d1").await;
    let refused = session.accept_telemetry(&PropertyBag::default(), b"x").await;
    assert!(matches!(refused, Err(HubError::SessionClosed)));
}

#[tokio::test]
async fn what_more_than_one_commit_holds_waits_and_is_stored() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    let (bag, body) = (PropertyBag::default(), vec![7; 200_000]);
    let mut tickets = Vec::new();
    for _ in 0..60 {
        tickets.push(session.accept_telemetry(&bag, &body).await.unwrap());
    }
    for ticket in &mut tickets {
        ticket.stored().await.unwrap();
    }
    let caller = house.owner().await;
    let partitions = house.service.telemetry_partitions_of(&caller).await.unwrap();
    assert_eq!(partitions.iter().map(|partition| partition.next).sum::<i64>(), 60);
}

#[tokio::test]
async fn pages_are_bounded_in_messages_and_bytes() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    for number in 0..70 {
        send(&session, &[number; 10]).await;
    }
    let fifty = TelemetryRead {
        limit: PageSize::clamp(Some(50), 1000, 1000),
        ..all()
    };
    let first = page(&house, &fifty, TelemetryStart::Earliest).await.unwrap();
    assert_eq!(first.messages.len(), 50);
    let rest = page(&house, &all(), TelemetryStart::Cursor(first.next))
        .await
        .unwrap();
    assert_eq!(rest.messages.len(), 20);
    assert_eq!(rest.messages[0].message.body, [50; 10]);
    for _ in 0..40 {
        send(&session, &vec![0; 262_144]).await;
    }
    let mut start = TelemetryStart::Cursor(rest.next);
    let mut counts = Vec::new();
    loop {
        let large = page(&house, &all(), start).await.unwrap();
        if large.messages.is_empty() {
            break;
        }
        counts.push(large.messages.len());
        start = TelemetryStart::Cursor(large.next);
    }
    assert_eq!(counts.iter().sum::<usize>(), 40);
    assert!(counts.iter().all(|count| *count <= 18), "{counts:?}");
}

#[tokio::test]
async fn a_page_has_something_of_every_partition() {
    let house = House::new().await;
    // One device in each partition: press-a, press-b, …
    let names = ('a'..='z').map(|letter| format!("press-{letter}"));
    let mut senders = Vec::new();
    for number in 0..4 {
        let mut of_partition = names
            .clone()
            .filter(|name| PartitionId::of(&device(name), 4).get() == number);
        senders.push(house.connected(&of_partition.next().unwrap()).await);
    }
    for session in &senders {
        for _ in 0..10 {
            send(session, b"x").await;
        }
    }
    let eight = TelemetryRead {
        limit: PageSize::clamp(Some(8), 1000, 1000),
        ..all()
    };
    let page = page(&house, &eight, TelemetryStart::Earliest).await.unwrap();
    let partitions: Vec<u16> = page
        .messages
        .iter()
        .map(|stored| stored.partition.get())
        .collect();
    assert_eq!(partitions, [0, 0, 1, 1, 2, 2, 3, 3]);
}

#[tokio::test]
async fn a_reader_begins_where_it_says() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    for body in [b"a", b"b", b"c"] {
        send(&session, body).await;
        house.clock.advance(Duration::from_secs(10));
    }
    let second = house.now().before(Duration::from_secs(20));
    let own = PartitionId::of(&device("d1"), 4);
    let partition = Some(own);
    assert_eq!(
        bodies(&read(&house, TelemetryStart::Since(second)).await),
        [b"b", b"c"]
    );
    let later = second.after(Duration::from_secs(1));
    assert_eq!(bodies(&read(&house, TelemetryStart::Since(later)).await), [b"c"]);
    assert!(read(&house, TelemetryStart::Since(house.now())).await.is_empty());
    let of_partition = TelemetryRead { partition, ..all() };
    let last = page(&house, &of_partition, TelemetryStart::Sequence(2))
        .await
        .unwrap();
    assert_eq!(bodies(&last.messages), [b"c"]);
    let place = last.next.places();
    assert_eq!(place, [(own, 3)]);
    for (read, start) in [
        (all(), TelemetryStart::Sequence(0)),
        (of_partition.clone(), TelemetryStart::Sequence(4)),
        (
            TelemetryRead {
                partition: PartitionId::new(4),
                ..all()
            },
            TelemetryStart::Earliest,
        ),
        (
            TelemetryRead {
                partition,
                device_id: Some(device("press-2")),
                ..all()
            },
            TelemetryStart::Earliest,
        ),
    ] {
        let refused = page(&house, &read, start).await;
        assert!(
            matches!(refused, Err(HubError::ArgumentInvalid(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn one_device_is_read_from_its_partition() {
    let house = House::new().await;
    let (one, other) = (house.connected("d1").await, house.connected("d2").await);
    send(&one, b"a").await;
    send(&other, b"b").await;
    send(&one, b"c").await;
    let of_device = TelemetryRead {
        device_id: Some(device("d1")),
        ..all()
    };
    let page = page(&house, &of_device, TelemetryStart::Earliest).await.unwrap();
    assert_eq!(bodies(&page.messages), [b"a", b"c"]);
    assert_eq!(page.next.places().len(), 1);
}

#[tokio::test]
async fn reader_is_woken_by_a_new_message() {
    let house = Arc::new(House::new().await);
    let session = house.connected("d1").await;
    let reading = {
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            let patient = TelemetryRead {
                wait: Duration::from_secs(30),
                ..all()
            };
            page(&house, &patient, TelemetryStart::Earliest).await.unwrap()
        })
    };
    tokio::task::yield_now().await;
    send(&session, b"x").await;
    let page = tokio::time::timeout(Duration::from_secs(10), reading).await;
    assert_eq!(page.unwrap().unwrap().messages.len(), 1);
}

#[tokio::test]
async fn old_messages_go_and_late_readers_hear_how_many() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    let partition = PartitionId::of(&device("d1"), 4);
    send(&session, b"old").await;
    send(&session, b"old, too").await;
    let late = page(&house, &all(), TelemetryStart::Earliest).await.unwrap();
    let begin = page(
        &house,
        &TelemetryRead {
            limit: PageSize::clamp(Some(1), 1, 1),
            ..all()
        },
        TelemetryStart::Earliest,
    )
    .await
    .unwrap();
    house.clock.advance(Duration::from_hours(23));
    send(&session, b"young").await;
    house.service.trim_telemetry_now().await.unwrap();
    assert_eq!(read(&house, TelemetryStart::Earliest).await.len(), 3);
    house.clock.advance(Duration::from_hours(2));
    house.service.trim_telemetry_now().await.unwrap();
    let left = page(&house, &all(), TelemetryStart::Earliest).await.unwrap();
    assert_eq!((bodies(&left.messages), left.lost), (vec![&b"young"[..]], vec![]));
    let left = page(&house, &all(), TelemetryStart::Cursor(begin.next))
        .await
        .unwrap();
    assert_eq!((left.messages.len(), left.lost), (1, vec![(partition, 1)]));
    let left = page(&house, &all(), TelemetryStart::Cursor(late.next))
        .await
        .unwrap();
    assert_eq!(left.lost, [], "who was there lost nothing");
    let counts = house.service.telemetry_counts(&house.hub.name);
    assert_eq!((counts.messages, counts.removed), (3, 2));
}

#[tokio::test]
async fn buffer_keeps_to_its_size() {
    let retention = Retention {
        bytes: 10_000,
        ..Retention::default()
    };
    let house = House::with_retention(retention).await;
    let session = house.connected("d1").await;
    for number in 0..100 {
        send(&session, &[number; 1000]).await;
    }
    house.service.trim_telemetry_now().await.unwrap();
    let left = read(&house, TelemetryStart::Earliest).await;
    assert!((8..=10).contains(&left.len()), "{}", left.len());
    assert_eq!(left.last().unwrap().message.body, [99; 1000]);
    // The account is exact: nothing more goes while the buffer is within its size.
    house.service.trim_telemetry_now().await.unwrap();
    assert_eq!(read(&house, TelemetryStart::Earliest).await.len(), left.len());
    // Another service over the same data counts what is there.
    let second = house.second_node();
    second.trim_telemetry_now().await.unwrap();
    assert_eq!(read(&house, TelemetryStart::Earliest).await.len(), left.len());
}

fn group(name: &str) -> ConsumerGroupName {
    ConsumerGroupName::parse(name).unwrap()
}

#[tokio::test]
async fn a_consumer_group_goes_on_where_it_stopped() {
    let house = House::new().await;
    let (caller, hub) = (house.owner().await, &house.service);
    let session = house.connected("d1").await;
    let partition = PartitionId::of(&device("d1"), 4);
    hub.put_consumer_group(&caller, group("dashboard")).await.unwrap();
    send(&session, b"a").await;
    send(&session, b"b").await;
    for name in ["dashboard", "$Default"] {
        let put = |number, previous| hub.put_checkpoint(&caller, group(name), partition, number, previous);
        assert!(matches!(put(3, None).await, Err(HubError::ArgumentInvalid(_))));
        put(1, None).await.unwrap();
        assert!(matches!(put(2, None).await, Err(HubError::PreconditionFailed)));
        let left = read(&house, TelemetryStart::Checkpoint(group(name))).await;
        assert_eq!(bodies(&left), [b"b"], "{name}");
    }
    let unknown = page(&house, &all(), TelemetryStart::Checkpoint(group("nobody"))).await;
    assert!(matches!(unknown, Err(HubError::ConsumerGroupNotFound)));
    let view = hub.consumer_group(&caller, group("DASHBOARD")).await.unwrap();
    assert_eq!(
        (view.group.name.as_str(), view.checkpoints.len()),
        ("dashboard", 1)
    );
}

#[tokio::test]
async fn consumer_groups_are_few_and_the_default_stays() {
    let house = House::new().await;
    let (caller, hub) = (house.owner().await, &house.service);
    for number in 1..20 {
        hub.put_consumer_group(&caller, group(&format!("g{number}")))
            .await
            .unwrap();
    }
    let again = hub.put_consumer_group(&caller, group("G1")).await.unwrap();
    assert_eq!(again.name.as_str(), "g1", "one that is there stays as it is");
    assert_eq!(hub.consumer_groups(&caller).await.unwrap().len(), 20);
    let over = hub.put_consumer_group(&caller, group("g20")).await;
    assert_eq!(over.unwrap_err().code(), 403_002);
    hub.put_consumer_group(&caller, group("$Default")).await.unwrap();
    for refused in [
        hub.put_consumer_group(&caller, group("$Other")).await.map(drop),
        hub.delete_consumer_group(&caller, group("$default")).await,
    ] {
        assert!(
            matches!(refused, Err(HubError::ArgumentInvalid(_))),
            "{refused:?}"
        );
    }
    hub.delete_consumer_group(&caller, group("g1")).await.unwrap();
    let gone = hub.delete_consumer_group(&caller, group("g1")).await;
    assert_eq!(gone.unwrap_err().code(), 404_050);
}

/// The hub goes and comes again under its name; a second one stays.
async fn made_again(house: &House) {
    house.clock.advance(Duration::from_secs(1));
    let (hub, name) = (&house.service, house.hub.name.clone());
    let admin = house.admin().await;
    hub.delete_hub(&admin, name.clone(), true).await.unwrap();
    let made = hub.add_hub(&admin, name, HostName::parse(HOST).unwrap());
    made.await.unwrap();
}

async fn second_hub(house: &House) {
    let (name, host) = (
        HubName::parse("hub2").unwrap(),
        HostName::parse("hub2.example").unwrap(),
    );
    house
        .service
        .add_hub(&house.admin().await, name, host)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_hub_made_again_takes_telemetry() {
    let house = House::new().await;
    second_hub(&house).await;
    let old = house.connected("d1").await;
    send(&old, b"before").await;
    made_again(&house).await;
    assert_eq!(event(&old).await, SessionEvent::Close(CloseReason::Deleted));
    // Last words to a hub that is gone are nobody's.
    let last_words = old.end_with(PropertyBag::default(), b"will".to_vec()).await;
    assert!(last_words.is_err());
    assert!(read(&house, TelemetryStart::Earliest).await.is_empty());
    let session = house.connected("d1").await;
    send(&session, b"after").await;
    assert_eq!(bodies(&read(&house, TelemetryStart::Earliest).await), [b"after"]);
}

#[tokio::test]
async fn last_words_to_a_hub_that_is_gone_leave_nothing() {
    let house = House::new().await;
    second_hub(&house).await;
    let session = house.connected("d1").await;
    let name = house.hub.name.clone();
    let admin = house.admin().await;
    let delete = house.service.delete_hub(&admin, name.clone(), true);
    delete.await.unwrap();
    let last_words = session.end_with(PropertyBag::default(), b"will".to_vec()).await;
    assert!(matches!(last_words, Err(HubError::HubNotFound)), "{last_words:?}");
    let left = house.store.read(move |tx| tx.telemetry_partitions(&name)).await;
    assert_eq!(left.unwrap(), []);
}
