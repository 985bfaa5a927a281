use provost_model::{
    Assignment, DeviceId, EnrollmentGroupId, Etag, OperationId, PageSize, RegistrationFailure,
    RegistrationId, RegistrationRecord, RegistrationState, Substatus, Timestamp,
};
use provost_store::{RegistrationFilter, Store, StoreError};
use provost_testkit::TestStore;
use serde_json::json;

use super::{dps, event, hub};

pub(super) fn record(id: &str, state: RegistrationState) -> RegistrationRecord {
    RegistrationRecord {
        registration_id: RegistrationId::parse(id).unwrap(),
        group: None,
        by_certificate: true,
        state,
        kept: None,
        operation: OperationId::parse("5.0123456789abcdef.x").unwrap(),
        payload: None,
        issued: None,
        etag: Etag::from_text("e"),
        created_at: Timestamp::from_unix_seconds(1),
        updated_at: Timestamp::from_unix_seconds(2),
    }
}

async fn put(store: &Store, record: RegistrationRecord) {
    let written: Result<(), StoreError> = store
        .write(move |tx| {
            tx.put_registration(&dps(), &record)?;
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_comes_back() {
    let test = TestStore::open().await;
    let assigned = |substatus| RegistrationState::Assigned {
        hub: hub(),
        device_id: DeviceId::parse("Dev").unwrap(),
        substatus,
    };
    let failure = RegistrationFailure {
        code: 400_208,
        message: "no hub".into(),
    };
    for state in [
        assigned(Substatus::InitialAssignment),
        assigned(Substatus::DeviceDataMigrated),
        assigned(Substatus::DeviceDataReset),
        assigned(Substatus::ReprovisionedToInitialAssignment),
        RegistrationState::Failed(failure),
        RegistrationState::Disabled,
        RegistrationState::Assigning,
    ] {
        let mut written = record("Dev", state);
        written.payload = Some(json!({"hello": [1, null]}));
        if written.state.assignment().is_none() {
            let device_id = DeviceId::parse("Before").unwrap();
            written.kept = Some(Assignment {
                hub: hub(),
                device_id,
            });
        }
        put(&test.store, written.clone()).await;
        let id = RegistrationId::parse("dev").unwrap();
        let read = test
            .store
            .read(move |tx| tx.registration(&dps(), &id))
            .await
            .unwrap();
        assert_eq!(read, Some(written));
    }
    assert_eq!(
        test.store.read(|tx| tx.registration_count(&dps())).await.unwrap(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_filter_by_group_and_page() {
    let test = TestStore::open().await;
    let group = EnrollmentGroupId::parse("Line-7").unwrap();
    for n in 0..5 {
        let mut one = record(&format!("d{n}"), RegistrationState::Disabled);
        one.group = (n % 2 == 0).then(|| group.clone());
        put(&test.store, one).await;
    }
    let ids = |filter: RegistrationFilter, after: Option<&'static str>| {
        let store = test.store.clone();
        async move {
            let page = PageSize::clamp(Some(2), 2, 2);
            let found = store
                .read(move |tx| tx.registrations(&dps(), &filter, after, page))
                .await
                .unwrap();
            found
                .iter()
                .map(|record| record.registration_id.to_string())
                .collect::<Vec<_>>()
        }
    };
    let lower = RegistrationFilter::of_group(EnrollmentGroupId::parse("line-7").unwrap());
    assert_eq!(ids(lower.clone(), None).await, ["d0", "d2"]);
    assert_eq!(ids(lower, Some("d2")).await, ["d4"]);
    assert_eq!(ids(RegistrationFilter::default(), Some("d0")).await, ["d1", "d2"]);
}
