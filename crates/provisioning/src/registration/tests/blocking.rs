//! Who is kept out, and how he comes back.

use provost_model::{IfMatch, RegistrationState, Substatus};
use serde_json::json;

use super::{pinned, run, signed, substatus, with};
use crate::fixture::{House, Made, id};

/// a disabled entry is a run with the outcome disabled; enabling restores.
#[tokio::test]
async fn disabled_entry_ends_as_disabled_and_leaves_the_hub_alone() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    let proof = || house.by_chain("press-1", leaf.with(&[]));
    house
        .enroll(
            "press-1",
            with(pinned(&leaf), "provisioningStatus", json!("disabled")),
        )
        .await
        .unwrap();
    let outcome = run(&house, proof()).await.unwrap();
    assert_eq!(outcome.record.state, RegistrationState::Disabled);
    assert_eq!(house.hubs.count(), 0);
    house.enroll("press-1", pinned(&leaf)).await.unwrap();
    assert!(substatus(&run(&house, proof()).await.unwrap()).is_some());
    house
        .enroll(
            "press-1",
            with(pinned(&leaf), "provisioningStatus", json!("disabled")),
        )
        .await
        .unwrap();
    assert_eq!(
        run(&house, proof()).await.unwrap().record.state,
        RegistrationState::Disabled
    );
    // the identity stays.
    assert_eq!(house.hubs.count(), 1);
}

///
#[tokio::test]
async fn deleted_enrollment_refuses_unless_a_group_matches() {
    let house = House::new().await;
    let root = Made::root("root");
    let leaf = root.leaf("press-1");
    let proof = || house.by_chain("press-1", leaf.with(&[&root]));
    house
        .enroll(
            "press-1",
            with(pinned(&leaf), "provisioningStatus", json!("disabled")),
        )
        .await
        .unwrap();
    house.group("line", signed(&root)).await.unwrap();
    assert_eq!(
        run(&house, proof()).await.unwrap().record.state,
        RegistrationState::Disabled
    );
    let delete = house
        .service
        .delete_entry(&house.caller, id("press-1"), IfMatch::Any);
    delete.await.unwrap();
    let outcome = run(&house, proof()).await.unwrap();
    assert_eq!(outcome.record.group.as_ref().unwrap().as_str(), "line");
}

#[tokio::test]
async fn a_device_that_was_disabled_comes_back_to_the_assignment_it_had() {
    let house = House::new().await;
    let root = Made::root("root");
    let leaf = root.leaf("press-1");
    let proof = || house.by_chain("press-1", leaf.with(&[]));
    house.group("line", signed(&root)).await.unwrap();
    let before = run(&house, proof()).await.unwrap().record;
    let disabled = with(signed(&root), "provisioningStatus", json!("disabled"));
    house.group("line", disabled).await.unwrap();
    let blocked = run(&house, proof()).await.unwrap().record;
    assert_eq!(blocked.state, RegistrationState::Disabled);
    assert_eq!(blocked.kept, before.state.assignment());
    house.group("line", signed(&root)).await.unwrap();
    let after = run(&house, proof()).await.unwrap();
    assert_eq!(
        substatus(&after),
        Some(Substatus::ReprovisionedToInitialAssignment)
    );
    assert_eq!(after.record.state.assignment(), before.state.assignment());
}
