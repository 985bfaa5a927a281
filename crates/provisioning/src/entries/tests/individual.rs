use provost_model::{
    EnrollmentGroupId, Etag, IfMatch, IndividualEnrollment, IndividualMechanism, RegistrationId,
};
use provost_wire::dps::device::RegisterRequest;
use provost_wire::dps::service::{EnrollmentInput, parse_bulk_enrollments, parse_bulk_groups};
use serde_json::{Value, json};

use crate::fixture::{House, Made, id};
use crate::{PageRequest, ProvisioningOptions};

fn input(body: &Value) -> EnrollmentInput {
    EnrollmentInput::parse(body.to_string().as_bytes()).unwrap()
}

fn symmetric(name: &str) -> EnrollmentInput {
    input(&json!({"registrationId": name, "attestation": {"type": "symmetricKey"}}))
}

async fn put(house: &House, input: EnrollmentInput, if_match: &str) -> Result<IndividualEnrollment, u32> {
    let id = input.registration_id.clone();
    let put = house
        .service
        .put_entry(&house.caller, &id, input, IfMatch::parse(Some(if_match)));
    put.await.map(|shown| shown.entry).map_err(|error| error.code())
}

#[tokio::test]
async fn put_follows_the_rules_of_if_match() {
    let house = House::new().await;
    assert_eq!(put(&house, symmetric("Press-1"), "*").await.unwrap_err(), 404_201);
    let created = put(&house, symmetric("Press-1"), "").await.unwrap();
    // Sent again after a network fault: the same, with the keys that were made the first time.
    assert_eq!(put(&house, symmetric("press-1"), "").await.unwrap(), created);
    let disabled = || {
        let mut changed = symmetric("press-1");
        changed.settings.status = Some(provost_model::ProvisioningStatus::Disabled);
        changed
    };
    assert_eq!(put(&house, disabled(), "").await.unwrap_err(), 412_201);
    assert_eq!(put(&house, disabled(), "\"old\"").await.unwrap_err(), 412_201);
    let changed = put(&house, disabled(), created.settings.etag.as_str())
        .await
        .unwrap();
    assert_ne!(changed.settings.etag, created.settings.etag);
    assert_eq!(changed.settings.created_at, created.settings.created_at);
    assert_eq!(changed.mechanism, created.mechanism);
    assert_eq!(changed.registration_id.as_str(), "Press-1");
    assert!(put(&house, disabled(), "\"*\"").await.is_ok());
}

#[tokio::test]
async fn a_credential_policy_wants_the_registration_id_as_device_id() {
    let house = House::new().await;
    let with = |device_id: Option<&str>, policy: Option<&str>| {
        let body = json!({"registrationId": "Press-1", "attestation": {"type": "symmetricKey"},
            "deviceId": device_id, "credentialPolicyName": policy});
        put(&house, input(&body), "")
    };
    assert_eq!(with(Some("other"), Some("line-7")).await.unwrap_err(), 400_004);
    // Names in hubs are case-sensitive.
    assert_eq!(with(Some("press-1"), Some("line-7")).await.unwrap_err(), 400_004);
    let made = with(Some("Press-1"), Some("line-7")).await.unwrap();
    let policy = made.settings.credential_policy.unwrap();
    assert_eq!(policy.as_str(), "line-7");
    let body =
        json!({"registrationId": "Press-1", "attestation": {"type": "symmetricKey"}, "deviceId": "other"});
    let without = put(&house, input(&body), made.settings.etag.as_str())
        .await
        .unwrap();
    assert_eq!(without.settings.credential_policy, None);
}

#[tokio::test]
async fn blind_overwrite_can_be_allowed() {
    let options = ProvisioningOptions {
        allow_blind_overwrite: true,
        ..ProvisioningOptions::default()
    };
    let house = House::with(options, &[]).await;
    put(&house, symmetric("press-1"), "").await.unwrap();
    let mut changed = symmetric("press-1");
    changed.settings.iot_edge = true;
    assert!(put(&house, changed, "").await.unwrap().settings.iot_edge);
}

#[tokio::test]
async fn body_must_name_the_entry_of_the_address() {
    let house = House::new().await;
    let address = id("press-2");
    let put = house
        .service
        .put_entry(&house.caller, &address, symmetric("press-1"), IfMatch::Absent);
    assert_eq!(put.await.unwrap_err().code(), 400_004);
}

///
#[tokio::test]
async fn delete_ends_the_entry_and_its_absence_is_seen() {
    let house = House::new().await;
    let created = put(&house, symmetric("press-1"), "").await.unwrap();
    let service = &house.service;
    let delete = |if_match| service.delete_entry(&house.caller, id("PRESS-1"), if_match);
    let old = IfMatch::Tag(Etag::from_text("old"));
    assert_eq!(delete(old).await.unwrap_err().code(), 412_201);
    delete(IfMatch::Tag(created.settings.etag)).await.unwrap();
    assert_eq!(delete(IfMatch::Absent).await.unwrap_err().code(), 404_201);
    let get = service.get_entry(&house.caller, id("press-1")).await;
    assert_eq!(get.unwrap_err().code(), 404_201);
    let query = service
        .query_entries::<RegistrationId>(&house.caller, PageRequest::default())
        .await
        .unwrap();
    assert!(query.items.is_empty());
}

