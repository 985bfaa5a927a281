use provost_model::registry::{CertificateRefusal, NamespaceLink, RequestedBy};
use provost_model::{DeviceAuth, NamespaceName, RegistrationState};
use provost_store::StoreError;
use provost_wire::dps::device::RegisterRequest;
use serde_json::{Value, json};

use crate::fixture::{House, event, id, key};
use crate::{ProvisioningError, ProvisioningOptions, Run};

/// `press-1` with this policy, and what it comes with.
async fn enrolled(house: &House, policy: Option<&str>) {
    let keys = json!({"primaryKey": key_text(), "secondaryKey": key_text()});
    let body = json!({"attestation": {"type": "symmetricKey", "symmetricKey": keys}, "credentialPolicyName": policy});
    house.enroll("press-1", body).await.unwrap();
}

fn key_text() -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(key(1).as_bytes())
}

async fn register(house: &House, csr: Option<&str>) -> Result<Run, ProvisioningError> {
    let caller = house
        .service
        .authenticate(house.by_key("press-1", &key(1)))
        .await?;
    let request = RegisterRequest {
        csr: csr.map(str::to_owned),
        ..RegisterRequest::default()
    };
    house.service.register(&caller, &request).await
}

async fn record(house: &House) -> provost_model::RegistrationRecord {
    let shown = house.service.get_registration(&house.caller, id("press-1")).await;
    shown.unwrap().record
}

fn failed_with(run: &Run) -> Option<u32> {
    match &run.state {
        RegistrationState::Failed(failure) => Some(failure.code),
        _ => None,
    }
}

#[tokio::test]
async fn a_certificate_comes_with_the_assignment_and_is_the_credential() {
    let house = House::new().await;
    enrolled(&house, Some("line-7")).await;
    register(&house, Some("MIIB")).await.unwrap();
    assert_eq!(record(&house).await.issued, Some(1));
    let identity = house.hubs.identity("one", "press-1").unwrap();
    assert_eq!(identity.auth, DeviceAuth::CertificateAuthority);
    let asked = house.issuer.asked.lock().unwrap().remove(0);
    assert_eq!(
        (asked.csr.as_str(), asked.device_id.as_str()),
        ("MIIB", "press-1")
    );
    assert!(matches!(asked.by, RequestedBy::Registration { policy, .. } if policy.as_str() == "line-7"));
    let issued = house.issuer.issued.lock().unwrap().clone();
    assert_eq!(issued.len(), 1);
    assert_eq!(issued[0].1.hub.as_str(), "one");
}

#[tokio::test]
async fn a_045_without_a_request_the_onboarding_credential_stays() {
    let house = House::new().await;
    enrolled(&house, Some("line-7")).await;
    register(&house, Some("MIIB")).await.unwrap();
    register(&house, None).await.unwrap();
    assert_eq!(record(&house).await.issued, None);
    let identity = house.hubs.identity("one", "press-1").unwrap();
    assert!(matches!(identity.auth, DeviceAuth::Sas(_)));
}

#[tokio::test]
async fn what_is_wrong_with_policy_or_device_ends_the_run() {
    let house = House::new().await;
    enrolled(&house, None).await;
    let run = register(&house, Some("MIIB")).await.unwrap();
    assert_eq!(failed_with(&run), Some(400_210));
    assert!(
        house.issuer.asked.lock().unwrap().is_empty(),
        "nothing is signed for it"
    );
    enrolled(&house, Some("line-7")).await;
    for (refusal, code) in [
        (CertificateRefusal::NoPolicy("gone".into()), 400_210),
        (CertificateRefusal::PolicyNotReady("waits".into()), 400_211),
        (CertificateRefusal::DeviceDisabled, 400_212),
        (CertificateRefusal::NameTaken("gone".into()), 400_214),
    ] {
        *house.issuer.refusal.lock().unwrap() = Some(refusal);
        let run = register(&house, Some("MIIB")).await.unwrap();
        assert_eq!(failed_with(&run), Some(code));
    }
    assert_eq!(house.hubs.count(), 0);
}

#[tokio::test]
async fn what_is_wrong_with_the_request_or_the_moment_is_told_at_once() {
    let house = House::new().await;
    enrolled(&house, Some("line-7")).await;
    for (refusal, code) in [
        (CertificateRefusal::Unreadable("no".into()), 400_213),
        (CertificateRefusal::NotVerified("no".into()), 400_213),
        (CertificateRefusal::Busy, 429_001),
        (CertificateRefusal::Unavailable, 503_000),
    ] {
        *house.issuer.refusal.lock().unwrap() = Some(refusal);
        assert_eq!(register(&house, Some("?")).await.unwrap_err().code(), code);
    }
    let found = house.service.get_registration(&house.caller, id("press-1")).await;
    assert_eq!(
        found.unwrap_err().code(),
        404_202,
        "nothing was decided about the device"
    );
}

#[tokio::test]
async fn what_moved_meanwhile_is_prepared_anew() {
    let house = House::new().await;
    enrolled(&house, Some("line-7")).await;
    *house.issuer.moves.lock().unwrap() = 2;
    register(&house, Some("MIIB")).await.unwrap();
    assert_eq!(house.issuer.asked.lock().unwrap().len(), 3);
    assert_eq!(record(&house).await.issued, Some(3));
    *house.issuer.moves.lock().unwrap() = 99;
    assert_eq!(register(&house, Some("MIIB")).await.unwrap_err().code(), 429_001);
}

