//! What the audit log tells of certificates: who, from where, what, before and after.

use std::time::Duration;

use provost_device::certificate::SigningRequest;
use provost_model::registry::{OperationState, RegistryOperation};
use provost_model::{Action, Actor, AuditEvent};
use provost_pki::Sha1Thumbprint;
use provost_store::{StoreError, StoredAuditEvent};
use provost_testkit::over_every_transport;
use serde_json::{Value, json};

use super::plant::{Certified, Plant, namespace, policy};

const SOON: Duration = Duration::from_secs(10);
const NAMESPACE: &str =
    "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.DeviceRegistry/namespaces/plant-7";
const VERSION: &str = "api-version=2026-03-01-preview";

fn at(below: &str) -> String {
    format!("{NAMESPACE}/{below}?{VERSION}")
}

fn print_of(der: &[u8]) -> Value {
    Sha1Thumbprint::of(der).to_string().into()
}

fn leaf(certified: &Certified) -> Value {
    print_of(&certified.chain[0])
}

fn facts(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// The last event of a kind.
async fn last(plant: &Plant, action: &str, kind: &str) -> StoredAuditEvent {
    let events = plant.server.stored().audit_events().await;
    let found = events
        .into_iter()
        .rfind(|event| event.action == action && event.kind == kind);
    found.unwrap_or_else(|| panic!("no {action} of {kind}"))
}

fn came_over_https(event: &StoredAuditEvent) {
    assert_eq!(event.actor, "admin:command-line");
    came_from_a_client(event);
    assert_eq!(event.result, "succeeded");
}

fn came_from_a_client(event: &StoredAuditEvent) {
    let address: std::net::SocketAddr = event.origin.address.parse().expect("an address with its port");
    assert!(address.ip().is_loopback());
    assert_eq!(event.origin.tracking_id.len(), 36, "{:?}", event.origin);
}

/// A-053 for devices: who, from where, what, how many, and which certificates.
#[tokio::test(flavor = "multi_thread")]
async fn a_053_a_device_revocation_names_who_whence_and_which_certificates() {
    let plant = Plant::open().await;
    let leaves = [plant.certify("press").await, plant.certify("press").await];
    let before = plant.device("press").await;
    let path = at("devices/press/revoke");
    let answer = plant
        .server
        .own_api()
        .post(&path, &json!({ "disable": true }))
        .await;
    assert_eq!(answer.status, 202);
    let event = last(&plant, "revoke", "registryDevice").await;
    came_over_https(&event);
    assert_eq!((event.scope.as_str(), event.key.as_str()), ("plant-7", "press"));
    let (was, is) = (facts(&event.before), facts(&event.after));
    assert_eq!(was["certificates"], 2);
    assert_eq!(was["thumbprints"], json!([leaf(&leaves[1]), leaf(&leaves[0])]));
    assert_eq!((&was["enabled"], &is["enabled"]), (&json!(true), &json!(false)));
    let after = plant.device("press").await;
    assert_eq!(was["generation"], before.identifier.generation.to_string());
    assert_eq!(is["generation"], after.identifier.generation.to_string());
}

/// A-053 for policies: the old and the new issuing CA by their thumbprints, at the beginning and at the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_053_a_policy_revocation_names_the_old_and_the_new_thumbprint() {
    let plant = Plant::open().await;
    let old = plant.policy().await.issuing_thumbprint().unwrap();
    let path = at("credentials/default/policies/line-7/revokeIssuer");
    assert_eq!(plant.server.own_api().post(&path, &json!({})).await.status, 202);
    let new = plant.policy().await.issuing_thumbprint().unwrap();
    let events = plant.server.stored().audit_events().await;
    let of_policy = |event: &&StoredAuditEvent| event.action == "revoke" && event.kind == "credentialPolicy";
    let told: Vec<_> = events.iter().filter(of_policy).collect();
    let [begun, ended] = told.as_slice() else {
        panic!("{} events", told.len());
    };
    for event in [begun, ended] {
        came_over_https(event);
        assert_eq!(event.key, "line-7");
    }
    assert_eq!(begun.origin, ended.origin, "its end is of the request, too");
    assert_eq!(facts(&begun.before)["thumbprint"], old);
    assert_eq!(facts(&ended.before)["thumbprints"], json!([old]));
    assert_eq!(facts(&ended.after)["thumbprint"], new);
}

