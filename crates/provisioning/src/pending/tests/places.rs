//! Identities made, moved and taken back.

use super::*;

#[tokio::test]
async fn a_hub_elsewhere_gets_the_identity_and_its_twin() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(
        &house,
        &leaf,
        "far.localhost",
        json!({"initialTwin": {"tags": {"hall": 7}}}),
    )
    .await;
    begin(&house, &leaf).await;
    assert_eq!(state(&house).await, RegistrationState::Assigning);
    assert!(house.outside.identity("far", "press-1").is_none());
    house.work().await;
    assert_eq!(state(&house).await, at("far", Substatus::InitialAssignment));
    let identity = house.outside.identity("far", "press-1").unwrap();
    assert_eq!(identity.initial_twin.tags["hall"], 7);
    assert_eq!(
        run(&house, &leaf).await,
        at("far", Substatus::ReprovisionedToInitialAssignment)
    );
}

/// dps-device-api.md 8.2, every way between here and elsewhere.
#[tokio::test]
async fn twins_are_carried_or_made_anew_between_all_kinds_of_hubs() {
    for (migrate, substatus, tag) in [
        (true, Substatus::DeviceDataMigrated, "device"),
        (false, Substatus::DeviceDataReset, "enrollment"),
    ] {
        let (house, leaf) = (house().await, Made::alone("press-1"));
        let more = json!({"initialTwin": {"tags": {"from": "enrollment"}},
            "reprovisionPolicy": {"updateHubAssignment": true, "migrateDeviceData": migrate}});
        let tags = json!({"from": "device"});
        let mut was_first = true;
        for host in ["one", "far", "farther", "one"] {
            send(&house, &leaf, &format!("{host}.localhost"), more.clone()).await;
            let ended = run(&house, &leaf).await;
            let expected = if was_first {
                Substatus::InitialAssignment
            } else {
                substatus
            };
            assert_eq!(ended, at(host, expected));
            // Nowhere else is anything left.
            assert_eq!(
                house.hubs.count() + house.outside.identities.lock().unwrap().len(),
                1
            );
            let mut of_house = house.hubs.identities.lock().unwrap();
            let mut of_others = house.outside.identities.lock().unwrap();
            let identity = of_house
                .values_mut()
                .chain(of_others.values_mut())
                .next()
                .unwrap();
            if !was_first {
                assert_eq!(identity.initial_twin.tags["from"], tag, "{host}");
            }
            identity.initial_twin.tags = tags.as_object().cloned().unwrap();
            was_first = false;
        }
    }
}

#[tokio::test]
async fn a_hub_that_refuses_us_or_the_device_ends_the_run() {
    for (trouble, said) in [
        (
            RemoteHubError::Unauthorized("no".to_owned()),
            "refuses the provisioning service: no",
        ),
        (
            RemoteHubError::Refused("bad".to_owned()),
            "refuses the device: bad",
        ),
    ] {
        let (house, leaf) = (house().await, Made::alone("press-1"));
        send(&house, &leaf, "far.localhost", json!({})).await;
        house.outside.set_trouble(Some(trouble));
        let ended = run(&house, &leaf).await;
        assert_eq!(
            failure(&ended),
            (400_209, &*format!("IoT hub far.localhost {said}"))
        );
    }
}

/// R-003: the identity a run made goes again when its device is not let in at its end.
#[tokio::test]
async fn whoever_is_disabled_or_gone_by_the_end_leaves_nothing_behind() {
    for what in ["disabled", "another certificate", "deleted"] {
        let (house, leaf) = (house().await, Made::alone("press-1"));
        send(&house, &leaf, "far.localhost", json!({})).await;
        begin(&house, &leaf).await;
        // As if the process died after the identity was made: the step is done, the run not ended.
        let cut = cut_after_first_step(&house, &leaf).await;
        assert!(house.outside.identity("far", "press-1").is_some());
        assert_eq!(made(&house).await.unwrap().hub, hub("far"));
        match what {
            "disabled" => {
                let disabled = json!({"provisioningStatus": "disabled"});
                send(&house, &leaf, "far.localhost", disabled).await;
            }
            "another certificate" => send(&house, &Made::alone("press-1"), "far.localhost", json!({})).await,
            _ => {
                let any = IfMatch::parse(Some("*"));
                let deleted = house.service.delete_entry(&house.caller, id("press-1"), any);
                deleted.await.unwrap();
            }
        }
        house.work().await;
        assert!(made(&house).await.is_some(), "the lease holds");
        house.clock.advance(Duration::from_mins(2));
        house.work().await;
        let ended = async || {
            let dps = house.instance.name.clone();
            let record = house
                .store
                .read(move |tx: &ReadTx<'_>| tx.registration(&dps, &id("press-1")));
            record.await.unwrap().map(|record| record.state)
        };
        match what {
            "disabled" => assert_eq!(ended().await, Some(RegistrationState::Disabled)),
            "another certificate" => assert_eq!(failure(&ended().await.unwrap()).0, 401_002),
            _ => assert_eq!(ended().await, None),
        }
        assert!(house.outside.identity("far", "press-1").is_none(), "{what}");
        // The worker that was thought dead comes back: it changes nothing.
        let before = ended().await;
        house.service.run_pending(cut).await.unwrap();
        assert_eq!(ended().await, before);
    }
}

/// The proof is judged at the instant of the registration, however long the run takes.
#[tokio::test]
async fn a_certificate_that_ends_while_its_device_waits_was_good_in_time() {
    let house = house().await;
    let leaf = Made::root("r").short_leaf("press-1", Duration::from_secs(10));
    send(&house, &leaf, "far.localhost", json!({})).await;
    house.outside.set_trouble(Some(unreachable()));
    begin(&house, &leaf).await;
    house.work().await;
    house.clock.advance(Duration::from_mins(1));
    house.outside.set_trouble(None);
    house.work().await;
    assert_eq!(state(&house).await, at("far", Substatus::InitialAssignment));
}

#[tokio::test]
async fn a_step_that_was_cut_off_between_identity_and_twin_is_made_whole() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(
        &house,
        &leaf,
        "far.localhost",
        json!({"initialTwin": {"tags": {"hall": 7}}}),
    )
    .await;
    begin(&house, &leaf).await;
    cut_after_first_step(&house, &leaf).await;
    let place = ("far".to_owned(), "press-1".to_owned());
    let half = |identity: &mut crate::NewIdentity| identity.initial_twin.tags.clear();
    house
        .outside
        .identities
        .lock()
        .unwrap()
        .get_mut(&place)
        .map(half)
        .unwrap();
    house.clock.advance(Duration::from_mins(2));
    house.work().await;
    assert_eq!(
        house
            .outside
            .identity("far", "press-1")
            .unwrap()
            .initial_twin
            .tags["hall"],
        7
    );
}

