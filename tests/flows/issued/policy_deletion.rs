use provost_model::registry::{CaState, SerialNumber};
use provost_pki::Certificate;
use provost_registry::PolicyInput;
use provost_store::{CrlPart, StoreError};
use provost_testkit::Enrollment;
use serde_json::Value;

use super::plant::{Plant, namespace, policy};

async fn delete_policy(plant: &Plant) {
    plant
        .registry()
        .delete_policy(&plant.caller, &namespace(), &policy())
        .await
        .unwrap();
}

/// gone for ever; one of the same name is another CA.
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
    let [old, new] = [&certified, &anew].map(|it| Certificate::from_der(&it.chain[2]).unwrap());
    assert_ne!(old.spki_der(), new.spki_der());
}

/// by registering; A-038 of `renewal` is the other way.
#[tokio::test(flavor = "multi_thread")]
async fn a_038_after_the_policy_is_deleted_registering_gets_no_certificate() {
    let plant = Plant::open().await;
    plant.certify("press").await;
    delete_policy(&plant).await;
    assert!(plant.is_refused_a_certificate("press").await);
    assert!(plant.is_refused_a_certificate("drill").await);
    assert_eq!((plant.issued("press").await, plant.issued("drill").await), (1, 0));
}

/// what was issued goes on, also anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_039_leaves_of_a_deleted_policy_go_on_connecting() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let mut session = plant.connect(&certified).await;
    delete_policy(&plant).await;
    assert!(!session.closed(std::time::Duration::from_millis(200)).await);
    assert!(plant.connects(&certified).await);
}

/// a deletion rotates nothing, revokes nothing and puts nothing on a CRL.
#[tokio::test(flavor = "multi_thread")]
async fn a_041_deleting_a_policy_revokes_nothing() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    let issuing = plant.policy().await.issuing.unwrap();
    let identifier = plant.device("press").await.identifier;
    delete_policy(&plant).await;
    assert_eq!(plant.device("press").await.identifier, identifier);
    assert_eq!(plant.revoked("press").await, 0);
    let serial = |place: usize| {
        let certificate = Certificate::from_der(&certified.chain[place]).unwrap();
        SerialNumber::parse(&certificate.serial_hex()).unwrap()
    };
    for (ca, serial) in [(issuing.id, serial(0)), (issuing.parent.unwrap(), serial(1))] {
        let part = CrlPart { ca, shard: 0 };
        let store = plant.server.stored().store();
        let read = store.read(move |tx| tx.is_revoked(&part, serial.as_bytes()));
        let is_revoked: Result<bool, StoreError> = read.await;
        assert!(!is_revoked.unwrap());
    }
}

/// what became of a deleted policy stays readable: log, CAs and certificates.
#[tokio::test(flavor = "multi_thread")]
async fn a_046_the_history_of_a_deleted_policy_stays_readable() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    delete_policy(&plant).await;
    let own = plant.server.own_api();
    let log = own.get("/provost/audit?limit=1000").await.ok();
    let of_policy = |event: &&Value| event["kind"] == "credentialPolicy" && event["key"] == "line-7";
    let events = log["value"].as_array().unwrap();
    let told: Vec<_> = events
        .iter()
        .filter(of_policy)
        .map(|event| &event["action"])
        .collect();
    assert_eq!(told, ["create", "delete"]);
    let cas = own.get("/provost/namespaces/plant-7/authorities").await.ok();
    let closed = cas["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|ca| ca["policy"] == "line-7");
    assert_eq!(closed.map(|ca| &ca["state"]).collect::<Vec<_>>(), ["closed"]);
    let issued = own
        .get("/provost/namespaces/plant-7/certificates?device=press")
        .await
        .ok();
    let serial = certified.certificate.leaf().serial_hex();
    assert_eq!(issued["value"][0]["serialNumber"], serial);
}

async fn delete_credential(plant: &Plant) {
    plant
        .registry()
        .delete_credential(&plant.caller, &namespace())
        .await
        .unwrap();
}

/// gone, with what was known of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_047_a_deleted_credential_is_not_there() {
    let plant = Plant::open().await;
    delete_policy(&plant).await;
    delete_credential(&plant).await;
    let gone = plant.registry().credential(&plant.caller, &namespace()).await;
    assert_eq!(gone.unwrap_err().code(), "ResourceNotFound");
    let again = plant
        .registry()
        .delete_credential(&plant.caller, &namespace())
        .await;
    assert_eq!(again.unwrap_err().code(), "ResourceNotFound");
}

/// nothing is issued in the namespace, and no policy can be made.
#[tokio::test(flavor = "multi_thread")]
async fn a_048_without_a_credential_nothing_is_issued() {
    let plant = Plant::open().await;
    delete_policy(&plant).await;
    delete_credential(&plant).await;
    assert!(plant.is_refused_a_certificate("press").await);
    let input = PolicyInput {
        validity_days: 30,
        is_external: false,
    };
    let made = plant
        .registry()
        .put_policy(&plant.caller, &namespace(), &policy(), input)
        .await;
    assert_eq!(made.unwrap_err().code(), "ResourceNotFound");
}

/// another credential is another root, to which old leaves do not chain.
#[tokio::test(flavor = "multi_thread")]
async fn a_049_a_new_credential_is_another_root() {
    let plant = Plant::open().await;
    let old = plant.certify("press").await;
    delete_policy(&plant).await;
    delete_credential(&plant).await;
    plant.make_credential().await;
    plant.make_policy(&policy(), false).await;
    let new = plant.certify("press").await;
    let [old_issuing, old_root] = [1, 2].map(|place| Certificate::from_der(&old.chain[place]).unwrap());
    let new_root = Certificate::from_der(&new.chain[2]).unwrap();
    assert_ne!(old_root.spki_der(), new_root.spki_der());
    assert_ne!(old_issuing.issuer_der(), new_root.subject_der());
}

/// Nobody could revoke them afterwards: a namespace is where certificates are looked for.
#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_namespace_revokes_what_its_devices_have() {
    let plant = Plant::open().await;
    let certified = [plant.certify("press").await, plant.certify("drill").await];
    let issuing = plant.policy().await.issuing.unwrap().id;
    delete_policy(&plant).await;
    let registry = plant.registry();
    let refused = registry.delete_namespace(&plant.caller, &namespace()).await;
    assert_eq!(refused.unwrap_err().code(), "CredentialExists");
    delete_credential(&plant).await;
    assert!(plant.connects(&certified[0]).await);
    registry
        .delete_namespace(&plant.caller, &namespace())
        .await
        .unwrap();
    for certified in &certified {
        assert!(!plant.connects(certified).await);
        let serial = SerialNumber::parse(&certified.certificate.leaf().serial_hex()).unwrap();
        let part = CrlPart {
            ca: issuing.clone(),
            shard: 0,
        };
        let store = plant.server.stored().store();
        let read = store.read(move |tx| tx.is_revoked(&part, serial.as_bytes()));
        let is_revoked: Result<bool, StoreError> = read.await;
        assert!(is_revoked.unwrap());
    }
    let gone = registry.namespace(&plant.caller, &namespace()).await;
    assert_eq!(gone.unwrap_err().code(), "ResourceNotFound");
}
