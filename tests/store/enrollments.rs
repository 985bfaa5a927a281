use provost_model::{
    AllocationPolicy, CertificateDer, CertificateName, CredentialPolicyName, CustomAllocation, DeviceId,
    EnrollmentGroup, EnrollmentGroupId, EnrollmentKind, EnrollmentSettings, Etag, GroupMechanism, HostName,
    IndividualEnrollment, IndividualMechanism, InitialTwin, KeyPair, PageSize, ProvisioningStatus,
    RegistrationId, ReprovisionPolicy, Slots, SymmetricKey, Timestamp,
};
use provost_store::{AnchorIndex, CertificateIndex, Slot, Store, StoreError};
use provost_testkit::TestStore;
use serde_json::{Map, json};

use super::{dps, event};

pub(super) fn plain_settings() -> EnrollmentSettings {
    EnrollmentSettings {
        status: ProvisioningStatus::Enabled,
        iot_edge: false,
        initial_twin: None,
        reprovision: None,
        allocation: None,
        iot_hubs: Vec::new(),
        custom_allocation: None,
        credential_policy: None,
        etag: Etag::from_text("one"),
        created_at: Timestamp::from_unix_seconds(1),
        updated_at: Timestamp::from_unix_seconds(2),
    }
}

fn full_settings() -> EnrollmentSettings {
    let object = |value: serde_json::Value| value.as_object().cloned().unwrap();
    EnrollmentSettings {
        status: ProvisioningStatus::Disabled,
        iot_edge: true,
        initial_twin: Some(InitialTwin {
            tags: object(json!({"z": 1, "a": {"ü": null}})),
            desired: Map::new(),
        }),
        reprovision: Some(ReprovisionPolicy {
            update_hub_assignment: true,
            migrate_device_data: false,
        }),
        allocation: Some(AllocationPolicy::Custom),
        iot_hubs: vec![
            HostName::parse("a.example").unwrap(),
            HostName::parse("B.example").unwrap(),
        ],
        custom_allocation: Some(CustomAllocation {
            webhook_url: "https://example.org/?code=secret".into(),
            api_version: "2021-10-01".into(),
        }),
        credential_policy: Some(CredentialPolicyName::parse("line-7").unwrap()),
        ..plain_settings()
    }
}

pub(super) fn keys() -> KeyPair {
    KeyPair {
        primary: SymmetricKey::from_bytes(vec![1; 64]).unwrap(),
        secondary: SymmetricKey::from_bytes(vec![2; 16]).unwrap(),
    }
}

fn individual(
    id: &str,
    mechanism: IndividualMechanism,
    settings: EnrollmentSettings,
) -> IndividualEnrollment {
    IndividualEnrollment {
        registration_id: RegistrationId::parse(id).unwrap(),
        device_id: None,
        optional_device_information: None,
        mechanism,
        settings,
    }
}

fn group(id: &str, mechanism: GroupMechanism) -> EnrollmentGroup {
    EnrollmentGroup {
        id: EnrollmentGroupId::parse(id).unwrap(),
        mechanism,
        settings: plain_settings(),
    }
}

