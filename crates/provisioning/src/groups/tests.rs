use provost_attestation::sas;
use provost_model::{AccessPolicy, AccessRights, PolicyName, PolicyOwner};
use serde_json::{Value, json};

use super::*;
use crate::fixture::{DAY, House, Made, NOW, event, id, keys, owner_policy};
use crate::{ProvisioningOptions, ServiceCredential};

fn symmetric() -> Value {
    json!({"attestation": {"type": "symmetricKey"}})
}

fn group_id(text: &str) -> EnrollmentGroupId {
    EnrollmentGroupId::parse(text).unwrap()
}

#[tokio::test]
async fn symmetric_groups_are_limited_and_others_are_not() {
    let options = ProvisioningOptions {
        max_symmetric_groups: 1,
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

/// R-048, R-051, R-052.
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
        service.register(&device, &Default::default()).await.unwrap();
    }
    service
        .delete_group(caller, group_id("line"), IfMatch::Any)
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
    assert_eq!(service.get_group(caller, group_id("LINE")).await.unwrap(), shown);
    assert_eq!(
        service.reveal_group(caller, group_id("line")).await.unwrap(),
        shown
    );
    let delete = |if_match| service.delete_group(caller, group_id("line"), if_match);
    assert_eq!(
        delete(IfMatch::parse(Some("old"))).await.unwrap_err().code(),
        412_204
    );
    delete(IfMatch::Tag(shown.group.settings.etag)).await.unwrap();
    assert_eq!(delete(IfMatch::Any).await.unwrap_err().code(), 404_204);
}

/// Each operation with a policy that holds every right but the one it needs.
#[tokio::test]
async fn rights_are_checked_beside_the_data() {
    let house = House::new().await;
    let with = async |rights: &str| {
        let policy = AccessPolicy {
            name: PolicyName::parse("some").unwrap(),
            keys: keys(1),
            rights: AccessRights::parse(rights).unwrap(),
        };
        let owner = PolicyOwner::Dps(house.instance.name.clone());
        let put = house.store.write(move |tx| {
            tx.put_access_policy(&owner, &policy)?;
            Ok::<_, ProvisioningError>(tx.record(&event(), ())?)
        });
        put.await.unwrap();
        let token = sas::sign("dps.localhost", &keys(1).secondary, NOW.after(DAY), Some("some"));
        let credential = ServiceCredential {
            host: "127.0.0.1:8443",
            path: "/",
            authorization: Some(&token),
        };
        house.service.authenticate_service(credential).await.unwrap()
    };
    let code = |outcome: Result<(), ProvisioningError>| outcome.unwrap_err().code();
    let service = &house.service;
    let caller =
        with("ServiceConfig,EnrollmentWrite,DeviceConnect,RegistrationStatusRead,RegistrationStatusWrite")
            .await;
    assert_eq!(
        code(service.get_group(&caller, group_id("g")).await.map(drop)),
        403_001
    );
    assert_eq!(
        code(service.reveal_group(&caller, group_id("g")).await.map(drop)),
        403_001
    );
    assert_eq!(
        code(
            service
                .query_groups(&caller, PageRequest::default())
                .await
                .map(drop)
        ),
        403_001
    );
    assert_eq!(
        code(service.get_enrollment(&caller, id("a")).await.map(drop)),
        403_001
    );
    assert_eq!(
        code(service.reveal_enrollment(&caller, id("a")).await.map(drop)),
        403_001
    );
    assert_eq!(
        code(
            service
                .query_enrollments(&caller, PageRequest::default())
                .await
                .map(drop)
        ),
        403_001
    );
    let caller = with("ServiceConfig,EnrollmentRead,DeviceConnect").await;
    assert_eq!(
        code(service.delete_group(&caller, group_id("g"), IfMatch::Any).await),
        403_001
    );
    assert_eq!(
        code(service.delete_enrollment(&caller, id("a"), IfMatch::Any).await),
        403_001
    );
    assert_eq!(
        code(service.get_registration(&caller, id("a")).await.map(drop)),
        403_001
    );
    assert_eq!(
        code(service.delete_registration(&caller, id("a"), IfMatch::Any).await),
        403_001
    );
    let query = service.query_registrations(&caller, group_id("g"), PageRequest::default());
    assert_eq!(code(query.await.map(drop)), 403_001);
    let input =
        GroupInput::parse(br#"{"enrollmentGroupId":"g","attestation":{"type":"symmetricKey"}}"#).unwrap();
    let address = group_id("g");
    let put = service.put_group(&caller, &address, input, IfMatch::Absent);
    assert_eq!(code(put.await.map(drop)), 403_001);
    assert_eq!(
        code(service.get_group(&caller, group_id("g")).await.map(drop)),
        404_204
    );
}

#[tokio::test]
async fn tokens_of_the_service_api_are_judged() {
    let house = House::new().await;
    let policy = owner_policy(&house.store, &house.instance).await;
    let sign =
        |resource: &str, name: Option<&str>| sas::sign(resource, &policy.keys.primary, NOW.after(DAY), name);
    let owner = Some("provisioningserviceowner");
    let expired = sas::sign("dps.localhost", &policy.keys.primary, NOW.before(DAY), owner);
    let foreign = sas::sign("dps.localhost", &keys(1).primary, NOW.after(DAY), owner);
    for (what, authorization, code) in [
        ("good", Some(sign("dps.localhost", owner)), None),
        ("with a port", Some(sign("DPS.localhost:8443", owner)), None),
        ("none", None, Some(401_000)),
        ("malformed", Some("Basic x".to_owned()), Some(401_000)),
        ("no policy", Some(sign("dps.localhost", None)), Some(401_000)),
        (
            "unknown policy",
            Some(sign("dps.localhost", Some("nobody"))),
            Some(401_000),
        ),
        (
            "another host",
            Some(sign("other.localhost", owner)),
            Some(401_000),
        ),
        ("another key", Some(foreign), Some(401_000)),
        ("expired", Some(expired), Some(401_003)),
    ] {
        let credential = ServiceCredential {
            host: "dps.localhost:8443",
            path: "/enrollments/a",
            authorization: authorization.as_deref(),
        };
        let outcome = house.service.authenticate_service(credential).await;
        assert_eq!(outcome.err().map(|error| error.code()), code, "{what}");
    }
}
