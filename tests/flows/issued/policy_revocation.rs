use std::path::Path;
use std::time::Duration;

use provost_model::registry::{CaState, OperationState};
use provost_model::{Action, Actor, AuditEvent, HubName};
use provost_pki::Certificate;
use provost_store::{CrlPart, StoreError};
use provost_testkit::Via;
use serde_json::json;

use super::plant::{Plant, namespace, policy};

const SOON: Duration = Duration::from_secs(10);

/// another key, subject and serial number, and the old one on the CRL of its root.
#[tokio::test(flavor = "multi_thread")]
async fn a_024_a_revoked_issuer_is_replaced_by_another_key_subject_and_serial() {
    let plant = Plant::open().await;
    let old = plant.policy().await.issuing.unwrap();
    plant.revoke_issuer().await;
    let view = plant.policy().await;
    let new = view.issuing.unwrap();
    assert_ne!(
        (&new.id, &new.subject, &new.key),
        (&old.id, &old.subject, &old.key)
    );
    assert_eq!(view.policy.validity_days, 30);
    let on_hub = plant.synchronized().await;
    let cas: Vec<_> = on_hub
        .iter()
        .filter_map(|it| it.synchronized.as_ref())
        .map(|from| &from.ca)
        .collect();
    assert_eq!(cas, [&new.id]);
    let certificate = Certificate::from_der(&old.certificate.unwrap().0).unwrap();
    let serial = provost_model::registry::SerialNumber::parse(&certificate.serial_hex()).unwrap();
    let part = CrlPart {
        ca: old.parent.unwrap(),
        shard: 0,
    };
    let store = plant.server.stored().store();
    let read = store.read(move |tx| {
        let is_revoked = tx.is_revoked(&part, serial.as_bytes())?;
        Ok::<_, StoreError>((is_revoked, tx.ca(&old.id)?.map(|ca| ca.state)))
    });
    assert_eq!(read.await.unwrap(), (true, Some(CaState::Revoked)));
}

/// Whoever asks while another one is at it has what he asked for, and one CA is revoked.
#[tokio::test(flavor = "multi_thread")]
async fn of_revocations_at_the_same_moment_all_succeed_and_one_is_done() {
    let plant = Plant::open().await;
    let old = plant.policy().await.issuing.unwrap();
    let (namespace, policy) = (namespace(), policy());
    let revoke = || plant.registry().revoke_issuer(&plant.caller, &namespace, &policy);
    let (first, second, third) = tokio::join!(revoke(), revoke(), revoke());
    for done in [first, second, third] {
        assert_eq!(done.unwrap().state, OperationState::Succeeded);
    }
    let new = plant.policy().await.issuing.unwrap();
    assert_ne!(new.id, old.id);
    let events = plant.server.stored().audit_events().await;
    let revoked = events.iter().filter(|event| {
        event.detail.starts_with("issuing CA ") && event.before.contains(&old.id.to_string())
    });
    assert_eq!(revoked.count(), 1);
}

/// what the old one signed is refused, live sessions end, and registering heals.
#[tokio::test(flavor = "multi_thread")]
async fn a_026_every_leaf_of_a_revoked_issuer_is_refused_and_registering_heals() {
    let plant = Plant::open().await;
    let leaves = [plant.certify("press").await, plant.certify("drill").await];
    let mut session = plant.connect(&leaves[0]).await;
    let identifier = plant.device("press").await.identifier;
    plant.revoke_issuer().await;
    assert!(session.closed(SOON).await);
    for leaf in &leaves {
        assert!(!plant.connects(leaf).await);
    }
    let healed = plant.certify("press").await;
    assert!(plant.connects(&healed).await);
    assert_ne!(healed.chain[1], leaves[0].chain[1]);
    assert_eq!(healed.chain[2], leaves[0].chain[2]);
    // The identifier of a device is its own; the policy's revocation leaves it.
    assert_eq!(plant.device("press").await.identifier, identifier);
}

/// the other policies of a raised limit notice nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_029_revoking_one_issuer_leaves_the_other_policies_trusted() {
    let plant = Plant::open_bare(|config| config.registry.policies_per_credential = 2).await;
    let other = provost_model::CredentialPolicyName::parse("line-8").unwrap();
    plant.make_policy(&policy(), false).await;
    plant.make_policy(&other, false).await;
    plant.synchronize().await;
    let before = plant.synchronized().await;
    plant.revoke_issuer().await;
    let after = plant.synchronized().await;
    let of_other = |all: &[provost_model::CertificateAuthority]| -> Vec<_> {
        let is_other = |it: &&provost_model::CertificateAuthority| {
            it.synchronized.as_ref().is_some_and(|from| from.policy == other)
        };
        all.iter().filter(is_other).cloned().collect()
    };
    assert_eq!(of_other(&before).len(), 1);
    assert_eq!(of_other(&before), of_other(&after));
}

/// one by default; cohorts of their own when the limit is raised.
#[tokio::test(flavor = "multi_thread")]
async fn a_052_the_limit_of_policies_is_one_until_it_is_raised() {
    let plant = Plant::open().await;
    let input = provost_registry::PolicyInput {
        validity_days: 30,
        is_external: false,
    };
    let second = provost_model::CredentialPolicyName::parse("line-8").unwrap();
    let refused = plant
        .registry()
        .put_policy(&plant.caller, &namespace(), &second, input)
        .await;
    assert_eq!(refused.unwrap_err().code(), "PolicyLimitExceeded");
    let raised = Plant::open_bare(|config| config.registry.policies_per_credential = 2).await;
    raised.make_policy(&policy(), false).await;
    raised.make_policy(&second, false).await;
    let all = raised
        .registry()
        .policies(&raised.caller, &namespace())
        .await
        .unwrap();
    let names: Vec<_> = all.iter().map(|view| view.policy.name.as_str()).collect();
    assert_eq!(names, ["line-7", "line-8"]);
    assert_ne!(all[0].issuing, all[1].issuing);
}