async fn put(store: &Store, enrollment: IndividualEnrollment) {
    let written: Result<(), StoreError> = store
        .write(move |tx| {
            tx.put_individual_enrollment(&dps(), &enrollment, &[])?;
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
}

async fn put_group(store: &Store, group: EnrollmentGroup, anchors: Vec<(Slot, AnchorIndex)>) {
    let written: Result<(), StoreError> = store
        .write(move |tx| {
            tx.put_enrollment_group(&dps(), &group, &anchors)?;
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
}

async fn get(store: &Store, id: &str) -> Option<IndividualEnrollment> {
    let id = RegistrationId::parse(id).unwrap();
    store
        .read(move |tx| tx.individual_enrollment(&dps(), &id))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_an_individual_enrollment_comes_back() {
    let test = TestStore::open().await;
    let name = |text| Some(CertificateName::parse(text).unwrap());
    let mechanisms = [
        IndividualMechanism::SymmetricKey(keys()),
        IndividualMechanism::ClientCertificates(Slots {
            primary: None,
            secondary: Some(CertificateDer(vec![3, 0])),
        }),
        IndividualMechanism::CaReferences(Slots {
            primary: name("Root-2026"),
            secondary: None,
        }),
    ];
    for mechanism in mechanisms {
        let mut enrollment = individual("Press-1", mechanism, full_settings());
        enrollment.device_id = Some(DeviceId::parse("Other").unwrap());
        enrollment.optional_device_information = json!({"b": 1, "a": 2}).as_object().cloned();
        put(&test.store, enrollment.clone()).await;
        let read = get(&test.store, "PRESS-1").await.unwrap();
        assert_eq!(read, enrollment);
        assert_eq!(read.registration_id.as_str(), "Press-1");
        let keys: Vec<_> = read
            .optional_device_information
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert_eq!(keys, ["b", "a"], "the order of members survives");
    }
    let plain = individual(
        "press-1",
        IndividualMechanism::SymmetricKey(keys()),
        plain_settings(),
    );
    put(&test.store, plain.clone()).await;
    assert_eq!(
        get(&test.store, "press-1").await,
        Some(plain),
        "absent fields are absent again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_go_by_id_and_kinds_do_not_mix() {
    let test = TestStore::open().await;
    for id in ["b", "A", "c", "a-1"] {
        put(
            &test.store,
            individual(id, IndividualMechanism::SymmetricKey(keys()), plain_settings()),
        )
        .await;
    }
    put_group(
        &test.store,
        group("b", GroupMechanism::SymmetricKey(keys())),
        vec![],
    )
    .await;
    let page = |after: Option<&'static str>| {
        let store = test.store.clone();
        async move {
            let size = PageSize::clamp(Some(2), 2, 2);
            let page = store
                .read(move |tx| tx.individual_enrollments(&dps(), after, size))
                .await
                .unwrap();
            page.iter()
                .map(|entry| entry.registration_id.to_string())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(page(None).await, ["A", "a-1"]);
    assert_eq!(page(Some("a-1")).await, ["b", "c"]);
    assert!(page(Some("c")).await.is_empty());
    let counts = test
        .store
        .read(|tx| {
            let individuals = tx.enrollment_count(&dps(), EnrollmentKind::Individual)?;
            Ok::<_, StoreError>((individuals, tx.enrollment_count(&dps(), EnrollmentKind::Group)?))
        })
        .await
        .unwrap();
    assert_eq!(counts, (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_found_by_their_signers_and_references() {
    let test = TestStore::open().await;
    let slots = Slots {
        primary: Some(CertificateDer(vec![1])),
        secondary: Some(CertificateDer(vec![2])),
    };
    let anchors = vec![
        (Slot::Primary, AnchorIndex::Certificate(index(1))),
        (Slot::Secondary, AnchorIndex::Certificate(index(2))),
    ];
    put_group(
        &test.store,
        group("signed", GroupMechanism::SigningCertificates(slots)),
        anchors,
    )
    .await;
    let name = CertificateName::parse("Root").unwrap();
    let references = Slots {
        primary: Some(name.clone()),
        secondary: None,
    };
    let anchors = vec![(Slot::Primary, AnchorIndex::Reference(name.clone()))];
    put_group(
        &test.store,
        group("referring", GroupMechanism::CaReferences(references)),
        anchors,
    )
    .await;

    let found = test
        .store
        .read(|tx| tx.groups_by_signer_subject(&dps(), &[2; 32]))
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].group_key, "signed");
    assert_eq!(found[0].certificate, Some(CertificateDer(vec![2])));
    let found = test
        .store
        .read(move |tx| tx.groups_by_reference(&dps(), &name))
        .await
        .unwrap();
    assert_eq!((found.len(), found[0].group_key.as_str()), (1, "referring"));
    assert_eq!(found[0].certificate, None);

    // Replacing an entry replaces its anchors; deleting it removes them.
    put_group(
        &test.store,
        group("signed", GroupMechanism::SymmetricKey(keys())),
        vec![],
    )
    .await;
    let none = test
        .store
        .read(|tx| tx.groups_by_signer_subject(&dps(), &[2; 32]))
        .await
        .unwrap();
    assert!(none.is_empty());
    let symmetric = test.store.read(|tx| tx.symmetric_groups(&dps())).await.unwrap();
    assert_eq!((symmetric.len(), symmetric[0].0.as_str()), (1, "signed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_says_whether_there_was_something() {
    let test = TestStore::open().await;
    put(
        &test.store,
        individual("a", IndividualMechanism::SymmetricKey(keys()), plain_settings()),
    )
    .await;
    let delete = || {
        let store = test.store.clone();
        async move {
            let deleted: Result<bool, StoreError> = store
                .write(|tx| {
                    let deleted = tx.delete_enrollment(&dps(), EnrollmentKind::Individual, "a")?;
                    tx.record(&event("a"), deleted)
                })
                .await;
            deleted.unwrap()
        }
    };
    assert!(delete().await);
    assert!(!delete().await);
    let etag = test
        .store
        .read(|tx| tx.enrollment_etag(&dps(), EnrollmentKind::Individual, "a"))
        .await
        .unwrap();
    assert_eq!(etag, None);
}

async fn holder(store: &Store, certificates: Vec<CertificateIndex>) -> Option<(EnrollmentKind, String)> {
    let found = store
        .read(move |tx| tx.disabled_holder(&dps(), &certificates))
        .await
        .unwrap();
    found.map(|holder| (holder.kind, holder.entry_key))
}

fn index(n: u8) -> CertificateIndex {
    CertificateIndex {
        subject_hash: [n; 32],
        thumbprint: [n + 100; 32],
        content_hash: [n + 50; 32],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_disabled_entries_are_found_by_what_was_signed() {
    let test = TestStore::open().await;
    let anchors = |n: u8| vec![(Slot::Secondary, AnchorIndex::Certificate(index(n)))];
    let signed = |status| {
        let slots = Slots {
            primary: None,
            secondary: Some(CertificateDer(vec![1])),
        };
        let mut group = group("line", GroupMechanism::SigningCertificates(slots));
        group.settings.status = status;
        group
    };
    let has_disabled = || {
        let store = test.store.clone();
        async move { store.read(|tx| tx.has_disabled_groups(&dps())).await.unwrap() }
    };

    put_group(&test.store, signed(ProvisioningStatus::Enabled), anchors(1)).await;
    assert_eq!(holder(&test.store, vec![index(1)]).await, None);
    assert!(!has_disabled().await);

    put_group(&test.store, signed(ProvisioningStatus::Disabled), anchors(1)).await;
    let line = Some((EnrollmentKind::Group, "line".to_owned()));
    assert_eq!(holder(&test.store, vec![index(9), index(1)]).await, line);
    assert_eq!(holder(&test.store, vec![index(9)]).await, None);
    assert!(has_disabled().await);
    // The same content with another signature.
    let altered = CertificateIndex {
        thumbprint: [3; 32],
        ..index(1)
    };
    assert_eq!(holder(&test.store, vec![altered]).await, line);

    // Another certificate in its place, then enabled again.
    put_group(&test.store, signed(ProvisioningStatus::Disabled), anchors(2)).await;
    assert_eq!(holder(&test.store, vec![index(1)]).await, None);
    assert_eq!(holder(&test.store, vec![index(2)]).await, line);
    put_group(&test.store, signed(ProvisioningStatus::Enabled), anchors(2)).await;
    assert_eq!(holder(&test.store, vec![index(2)]).await, None);
    assert!(!has_disabled().await);
}
