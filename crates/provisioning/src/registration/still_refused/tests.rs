use provost_model::{RegistrationRecord, RegistrationState};
use provost_wire::dps::device::RegisterRequest;
use serde_json::json;

use crate::fixture::{DAY, House, Made, disabled, id, pinned, signed};

async fn record_after_run(house: &House, leaf: &Made, root: &Made) -> RegistrationRecord {
    let proof = house.by_chain("press-1", leaf.with(&[root]));
    let caller = house.service.authenticate(proof).await.unwrap();
    let run = house
        .service
        .register(&caller, &RegisterRequest::default())
        .await
        .unwrap();
    assert_eq!(run.state, RegistrationState::Disabled);
    let (_, outcome) = house
        .service
        .operation_status(&caller, run.operation.as_str())
        .await
        .unwrap();
    assert_eq!(outcome.record.operation, run.operation);
    outcome.record
}

/// retries do not keep the store writing.
#[tokio::test]
async fn a_disabled_device_that_comes_again_writes_nothing() {
    let house = House::new().await;
    let root = Made::root("root");
    let leaf = root.leaf("press-1");
    let group = disabled(signed(&root));
    house.group("line", group.clone()).await.unwrap();

    let first = record_after_run(&house, &leaf, &root).await;
    house.clock.advance(DAY / 4);
    assert_eq!(record_after_run(&house, &leaf, &root).await, first);

    // The same outcome by another entry is another record.
    let own = disabled(pinned(&leaf));
    house.enroll("press-1", own).await.unwrap();
    let second = record_after_run(&house, &leaf, &root).await;
    assert_eq!((&second.group, &first.group.is_some()), (&None, &true));
    assert_ne!(second.etag, first.etag);

    // A record that was deleted is written again.
    let deleted =
        house
            .service
            .delete_registration(&house.caller, id("press-1"), provost_model::IfMatch::Any);
    deleted.await.unwrap();
    assert_ne!(record_after_run(&house, &leaf, &root).await.etag, second.etag);
}

#[tokio::test]
async fn a_kept_caller_is_judged_again_when_its_entry_is_enabled() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    let mut entry = disabled(pinned(&leaf));
    house.enroll("press-1", entry.clone()).await.unwrap();
    let proof = house.by_chain("press-1", leaf.with(&[]));
    let caller = house.service.authenticate(proof).await.unwrap();
    let state = async || {
        let request = RegisterRequest::default();
        house.service.register(&caller, &request).await.unwrap().state
    };
    assert_eq!(state().await, RegistrationState::Disabled);
    assert_eq!(state().await, RegistrationState::Disabled);
    entry["provisioningStatus"] = json!("enabled");
    house.enroll("press-1", entry).await.unwrap();
    assert!(state().await.assignment().is_some());
}
