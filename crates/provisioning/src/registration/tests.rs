//! Runs through provisioning, over a real store.

use std::time::Duration;

use provost_attestation::symmetric::derive_device_key;
use provost_model::{
    Action, AuthorityOwner, DeviceAuth, IfMatch, ProvisioningStatus, RegistrationState, Slots, Substatus,
};
use provost_wire::dps::device::RegisterRequest;
use serde_json::{Value, json};

use crate::fixture::{House, Made, id};
use crate::{ProvisioningError, ProvisioningOptions, RegistrationOutcome, RegistrationProof};

async fn run(house: &House, proof: RegistrationProof) -> Result<RegistrationOutcome, ProvisioningError> {
    let caller = house.service.authenticate(proof).await?;
    let operation = house
        .service
        .register(&caller, &RegisterRequest::default())
        .await?;
    let (polled, outcome) = house
        .service
        .operation_status(&caller, operation.as_str())
        .await?;
    assert_eq!(polled, operation);
    assert_eq!(outcome.record.operation, operation);
    Ok(outcome)
}

fn pinned(made: &Made) -> Value {
    json!({"attestation": {"type": "x509", "x509": {"clientCertificates": {
        "primary": {"certificate": made.certificate.to_pem()}}}}})
}

fn signed(made: &Made) -> Value {
    json!({"attestation": {"type": "x509", "x509": {"signingCertificates": {
        "primary": {"certificate": made.certificate.to_pem()}}}}})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn symmetric() -> Value {
    json!({"attestation": {"type": "symmetricKey"}})
}

fn substatus(outcome: &RegistrationOutcome) -> Option<Substatus> {
    match &outcome.record.state {
        RegistrationState::Assigned { substatus, .. } => Some(*substatus),
        _ => None,
    }
}

fn failure(outcome: &RegistrationOutcome) -> Option<u32> {
    match &outcome.record.state {
        RegistrationState::Failed(failure) => Some(failure.code),
        _ => None,
    }
}

fn thumbprint(made: &Made) -> DeviceAuth {
    DeviceAuth::SelfSigned(Slots {
        primary: Some(made.certificate.sha256_thumbprint().to_string()),
        secondary: None,
    })
}

/// hub identity with the leaf's thumbprint, initial twin, record, hub's host name.
#[tokio::test]
async fn x509_individual_is_assigned_with_its_leaf_and_initial_twin() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    let twin = json!({"tags": {"hall": 7}, "properties": {"desired": {"speed": 3}}});
    let body = with(pinned(&leaf), "initialTwin", twin);
    house
        .enroll("Press-1", with(body, "capabilities", json!({"iotEdge": true})))
        .await
        .unwrap();
    let outcome = run(&house, house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    assert_eq!(substatus(&outcome), Some(Substatus::InitialAssignment));
    assert_eq!(outcome.assigned_hub.as_ref().unwrap().as_str(), "one.localhost");
    assert!(outcome.record.by_certificate && outcome.record.group.is_none());
    let identity = house.hubs.identity("one", "Press-1").unwrap();
    assert_eq!(identity.auth, thumbprint(&leaf));
    assert!(identity.iot_edge);
    assert_eq!(identity.initial_twin.tags["hall"], 7);
    assert_eq!(identity.initial_twin.desired["speed"], 3);
}

#[tokio::test]
async fn device_id_of_the_enrollment_names_the_device_in_the_hub() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    house
        .enroll("press-1", with(pinned(&leaf), "deviceId", json!("Presse#1")))
        .await
        .unwrap();
    run(&house, house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    assert!(house.hubs.identity("one", "Presse#1").is_some());
    assert_eq!(house.hubs.count(), 1);
}

#[tokio::test]
async fn symmetric_keys_reach_the_hub_own_and_derived() {
    let house = House::new().await;
    let shown = house.enroll("press-1", symmetric()).await.unwrap();
    let provost_model::IndividualMechanism::SymmetricKey(own) = shown.enrollment.mechanism else {
        panic!("keys")
    };
    let outcome = run(&house, house.by_key("press-1", &own.secondary))
        .await
        .unwrap();
    assert!(!outcome.record.by_certificate);
    assert_eq!(
        house.hubs.identity("one", "press-1").unwrap().auth,
        DeviceAuth::Sas(own)
    );

    let shown = house.group("Line", symmetric()).await.unwrap();
    let provost_model::GroupMechanism::SymmetricKey(group) = shown.group.mechanism else {
        panic!("keys")
    };
    let derived = derive_device_key(&group.primary, "press-2");
    let outcome = run(&house, house.by_key("press-2", &derived)).await.unwrap();
    assert_eq!(outcome.record.group.as_ref().unwrap().as_str(), "Line");
    let DeviceAuth::Sas(pair) = house.hubs.identity("one", "press-2").unwrap().auth else {
        panic!("keys")
    };
    assert_eq!(pair.primary, derived);
    assert_eq!(pair.secondary, derive_device_key(&group.secondary, "press-2"));
    assert!(
        run(&house, house.by_key("press-3", &group.primary))
            .await
            .is_err()
    );
}

/// a rolled leaf under the same group updates record and hub identity.
#[tokio::test]
async fn repeat_registration_keeps_the_record_and_refreshes_the_credential() {
    let house = House::new().await;
    let root = Made::root("root");
    house.group("line", signed(&root)).await.unwrap();
    let (old, new) = (root.leaf("press-1"), root.leaf("press-1"));
    let first = run(&house, house.by_chain("press-1", old.with(&[&root])))
        .await
        .unwrap();
    house.clock.advance(Duration::from_mins(1));
    let second = run(&house, house.by_chain("press-1", new.with(&[&root])))
        .await
        .unwrap();
    assert_eq!(
        substatus(&second),
        Some(Substatus::ReprovisionedToInitialAssignment)
    );
    assert_eq!(second.record.created_at, first.record.created_at);
    assert!(second.record.updated_at > first.record.updated_at);
    assert_ne!(second.record.etag, first.record.etag);
    assert_eq!(
        house.hubs.identity("one", "press-1").unwrap().auth,
        thumbprint(&new)
    );
    assert_eq!(house.hubs.count(), 1);
}

/// a disabled entry is a run with the outcome disabled; enabling restores.
#[tokio::test]
async fn disabled_entry_ends_as_disabled_and_leaves_the_hub_alone() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    let proof = || house.by_chain("press-1", leaf.with(&[]));
    house
        .enroll(
            "press-1",
            with(pinned(&leaf), "provisioningStatus", json!("disabled")),
        )
        .await
        .unwrap();
    let outcome = run(&house, proof()).await.unwrap();
    assert_eq!(outcome.record.state, RegistrationState::Disabled);
    assert_eq!(house.hubs.count(), 0);
    house.enroll("press-1", pinned(&leaf)).await.unwrap();
    assert!(substatus(&run(&house, proof()).await.unwrap()).is_some());
    house
        .enroll(
            "press-1",
            with(pinned(&leaf), "provisioningStatus", json!("disabled")),
        )
        .await
        .unwrap();
    assert_eq!(
        run(&house, proof()).await.unwrap().record.state,
        RegistrationState::Disabled
    );
    // the identity stays.
    assert_eq!(house.hubs.count(), 1);
}