/// A-053 for deletions: what was there, by its thumbprint, and what is left standing.
#[tokio::test(flavor = "multi_thread")]
async fn a_053_deletions_of_policy_and_credential_name_what_was_there() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let api = plant.server.own_api();
    let answer = api.delete(&at("credentials/default/policies/line-7")).await;
    assert!(answer.status < 300, "{}", answer.body);
    let event = last(&plant, "delete", "credentialPolicy").await;
    came_over_https(&event);
    let was = facts(&event.before);
    assert_eq!(was["thumbprint"], print_of(&certified.chain[1]));
    assert_eq!((&was["standing"], event.after.as_str()), (&json!(1), ""));
    let answer = api.delete(&at("credentials/default")).await;
    assert!(answer.status < 300, "{}", answer.body);
    let event = last(&plant, "delete", "credential").await;
    came_over_https(&event);
    assert_eq!(facts(&event.before)["thumbprint"], print_of(&certified.chain[2]));
}

/// Whatever a device asks for says from where it asked, over each transport.
#[tokio::test(flavor = "multi_thread")]
async fn what_devices_do_says_from_where() {
    over_every_transport(async |via| {
        let plant = Plant::open().await;
        let certified = plant.certify_over("press", via).await;
        let event = last(&plant, "register", "registration").await;
        assert_eq!(event.actor, "registration:press", "{via:?}");
        came_from_a_client(&event);
        let mut session = plant.connect(&certified).await;
        session.subscribe().await.unwrap();
        session.subscribe_credentials().await.unwrap();
        let request = SigningRequest::new("press").unwrap();
        session
            .renew_certificate("renew-1", request.csr(), SOON)
            .await
            .unwrap();
        let event = last(&plant, "create", "certificate").await;
        assert_eq!(event.actor, "device:press");
        came_from_a_client(&event);
        session
            .patch_reported(&json!({ "temperature": 21 }))
            .await
            .unwrap();
        let event = last(&plant, "update", "twin").await;
        assert_eq!(event.actor, "device:press");
        came_from_a_client(&event);
    })
    .await;
}

/// What goes on after a restart says so: whose it was, and the operation it belongs to.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_after_a_restart_says_system_and_its_operation() {
    let plant = Plant::open().await;
    let old = plant.policy().await.issuing.unwrap().id;
    let operation = RegistryOperation {
        id: "operation-7".to_owned(),
        namespace: namespace(),
        kind: "revokeIssuer".to_owned(),
        resource: "credentials/default/policies/line-7".to_owned(),
        state: OperationState::Running,
        progress: json!({ "policy": policy().as_str(), "ca": old.as_str(), "by": "somebody" }).to_string(),
        started_at: plant.server.clock.now(),
        ended_at: None,
    };
    let begun = AuditEvent::new(
        Actor::System,
        Action::Revoke,
        "registryOperation",
        "plant-7",
        "begun",
    );
    let write = plant.server.stored().store().write(move |tx| {
        tx.put_registry_operation(&operation)?;
        tx.record::<()>(&begun, ())
    });
    let written: Result<(), StoreError> = write.await;
    written.unwrap();
    plant.registry().resume(true).await.unwrap();
    let event = last(&plant, "revoke", "credentialPolicy").await;
    assert_eq!(event.actor, "admin:somebody");
    let from = (event.origin.address.as_str(), event.origin.tracking_id.as_str());
    assert_eq!(from, ("system", "operation-7"));
    assert_ne!(plant.policy().await.issuing.unwrap().id, old);
}
