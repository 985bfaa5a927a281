use provost_device::certificate::SigningRequest;
use provost_pki::Certificate;
use provost_testkit::{Via, over_every_transport};
use serde_json::json;

use super::plant::{Plant, policy};

fn read(der: &[u8]) -> Certificate {
    Certificate::from_der(der).unwrap()
}

/// the leaf chains to the policy, the policy to the credential.
#[tokio::test(flavor = "multi_thread")]
async fn a_002_leaf_policy_and_credential_are_one_chain() {
    over_every_transport(async |via| {
        let plant = Plant::open().await;
        let certified = plant.certify_over("press", via).await;
        let chain: Vec<Certificate> = certified.chain.iter().map(|der| read(der)).collect();
        let [leaf, issuing, root] = chain.as_slice() else {
            panic!("{} certificates", chain.len());
        };
        assert_eq!(leaf.common_name(), Some("press"));
        assert_eq!(leaf.issuer_der(), issuing.subject_der());
        assert_eq!(issuing.issuer_der(), root.subject_der());
        assert!(root.is_self_issued());
        assert_eq!((root.path_len(), issuing.path_len()), (Some(1), Some(0)));
        assert!(leaf.not_after() <= issuing.not_after() && issuing.not_after() <= root.not_after());
        assert!(plant.connects(&certified).await, "{via:?}");
    })
    .await;
}

/// the hub trusts a policy by synchronization alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_003_before_the_first_synchronization_the_leaf_is_refused() {
    let plant = Plant::open_bare(|_| {}).await;
    plant.make_policy(&policy(), false).await;
    let certified = plant.certify("press").await;
    assert!(!plant.connects(&certified).await);
    plant.synchronize().await;
    assert!(plant.connects(&certified).await);
    plant.synchronize().await;
    assert_eq!(plant.synchronized().await.len(), 1);
}

/// what does not ask for a certificate is not touched by the policy.
#[tokio::test(flavor = "multi_thread")]
async fn a_045_registration_without_a_request_needs_no_policy() {
    let plant = Plant::open_bare(|_| {}).await;
    assert!(plant.is_refused_a_certificate("press").await);
    let device = provost_testkit::Device::of_group("press", plant.group_key());
    let outcome = device.register(&plant.server, Via::Mqtt).await.unwrap();
    assert!(outcome.issued_chain.is_empty());
    assert!(device.connect(&plant.server).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_another_name_or_with_another_devices_key_is_refused() {
    let plant = Plant::open().await;
    let other = SigningRequest::new("other").unwrap();
    let refused = |outcome: Result<provost_device::provisioning::RegistrationOutcome, _>| match outcome {
        Ok(outcome) => outcome.issued_chain.is_empty(),
        Err(provost_device::provisioning::RegisterError::Refused { .. }) => true,
        Err(error) => panic!("{error}"),
    };
    assert!(refused(plant.ask("press", Via::Mqtt, other.csr()).await));
    assert!(refused(plant.ask("press", Via::Mqtt, "AAAA").await));
    let first = plant.ask("other", Via::Mqtt, other.csr()).await.unwrap();
    assert!(!first.issued_chain.is_empty());
    // The same key again for the same device is a renewal.
    let again = plant.ask("other", Via::Mqtt, other.csr()).await.unwrap();
    assert!(!again.issued_chain.is_empty());
}

/// Makes a device of the registry as management does.
async fn make_device(plant: &Plant, name: &str, external: &str) {
    let path = format!(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.DeviceRegistry/namespaces/plant-7/devices/{name}\
         ?api-version=2026-03-01-preview"
    );
    let body = json!({ "location": "here", "properties": { "externalDeviceId": external } });
    let made = plant
        .server
        .management()
        .send("PUT", &path, &[], Some(&body))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
}

/// certificate-management.md 3.1, step 4: what the registry has under this external ID is the device.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_found_by_its_external_id_whatever_its_name() {
    let plant = Plant::open().await;
    make_device(&plant, "hall-3", "press").await;
    let certified = plant.certify("press").await;
    assert!(plant.connects(&certified).await);
    let device = plant.device("hall-3").await;
    assert_eq!(device.policy, Some(policy()));
    assert_eq!(device.hub, Some(plant.server.hub_name()));
    assert_eq!(plant.issued("hall-3").await, 1);
    let again = plant.certify("press").await;
    let preview = "/provost/namespaces/plant-7/devices/hall-3/revoke?dryRun";
    let would = plant.server.own_api().post(preview, &json!({})).await.ok();
    assert_eq!(
        (&would["canRenew"], &would["stranded"]),
        (&json!(1), &json!(0)),
        "{would}"
    );
    plant.revoke("hall-3", true).await;
    assert!(!plant.connects(&certified).await && !plant.connects(&again).await);
    assert!(plant.is_refused_a_certificate("press").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_another_device_has_is_told_as_such() {
    let plant = Plant::open().await;
    make_device(&plant, "press", "drill").await;
    let request = SigningRequest::new("press").unwrap();
    let outcome = plant.ask("press", Via::Https, request.csr()).await.unwrap();
    let state = &outcome.raw["registrationState"];
    assert_eq!(
        (&state["status"], &state["errorCode"]),
        (&json!("failed"), &json!(400_214))
    );
    assert!(
        state["errorMessage"]
            .as_str()
            .unwrap()
            .contains("another externalDeviceId"),
        "{state}"
    );
    let drill = plant.certify("drill").await;
    assert!(plant.connects(&drill).await);
    assert_eq!(plant.issued("press").await, 1);
}

/// one leaf is issued, managed and revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_001_an_operational_leaf_is_issued_managed_and_revoked() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    assert!(plant.connects(&certified).await);
    let serial = certified.certificate.leaf().serial_hex();
    let own = plant.server.own_api();
    let path = format!("/provost/namespaces/plant-7/certificates?serial={serial}");
    let listed = own.get(&path).await.ok();
    assert_eq!(listed["value"][0]["device"], "press");
    assert_eq!(listed["value"][0]["state"], "issued");
    assert!(listed["value"][0]["revokedAt"].is_null());
    plant.revoke("press", false).await;
    let listed = own.get(&path).await.ok();
    assert!(listed["value"][0]["revokedAt"].is_string());
    assert!(!plant.connects(&certified).await);
}