/// on all linked hubs, without a synchronization; the old one is on none of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_025_the_replacement_reaches_every_linked_hub_by_itself() {
    let plant = Plant::open().await;
    let own = plant.server.own_api();
    own.post("/provost/hubs", &json!({ "name": "hub-2" })).await.ok();
    let link = json!({ "namespace": "plant-7" });
    own.put("/provost/hubs/hub-2/namespace", &link).await.ok();
    plant.synchronize().await;
    let hubs = [plant.server.hub_name(), HubName::parse("hub-2").unwrap()];
    let old = plant.policy().await.issuing.unwrap().id;
    for hub in &hubs {
        assert_eq!(plant.synchronized_to(hub).await, std::slice::from_ref(&old));
    }
    plant.revoke_issuer().await;
    let new = plant.policy().await.issuing.unwrap().id;
    assert_ne!(new, old);
    for hub in &hubs {
        assert_eq!(plant.synchronized_to(hub).await, std::slice::from_ref(&new));
    }
}

/// nobody has to do anything for a device of a revoked policy but the device itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_027_a_device_of_a_revoked_policy_comes_back_by_registering() {
    let plant = Plant::open().await;
    let before = plant.certify("press").await;
    plant.revoke_issuer().await;
    assert!(!plant.connects(&before).await);
    let after = plant.certify("press").await;
    let mut session = plant.connect(&after).await;
    assert!(!session.closed(Duration::from_millis(200)).await);
}

/// what is issued afterwards is signed by the replacement.
#[tokio::test(flavor = "multi_thread")]
async fn a_028_new_leaves_are_signed_by_the_replacement() {
    let plant = Plant::open().await;
    let old = plant.policy().await.issuing.unwrap();
    plant.revoke_issuer().await;
    let new = plant.policy().await.issuing.unwrap();
    for device in ["press", "drill"] {
        let certified = plant.certify(device).await;
        assert_eq!(
            Some(&certified.chain[1]),
            new.certificate.as_ref().map(|der| &der.0)
        );
        assert_ne!(
            Some(&certified.chain[1]),
            old.certificate.as_ref().map(|der| &der.0)
        );
        let [leaf, issuing] = [0, 1].map(|place| Certificate::from_der(&certified.chain[place]).unwrap());
        assert_eq!(leaf.issuer_der(), issuing.subject_der());
    }
}

/// the old key may be lost, or in somebody else's hands: it is not needed.
#[tokio::test(flavor = "multi_thread")]
async fn a_030_a_revocation_does_without_the_old_key() {
    // Otherwise a key that was just used still signs for a second.
    let plant = Plant::open_with(|config| config.keys.hold = Duration::ZERO, false).await;
    let certified = plant.certify("press").await;
    let old = plant.policy().await.issuing.unwrap();
    let data = plant.server.connection.admin_token_file.parent().unwrap();
    assert_eq!(forget(data, &old.key.0), 1, "the key {} is a file", old.key.0);
    plant.revoke_issuer().await;
    assert!(!plant.connects(&certified).await);
    assert!(plant.connects(&plant.certify("press").await).await);
}

/// Removes the files of a key; answers how many there were.
fn forget(folder: &Path, key: &str) -> usize {
    let mut gone = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            gone += forget(&path, key);
        } else if stem.len() > 8 && key.ends_with(stem) {
            std::fs::remove_file(&path).unwrap();
            gone += 1;
        }
    }
    gone
}

/// a full refresh: whatever was signed before is of no use, however often and by whichever way.
#[tokio::test(flavor = "multi_thread")]
async fn a_031_no_leaf_from_before_is_of_any_use() {
    let plant = Plant::open().await;
    let mut leaves = vec![plant.certify("press").await, plant.certify("press").await];
    leaves.push(plant.certify("drill").await);
    leaves.push(plant.certify_over("lathe", Via::Https).await);
    for leaf in &leaves {
        assert!(plant.connects(leaf).await);
    }
    plant.revoke_issuer().await;
    plant.synchronize().await;
    for leaf in &leaves {
        assert!(!plant.connects(leaf).await);
    }
}

/// A restored database knows of the CA it had that it was revoked, or closed, and nothing of the one after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_whose_issuer_ended_without_another_is_given_one_by_revoking() {
    for ended in [CaState::Revoked, CaState::Closed] {
        let plant = Plant::open().await;
        let old = plant.policy().await.issuing.unwrap().id;
        let (id, store) = (old.clone(), plant.server.stored().store());
        let end = store.write(move |tx| {
            let is_ended = tx.set_ca_state(&id, ended, tx.now())?;
            let event = AuditEvent::new(Actor::System, Action::Update, "ca", "plant-7", id.as_str());
            tx.record(&event, is_ended)
        });
        let is_ended: Result<bool, StoreError> = end.await;
        assert!(is_ended.unwrap());
        assert!(plant.is_refused_a_certificate("press").await);
        let path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DeviceRegistry/namespaces/plant-7\
                    /credentials/default/policies/line-7?api-version=2026-03-01-preview";
        let shown = plant.server.management().get(path).await.ok();
        assert_eq!(shown["properties"]["provisioningState"], "Failed", "{shown}");
        plant.revoke_issuer().await;
        assert_ne!(plant.policy().await.issuing.unwrap().id, old);
        let certified = plant.certify("press").await;
        assert!(plant.connects(&certified).await);
    }
}
