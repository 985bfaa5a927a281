use provost_model::registry::CaId;
use provost_model::registry::{RevocationReason, SerialNumber};
use provost_registry::Condition;

use super::plant::{Certified, Plant, namespace};

fn serial(certified: &Certified) -> SerialNumber {
    SerialNumber::parse(&certified.certificate.leaf().serial_hex()).unwrap()
}

async fn issuing(plant: &Plant) -> CaId {
    plant.policy().await.policy.issuing.unwrap()
}

/// what the leaf says is what the registry has.
#[tokio::test(flavor = "multi_thread")]
async fn a_011_each_leaf_carries_its_devices_identifier() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let shown = certified.certificate.leaf().device_identifier();
    assert_eq!(shown, Some(plant.device("press").await.identifier));
}

/// a leaf of a device that was deleted and made anew says another identifier.
#[tokio::test(flavor = "multi_thread")]
async fn a_015_a_leaf_of_an_earlier_device_of_the_same_name_is_refused() {
    let plant = Plant::open().await;
    let earlier = plant.certify("press").await;
    assert!(plant.connects(&earlier).await);
    let name = super::plant::named("press");
    plant
        .registry()
        .delete_device(&plant.caller, &namespace(), &name, Condition::default())
        .await
        .unwrap();
    assert!(!plant.connects(&earlier).await);
    let anew = plant.certify("press").await;
    assert!(plant.connects(&anew).await);
    assert!(!plant.connects(&earlier).await);
}

/// the CRL does not decide at the hub.
#[tokio::test(flavor = "multi_thread")]
async fn a_010_a_leaf_on_the_crl_whose_identifier_stands_is_admitted() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let (ca, serial) = (issuing(&plant).await, serial(&certified));
    let reason = RevocationReason::Superseded;
    let registry = plant.registry();
    let revoked = registry
        .revoke_certificate(&plant.caller, &namespace(), (&ca, &serial), reason)
        .await
        .unwrap();
    assert_eq!(revoked.revoked.unwrap().reason, reason);
    assert!(plant.connects(&certified).await);
    let again = registry
        .revoke_certificate(&plant.caller, &namespace(), (&ca, &serial), reason)
        .await;
    assert_eq!(again.unwrap_err().code(), "AlreadyRevoked");
}

/// of two leaves that differ in nothing else, the one with the identifier of now comes in.
#[tokio::test(flavor = "multi_thread")]
async fn a_012_an_identifier_that_is_not_the_stored_one_is_refused() {
    let plant = Plant::open().await;
    let before = plant.certify("press").await;
    assert!(plant.connects(&before).await);
    plant.revoke("press", false).await;
    let after = plant.certify("press").await;
    let stored = Some(plant.device("press").await.identifier);
    let [old, new] = [&before, &after].map(|it| it.certificate.leaf().device_identifier());
    assert!(old.is_some() && old != stored && new == stored);
    assert_eq!(before.chain[1..], after.chain[1..]);
    assert!(!plant.connects(&before).await);
    assert!(plant.connects(&after).await);
}
