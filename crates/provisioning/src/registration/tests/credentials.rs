//! What a registration proves, and what it makes of it at the hub.

use std::time::Duration;

use provost_attestation::symmetric::derive_device_key;
use provost_model::{DeviceAuth, Substatus};
use serde_json::json;

use super::{pinned, run, signed, substatus, symmetric, thumbprint, with};
use crate::fixture::{House, Made};

/// hub identity with the leaf's thumbprint, initial twin, record, hub's host name.
#[tokio::test]
async fn x509_individual_is_assigned_with_its_leaf_and_initial_twin() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    let twin = json!({"tags": {"hall": 7}, "properties": {"desired": {"speed": 3}}});
    let body = with(pinned(&leaf), "initialTwin", twin);
    house
        .enroll("Press-1", with(body, "capabilities", json!({"iotEdge": true})))
        .await
        .unwrap();
    let outcome = run(&house, house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    assert_eq!(substatus(&outcome), Some(Substatus::InitialAssignment));
    assert_eq!(outcome.assigned_hub.as_ref().unwrap().as_str(), "one.localhost");
    assert!(outcome.record.by_certificate && outcome.record.group.is_none());
    let identity = house.hubs.identity("one", "Press-1").unwrap();
    assert_eq!(identity.auth, thumbprint(&leaf));
    assert!(identity.iot_edge);
    assert_eq!(identity.initial_twin.tags["hall"], 7);
    assert_eq!(identity.initial_twin.desired["speed"], 3);
}

#[tokio::test]
async fn device_id_of_the_enrollment_names_the_device_in_the_hub() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    house
        .enroll("press-1", with(pinned(&leaf), "deviceId", json!("Presse#1")))
        .await
        .unwrap();
    run(&house, house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    assert!(house.hubs.identity("one", "Presse#1").is_some());
    assert_eq!(house.hubs.count(), 1);
}

#[tokio::test]
async fn symmetric_keys_reach_the_hub_own_and_derived() {
    let house = House::new().await;
    let shown = house.enroll("press-1", symmetric()).await.unwrap();
    let provost_model::IndividualMechanism::SymmetricKey(own) = shown.entry.mechanism else {
        panic!("keys")
    };
    let outcome = run(&house, house.by_key("press-1", &own.secondary))
        .await
        .unwrap();
    assert!(!outcome.record.by_certificate);
    assert_eq!(
        house.hubs.identity("one", "press-1").unwrap().auth,
        DeviceAuth::Sas(own)
    );

    let shown = house.group("Line", symmetric()).await.unwrap();
    let provost_model::GroupMechanism::SymmetricKey(group) = shown.entry.mechanism else {
        panic!("keys")
    };
    let derived = derive_device_key(&group.primary, "press-2");
    let outcome = run(&house, house.by_key("press-2", &derived)).await.unwrap();
    assert_eq!(outcome.record.group.as_ref().unwrap().as_str(), "Line");
    let DeviceAuth::Sas(pair) = house.hubs.identity("one", "press-2").unwrap().auth else {
        panic!("keys")
    };
    assert_eq!(pair.primary, derived);
    assert_eq!(pair.secondary, derive_device_key(&group.secondary, "press-2"));
    assert!(
        run(&house, house.by_key("press-3", &group.primary))
            .await
            .is_err()
    );
}

/// a rolled leaf under the same group updates record and hub identity.
#[tokio::test]
async fn repeat_registration_keeps_the_record_and_refreshes_the_credential() {
    let house = House::new().await;
    let root = Made::root("root");
    house.group("line", signed(&root)).await.unwrap();
    let (old, new) = (root.leaf("press-1"), root.leaf("press-1"));
    let first = run(&house, house.by_chain("press-1", old.with(&[&root])))
        .await
        .unwrap();
    house.clock.advance(Duration::from_mins(1));
    let second = run(&house, house.by_chain("press-1", new.with(&[&root])))
        .await
        .unwrap();
    assert_eq!(
        substatus(&second),
        Some(Substatus::ReprovisionedToInitialAssignment)
    );
    assert_eq!(second.record.created_at, first.record.created_at);
    assert!(second.record.updated_at > first.record.updated_at);
    assert_ne!(second.record.etag, first.record.etag);
    assert_eq!(
        house.hubs.identity("one", "press-1").unwrap().auth,
        thumbprint(&new)
    );
    assert_eq!(house.hubs.count(), 1);
}

#[tokio::test]
async fn bad_tokens_have_another_number_over_mqtt() {
    let house = House::new().await;
    house.enroll("press-1", symmetric()).await.unwrap();
    let proof = house.by_key("press-1", &crate::fixture::key(9));
    let error = house.service.authenticate(proof).await.err().unwrap();
    assert_eq!((error.code(), error.code_over_mqtt()), (401_002, 401_000));
    let leaf = Made::alone("press-9");
    let error = house
        .service
        .authenticate(house.by_chain("press-9", leaf.with(&[])))
        .await
        .err()
        .unwrap();
    assert_eq!(error.code_over_mqtt(), 401_002);
}

#[tokio::test]
async fn unknown_scope_is_unauthorized() {
    let house = House::new().await;
    let mut proof = house.by_chain("press-1", Made::alone("press-1").with(&[]));
    proof.id_scope = provost_model::IdScope::parse("0neFFFFFFFF").unwrap();
    let error = house.service.authenticate(proof).await.err().unwrap();
    assert_eq!(
        (error.code(), error.public_message().as_str()),
        (401_002, "Unauthorized")
    );
}
