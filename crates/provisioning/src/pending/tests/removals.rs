//! Identities that have to go from a hub elsewhere.

use super::*;

/// A device that comes back to a hub before its old identity there was removed keeps the new one.
#[tokio::test]
async fn coming_back_gives_the_removal_up() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    run(&house, &leaf).await;
    send(
        &house,
        &leaf,
        "one.localhost",
        json!({"reprovisionPolicy": {"updateHubAssignment": true, "migrateDeviceData": false}}),
    )
    .await;
    begin(&house, &leaf).await;
    assert_eq!(
        state(&house).await,
        at("one", Substatus::DeviceDataReset),
        "nothing is needed from there"
    );
    house.outside.set_trouble(Some(unreachable()));
    house.work().await;
    house.outside.set_trouble(None);
    let place = ("one".to_owned(), "press-1".to_owned());
    let tags = json!({"from": "one"}).as_object().cloned().unwrap();
    let set = |identity: &mut crate::NewIdentity| identity.initial_twin.tags = tags;
    house
        .hubs
        .identities
        .lock()
        .unwrap()
        .get_mut(&place)
        .map(set)
        .unwrap();
    send(&house, &leaf, "far.localhost", json!({})).await;
    assert_eq!(run(&house, &leaf).await, at("far", Substatus::DeviceDataMigrated));
    // What was left there is not mistaken for the device that comes.
    let twin = house.outside.identity("far", "press-1").unwrap().initial_twin;
    assert_eq!(twin.tags["from"], "one");
    house.clock.advance(Duration::from_mins(2));
    house.work().await;
    assert!(house.outside.identity("far", "press-1").is_some());
    assert_eq!(house.next_outbound().await, None);
}

#[tokio::test]
async fn a_removal_is_tried_until_it_is_done() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    run(&house, &leaf).await;
    send(
        &house,
        &leaf,
        "one.localhost",
        json!({"reprovisionPolicy": {"updateHubAssignment": true, "migrateDeviceData": false}}),
    )
    .await;
    begin(&house, &leaf).await;
    house.outside.set_trouble(Some(unreachable()));
    house.work().await;
    for _ in 0..10 {
        house.clock.advance(Duration::from_hours(24));
        house.work().await;
        let due = house.next_outbound().await.unwrap();
        let pause = due.since(provost_model::Clock::now(&house.clock));
        assert!(pause <= Duration::from_mins(10), "{pause:?}");
    }
    house.outside.set_trouble(None);
    house.clock.advance(Duration::from_mins(10));
    house.work().await;
    assert!(house.outside.identity("far", "press-1").is_none());
    assert_eq!(house.next_outbound().await, None);
}

/// Removals take turns too, and of their own: whoever waits for them is not in the way of runs.
#[tokio::test]
async fn a_removal_waits_for_its_turn() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    run(&house, &leaf).await;
    let turns: Vec<_> = (0..8)
        .map(|_| house.service.turns().take("removals at far", 8).unwrap())
        .collect();
    let place = Assignment {
        hub: hub("far"),
        device_id: DeviceId::parse("press-1").unwrap(),
    };
    let asked = house.store.write(move |tx| {
        remove_elsewhere(&tx, place, RemovalAction::Delete)?;
        tx.record(&crate::fixture::event(), ())
    });
    asked.await.unwrap();
    house.work().await;
    assert!(house.outside.identity("far", "press-1").is_some());
    drop(turns);
    house.clock.advance(Duration::from_secs(1));
    house.work().await;
    assert!(house.outside.identity("far", "press-1").is_none());
}
