//! A root that is kept offline, with openssl (certificate-management.md 7.5): the server never has its key.

mod openssl;

use std::time::Duration;

use provost_model::Clock;
use provost_model::pem;
use provost_model::registry::{CaId, CaState, OperationState};
use provost_registry::{
    AnswerOutcome, CredentialInput, ImportedAnswer, IssuerRevoked, OfflineAnswers, OfflineRoot,
    RegistryError, RequestPurpose, RevocationTarget,
};
use provost_testkit::ManualClock;
use serde_json::Map;

use self::openssl::Root;
use super::plant::{Certified, Plant, namespace, policy};
use super::publication::{ask, with_plain_http};

/// A plant whose credential has its root elsewhere; its policy waits.
async fn open(configure: impl FnOnce(&mut provost::config::Config)) -> Plant {
    let plant = Plant::open_without_credential(configure).await;
    make_credential(&plant).await;
    plant.make_policy(&policy(), false).await;
    plant
}

async fn make_credential(plant: &Plant) {
    let input = CredentialInput {
        location: "here".to_owned(),
        tags: Map::new(),
    };
    let made = plant
        .registry()
        .put_offline_credential(&plant.caller, &namespace(), input)
        .await;
    assert!(made.unwrap().is_new);
}

async fn status(plant: &Plant) -> OfflineRoot {
    plant
        .registry()
        .offline_root(&plant.caller, &namespace())
        .await
        .unwrap()
}

async fn bring(plant: &Plant, answers: OfflineAnswers) -> Result<Vec<ImportedAnswer>, RegistryError> {
    plant
        .registry()
        .import_answers(&plant.caller, &namespace(), answers)
        .await
}

/// Signs every request of one purpose.
async fn sign(plant: &Plant, root: &Root, purpose: RequestPurpose) -> Vec<String> {
    let waiting = status(plant).await.requests.into_iter();
    let of = waiting.filter(|request| request.purpose == purpose);
    of.map(|request| root.sign(&request.ca.signing_request.unwrap(), 1000))
        .collect()
}

/// Root, issuing CA, spare when it is wanted, and the first CRL.
async fn bring_first(plant: &Plant, root: &Root, with_spare: bool) {
    let mut chains = sign(plant, root, RequestPurpose::Issuing).await;
    if with_spare {
        chains.extend(sign(plant, root, RequestPurpose::Spare).await);
    }
    let answers = OfflineAnswers {
        root: Some(root.certificate()),
        chains,
        crl: Some(root.crl()),
    };
    let done = bring(plant, answers).await.unwrap();
    assert!(
        done.iter().all(|answer| answer.outcome == AnswerOutcome::Taken),
        "{done:?}"
    );
}

fn chain(text: String) -> OfflineAnswers {
    OfflineAnswers {
        chains: vec![text],
        ..OfflineAnswers::default()
    }
}

fn crl(bytes: Vec<u8>) -> OfflineAnswers {
    OfflineAnswers {
        crl: Some(bytes),
        ..OfflineAnswers::default()
    }
}

async fn states(plant: &Plant) -> Vec<(CaId, CaState)> {
    let all = plant.registry().authorities(&plant.caller, &namespace()).await;
    all.unwrap().into_iter().map(|ca| (ca.id, ca.state)).collect()
}

fn pem_of(certified: &Certified, place: usize) -> String {
    pem("CERTIFICATE", &certified.chain[place])
}

/// Nothing is issued before the root signed, and then everything goes by itself: the hub trusts the issuing CA
/// without being synchronized, and the chain is what openssl made.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_under_an_offline_root_waits_for_its_answer_and_then_issues() {
    let (plant, root) = (open(|_| {}).await, Root::new());
    let waits = status(&plant).await;
    assert!(waits.root.key.is_offline() && waits.root.certificate.is_none());
    let purposes: Vec<RequestPurpose> = waits.requests.iter().map(|request| request.purpose).collect();
    assert_eq!(purposes, [RequestPurpose::Issuing, RequestPurpose::Spare]);
    assert!(plant.policy().await.issuing.is_none());
    assert_eq!(plant.policy().await.policy.byor_status(), None, "it is managed");
    assert!(plant.is_refused_a_certificate("press").await);
    bring_first(&plant, &root, true).await;
    assert_eq!(plant.synchronized().await.len(), 1, "the spare is nobody's yet");
    let certified = plant.certify("press").await;
    assert!(plant.connects(&certified).await);
    assert_eq!(pem_of(&certified, 2), root.certificate());
    assert!(status(&plant).await.warnings.is_empty());
}

