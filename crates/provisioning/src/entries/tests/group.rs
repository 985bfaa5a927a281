use provost_model::{EnrollmentGroupId, IfMatch};
use provost_wire::dps::device::RegisterRequest;
use serde_json::{Value, json};

use crate::fixture::{House, Made, id};
use crate::{PageRequest, ProvisioningOptions};

fn symmetric() -> Value {
    json!({"attestation": {"type": "symmetricKey"}})
}

fn group_id(text: &str) -> EnrollmentGroupId {
    EnrollmentGroupId::parse(text).unwrap()
}

#[tokio::test]
async fn symmetric_groups_are_limited_and_others_are_not() {
    let options = ProvisioningOptions {
        quotas: crate::Quotas {
            symmetric_groups: 1,
            ..crate::Quotas::default()
        },
        ..ProvisioningOptions::default()
    };
    let house = House::with(options, &[]).await;
    house.group("a", symmetric()).await.unwrap();
    assert_eq!(house.group("b", symmetric()).await.unwrap_err().code(), 403_102);
    assert!(
        house.group("a", symmetric()).await.is_ok(),
        "changing the one is allowed"
    );
    let x509 = json!({"attestation": {"type": "x509", "x509": {"caReferences": {"primary": "ca"}}}});
    assert!(house.group("c", x509).await.is_ok());
}

///
#[tokio::test]
async fn records_outlive_their_group_until_they_are_deleted() {
    let house = House::new().await;
    let root = Made::root("root");
    let body = json!({"attestation": {"type": "x509", "x509": {"signingCertificates": {
        "primary": {"certificate": root.certificate.to_pem()}}}}});
    house.group("Line", body).await.unwrap();
    let (service, caller) = (&house.service, &house.caller);
    for name in ["press-1", "press-2"] {
        let proof = house.by_chain(name, root.leaf(name).with(&[&root]));
        let device = service.authenticate(proof).await.unwrap();
        service
            .register(&device, &RegisterRequest::default())
            .await
            .unwrap();
    }
    service
        .delete_entry(caller, group_id("line"), IfMatch::Any)
        .await
        .unwrap();
    let list = async || {
        let query = service.query_registrations(caller, group_id("LINE"), PageRequest::default());
        query.await.unwrap().items.len()
    };
    assert_eq!(list().await, 2);
    let record = service
        .get_registration(caller, id("press-1"))
        .await
        .unwrap()
        .record;
    let old = IfMatch::parse(Some("old"));
    let delete = |if_match| service.delete_registration(caller, id("press-1"), if_match);
    assert_eq!(delete(old).await.unwrap_err().code(), 412_202);
    delete(IfMatch::Tag(record.etag)).await.unwrap();
    assert_eq!(delete(IfMatch::Absent).await.unwrap_err().code(), 404_202);
    assert_eq!(list().await, 1);
    assert_eq!(house.hubs.count(), 2, "hub identities are not touched");
}

#[tokio::test]
async fn group_is_got_revealed_and_deleted_with_its_tag() {
    let house = House::new().await;
    let shown = house.group("Line", symmetric()).await.unwrap();
    let (service, caller) = (&house.service, &house.caller);
    assert_eq!(service.get_entry(caller, group_id("LINE")).await.unwrap(), shown);
    assert_eq!(
        service.reveal_entry(caller, group_id("line")).await.unwrap(),
        shown
    );
    let delete = |if_match| service.delete_entry(caller, group_id("line"), if_match);
    assert_eq!(
        delete(IfMatch::parse(Some("old"))).await.unwrap_err().code(),
        412_204
    );
    delete(IfMatch::Tag(shown.entry.settings.etag)).await.unwrap();
    assert_eq!(delete(IfMatch::Any).await.unwrap_err().code(), 404_204);
}
