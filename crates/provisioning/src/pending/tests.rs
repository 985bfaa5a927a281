//! Runs that lead out of the program, with a world that does as it is told.

use std::time::Duration;

use provost_model::{
    Assignment, DeviceId, GeoOrder, IfMatch, Leased, Network, Origin, PendingRegistration, RegistrationState,
    RemovalAction, Substatus,
};
use provost_store::ReadTx;
use provost_wire::dps::device::RegisterRequest;
use serde_json::{Value, json};

use super::step::Taken;
use crate::fixture::{House, Made, hub, id};
use crate::plan::Known;
use crate::removal::remove_elsewhere;
use crate::{ProvisioningOptions, RegistrationProof, RemoteHubError, WebhookError};

/// A house with a hub of its own and two elsewhere.
async fn house() -> House {
    let house = House::with(ProvisioningOptions::default(), &["one"]).await;
    house.link_elsewhere("far").await;
    house.link_elsewhere("farther").await;
    house
}

/// An entry of this certificate that is sent to a hub.
async fn send(house: &House, leaf: &Made, host: &str, more: Value) {
    let mut body = json!({"allocationPolicy": "static", "iotHubs": [host],
        "attestation": {"type": "x509", "x509": {"clientCertificates": {
            "primary": {"certificate": leaf.certificate.to_pem()}}}}});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    house.enroll("press-1", body).await.unwrap();
}

/// An entry whose webhook decides.
async fn send_by_webhook(house: &House, leaf: &Made, more: Value) {
    let mut all = json!({"allocationPolicy": "custom", "iotHubs": [],
        "customAllocationDefinition": {"webhookUrl": "https://hook.example/?code=x", "apiVersion": "2021-10-01"}});
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    send(house, leaf, "ignored", all).await;
}

fn proof(house: &House, leaf: &Made) -> RegistrationProof {
    house.by_chain("press-1", leaf.with(&[]))
}

async fn begin(house: &House, leaf: &Made) {
    let caller = house.service.authenticate(proof(house, leaf)).await.unwrap();
    let request = RegisterRequest::default();
    house.service.register(&caller, &request).await.unwrap();
}