///
#[tokio::test]
async fn deleted_enrollment_refuses_unless_a_group_matches() {
    let house = House::new().await;
    let root = Made::root("root");
    let leaf = root.leaf("press-1");
    let proof = || house.by_chain("press-1", leaf.with(&[&root]));
    house
        .enroll(
            "press-1",
            with(pinned(&leaf), "provisioningStatus", json!("disabled")),
        )
        .await
        .unwrap();
    house.group("line", signed(&root)).await.unwrap();
    assert_eq!(
        run(&house, proof()).await.unwrap().record.state,
        RegistrationState::Disabled
    );
    let delete = house
        .service
        .delete_enrollment(&house.caller, id("press-1"), IfMatch::Any);
    delete.await.unwrap();
    let outcome = run(&house, proof()).await.unwrap();
    assert_eq!(outcome.record.group.as_ref().unwrap().as_str(), "line");
}

#[tokio::test]
async fn without_a_hub_the_run_is_recorded_as_failed() {
    let house = House::with(ProvisioningOptions::default(), &[]).await;
    let leaf = Made::alone("press-1");
    house.enroll("press-1", pinned(&leaf)).await.unwrap();
    let outcome = run(&house, house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    assert_eq!(failure(&outcome), Some(400_208));
}

#[tokio::test]
async fn a_hub_that_refuses_is_recorded_with_its_words() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    house.enroll("press-1", pinned(&leaf)).await.unwrap();
    *house.hubs.refuse.lock().unwrap() = Some("too many devices".into());
    let outcome = run(&house, house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    assert_eq!(failure(&outcome), Some(400_209));
}

/// dps-device-api.md 8.2: the three reprovision policies when the hub has to change.
#[tokio::test]
async fn reprovision_policy_decides_what_moves() {
    for (policy, moved, substatus_after, tags) in [
        (
            json!([true, true]),
            true,
            Substatus::DeviceDataMigrated,
            json!({"from": "device"}),
        ),
        (
            json!([true, false]),
            true,
            Substatus::DeviceDataReset,
            json!({"from": "entry"}),
        ),
        (
            json!([false, false]),
            false,
            Substatus::ReprovisionedToInitialAssignment,
            json!({"from": "device"}),
        ),
    ] {
        let house = House::new().await;
        let leaf = Made::alone("press-1");
        let body = with(pinned(&leaf), "initialTwin", json!({"tags": {"from": "entry"}}));
        let policy = json!({"updateHubAssignment": policy[0], "migrateDeviceData": policy[1]});
        house
            .enroll("press-1", with(body, "reprovisionPolicy", policy))
            .await
            .unwrap();
        run(&house, house.by_chain("press-1", leaf.with(&[])))
            .await
            .unwrap();
        let place = ("one".to_owned(), "press-1".to_owned());
        house
            .hubs
            .identities
            .lock()
            .unwrap()
            .get_mut(&place)
            .unwrap()
            .initial_twin
            .tags["from"] = json!("device");
        house.link("two").await;
        house.unlink("one").await;
        let outcome = run(&house, house.by_chain("press-1", leaf.with(&[])))
            .await
            .unwrap();
        assert_eq!(substatus(&outcome), Some(substatus_after));
        let hub = if moved { "two" } else { "one" };
        assert_eq!(outcome.assigned_hub.unwrap().as_str(), format!("{hub}.localhost"));
        let identity = house.hubs.identity(hub, "press-1").unwrap();
        assert_eq!(json!(identity.initial_twin.tags), tags);
        assert_eq!(house.hubs.count(), 1, "the old identity is gone");
    }
}

/// A caller kept for a connection: what changed since it was proven counts.
#[tokio::test]
async fn a_kept_caller_is_judged_again_when_something_changed() {
    let house = House::new().await;
    let root = Made::root("root");
    let leaf = root.leaf("press-1");
    house.group("line", signed(&root)).await.unwrap();
    let caller = house
        .service
        .authenticate(house.by_chain("press-1", leaf.with(&[&root])))
        .await
        .unwrap();
    let request = RegisterRequest::default();
    let state = async || {
        let operation = house.service.register(&caller, &request).await?;
        let (_, outcome) = house
            .service
            .operation_status(&caller, operation.as_str())
            .await?;
        Ok::<_, ProvisioningError>(outcome.record.state)
    };
    assert!(state().await.unwrap().assignment().is_some());
    house
        .group(
            "line",
            with(signed(&root), "provisioningStatus", json!("disabled")),
        )
        .await
        .unwrap();
    assert_eq!(state().await.unwrap(), RegistrationState::Disabled);
    house.group("line", signed(&root)).await.unwrap();
    assert!(state().await.unwrap().assignment().is_some());
    // An individual enrollment that appears shadows the group.
    house
        .enroll(
            "press-1",
            with(symmetric(), "provisioningStatus", json!("disabled")),
        )
        .await
        .unwrap();
    assert_eq!(state().await.unwrap_err().code(), 401_002);
    let gone = house
        .service
        .delete_enrollment(&house.caller, id("press-1"), IfMatch::Any);
    gone.await.unwrap();
    assert!(state().await.unwrap().assignment().is_some());
    // Outside its dates nothing is answered, polls neither.
    house.clock.advance(Duration::from_hours(25));
    assert_eq!(
        state().await.unwrap_err().public_message(),
        "Invalid certificate."
    );
    let lookup = house.service.status_lookup(&caller, &request).await;
    assert_eq!(lookup.unwrap_err().code(), 401_002);
}

#[tokio::test]
async fn a_device_that_was_disabled_comes_back_to_the_assignment_it_had() {
    let house = House::new().await;
    let root = Made::root("root");
    let leaf = root.leaf("press-1");
    let proof = || house.by_chain("press-1", leaf.with(&[]));
    house.group("line", signed(&root)).await.unwrap();
    let before = run(&house, proof()).await.unwrap().record;
    let disabled = with(signed(&root), "provisioningStatus", json!("disabled"));
    house.group("line", disabled).await.unwrap();
    let blocked = run(&house, proof()).await.unwrap().record;
    assert_eq!(blocked.state, RegistrationState::Disabled);
    assert_eq!(blocked.kept, before.state.assignment());
    house.group("line", signed(&root)).await.unwrap();
    let after = run(&house, proof()).await.unwrap();
    assert_eq!(
        substatus(&after),
        Some(Substatus::ReprovisionedToInitialAssignment)
    );
    assert_eq!(after.record.state.assignment(), before.state.assignment());
}

#[tokio::test]
async fn a_ca_that_is_deleted_ends_its_kept_callers() {
    let house = House::new().await;
    let root = Made::root("root");
    let leaf = root.leaf("press-1");
    let name = provost_model::CertificateName::parse("ca").unwrap();
    let upload = crate::AuthorityUpload {
        text: root.certificate.to_pem(),
        is_verified: Some(true),
    };
    let dps = AuthorityOwner::Dps(house.instance.name.clone());
    let put = house
        .service
        .put_authority(&house.admin, dps.clone(), name.clone(), upload, IfMatch::Absent);
    put.await.unwrap();
    let body = json!({"attestation": {"type": "x509", "x509": {"caReferences": {"primary": "CA"}}}});
    house.group("line", body).await.unwrap();
    let caller = house
        .service
        .authenticate(house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    house
        .service
        .register(&caller, &RegisterRequest::default())
        .await
        .unwrap();
    house
        .service
        .delete_authority(&house.admin, dps, name, IfMatch::Any)
        .await
        .unwrap();
    let error = house
        .service
        .register(&caller, &RegisterRequest::default())
        .await
        .unwrap_err();
    assert_eq!(error.public_message(), "CA certificate not found.");
}

#[tokio::test]
async fn polls_know_only_operations_of_the_device() {
    let house = House::new().await;
    let root = Made::root("root");
    house.group("line", signed(&root)).await.unwrap();
    let caller = async |name: &str| {
        let leaf = root.leaf(name);
        house
            .service
            .authenticate(house.by_chain(name, leaf.with(&[&root])))
            .await
            .unwrap()
    };
    let (one, two) = (caller("press-1").await, caller("press-2").await);
    let request = RegisterRequest::default();
    let lookup = house.service.status_lookup(&one, &request).await;
    assert_eq!(lookup.unwrap_err().code(), 404_202);
    let first = house.service.register(&one, &request).await.unwrap();
    let second = house.service.register(&one, &request).await.unwrap();
    for own in [&first, &second] {
        let (polled, outcome) = house.service.operation_status(&one, own.as_str()).await.unwrap();
        assert_eq!(polled, *own);
        assert_eq!(outcome.record.operation, second);
    }
    for foreign in [first.as_str(), "5.0123456789abcdef.x", ""] {
        let error = house.service.operation_status(&two, foreign).await.unwrap_err();
        assert_eq!(error.code(), 404_201);
    }
    assert!(house.service.status_lookup(&one, &request).await.is_ok());
    let csr = RegisterRequest {
        csr: Some("MA==".into()),
        ..RegisterRequest::default()
    };
    assert_eq!(
        house.service.status_lookup(&one, &csr).await.unwrap_err().code(),
        400_004
    );
    let other = RegisterRequest {
        registration_id: Some("press-9".into()),
        ..RegisterRequest::default()
    };
    let error = house.service.register(&one, &other).await.unwrap_err();
    assert_eq!(
        (error.code(), error.public_message().as_str()),
        (400_004, "Invalid RegistrationId")
    );
}

#[tokio::test]
async fn unknown_scope_is_unauthorized() {
    let house = House::new().await;
    let mut proof = house.by_chain("press-1", Made::alone("press-1").with(&[]));
    proof.id_scope = provost_model::IdScope::parse("0neFFFFFFFF").unwrap();
    let error = house.service.authenticate(proof).await.err().unwrap();
    assert_eq!(
        (error.code(), error.public_message().as_str()),
        (401_002, "Unauthorized")
    );
}

#[tokio::test]
async fn bad_tokens_have_another_number_over_mqtt() {
    let house = House::new().await;
    house.enroll("press-1", symmetric()).await.unwrap();
    let proof = house.by_key("press-1", &crate::fixture::key(9));
    let error = house.service.authenticate(proof).await.err().unwrap();
    assert_eq!((error.code(), error.code_over_mqtt()), (401_002, 401_000));
    let leaf = Made::alone("press-9");
    let error = house
        .service
        .authenticate(house.by_chain("press-9", leaf.with(&[])))
        .await
        .err()
        .unwrap();
    assert_eq!(error.code_over_mqtt(), 401_002);
}

#[tokio::test]
async fn explain_says_what_authenticate_does() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    house
        .enroll(
            "press-1",
            with(pinned(&leaf), "provisioningStatus", json!("disabled")),
        )
        .await
        .unwrap();
    let judgement = house
        .service
        .explain(house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    assert_eq!(judgement.trace.to_string(), "individual enrollment is disabled");
    assert!(matches!(judgement.decision, crate::Decision::Disabled(found)
        if found.entry.settings().status == ProvisioningStatus::Disabled));
}

#[tokio::test]
async fn each_run_leaves_one_audit_event() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    house.enroll("press-1", pinned(&leaf)).await.unwrap();
    let before = house.store.commit_counts().writes;
    run(&house, house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    assert_eq!(house.store.commit_counts().writes, before + 1);
    let events = house
        .store
        .read(move |tx| tx.audit_events_after(0, 100))
        .await
        .unwrap();
    let last = events.last().unwrap();
    assert_eq!(last.action, Action::Register.as_str());
    assert_eq!(last.detail, "assigned to one");
}

/// Many devices at once: each has its record, and they share commits.
#[tokio::test(flavor = "multi_thread")]
async fn registrations_at_once_are_all_there() {
    let house = House::with(ProvisioningOptions::default(), &["one", "two", "three"]).await;
    let root = Made::root("root");
    house.group("line", signed(&root)).await.unwrap();
    let mut tasks = Vec::new();
    for n in 0..40 {
        let name = format!("press-{n}");
        let proof = house.by_chain(&name, root.leaf(&name).with(&[&root]));
        let service = house.service.clone();
        tasks.push(tokio::spawn(async move {
            let caller = service.authenticate(proof).await?;
            service.register(&caller, &RegisterRequest::default()).await
        }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(house.hubs.count(), 40);
    let group = provost_model::EnrollmentGroupId::parse("line").unwrap();
    let records = house
        .service
        .query_registrations(&house.caller, group, crate::PageRequest::default());
    assert_eq!(records.await.unwrap().items.len(), 40);
}