/// A revocation needs no signature: the spare, signed in advance, takes over in the same transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_spare_takes_the_place_of_a_revoked_issuing_ca_at_once() {
    let (plant, root) = (open(|_| {}).await, Root::new());
    bring_first(&plant, &root, true).await;
    let before = plant.policy().await.issuing.unwrap();
    let certified = plant.certify("press").await;
    let mut session = plant.connect(&certified).await;
    let target = RevocationTarget::Issuer(policy());
    let touched = plant
        .registry()
        .touched(&plant.caller, &namespace(), target)
        .await
        .unwrap();
    assert_eq!(touched.replacement, Some(IssuerRevoked::SpareTookOver));
    let operation = plant.revoke_issuer().await;
    assert_eq!(operation.state, OperationState::Succeeded);
    assert!(
        operation.progress.contains("spareTookOver"),
        "{}",
        operation.progress
    );
    assert!(session.closed(Duration::from_secs(10)).await);
    assert!(!plant.connects(&certified).await);
    let after = plant.policy().await.issuing.unwrap();
    assert_ne!(after.id, before.id);
    assert_eq!(plant.synchronized().await.len(), 1);
    assert!(plant.connects(&plant.certify("press").await).await);
    let status = status(&plant).await;
    assert_eq!(status.missing.len(), 1);
    assert_eq!(status.requests.len(), 1, "another spare is asked for");
    assert_eq!(status.requests[0].purpose, RequestPurpose::Spare);
}

/// Without a spare the old one is gone at once all the same, and the policy waits (as A-036).
#[tokio::test(flavor = "multi_thread")]
async fn without_a_spare_a_revoked_policy_waits_for_its_answer() {
    let no_spares = |config: &mut provost::config::Config| config.registry.offline_spares = false;
    let (plant, root) = (open(no_spares).await, Root::new());
    bring_first(&plant, &root, false).await;
    let certified = plant.certify("press").await;
    let operation = plant.revoke_issuer().await;
    assert!(
        operation.progress.contains("waitsForOfflineRoot"),
        "{}",
        operation.progress
    );
    assert!(plant.synchronized().await.is_empty());
    assert!(!plant.connects(&certified).await);
    assert!(plant.is_refused_a_certificate("press").await);
    let again = plant
        .registry()
        .revoke_issuer(&plant.caller, &namespace(), &policy())
        .await;
    assert_eq!(again.unwrap_err().code(), "PolicyPendingActivation");
    let signed = sign(&plant, &root, RequestPurpose::Issuing).await;
    bring(&plant, chain(signed[0].clone())).await.unwrap();
    assert!(plant.connects(&plant.certify("press").await).await);
}

/// The CRL is signed offline and has to tell everything before it is published; openssl then refuses what the
/// revoked CA signed, and accepts what its successor did.
#[tokio::test(flavor = "multi_thread")]
async fn a_crl_is_published_once_it_lists_everything_that_was_revoked() {
    let (plant, root) = (open(with_plain_http).await, Root::new());
    bring_first(&plant, &root, true).await;
    let old = plant.certify("press").await;
    let address = format!("/crl/{}/0.crl", status(&plant).await.root.id);
    let published = async || ask(&plant, "GET", &address, "").await.1;
    let first = published().await;
    plant.revoke_issuer().await;
    let serial = status(&plant).await.missing[0].to_string();
    let refused = bring(&plant, crl(root.crl())).await.unwrap_err();
    assert_eq!(refused.code(), "CrlLacksRevocations");
    assert!(refused.public_message().contains(&serial), "{refused}");
    assert_eq!(published().await, first);
    root.revoke(&pem_of(&old, 1));
    let told = root.crl();
    bring(&plant, crl(told.clone())).await.unwrap();
    let out = published().await;
    assert_ne!(out, first);
    assert!(status(&plant).await.missing.is_empty());
    assert!(
        status(&plant)
            .await
            .warnings
            .iter()
            .all(|reason| !reason.contains("CRL"))
    );
    // The same again changes nothing, and an older one does not come back.
    assert_eq!(
        bring(&plant, crl(told)).await.unwrap()[0].outcome,
        AnswerOutcome::AlreadyThere
    );
    assert_eq!(
        bring(&plant, crl(first)).await.unwrap_err().code(),
        "CrlNumberTooLow"
    );
    assert_eq!(published().await, out);
    let new = plant.certify("drill").await;
    let root_crl = pem("X509 CRL", &out);
    for (certified, is_good) in [(&old, false), (&new, true)] {
        // The revoked CA's own CRL is the last it signed.
        let of_ca = crl_above(&plant, certified).await;
        let crls = format!("{root_crl}{of_ca}");
        let accepted = root.accepts(&pem_of(certified, 0), &pem_of(certified, 1), &crls);
        assert_eq!(accepted, is_good, "good: {is_good}");
    }
}

