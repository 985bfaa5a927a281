use provost_model::registry::CaState;
use provost_testkit::Enrollment;

use super::plant::{Plant, namespace, policy};

async fn delete_policy(plant: &Plant) {
    plant
        .registry()
        .delete_policy(&plant.caller, &namespace(), &policy(), false)
        .await
        .unwrap();
}

/// gone for ever, nothing is issued by it, and what was issued goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_037_a_deleted_policy_issues_nothing_and_its_leaves_go_on() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let old = plant.policy().await.issuing.unwrap();
    delete_policy(&plant).await;
    let gone = plant
        .registry()
        .policy(&plant.caller, &namespace(), &policy())
        .await;
    assert_eq!(gone.unwrap_err().code(), "ResourceNotFound");
    assert!(
        plant
            .registry()
            .policies(&plant.caller, &namespace())
            .await
            .unwrap()
            .is_empty()
    );
    assert!(plant.is_refused_a_certificate("press").await);
    assert!(plant.connects(&certified).await);
    assert_eq!(plant.revoked("press").await, 0);
    let again = plant.make_policy(&policy(), false).await.issuing.unwrap();
    assert_ne!(again.subject, old.subject);
    let cas = plant
        .registry()
        .authorities(&plant.caller, &namespace())
        .await
        .unwrap();
    let state = |id| cas.iter().find(|ca| ca.id == id).map(|ca| ca.state);
    assert_eq!(state(old.id), Some(CaState::Closed));
}

/// the operator's way to end what a deleted policy issued, on one hub.
#[tokio::test(flavor = "multi_thread")]
async fn a_040_without_the_ca_certificate_of_the_hub_its_leaves_are_refused() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    delete_policy(&plant).await;
    let name = plant.synchronized().await[0].name.clone();
    let path = plant.server.hub_authority_path(&format!("/{name}"));
    plant.server.management().delete(&path).await;
    assert!(plant.synchronized().await.is_empty());
    assert!(!plant.connects(&certified).await);
}

/// the enrollment stays, says that its policy is missing, and works again with another.
#[tokio::test(flavor = "multi_thread")]
async fn a_044_an_enrollment_of_a_deleted_policy_works_again_with_another() {
    let plant = Plant::open().await;
    delete_policy(&plant).await;
    assert!(plant.is_refused_a_certificate("press").await);
    let other = provost_model::CredentialPolicyName::parse("line-8").unwrap();
    plant.make_policy(&other, false).await;
    plant.synchronize().await;
    let group = Enrollment::group("line")
        .keys(Some(plant.group_key()), None)
        .with("credentialPolicyName", "line-8");
    plant.server.dps_api().put_enrollment(&group).await;
    let certified = plant.certify("press").await;
    assert!(plant.connects(&certified).await);
}

/// not while it has policies; then at once, and a new one is another root.
#[tokio::test(flavor = "multi_thread")]
async fn a_050_a_credential_goes_after_its_policies_and_never_comes_back() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let registry = plant.registry();
    let refused = registry.delete_credential(&plant.caller, &namespace()).await;
    assert_eq!(refused.unwrap_err().code(), "CredentialHasPolicies");
    assert!(registry.credential(&plant.caller, &namespace()).await.is_ok());
    delete_policy(&plant).await;
    registry
        .delete_credential(&plant.caller, &namespace())
        .await
        .unwrap();
    let gone = registry.credential(&plant.caller, &namespace()).await;
    assert_eq!(gone.unwrap_err().code(), "ResourceNotFound");
    assert!(plant.is_refused_a_certificate("press").await);
    plant.make_credential().await;
    plant.make_policy(&policy(), false).await;
    let anew = plant.certify("press").await;
    assert_ne!(anew.chain[2], certified.chain[2]);
    let [old, new] = [&certified, &anew].map(|it| provost_pki::Certificate::from_der(&it.chain[2]).unwrap());
    assert_ne!(old.spki_der(), new.spki_der());
}