async fn state(house: &House) -> RegistrationState {
    let dps = house.instance.name.clone();
    let record = house
        .store
        .read(move |tx: &ReadTx<'_>| tx.registration(&dps, &id("press-1")));
    record.await.unwrap().unwrap().state
}

async fn run(house: &House, leaf: &Made) -> RegistrationState {
    begin(house, leaf).await;
    house.work().await;
    state(house).await
}

fn at(host: &str, substatus: Substatus) -> RegistrationState {
    RegistrationState::Assigned {
        hub: hub(host),
        device_id: DeviceId::parse("press-1").unwrap(),
        substatus,
    }
}

fn failure(state: &RegistrationState) -> (u32, &str) {
    match state {
        RegistrationState::Failed(failure) => (failure.code, &failure.message),
        other => panic!("{other:?}"),
    }
}

async fn take(house: &House) -> Leased<PendingRegistration> {
    house.service.lease_pending(1).await.unwrap().remove(0)
}

/// Takes the run and its first step, and leaves it there, held.
async fn cut_after_first_step(house: &House, leaf: &Made) -> Leased<PendingRegistration> {
    let (mut run, mut known) = (take(house).await, Known::default());
    let caller = house.service.authenticate(proof(house, leaf)).await.unwrap();
    let need = house.service.look(&run.work, &known).await.unwrap().need.unwrap();
    let step = house.service.take_step(&mut run, &mut known, &caller, need).await;
    assert!(matches!(step.unwrap(), Taken::Done));
    run
}

/// The place a run wrote down before it made it.
async fn made(house: &House) -> Option<Assignment> {
    let dps = house.instance.name.clone();
    let run = house
        .store
        .read(move |tx: &ReadTx<'_>| tx.pending_registration(&dps, &id("press-1")));
    run.await.unwrap().and_then(|run| run.made)
}

fn unreachable() -> RemoteHubError {
    RemoteHubError::Unreachable("down".to_owned())
}

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
async fn the_twin_of_a_webhook_beats_the_one_carried_over() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    run(&house, &leaf).await;
    let all = json!({"iotHubs": ["one.localhost", "far.localhost"]});
    send_by_webhook(&house, &leaf, all).await;
    house.outside.answer(
        200,
        r#"{"iotHubHostName":"one.localhost","initialTwin":{"tags":{"from":"webhook"}},"payload":5}"#,
    );
    assert_eq!(run(&house, &leaf).await, at("one", Substatus::DeviceDataMigrated));
    let identity = house.hubs.identity("one", "press-1").unwrap();
    assert_eq!(identity.initial_twin.tags["from"], "webhook");
    let asked = house.outside.asked.lock().unwrap()[0].clone();
    assert_eq!(
        asked["deviceRuntimeContext"]["currentIotHubHostName"],
        "far.localhost"
    );
}

#[tokio::test]
async fn an_answer_for_an_entry_that_changed_is_asked_for_again() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    let far = json!({"iotHubs": ["far.localhost"]});
    send_by_webhook(&house, &leaf, far.clone()).await;
    house.outside.answer(200, r#"{"iotHubHostName":"far.localhost"}"#);
    house.outside.set_trouble(Some(unreachable()));
    begin(&house, &leaf).await;
    house.work().await;
    assert_eq!(house.outside.asked(), 1);
    // Nothing changed: the answer is kept over the tries.
    house.clock.advance(Duration::from_secs(2));
    house.work().await;
    assert_eq!(house.outside.asked(), 1);
    send_by_webhook(
        &house,
        &leaf,
        json!({"iotHubs": ["far.localhost", "one.localhost"]}),
    )
    .await;
    house.outside.set_trouble(None);
    house.clock.advance(Duration::from_secs(4));
    house.work().await;
    assert_eq!(house.outside.asked(), 2);
    assert_eq!(state(&house).await, at("far", Substatus::InitialAssignment));
}

#[tokio::test]
async fn a_webhook_is_tried_three_times_with_pauses() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send_by_webhook(&house, &leaf, json!({})).await;
    house.outside.answer(503, "");
    begin(&house, &leaf).await;
    for (pause, asked) in [(0, 1), (1, 2), (1, 2), (1, 3)] {
        house.clock.advance(Duration::from_secs(pause));
        house.work().await;
        assert_eq!(house.outside.asked(), asked);
    }
    let ended = state(&house).await;
    assert_eq!(
        failure(&ended),
        (400_207, "Custom allocation failed with status code: 503")
    );
}

#[tokio::test]
async fn an_address_that_is_forbidden_is_tried_once() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send_by_webhook(&house, &leaf, json!({})).await;
    let forbidden = WebhookError::Forbidden("the address is private".to_owned());
    house.outside.answers.lock().unwrap().push_back(Err(forbidden));
    let ended = run(&house, &leaf).await;
    assert_eq!(
        failure(&ended),
        (400_207, "Custom allocation failed: the address is private")
    );
    assert_eq!(house.outside.asked(), 1);
}

#[tokio::test]
async fn a_hub_that_is_down_is_tried_until_patience_ends() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    house.outside.set_trouble(Some(unreachable()));
    begin(&house, &leaf).await;
    for _ in 0..9 {
        house.work().await;
        assert_eq!(state(&house).await, RegistrationState::Assigning);
        house.clock.advance(Duration::from_secs(31));
    }
    house.clock.advance(Duration::from_secs(31));
    house.work().await;
    let ended = state(&house).await;
    assert_eq!(
        failure(&ended),
        (400_209, "IoT hub far.localhost cannot be reached: down")
    );
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

/// What somebody else says is not stored as it stands.
#[tokio::test]
async fn a_nul_in_what_others_say_reaches_no_row() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send_by_webhook(&house, &leaf, json!({})).await;
    house.outside.answer(400, "a\0b");
    run(&house, &leaf).await;
    let dps = house.instance.name.clone();
    let call = house.service.allocation_call(&house.caller, dps, id("press-1"));
    assert_eq!(call.await.unwrap().answer.as_deref(), Some("a b"));

    send(&house, &leaf, "far.localhost", json!({})).await;
    let said = RemoteHubError::Unauthorized(format!("no\0{}", "x".repeat(5_000)));
    house.outside.set_trouble(Some(said));
    let ended = run(&house, &leaf).await;
    let message = failure(&ended).1.to_owned();
    assert!(!message.contains('\0') && message.len() <= 1_000, "{message}");
    let health = house.service.find_hub(&hub("far")).await.unwrap().unwrap().1;
    let error = health.error.unwrap();
    assert!(!error.contains('\0') && error.len() <= 1_000, "{error}");
}