/// The CRL of the issuing CA of a chain, once it is out.
async fn crl_above(plant: &Plant, certified: &Certified) -> String {
    let all = plant
        .registry()
        .authorities(&plant.caller, &namespace())
        .await
        .unwrap();
    let is_it = |der: &provost_model::CertificateDer| der.0 == certified.chain[1];
    let ca = all
        .iter()
        .find(|ca| ca.certificate.as_ref().is_some_and(is_it))
        .unwrap();
    let address = format!("/crl/{}/0.crl", ca.id);
    let der = provost_testkit::eventually("the CRL is out", async || {
        let (head, body) = ask(plant, "GET", &address, "").await;
        head.starts_with("http/1.1 200").then_some(body)
    })
    .await;
    pem("X509 CRL", &der)
}

/// What is wrong with what is brought is said by the rule it breaks, and nothing changes.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_root_did_not_sign_is_refused_and_changes_nothing() {
    let (plant, root) = (open(|_| {}).await, Root::new());
    let with_root = |text: String| OfflineAnswers {
        root: Some(text),
        ..OfflineAnswers::default()
    };
    for (other, rule) in [
        (Root::with("pathlen:0", 3650), "pathLength"),
        (Root::with("pathlen:1", 100), "rootTooShort"),
    ] {
        let refused = bring(&plant, with_root(other.certificate())).await.unwrap_err();
        assert!(refused.public_message().contains(rule), "{refused}");
    }
    let request = status(&plant).await.requests[0]
        .ca
        .signing_request
        .clone()
        .unwrap();
    let early = bring(&plant, chain(root.sign(&request, 1000))).await.unwrap_err();
    assert_eq!(early.code(), "RootMissing");
    bring(&plant, with_root(root.certificate())).await.unwrap();
    let another = bring(&plant, with_root(Root::new().certificate()))
        .await
        .unwrap_err();
    assert_eq!(another.code(), "RootDiffers");
    let stranger = Root::new();
    for (text, code, rule) in [
        (
            stranger.sign(&request, 1000),
            "CertificateChainInvalid",
            "signature",
        ),
        (root.sign(&request, 100), "CertificateChainInvalid", "tooShort"),
        (root.certificate(), "NoSuchRequest", "kept-offline"),
    ] {
        let refused = bring(&plant, chain(text)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.public_message().contains(rule), "{refused}");
    }
    // One bad piece, and the good ones are not taken either.
    let mut mixed = chain(root.sign(&request, 1000));
    mixed.crl = Some(stranger.crl());
    assert_eq!(bring(&plant, mixed).await.unwrap_err().code(), "CrlInvalid");
    assert!(plant.policy().await.issuing.is_none());
    assert!(status(&plant).await.crl.is_none());
}

/// A policy under the customer's own root is none of the namespace's root's, though both wait at one time.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_customers_root_is_not_answered_by_the_offline_root() {
    let two = |config: &mut provost::config::Config| config.registry.policies_per_credential = 2;
    let (plant, root) = (open(two).await, Root::new());
    bring_first(&plant, &root, true).await;
    let own = provost_model::CredentialPolicyName::parse("own-root").unwrap();
    let pending = plant.make_policy(&own, true).await.pending.unwrap();
    assert!(status(&plant).await.requests.is_empty());
    let signed = root.sign(&pending.signing_request.unwrap(), 1000);
    assert_eq!(
        bring(&plant, chain(signed)).await.unwrap_err().code(),
        "NoSuchRequest"
    );
}

