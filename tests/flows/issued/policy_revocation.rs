use std::time::Duration;

use provost_model::registry::{CaState, OperationState};
use provost_store::CrlPart;

use super::plant::{Plant, namespace, policy};

const SOON: Duration = Duration::from_secs(10);

async fn revoke_issuer(plant: &Plant) {
    let done = plant
        .registry()
        .revoke_issuer(&plant.caller, &namespace(), &policy())
        .await
        .unwrap();
    assert_eq!(done.state, OperationState::Succeeded);
}

/// another CA on the hub without a synchronization, the old one on the root's
/// CRL, its key not needed.
#[tokio::test(flavor = "multi_thread")]
async fn a_024_a_revoked_issuer_is_replaced_by_another_key_subject_and_serial() {
    let plant = Plant::open().await;
    let old = plant.policy().await.issuing.unwrap();
    revoke_issuer(&plant).await;
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
    let certificate = provost_pki::Certificate::from_der(&old.certificate.unwrap().0).unwrap();
    let serial = provost_model::registry::SerialNumber::parse(&certificate.serial_hex()).unwrap();
    let part = CrlPart {
        ca: old.parent.unwrap(),
        shard: 0,
    };
    let store = plant.server.stored().store();
    let read = store.read(move |tx| {
        let is_revoked = tx.is_revoked(&part, serial.as_bytes())?;
        Ok::<_, provost_store::StoreError>((is_revoked, tx.ca(&old.id)?.map(|ca| ca.state)))
    });
    assert_eq!(read.await.unwrap(), (true, Some(CaState::Revoked)));
}

/// what the old one signed is refused, live sessions end, and registering heals.
#[tokio::test(flavor = "multi_thread")]
async fn a_026_every_leaf_of_a_revoked_issuer_is_refused_and_registering_heals() {
    let plant = Plant::open().await;
    let leaves = [plant.certify("press").await, plant.certify("drill").await];
    let mut session = plant.connect(&leaves[0]).await;
    let identifier = plant.device("press").await.identifier;
    revoke_issuer(&plant).await;
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
    revoke_issuer(&plant).await;
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

/// A-013 the other way round: a second policy is one too many by default.
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
}
