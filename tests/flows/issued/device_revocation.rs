use std::time::Duration;

use provost_model::DeviceStatus;
use provost_registry::{DevicePatch, RevocationTarget};

use super::plant::{Plant, named, namespace, policy};

const SOON: Duration = Duration::from_secs(10);

/// every leaf, not only the latest; all of them stand on the CRL.
#[tokio::test(flavor = "multi_thread")]
async fn a_007_every_leaf_ever_issued_is_refused_after_one_revocation() {
    let plant = Plant::open().await;
    let leaves = [
        plant.certify("press").await,
        plant.certify("press").await,
        plant.certify("press").await,
    ];
    for leaf in &leaves {
        assert!(plant.connects(leaf).await);
    }
    plant.revoke("press", false).await;
    for leaf in &leaves {
        assert!(!plant.connects(leaf).await);
    }
    assert_eq!(plant.revoked("press").await, 3);
}

/// what was issued before never matches again.
#[tokio::test(flavor = "multi_thread")]
async fn a_014_leaves_from_before_never_come_back_also_after_a_second_revocation() {
    let plant = Plant::open().await;
    let first = plant.certify("press").await;
    let before = plant.device("press").await.identifier;
    plant.revoke("press", false).await;
    let after = plant.device("press").await.identifier;
    assert_eq!(before.device, after.device);
    assert_ne!(before.generation, after.generation);
    let second = plant.certify("press").await;
    assert!(plant.connects(&second).await);
    assert!(!plant.connects(&first).await);
    plant.revoke("press", false).await;
    let third = plant.certify("press").await;
    assert!(plant.connects(&third).await);
    for leaf in [&first, &second] {
        assert!(!plant.connects(leaf).await);
    }
}

/// revoking changes the generation, and the device is the same one.
#[tokio::test(flavor = "multi_thread")]
async fn a_013_a_revocation_changes_the_stored_identifier() {
    let plant = Plant::open().await;
    plant.certify("press").await;
    let mut seen = vec![plant.device("press").await.identifier];
    for _ in 0..3 {
        plant.revoke("press", false).await;
        let now = plant.device("press").await.identifier;
        assert_eq!(now.device, seen[0].device);
        assert!(seen.iter().all(|before| before.generation != now.generation));
        seen.push(now);
    }
}

/// while it is disabled nothing is issued to it, by registering and by renewing alike.
#[tokio::test(flavor = "multi_thread")]
async fn a_019_a_disabled_device_is_issued_nothing() {
    let plant = Plant::open().await;
    plant.certify("press").await;
    plant.revoke("press", true).await;
    for _ in 0..2 {
        assert!(plant.is_refused_a_certificate("press").await);
    }
    assert_eq!(plant.issued("press").await, 1);
    enable(&plant, true).await;
    plant.certify("press").await;
    assert_eq!(plant.issued("press").await, 2);
}

/// the live session ends, the device stays enabled and returns through provisioning alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_017_a_revoked_device_is_thrown_out_and_returns_by_registering() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let mut session = plant.connect(&certified).await;
    plant.revoke("press", false).await;
    assert!(session.closed(SOON).await);
    assert!(!plant.connects(&certified).await);
    assert!(plant.device("press").await.enabled);
    let renewed = plant.certify("press").await;
    assert!(plant.connects(&renewed).await);
}

/// revoked and disabled, it comes in by nothing and is issued nothing until it is enabled.
#[tokio::test(flavor = "multi_thread")]
async fn a_018_a_revoked_and_disabled_device_waits_until_it_is_enabled() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let mut session = plant.connect(&certified).await;
    plant.revoke("press", true).await;
    assert!(session.closed(SOON).await);
    assert!(!plant.device("press").await.enabled);
    let hub_device = plant.server.stored().identity("press").await.unwrap();
    assert_eq!(hub_device.status, DeviceStatus::Disabled);
    assert!(!plant.connects(&certified).await);
    assert!(plant.is_refused_a_certificate("press").await);
    enable(&plant, true).await;
    assert!(!plant.connects(&certified).await);
    let renewed = plant.certify("press").await;
    assert!(plant.connects(&renewed).await);
}

/// disabling revokes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_020_a_disabled_device_returns_with_the_same_leaf_when_it_is_enabled() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let mut session = plant.connect(&certified).await;
    enable(&plant, false).await;
    assert!(session.closed(SOON).await);
    assert!(!plant.connects(&certified).await);
    assert_eq!(plant.revoked("press").await, 0);
    enable(&plant, true).await;
    assert!(plant.connects(&certified).await);
}

/// the next device notices nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_021_revoking_one_device_leaves_the_others_alone() {
    let plant = Plant::open().await;
    let revoked = plant.certify("press").await;
    let other = plant.certify("drill").await;
    let mut session = plant.connect(&other).await;
    plant.revoke("press", false).await;
    assert!(!plant.connects(&revoked).await);
    assert!(!session.closed(Duration::from_millis(200)).await);
    assert!(plant.connects(&other).await);
    assert_eq!(plant.revoked("drill").await, 0);
}

/// the policy notices nothing, and goes on issuing; the hub accepts that without a synchronization.
#[tokio::test(flavor = "multi_thread")]
async fn a_022_a_device_revocation_changes_nothing_of_its_policy() {
    let plant = Plant::open().await;
    plant.certify("press").await;
    let before = (plant.policy().await, plant.synchronized().await);
    plant.revoke("press", true).await;
    assert_eq!((plant.policy().await, plant.synchronized().await), before);
    enable(&plant, true).await;
    assert!(plant.connects(&plant.certify("press").await).await);
    assert!(plant.connects(&plant.certify("drill").await).await);
}

/// The preview says who comes back by himself.
#[tokio::test(flavor = "multi_thread")]
async fn the_blast_radius_counts_connected_and_stranded_devices() {
    let plant = Plant::open().await;
    let press = plant.certify("press").await;
    plant.certify("drill").await;
    let _session = plant.connect(&press).await;
    let registry = plant.registry();
    let touched = registry
        .touched(&plant.caller, &namespace(), RevocationTarget::Issuer(policy()))
        .await
        .unwrap();
    assert_eq!((touched.devices, touched.certificates), (2, 2));
    assert_eq!(
        (touched.connected, touched.can_renew, touched.stranded),
        (1, 2, 0)
    );
    for (disable, can_renew) in [(false, 1), (true, 0)] {
        let names = vec![named("press"), named("PRESS")];
        let touched = registry
            .touched(
                &plant.caller,
                &namespace(),
                RevocationTarget::Devices { names, disable },
            )
            .await
            .unwrap();
        assert_eq!((touched.devices, touched.certificates), (1, 1));
        assert_eq!((touched.connected, touched.can_renew), (1, can_renew));
        assert_eq!(touched.stranded, 1 - can_renew);
    }
    // Nothing was done.
    assert!(plant.connects(&press).await);
}

async fn enable(plant: &Plant, enabled: bool) {
    let patch = DevicePatch {
        enabled: Some(enabled),
        ..DevicePatch::default()
    };
    let device = plant
        .registry()
        .patch_device(&plant.caller, &namespace(), &named("press"), patch)
        .await;
    assert_eq!(device.unwrap().enabled, enabled);
}
