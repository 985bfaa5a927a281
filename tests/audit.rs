//! Every operation that changes something, or shows a secret, leaves exactly one audit event; what
//! is refused and what only reads leaves none.

use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_store::StoredAuditEvent;
use provost_testkit::Device;
use serde_json::json;

use crate::operations::{Door, Operation, World, catalogue};

/// What was written since there were `before` events.
async fn since(world: &World, before: usize) -> Vec<StoredAuditEvent> {
    world.server.stored().audit_events().await.split_off(before)
}

async fn count(world: &World) -> usize {
    world.server.stored().audit_events().await.len()
}

#[tokio::test]
async fn every_operation_leaves_its_event_and_nothing_else() {
    let world = World::new().await;
    for operation in &catalogue(&world) {
        let before = count(&world).await;
        let answer = world.call(&world.api(operation.door), operation).await;
        assert_eq!(
            answer.status,
            operation.status,
            "{}: {}",
            operation.title(),
            answer.body
        );
        let mut written = since(&world, before).await;
        // Keys of CAs that ended are destroyed in the background, whenever the publisher comes by.
        written.retain(|event| event.kind != "caKey");
        let told: Vec<_> = written
            .iter()
            .map(|event| (event.action.as_str(), event.kind.as_str(), event.key.as_str()))
            .collect();
        let times = if operation.goes_on { 2 } else { 1 };
        let expected: Vec<_> = std::iter::repeat_n(&operation.event, times)
            .flatten()
            .map(|(action, kind, key)| (*action, *kind, key.as_str()))
            .collect();
        assert_eq!(told, expected, "{}", operation.title());
        for event in &written {
            assert_eq!(event.actor, actor(operation), "{}", operation.title());
        }
    }
}

/// Who the event says it was.
fn actor(operation: &Operation) -> &'static str {
    match operation.door {
        Door::Dps(_) => "policy:provisioningserviceowner",
        Door::Hub(_) => "policy:iothubowner",
        Door::Management | Door::Own | Door::DpsAndAdmin => "admin:command-line",
        Door::Device => "registration:known",
        Door::HubDevice => "device:dev-1",
        Door::Open => "nobody",
    }
}

#[tokio::test]
async fn nobody_leaves_no_event() {
    let world = World::new().await;
    let before = count(&world).await;
    for operation in &catalogue(&world) {
        let answer = world
            .call(&world.api(operation.door).authorized(None), operation)
            .await;
        assert!(
            answer.status == 401 || operation.door == Door::Open,
            "{}",
            operation.title()
        );
    }
    assert_eq!(since(&world, before).await, []);
}

#[tokio::test]
async fn a_write_that_is_refused_leaves_no_event() {
    let world = World::new().await;
    let (dps, hub) = (world.server.dps_api(), world.server.hub_api());
    hub.put("/devices/dev-1", &json!({ "deviceId": "dev-1" }))
        .await
        .ok();
    let before = count(&world).await;
    let keys = json!({ "type": "symmetricKey", "symmetricKey": { "primaryKey": "!", "secondaryKey": "!" } });
    let bad = json!({ "registrationId": "press-1", "attestation": keys });
    assert_eq!(dps.put("/enrollments/press-1", &bad).await.status, 400);
    dps.delete("/enrollments/press-1").await.refused(404_201);
    let stale = [("if-match", "c3RhbGU=")];
    let answer = dps.send("DELETE", "/enrollments/known", &stale, None).await;
    answer.refused(412_201);
    hub.put("/devices/dev-1", &json!({ "deviceId": "dev-1" }))
        .await
        .refused_by_hub(409_001);
    hub.send("DELETE", "/devices/dev-1", &stale, None)
        .await
        .refused_by_hub(412_001);
    hub.patch("/twins/dev-1", &json!({ "tags": { "a.b": 1 } }))
        .await
        .refused_by_hub(400_004);
    let stranger = Device::with_key("known", &SymmetricKey::generate(&SystemRandom));
    assert!(
        stranger
            .register(&world.server, provost_testkit::Via::Https)
            .await
            .is_err()
    );
    assert_eq!(since(&world, before).await, []);
}