#[tokio::test]
async fn a_run_that_waits_for_a_webhook_carries_its_request() {
    let house = House::with(ProvisioningOptions::default(), &["one", "two"]).await;
    let keys = json!({"primaryKey": key_text(), "secondaryKey": key_text()});
    let body: Value = json!({
        "attestation": {"type": "symmetricKey", "symmetricKey": keys},
        "credentialPolicyName": "line-7",
        "allocationPolicy": "custom",
        "customAllocationDefinition": {"webhookUrl": "https://allocate.example/", "apiVersion": "2021-10-01"},
    });
    house.enroll("press-1", body).await.unwrap();
    house.outside.answer(200, r#"{"iotHubHostName":"two.localhost"}"#);
    let run = register(&house, Some("MIIB")).await.unwrap();
    assert_eq!(run.state, RegistrationState::Assigning);
    assert!(
        house.issuer.asked.lock().unwrap().is_empty(),
        "nothing is signed before it is placed"
    );
    house.work().await;
    assert_eq!(record(&house).await.issued, Some(1));
    assert_eq!(house.issuer.issued.lock().unwrap()[0].1.hub.as_str(), "two");
}

/// Links the instance to a namespace, and no hub.
async fn link_instance(house: &House) {
    let link = NamespaceLink::Dps(house.instance.name.clone());
    let linked = house.store.write(move |tx| {
        tx.put_namespace_link(&link, &NamespaceName::parse("plant").unwrap())?;
        tx.record(&event(), ())
    });
    let linked: Result<(), StoreError> = linked.await;
    linked.unwrap();
}

#[tokio::test]
async fn a_hub_that_is_not_linked_ends_the_run_before_anything_is_signed_or_written() {
    let house = House::new().await;
    enrolled(&house, Some("line-7")).await;
    link_instance(&house).await;
    let run = register(&house, Some("MIIB")).await.unwrap();
    assert_eq!(failed_with(&run), Some(400_210));
    let RegistrationState::Failed(failure) = record(&house).await.state else {
        panic!("not failed");
    };
    assert!(failure.message.contains("not linked"), "{}", failure.message);
    assert!(house.issuer.asked.lock().unwrap().is_empty());
    assert_eq!(house.hubs.count(), 0);
    assert!(house.next_outbound().await.is_none(), "nothing goes on");
}

#[tokio::test]
async fn a_hub_elsewhere_that_is_not_linked_gets_no_identity() {
    let house = House::with(ProvisioningOptions::default(), &[]).await;
    house.link_elsewhere("far").await;
    let keys = json!({"primaryKey": key_text(), "secondaryKey": key_text()});
    let body = json!({
        "attestation": {"type": "symmetricKey", "symmetricKey": keys},
        "credentialPolicyName": "line-7",
        "allocationPolicy": "static",
        "iotHubs": ["far.localhost"],
    });
    house.enroll("press-1", body).await.unwrap();
    link_instance(&house).await;
    let run = register(&house, Some("MIIB")).await.unwrap();
    assert_eq!(failed_with(&run), Some(400_210));
    house.work().await;
    assert!(house.issuer.asked.lock().unwrap().is_empty());
    assert!(house.next_outbound().await.is_none(), "nothing goes on");
}

#[tokio::test]
async fn a_refusal_at_the_end_fails_the_run_with_its_words() {
    let house = House::new().await;
    enrolled(&house, Some("line-7")).await;
    *house.issuer.late_refusal.lock().unwrap() = Some(CertificateRefusal::DeviceDisabled);
    let run = register(&house, Some("MIIB")).await.unwrap();
    assert_eq!(failed_with(&run), Some(400_212));
    assert_eq!(house.issuer.asked.lock().unwrap().len(), 1, "signed once");
    assert_eq!(record(&house).await.issued, None);
}

/// R-010, for devices that are refused certificates.
#[tokio::test]
async fn a_device_refused_a_certificate_again_for_the_same_writes_nothing() {
    let house = House::new().await;
    enrolled(&house, Some("line-7")).await;
    *house.issuer.refusal.lock().unwrap() = Some(CertificateRefusal::DeviceDisabled);
    assert!(register(&house, Some("MIIB")).await.unwrap().is_refused());
    let first = record(&house).await;
    house.clock.advance(std::time::Duration::from_mins(1));
    let again = register(&house, Some("MIIB")).await.unwrap();
    assert!(again.is_refused());
    assert_eq!(record(&house).await, first);
    assert_eq!(again.operation, first.operation);
    // Another reason is another outcome, and so is none.
    *house.issuer.refusal.lock().unwrap() = Some(CertificateRefusal::NoPolicy("gone".into()));
    let other = register(&house, Some("MIIB")).await.unwrap();
    assert_eq!(failed_with(&other), Some(400_210));
    *house.issuer.refusal.lock().unwrap() = None;
    let run = register(&house, Some("MIIB")).await.unwrap();
    assert!(!run.is_refused() && run.state.assignment().is_some());
}
