//! A leaf that was revoked is good nowhere, also where its CA or it itself was made known by other ways.

use std::time::Duration;

use provost_device::certificate::SigningRequest;
use provost_model::ambient::SystemRandom;
use provost_model::registry::NamespaceLink;
use provost_model::{DeviceStatus, SymmetricKey, pem};
use provost_pki::Certificate;
use provost_registry::{Condition, DevicePatch};
use provost_testkit::{Device, Enrollment, Via};
use serde_json::json;

use super::plant::{Certified, Plant, named, namespace, policy};

const SOON: Duration = Duration::from_secs(20);

/// Uploads the issuing CA of a device's certificate to the hub, as any CA.
async fn upload_issuer(plant: &Plant, certified: &Certified) {
    let certificate = pem("CERTIFICATE", &certified.chain[1]);
    let body = json!({ "properties": { "certificate": certificate, "isVerified": true } });
    let path = plant.server.hub_authority_path("/a-copy");
    plant.server.management().put(&path, &body).await.ok();
}

/// A revocation ends the session of a device that was admitted, and it comes in no more.
async fn throws_out(plant: &Plant, certified: &Certified, revocation: impl AsyncFnOnce()) {
    let mut session = plant.connect(certified).await;
    revocation().await;
    assert!(session.closed(SOON).await);
    assert!(!plant.connects(certified).await);
}

/// also when somebody had uploaded the issuing CA to the hub by hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_026_an_uploaded_copy_of_a_revoked_issuer_keeps_no_session_and_lets_nobody_in() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    upload_issuer(&plant, &certified).await;
    throws_out(&plant, &certified, async || drop(plant.revoke_issuer().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_deleted_does_not_return_through_an_uploaded_copy() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    upload_issuer(&plant, &certified).await;
    plant.revoke_issuer().await;
    plant
        .registry()
        .delete_device(&plant.caller, &namespace(), &named("press"), Condition::default())
        .await
        .unwrap();
    assert!(!plant.connects(&certified).await);
}

/// The hub knows the device by the thumbprint of its leaf from now on.
async fn pin(plant: &Plant, certified: &Certified) {
    let leaf = Certificate::from_der(&certified.chain[0]).unwrap();
    let thumbprint = json!({ "primaryThumbprint": leaf.sha256_thumbprint().to_string() });
    let authentication = json!({ "type": "selfSigned", "x509Thumbprint": thumbprint });
    let body = json!({ "deviceId": "press", "authentication": authentication });
    plant
        .server
        .hub_api()
        .put_if("/devices/press", "*", &body)
        .await
        .ok();
}

/// also where the hub knows the leaf by its thumbprint.
#[tokio::test(flavor = "multi_thread")]
async fn a_026_what_a_revoked_issuer_signed_is_refused_as_a_thumbprint_too() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    pin(&plant, &certified).await;
    throws_out(&plant, &certified, async || drop(plant.revoke_issuer().await)).await;
}

/// also a hub identity that knows the leaf by its thumbprint.
#[tokio::test(flavor = "multi_thread")]
async fn a_007_a_revoked_leaf_is_refused_as_a_thumbprint_too() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    pin(&plant, &certified).await;
    throws_out(&plant, &certified, async || plant.revoke("press", false).await).await;
}

/// nor does it open a group that stands on the CA that issued it.
#[tokio::test(flavor = "multi_thread")]
async fn a_016_a_revoked_leaf_registers_nowhere() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let issuer = pem("CERTIFICATE", &certified.chain[1]);
    let x509 = json!({ "signingCertificates": { "primary": { "certificate": issuer } } });
    let group = Enrollment::group("by-leaf")
        .x509(&x509)
        .with("credentialPolicyName", policy().as_str());
    plant.server.dps_api().put_enrollment(&group).await;
    let request = SigningRequest::new("press").unwrap();
    let registering = |via| {
        certified
            .device
            .register_with_csr(&plant.server, via, request.csr())
    };
    registering(Via::Https)
        .await
        .expect("an operational leaf registers");
    plant.revoke("press", false).await;
    for via in [Via::Https, Via::Mqtt] {
        assert!(registering(via).await.is_err());
    }
    // The credential it came with at first still does.
    plant.certify("press").await;
}

