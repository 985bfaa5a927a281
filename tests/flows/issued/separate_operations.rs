//! Four operations, each with a reach of its own.

use provost_model::registry::{CaId, CaState, DeviceIdentifier};
use provost_model::{CredentialPolicyName, HubName};

use super::plant::{Certified, Plant, namespace, policy};

/// What each of the operations may touch.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    identifiers: Vec<DeviceIdentifier>,
    revoked: Vec<usize>,
    connects: Vec<bool>,
    policies: Vec<(CredentialPolicyName, Option<CaId>)>,
    has_credential: bool,
    trusted: Vec<CaId>,
    states: Vec<CaState>,
}

const DEVICES: [&str; 2] = ["press", "drill"];

async fn look(plant: &Plant, leaves: &[Certified]) -> Seen {
    let registry = plant.registry();
    let policies = registry
        .policies(&plant.caller, &namespace())
        .await
        .unwrap_or_default();
    let cas = registry.authorities(&plant.caller, &namespace()).await.unwrap();
    let hub: HubName = plant.server.hub_name();
    let mut seen = Seen {
        identifiers: Vec::new(),
        revoked: Vec::new(),
        connects: Vec::new(),
        policies: policies
            .into_iter()
            .map(|view| (view.policy.name, view.policy.issuing))
            .collect(),
        has_credential: registry.credential(&plant.caller, &namespace()).await.is_ok(),
        trusted: plant.synchronized_to(&hub).await,
        states: cas.iter().map(|ca| ca.state).collect(),
    };
    for (device, leaf) in DEVICES.iter().zip(leaves) {
        seen.identifiers.push(plant.device(device).await.identifier);
        seen.revoked.push(plant.revoked(device).await);
        seen.connects.push(plant.connects(leaf).await);
    }
    seen
}

/// a device; a policy; what is to be issued; the namespace.
#[tokio::test(flavor = "multi_thread")]
async fn a_004_each_operation_touches_its_own_and_nothing_else() {
    let plant = Plant::open().await;
    let mut leaves = vec![plant.certify("press").await, plant.certify("drill").await];
    let before = look(&plant, &leaves).await;
    assert_eq!(before.states, [CaState::Active, CaState::Active]);

    // A device: its identifier and its leaves.
    plant.revoke("press", false).await;
    let device = look(&plant, &leaves).await;
    let expected = Seen {
        identifiers: vec![device.identifiers[0], before.identifiers[1]],
        revoked: vec![1, 0],
        connects: vec![false, true],
        ..before
    };
    assert_eq!(device, expected);
    leaves[0] = plant.certify("press").await;
    let before = look(&plant, &leaves).await;
    assert_eq!(before.connects, [true, true]);

    // A policy: its CA, and so every leaf of it; no identifier, no leaf by itself, not the root.
    plant.revoke_issuer().await;
    let revoked = look(&plant, &leaves).await;
    let new = plant.policy().await.policy.issuing.unwrap();
    let expected = Seen {
        connects: vec![false, false],
        policies: vec![(policy(), Some(new.clone()))],
        trusted: vec![new],
        states: vec![CaState::Active, CaState::Revoked, CaState::Active],
        ..before
    };
    assert_eq!(revoked, expected);
    leaves = vec![plant.certify("press").await, plant.certify("drill").await];
    let before = look(&plant, &leaves).await;

    // What is to be issued: the policy alone is gone, and everything that was issued goes on.
    plant
        .registry()
        .delete_policy(&plant.caller, &namespace(), &policy())
        .await
        .unwrap();
    let deleted = look(&plant, &leaves).await;
    let expected = Seen {
        policies: Vec::new(),
        states: vec![CaState::Active, CaState::Revoked, CaState::Closed],
        ..before
    };
    assert_eq!(deleted, expected);
    assert!(plant.is_refused_a_certificate("press").await);

    // The namespace: its root; what was issued goes on all the same.
    plant
        .registry()
        .delete_credential(&plant.caller, &namespace())
        .await
        .unwrap();
    let gone = look(&plant, &leaves).await;
    let expected = Seen {
        has_credential: false,
        states: vec![CaState::Closed, CaState::Revoked, CaState::Closed],
        ..deleted
    };
    assert_eq!(gone, expected);
}
