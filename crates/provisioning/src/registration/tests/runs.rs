//! What a run leaves behind, and who may poll for it.

use provost_model::Action;
use provost_wire::dps::device::RegisterRequest;

use super::{pinned, run, signed};
use crate::ProvisioningOptions;
use crate::fixture::{House, Made};

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
