//! Tokens of the service API and the rights behind them.

use provost_attestation::sas;
use provost_model::{
    AccessPolicy, AccessRights, EnrollmentGroupId, IfMatch, PolicyName, PolicyOwner, RegistrationId,
};
use provost_wire::dps::service::{EnrollmentInput, GroupInput, parse_bulk_enrollments, parse_bulk_groups};

use super::*;
use crate::PageRequest;
use crate::fixture::{DAY, House, NOW, event, id, keys, owner_policy};

/// A caller whose policy has exactly these rights.
async fn caller_with(house: &House, rights: &str) -> ServiceCaller {
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
}

fn code<T>(outcome: Result<T, ProvisioningError>) -> u32 {
    outcome.err().map_or(0, |error| error.code())
}

fn group() -> EnrollmentGroupId {
    EnrollmentGroupId::parse("g").unwrap()
}

/// Operations 2, 4, 6, 8, 10, 12.
#[tokio::test]
async fn reading_enrollments_needs_enrollment_read() {
    let house = House::new().await;
    let rights = "ServiceConfig,EnrollmentWrite,DeviceConnect,RegistrationStatusRead,RegistrationStatusWrite";
    let caller = &caller_with(&house, rights).await;
    let (service, page) = (&house.service, PageRequest::default);
    for outcome in [
        code(service.get_entry(caller, id("a")).await),
        code(service.query_entries::<RegistrationId>(caller, page()).await),
        code(service.reveal_entry(caller, id("a")).await),
        code(service.get_entry(caller, group()).await),
        code(service.query_entries::<EnrollmentGroupId>(caller, page()).await),
        code(service.reveal_entry(caller, group()).await),
    ] {
        assert_eq!(outcome, 403_001);
    }
}

/// Operations 1, 3, 5, 7, 9, 11.
#[tokio::test]
async fn writing_enrollments_needs_enrollment_write() {
    let house = House::new().await;
    let rights = "ServiceConfig,EnrollmentRead,DeviceConnect,RegistrationStatusRead,RegistrationStatusWrite";
    let caller = &caller_with(&house, rights).await;
    let service = &house.service;
    let entry = br#"{"registrationId":"a","attestation":{"type":"symmetricKey"}}"#;
    let entry = EnrollmentInput::parse(entry).unwrap();
    let body = br#"{"enrollmentGroupId":"g","attestation":{"type":"symmetricKey"}}"#;
    let body = GroupInput::parse(body).unwrap();
    let entries = parse_bulk_enrollments(br#"{"mode":"delete","enrollments":[{"registrationId":"a"}]}"#, 10);
    let groups = parse_bulk_groups(
        br#"{"mode":"delete","enrollmentGroups":[{"enrollmentGroupId":"g"}]}"#,
        10,
    );
    for outcome in [
        code(service.put_entry(caller, &id("a"), entry, IfMatch::Absent).await),
        code(service.delete_entry(caller, id("a"), IfMatch::Any).await),
        code(
            service
                .bulk_entries::<RegistrationId>(caller, entries.unwrap())
                .await,
        ),
        code(service.put_entry(caller, &group(), body, IfMatch::Absent).await),
        code(service.delete_entry(caller, group(), IfMatch::Any).await),
        code(
            service
                .bulk_entries::<EnrollmentGroupId>(caller, groups.unwrap())
                .await,
        ),
    ] {
        assert_eq!(outcome, 403_001);
    }
    assert_eq!(code(service.get_entry(caller, group()).await), 404_204);
}

/// Operations 13, 14, 15.
#[tokio::test]
async fn registration_records_have_rights_of_their_own() {
    let house = House::new().await;
    let service = &house.service;
    let others = "ServiceConfig,EnrollmentRead,EnrollmentWrite,DeviceConnect";
    for (right, read, write) in [
        ("", 403_001, 403_001),
        (",RegistrationStatusRead", 404_202, 403_001),
        (",RegistrationStatusWrite", 403_001, 404_202),
    ] {
        let caller = &caller_with(&house, &format!("{others}{right}")).await;
        assert_eq!(code(service.get_registration(caller, id("a")).await), read);
        let delete = service.delete_registration(caller, id("a"), IfMatch::Any);
        assert_eq!(code(delete.await), write);
        let query = service.query_registrations(caller, group(), PageRequest::default());
        assert_eq!(code(query.await) == 403_001, read == 403_001);
    }
}

#[tokio::test]
async fn tokens_are_judged() {
    let house = House::new().await;
    let policy = owner_policy(&house.store, &house.instance).await;
    let sign =
        |resource: &str, name: Option<&str>| sas::sign(resource, &policy.keys.primary, NOW.after(DAY), name);
    let owner = Some("provisioningserviceowner");
    let expired = sas::sign("dps.localhost", &policy.keys.primary, NOW.before(DAY), owner);
    let foreign = sas::sign("dps.localhost", &keys(1).primary, NOW.after(DAY), owner);
    for (what, authorization, expected) in [
        ("good", Some(sign("dps.localhost", owner)), 0),
        ("with a port", Some(sign("DPS.localhost:8443", owner)), 0),
        ("none", None, 401_000),
        ("malformed", Some("Basic x".to_owned()), 401_000),
        ("no policy", Some(sign("dps.localhost", None)), 401_000),
        (
            "unknown policy",
            Some(sign("dps.localhost", Some("nobody"))),
            401_000,
        ),
        ("another host", Some(sign("other.localhost", owner)), 401_000),
        ("another key", Some(foreign), 401_000),
        ("expired", Some(expired), 401_003),
    ] {
        let credential = ServiceCredential {
            host: "dps.localhost:8443",
            path: "/enrollments/a",
            authorization: authorization.as_deref(),
        };
        let outcome = house.service.authenticate_service(credential).await;
        assert_eq!(code(outcome), expected, "{what}");
    }
}

#[test]
fn audience_is_a_prefix_by_segments() {
    for (granted, covered) in [
        ("dps.localhost", true),
        ("DPS.localhost:8443", true),
        ("dps.localhost/", true),
        ("dps.localhost/enrollments", true),
        ("dps.localhost/enrollment", false),
        ("dps.localhost/enrollmentGroups", false),
        ("localhost", false),
        ("", false),
        ("other.example/enrollments", false),
        ("127.0.0.1", true),
    ] {
        let hosts = ["dps.localhost:443", "127.0.0.1"];
        assert_eq!(
            covers(granted, &hosts, "/enrollments/press-1"),
            covered,
            "{granted}"
        );
    }
}