/// what a revoked CA issued is not handed out again, neither by the hub nor by a poll.
#[tokio::test(flavor = "multi_thread")]
async fn a_028_a_renewal_from_before_the_issuer_was_revoked_is_issued_anew() {
    let (plant, clock) = Plant::open_with_clock().await;
    let mut session = plant.connect(&plant.certify("press").await).await;
    session.subscribe_credentials().await.unwrap();
    let request = SigningRequest::new("press").unwrap();
    let first = session
        .renew_certificate("renew-1", request.csr(), SOON)
        .await
        .unwrap();
    plant.revoke_issuer().await;
    clock.advance(Duration::from_secs(5));
    let mut session = plant.connect(&plant.certify("press").await).await;
    session.subscribe_credentials().await.unwrap();
    let again = session
        .renew_certificate("renew-1", request.csr(), SOON)
        .await
        .unwrap();
    assert_ne!(first[1], again[1], "by the issuing CA that stands");
    let issuing = plant.policy().await.issuing.unwrap().certificate.unwrap();
    assert_eq!(again[1], issuing.0);
}

/// Whoever was shut out while the registry had it disabled is not let in by enabling it there.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_disenrolled_while_disabled_stays_out_when_it_is_enabled() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    switch(&plant, false).await;
    let path = format!("/provost/dps/{}/disenroll", plant.server.dps().name);
    let body = json!({ "registrationId": "press", "everywhere": true, "identity": "disable" });
    plant.server.own_api().post(&path, &body).await.ok();
    switch(&plant, true).await;
    let identity = plant.server.stored().identity("press").await.unwrap();
    assert_eq!(identity.status, DeviceStatus::Disabled);
    assert!(!plant.connects(&certified).await);
}

async fn switch(plant: &Plant, enabled: bool) {
    let patch = DevicePatch {
        enabled: Some(enabled),
        ..DevicePatch::default()
    };
    plant
        .registry()
        .patch_device(&plant.caller, &namespace(), &named("press"), patch)
        .await
        .unwrap();
}

/// Disabled in a namespace is disabled at a hub from the moment it is linked, by whatever it was admitted.
#[tokio::test(flavor = "multi_thread")]
async fn linking_a_hub_ends_the_sessions_of_devices_that_are_disabled_in_the_namespace() {
    for to_the_service in [false, true] {
        ends_by_linking(to_the_service).await;
    }
}

async fn ends_by_linking(to_the_service: bool) {
    let plant = Plant::open().await;
    plant.certify("press").await;
    let link = NamespaceLink::Hub(plant.server.hub_name());
    plant.registry().unlink(&plant.caller, &link).await.unwrap();
    let (own, dps) = (plant.server.own_api(), &plant.server.dps().name);
    let linked_hub = format!("/provost/dps/{dps}/linkedHubs/{}", plant.server.hub().name);
    own.delete(&linked_hub).await.no_content();
    let key = SymmetricKey::generate(&SystemRandom);
    let keys = json!({ "primaryKey": key.to_base64(), "secondaryKey": key.to_base64() });
    let authentication = json!({ "type": "sas", "symmetricKey": keys });
    let body = json!({ "deviceId": "press", "authentication": authentication });
    plant
        .server
        .hub_api()
        .put_if("/devices/press", "*", &body)
        .await
        .ok();
    switch(&plant, false).await;
    // Its hub was unlinked: there it is as it was left.
    let on = json!({ "deviceId": "press", "status": "enabled", "authentication": authentication });
    plant
        .server
        .hub_api()
        .put_if("/devices/press", "*", &on)
        .await
        .ok();
    let mut session = Device::with_key("press", &key)
        .connect(&plant.server)
        .await
        .unwrap();
    if to_the_service {
        own.put(&linked_hub, &json!({})).await.ok();
    } else {
        let linked = plant.registry().link(&plant.caller, &link, &namespace()).await;
        linked.unwrap();
    }
    assert!(session.closed(SOON).await);
}