/// A hub that answers 429 is there: the run waits as it is told, and others are not kept from it.
#[tokio::test]
async fn a_busy_hub_stays_healthy_and_says_when() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    house.outside.set_trouble(Some(RemoteHubError::Busy {
        reason: "HTTP 429".to_owned(),
        retry_after: Some(Duration::from_secs(20)),
    }));
    begin(&house, &leaf).await;
    house.work().await;
    let health = house.service.find_hub(&hub("far")).await.unwrap().unwrap().1;
    assert_eq!(health.state, provost_model::HubHealthState::Healthy);
    house.outside.set_trouble(None);
    house.clock.advance(Duration::from_secs(19));
    house.work().await;
    assert_eq!(state(&house).await, RegistrationState::Assigning);
    house.clock.advance(Duration::from_secs(1));
    house.work().await;
    assert_eq!(state(&house).await, at("far", Substatus::InitialAssignment));
}

/// A device that asks again and again does not make the pauses shorter.
#[tokio::test]
async fn registering_again_hurries_nothing() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    house.outside.set_trouble(Some(unreachable()));
    begin(&house, &leaf).await;
    for _ in 0..4 {
        house.work().await;
        house.clock.advance(Duration::from_secs(10));
    }
    house.work().await;
    let due = house.next_outbound().await.unwrap();
    assert!(due > provost_model::Clock::now(&house.clock));
    begin(&house, &leaf).await;
    assert_eq!(house.next_outbound().await, Some(due));
}

#[test]
fn whoever_waits_for_a_turn_waits_longer_and_not_with_the_others() {
    let random = provost_model::ambient::SystemRandom;
    let waits = |age: u64| -> Vec<Duration> {
        let wait = || super::wait_for_turn(Duration::from_secs(age), Duration::from_secs(1), &random);
        std::iter::repeat_with(wait).take(200).collect()
    };
    for (age, longest) in [(0, 1), (40, 10), (10_000, 30)] {
        let (waits, longest) = (waits(age), Duration::from_secs(longest));
        assert!(
            waits.iter().all(|wait| (longest / 2..=longest).contains(wait)),
            "{age}"
        );
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{age}");
    }
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

/// A store that fails in the middle of a run costs a try, and the run goes on after a pause.
#[tokio::test]
async fn a_run_that_fails_within_is_tried_after_a_pause() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    begin(&house, &leaf).await;
    let mut run = take(&house).await;
    // As a row would be that cannot be read back.
    run.work.proof.chain = vec![provost_model::CertificateDer(vec![0])];
    assert!(house.service.run_pending(run).await.is_err());
    let now = provost_model::Clock::now(&house.clock);
    assert_eq!(
        house.next_outbound().await,
        Some(now.after(Duration::from_secs(1)))
    );
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(take(&house).await.work.attempts, 1);
}

/// One run tries a hub that is down; the others stand back and leave the workers to those who can go on.
#[tokio::test]
async fn a_hub_that_is_down_is_tried_by_one_run_at_a_time() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    let down = unreachable();
    house.service.note_health(&hub("far"), Err(&down)).await;
    let turn = house.service.turns().take("far", 1).unwrap();
    begin(&house, &leaf).await;
    house.work().await;
    assert_eq!(state(&house).await, RegistrationState::Assigning);
    let waiting = house.next_outbound().await.unwrap();
    assert!(waiting > provost_model::Clock::now(&house.clock));
    drop(turn);
    house.clock.advance(Duration::from_secs(2));
    house.work().await;
    assert_eq!(state(&house).await, at("far", Substatus::InitialAssignment));
}

#[tokio::test]
async fn standing_back_ends_with_patience_too() {
    let (house, leaf) = (house().await, Made::alone("press-1"));
    send(&house, &leaf, "far.localhost", json!({})).await;
    let down = unreachable();
    house.service.note_health(&hub("far"), Err(&down)).await;
    let _turn = house.service.turns().take("far", 1).unwrap();
    begin(&house, &leaf).await;
    house.clock.advance(Duration::from_mins(5));
    house.work().await;
    let ended = state(&house).await;
    assert_eq!(
        failure(&ended),
        (400_209, "IoT hub far.localhost cannot be reached: down")
    );
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