#[tokio::test]
async fn a_newer_run_to_another_hub_leaves_nothing_at_the_first() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    begin(&house, &leaf).await;
    let older = cut_after_first_step(&house, &leaf).await;
    for (host, ended) in [("farther.localhost", "farther"), ("one.localhost", "one")] {
        send(&house, &leaf, host, json!({})).await;
        begin(&house, &leaf).await;
        // Whoever held the older run finds it replaced.
        house.service.run_pending(older.clone()).await.unwrap();
        house.work().await;
        assert!(
            matches!(state(&house).await, RegistrationState::Assigned { hub: at, .. } if at == hub(ended))
        );
        assert!(house.outside.identity("far", "press-1").is_none(), "{host}");
    }
    assert!(house.outside.identities.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_run_whose_record_was_deleted_ends_without_a_trace() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    begin(&house, &leaf).await;
    let any = IfMatch::parse(Some("*"));
    house
        .service
        .delete_registration(&house.caller, id("press-1"), any)
        .await
        .unwrap();
    house.work().await;
    assert!(house.outside.identities.lock().unwrap().is_empty());
    assert_eq!(house.next_outbound().await, None);
    let dps = house.instance.name.clone();
    let record = house
        .store
        .read(move |tx: &ReadTx<'_>| tx.registration(&dps, &id("press-1")));
    assert_eq!(record.await.unwrap(), None);
}

/// The identity is there when the step begins and gone when it is written: the next try makes it as
/// a new one, with its twin, and written down before.
#[tokio::test]
async fn a_device_that_goes_away_meanwhile_is_made_as_a_new_one() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    let twin = json!({"initialTwin": {"tags": {"hall": 7}}});
    send(&house, &leaf, "far.localhost", twin).await;
    run(&house, &leaf).await;
    *house.outside.goes_away.lock().unwrap() = true;
    begin(&house, &leaf).await;
    house.work().await;
    assert_eq!(state(&house).await, RegistrationState::Assigning);
    assert!(house.outside.identity("far", "press-1").is_none());
    house.clock.advance(Duration::from_secs(1));
    cut_after_first_step(&house, &leaf).await;
    assert_eq!(made(&house).await.unwrap().hub, hub("far"));
    let identity = house.outside.identity("far", "press-1").unwrap();
    assert_eq!(identity.initial_twin.tags["hall"], 7);
}

/// How the device came is kept for the run that goes on by itself.
#[tokio::test]
async fn a_run_goes_on_as_the_device_came() {
    let near = Network::parse("10.1.0.0/16").unwrap();
    let options = ProvisioningOptions {
        geo: GeoOrder::new(vec![(near, vec![hub("far")])]).unwrap(),
        ..ProvisioningOptions::default()
    };
    let house = House::with(options, &["one"]).await;
    house.link_elsewhere("far").await;
    let leaf = Made::alone("press-1");
    let both = json!({"allocationPolicy": "geoLatency", "iotHubs": ["one.localhost", "far.localhost"]});
    send(&house, &leaf, "ignored", both).await;
    run(&house, &leaf).await;
    let from_nowhere = at("one", Substatus::InitialAssignment);
    assert_eq!(state(&house).await, from_nowhere, "the order decides below");
    let caller = house.service.authenticate(proof(&house, &leaf)).await.unwrap();
    // The decision is older than it may be: it is made again, and the device came from there still.
    house.clock.advance(Duration::from_secs(5));
    let caller = caller.with_origin(Origin {
        address: Some("10.1.2.3".parse().unwrap()),
        is_before_reprovisioning: false,
    });
    let request = RegisterRequest::default();
    house.service.register(&caller, &request).await.unwrap();
    assert_eq!(state(&house).await, RegistrationState::Assigning);
    house.work().await;
    assert_eq!(state(&house).await, at("far", Substatus::DeviceDataMigrated));
}