/// A CRL that takes away what the server uses is not published behind its back.
#[tokio::test(flavor = "multi_thread")]
async fn a_crl_that_lists_an_issuing_ca_in_use_is_refused() {
    let (plant, root) = (open(|_| {}).await, Root::new());
    bring_first(&plant, &root, true).await;
    let issuing = plant.policy().await.issuing.unwrap().certificate.unwrap();
    root.revoke(&pem("CERTIFICATE", &issuing.0));
    let told = root.crl();
    let refused = bring(&plant, crl(told.clone())).await.unwrap_err();
    assert_eq!(refused.code(), "CrlRevokesIssuerInUse");
    plant.revoke_issuer().await;
    bring(&plant, crl(told)).await.unwrap();
}

fn pass(clock: &ManualClock, days: u32) {
    clock.set(clock.now().after(Duration::from_hours(24) * days));
}

/// A third before its end a request for the next appears; both are trusted until the old one has nothing left.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuing_ca_under_an_offline_root_is_renewed_by_an_answer() {
    let (plant, clock) = Plant::open_without_credential_with_clock().await;
    make_credential(&plant).await;
    plant.make_policy(&policy(), false).await;
    let root = Root::new();
    // openssl lives by the real clock, which goes on.
    pass(&clock, 1);
    bring_first(&plant, &root, true).await;
    let first = plant.policy().await.issuing.unwrap();
    pass(&clock, 660);
    plant.registry().look_around().await;
    assert!(status(&plant).await.requests.is_empty());
    pass(&clock, 10);
    plant.registry().look_around().await;
    let waits = status(&plant).await;
    // Made at one instant of the test's clock, they come in either order.
    let purposes: Vec<RequestPurpose> = waits.requests.iter().map(|request| request.purpose).collect();
    assert_eq!(purposes.len(), 2);
    assert!(purposes.contains(&RequestPurpose::Renewal) && purposes.contains(&RequestPurpose::Spare));
    assert!(
        waits.warnings.iter().any(|reason| reason.contains("ends soon")),
        "{:?}",
        waits.warnings
    );
    let old = plant.certify("press").await;
    // openssl's clock has not moved: it signs for as long as it takes.
    let request = waits.requests[0].ca.signing_request.clone().unwrap();
    bring(&plant, chain(root.sign(&request, 2500))).await.unwrap();
    assert_ne!(plant.policy().await.issuing.unwrap().id, first.id);
    let new = plant.certify("drill").await;
    assert!(plant.connects(&old).await && plant.connects(&new).await);
    pass(&clock, 40);
    plant.registry().look_around().await;
    assert!(!plant.connects(&old).await);
    assert!(states(&plant).await.contains(&(first.id, CaState::Closed)));
}

/// Deleting: requests, spares and the root end; what is answered later is not needed, and the root does not
/// come back under another name.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_policy_and_credential_leave_nothing_that_waits() {
    let (plant, root) = (open(|_| {}).await, Root::new());
    bring_first(&plant, &root, true).await;
    plant.revoke_issuer().await;
    let asked = status(&plant).await.requests[0]
        .ca
        .signing_request
        .clone()
        .unwrap();
    let registry = plant.registry();
    registry
        .delete_policy(&plant.caller, &namespace(), &policy())
        .await
        .unwrap();
    assert!(status(&plant).await.requests.is_empty());
    let late = bring(&plant, chain(root.sign(&asked, 1000))).await.unwrap();
    assert_eq!(late[0].outcome, AnswerOutcome::NotNeeded);
    registry
        .delete_credential(&plant.caller, &namespace())
        .await
        .unwrap();
    let ended = [CaState::Closed, CaState::Revoked];
    assert!(
        states(&plant)
            .await
            .iter()
            .all(|(_, state)| ended.contains(state))
    );
    make_credential(&plant).await;
    let answers = OfflineAnswers {
        root: Some(root.certificate()),
        ..OfflineAnswers::default()
    };
    assert_eq!(bring(&plant, answers).await.unwrap_err().code(), "RootInUse");
}

/// Who keeps a root here cannot be talked into keeping it elsewhere, and the other way round.
#[tokio::test(flavor = "multi_thread")]
async fn an_online_credential_has_no_offline_root() {
    let plant = Plant::open().await;
    let asked = plant.registry().offline_root(&plant.caller, &namespace()).await;
    assert_eq!(asked.unwrap_err().code(), "RootNotOffline");
    let input = CredentialInput {
        location: "here".to_owned(),
        tags: Map::new(),
    };
    let put = plant
        .registry()
        .put_offline_credential(&plant.caller, &namespace(), input)
        .await;
    assert_eq!(put.unwrap_err().code(), "CredentialImmutable");
}