#[tokio::test]
async fn get_shows_the_outcome_and_delete_ends_it() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    let body = json!({"attestation": {"type": "x509", "x509": {"clientCertificates": {
        "primary": {"certificate": leaf.certificate.to_pem()}}}}});
    house.enroll("press-1", body).await.unwrap();
    let service = &house.service;
    let shown = service.get_entry(&house.caller, id("press-1")).await.unwrap();
    assert!(shown.registration.is_none());
    assert_eq!(shown.certificates.primary.unwrap().subject_name, "CN=press-1");
    let caller = service
        .authenticate(house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    service
        .register(&caller, &RegisterRequest::default())
        .await
        .unwrap();
    let shown = service.get_entry(&house.caller, id("press-1")).await.unwrap();
    assert!(shown.registration.unwrap().assigned_hub.is_some());
    service
        .delete_entry(&house.caller, id("press-1"), IfMatch::Absent)
        .await
        .unwrap();
    let record = service.get_registration(&house.caller, id("press-1")).await;
    assert_eq!(record.unwrap_err().code(), 404_202);
    assert_eq!(house.hubs.count(), 1, "hub identities are not touched");
}

#[tokio::test]
async fn pages_follow_each_other_and_end_without_a_token() {
    let house = House::new().await;
    for n in 0..5 {
        put(&house, symmetric(&format!("press-{n}")), "").await.unwrap();
    }
    let (mut seen, mut continuation, mut pages) = (Vec::new(), None, 0);
    loop {
        let request = PageRequest {
            max_items: Some(2),
            continuation,
        };
        let page = house
            .service
            .query_entries::<RegistrationId>(&house.caller, request)
            .await
            .unwrap();
        seen.extend(
            page.items
                .into_iter()
                .map(|shown| shown.entry.registration_id.to_string()),
        );
        pages += 1;
        continuation = page.continuation;
        if continuation.is_none() {
            break;
        }
    }
    assert_eq!((seen.len(), pages), (5, 3));
    let other = PageRequest {
        max_items: Some(1),
        continuation: None,
    };
    let token = house
        .service
        .query_entries::<RegistrationId>(&house.caller, other)
        .await
        .unwrap()
        .continuation;
    let groups = house.service.query_entries::<EnrollmentGroupId>(
        &house.caller,
        PageRequest {
            max_items: None,
            continuation: token,
        },
    );
    assert_eq!(groups.await.unwrap_err().code(), 400_000);
}

#[tokio::test]
async fn secrets_are_revealed_with_an_audit_event() {
    let house = House::new().await;
    put(&house, symmetric("press-1"), "").await.unwrap();
    let shown = house
        .service
        .reveal_entry(&house.caller, id("press-1"))
        .await
        .unwrap();
    assert!(matches!(
        shown.entry.mechanism,
        IndividualMechanism::SymmetricKey(_)
    ));
    let events = house
        .store
        .read(move |tx| tx.audit_events_after(0, 100))
        .await
        .unwrap();
    assert_eq!(events.last().unwrap().action, "reveal");
}

async fn bulk(house: &House, body: Value) -> Value {
    let input = parse_bulk_enrollments(body.to_string().as_bytes(), 10).unwrap();
    let result = house
        .service
        .bulk_entries::<RegistrationId>(&house.caller, input)
        .await
        .unwrap();
    serde_json::to_value(result).unwrap()
}

fn codes(result: &Value) -> Vec<u64> {
    let errors = result["errors"].as_array().unwrap();
    assert_eq!(result["isSuccessful"], json!(errors.is_empty()));
    errors
        .iter()
        .map(|error| error["errorCode"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn bulk_items_stand_each_on_their_own() {
    let house = House::new().await;
    let item = |name: &str| json!({"registrationId": name, "attestation": {"type": "symmetricKey"}});
    let bulk = async |mode: &str, items: Value| {
        codes(&bulk(&house, json!({"mode": mode, "enrollments": items})).await)
    };
    assert_eq!(bulk("create", json!([item("a"), item("b")])).await, [0_u64; 0]);
    assert_eq!(bulk("create", json!([item("b"), item("c")])).await, [409_201]);
    assert_eq!(bulk("update", json!([item("a"), item("z")])).await, [404_201]);
    let mut tagged = item("a");
    assert_eq!(bulk("updateIfMatchETag", json!([tagged])).await, [412_201]);
    tagged["etag"] = json!("old");
    assert_eq!(bulk("updateIfMatchETag", json!([tagged])).await, [412_201]);
    let current = house.service.get_entry(&house.caller, id("a")).await.unwrap();
    tagged["etag"] = json!(current.entry.settings.etag.as_str());
    assert_eq!(bulk("updateIfMatchETag", json!([tagged])).await, [0_u64; 0]);
    assert_eq!(bulk("create", json!([item("d"), item("D")])).await, [400_004]);
    assert_eq!(
        bulk(
            "delete",
            json!([{"registrationId": "a"}, {"registrationId": "zz"}])
        )
        .await,
        [404_201]
    );
}

#[tokio::test]
async fn bulk_groups_likewise() {
    let house = House::new().await;
    let body = json!({"mode": "create", "enrollmentGroups": [
        {"enrollmentGroupId": "g", "attestation": {"type": "symmetricKey"}},
        {"enrollmentGroupId": "h", "attestation": {"type": "none"}},
    ]});
    let input = parse_bulk_groups(body.to_string().as_bytes(), 10).unwrap();
    let result = house
        .service
        .bulk_entries::<EnrollmentGroupId>(&house.caller, input)
        .await
        .unwrap();
    assert_eq!(codes(&serde_json::to_value(result).unwrap()), [400_004]);
}
