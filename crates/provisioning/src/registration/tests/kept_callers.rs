//! A caller proven once and used again.

use std::time::Duration;

use provost_model::{AuthorityOwner, IfMatch, RegistrationState};
use provost_wire::dps::device::RegisterRequest;
use serde_json::json;

use super::{signed, symmetric, with};
use crate::ProvisioningError;
use crate::fixture::{House, Made, id};

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
