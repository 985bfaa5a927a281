use std::time::Duration;

use provost_model::registry::{ByorStatus, CaState, OperationState, RegistryOperation};
use provost_model::{Action, Actor, AuditEvent, Clock, Timestamp};
use provost_store::StoreError;
use provost_testkit::ManualClock;

use super::plant::{Plant, namespace, policy};

const DAY: Duration = Duration::from_hours(24);

fn pass(clock: &ManualClock, days: u32) {
    let now: Timestamp = clock.now();
    clock.set(now.after(days * DAY));
}

/// U-12: an issuing CA of ours renews itself at a third left, both are trusted meanwhile, and the old one
/// leaves when nothing it signed is valid any more.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuing_ca_renews_itself_and_both_are_trusted_meanwhile() {
    let (plant, clock) = Plant::open_with_clock().await;
    let first = plant.policy().await.issuing.unwrap();
    pass(&clock, 240);
    plant.registry().look_around().await;
    assert_eq!(plant.policy().await.issuing.unwrap().id, first.id);
    let old = plant.certify("press").await;
    pass(&clock, 10);
    plant.registry().look_around().await;
    let second = plant.policy().await.issuing.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(plant.synchronized().await.len(), 2);
    let new = plant.certify("drill").await;
    assert_ne!(old.chain[1], new.chain[1]);
    assert!(plant.connects(&old).await);
    assert!(plant.connects(&new).await);
    pass(&clock, 25);
    plant.registry().look_around().await;
    assert_eq!(plant.synchronized().await.len(), 1);
    assert!(!plant.connects(&old).await);
    let cas = plant
        .registry()
        .authorities(&plant.caller, &namespace())
        .await
        .unwrap();
    let retired = cas.iter().find(|ca| ca.id == first.id).unwrap();
    assert_eq!(retired.state, CaState::Closed);
}

/// A leaf never outlives its issuing CA, nor an issuing CA its root.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_what_signed_it() {
    let (plant, clock) = Plant::open_with_clock().await;
    pass(&clock, 350);
    let leaf = plant.certify("press").await;
    let issuing = plant.policy().await.issuing.unwrap();
    assert_eq!(leaf.certificate.leaf().not_after(), issuing.not_after.unwrap());
    let root = plant
        .registry()
        .credential(&plant.caller, &namespace())
        .await
        .unwrap()
        .root;
    pass(&clock, 3250);
    plant.registry().look_around().await;
    let last = plant.policy().await.issuing.unwrap();
    assert_eq!(last.not_after, root.not_after);
    assert_eq!(plant.policy().await.policy.byor_status(), None::<ByorStatus>);
}

/// What a process that was killed left of a revocation of an issuer is done by the next one at its start:
/// only the row of the operation was written.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_of_an_issuer_that_was_cut_off_is_taken_up_at_the_start() {
    let mut plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let old = plant.policy().await.issuing.unwrap();
    let operation = RegistryOperation {
        id: "0e6d7f34-6a4e-4f0c-a0a5-5f1a6a1f7b10".to_owned(),
        namespace: namespace(),
        kind: "revokeIssuer".to_owned(),
        resource: format!("credentials/default/policies/{}", policy()),
        state: OperationState::Running,
        progress: format!(r#"{{"policy":"{}","ca":"{}","by":"admin"}}"#, policy(), old.id),
        // Long enough ago for a node that shares its store, too, which leaves fresh ones to the one that began them.
        started_at: old.created_at.before(Duration::from_mins(1)),
        ended_at: None,
    };
    let row = operation.clone();
    let written: Result<(), StoreError> = plant
        .server
        .stored()
        .store()
        .write(move |tx| {
            tx.put_registry_operation(&row)?;
            let event = AuditEvent::new(
                Actor::System,
                Action::Revoke,
                "registryOperation",
                "plant-7",
                &row.id,
            );
            tx.record(&event, ())
        })
        .await;
    written.unwrap();
    plant.server.restart().await;
    let id = &operation.id;
    let ended = plant
        .registry()
        .operation(&plant.caller, &namespace(), id)
        .await
        .unwrap();
    assert_eq!(ended.state, OperationState::Succeeded);
    assert_ne!(plant.policy().await.issuing.unwrap().id, old.id);
    assert_eq!(plant.synchronized().await.len(), 1);
    assert!(!plant.connects(&certified).await);
    assert!(plant.connects(&plant.certify("press").await).await);
}
