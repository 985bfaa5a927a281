//! A caller proven once and used again.

use std::time::Duration;

use provost_model::{AuthorityOwner, IfMatch, RegistrationState};
use provost_wire::dps::device::RegisterRequest;
use serde_json::json;

use super::{pinned, signed, symmetric, with};
use crate::fixture::{House, Made, disabled, id};
use crate::{ProvisioningError, RegistrationCaller};

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
        .delete_entry(&house.caller, id("press-1"), IfMatch::Any);
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

/// While other entries than its own change: a refusal is not late even within the time a decision
/// may be kept.
struct Kept {
    house: House,
    root: Made,
    leaf: Made,
    caller: RegistrationCaller,
}

impl Kept {
    /// Proven under an enabled group of its intermediate.
    async fn new() -> Self {
        let house = House::new().await;
        let root = Made::root("root");
        let line = root.ca("line");
        let leaf = line.leaf("press-1");
        house.group("line", signed(&line)).await.unwrap();
        let proof = house.by_chain("press-1", leaf.with(&[&line]));
        let caller = house.service.authenticate(proof).await.unwrap();
        Self {
            house,
            root,
            leaf,
            caller,
        }
    }

    async fn state(&self) -> RegistrationState {
        let service = &self.house.service;
        let request = RegisterRequest::default();
        let operation = service.register(&self.caller, &request).await.unwrap();
        let outcome = service.operation_status(&self.caller, operation.as_str()).await;
        outcome.unwrap().1.record.state
    }
}

#[tokio::test]
async fn a_group_above_that_appears_disabled_counts_at_once() {
    let kept = Kept::new().await;
    assert!(kept.state().await.assignment().is_some());
    kept.house
        .group("root", disabled(signed(&kept.root)))
        .await
        .unwrap();
    assert_eq!(kept.state().await, RegistrationState::Disabled);
    kept.house.group("root", signed(&kept.root)).await.unwrap();
    assert!(kept.state().await.assignment().is_some());
}

#[tokio::test]
async fn a_disabled_entry_that_takes_the_leaf_counts_at_once() {
    let kept = Kept::new().await;
    kept.house
        .enroll("quarantine", disabled(pinned(&kept.leaf)))
        .await
        .unwrap();
    assert_eq!(kept.state().await, RegistrationState::Disabled);
    kept.house.enroll("quarantine", pinned(&kept.leaf)).await.unwrap();
    assert!(kept.state().await.assignment().is_some());
}
