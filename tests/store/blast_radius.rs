use provost_model::{
    CertificateName, DeviceAuth, DeviceId, DeviceIdentity, DeviceStatus, EnrollmentGroup, EnrollmentGroupId,
    EnrollmentKind, Etag, GroupMechanism, IndividualEnrollment, IndividualMechanism, PageSize,
    ProvisioningStatus, RegistrationId, RegistrationState, Slots, Substatus, Timestamp, twin::Twin,
};
use provost_store::{AnchorIndex, CertificateIndex, Holding, RegistrationFilter, Slot, StoreError};
use provost_testkit::TestStore;

use super::enrollments::{keys, plain_settings};
use super::registrations::record;
use super::{dps, event, hub};

fn group_id(name: &str) -> EnrollmentGroupId {
    EnrollmentGroupId::parse(name).unwrap()
}

fn identity(id: &str) -> DeviceIdentity {
    DeviceIdentity {
        device_id: DeviceId::parse(id).unwrap(),
        generation_id: "1".to_owned(),
        etag: Etag::from_text("e"),
        status: DeviceStatus::Enabled,
        status_reason: None,
        status_updated_at: None,
        auth: DeviceAuth::None,
        iot_edge: false,
        device_scope: None,
        connection_updated_at: None,
        last_activity_at: None,
        cloud_to_device_message_count: 0,
    }
}

fn individual(id: &str, status: ProvisioningStatus) -> IndividualEnrollment {
    let mut settings = plain_settings();
    settings.status = status;
    IndividualEnrollment {
        registration_id: RegistrationId::parse(id).unwrap(),
        device_id: None,
        optional_device_information: None,
        mechanism: IndividualMechanism::SymmetricKey(keys()),
        settings,
    }
}

/// A group `line` with the devices `D0` to `D5`; all but the last have an identity. `D1` and `D2` have
/// an enrollment of their own by now, the second a disabled one. `lonely` came in by an enrollment.
async fn line() -> TestStore {
    let test = TestStore::open().await;
    let written: Result<(), StoreError> = test
        .store
        .write(move |tx| {
            for number in 0..6 {
                let id = format!("D{number}");
                let state = RegistrationState::Assigned {
                    hub: hub(),
                    device_id: DeviceId::parse(&id).unwrap(),
                    substatus: Substatus::InitialAssignment,
                };
                let mut record = record(&id, state.clone());
                record.group = Some(group_id("line"));
                record.updated_at = Timestamp::from_unix_seconds(i64::from(number));
                tx.put_registration(&dps(), &record)?;
                if number < 5 {
                    let twin = Twin::new(&provost_model::InitialTwin::default(), tx.now(), |_| {
                        String::new()
                    });
                    tx.insert_device(&hub(), &identity(&id), &twin)?;
                }
            }
            tx.put_individual_enrollment(&dps(), &individual("d1", ProvisioningStatus::Enabled), &[])?;
            tx.put_individual_enrollment(&dps(), &individual("d2", ProvisioningStatus::Disabled), &[])?;
            tx.put_individual_enrollment(&dps(), &individual("lonely", ProvisioningStatus::Enabled), &[])?;
            tx.put_registration(&dps(), &record("lonely", RegistrationState::Disabled))?;
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_counted_with_identities_and_enrollments_of_their_own() {
    let test = line().await;
    let counts = test.store.read(|tx| {
        let group = group_id("LINE");
        let own = |status| tx.group_individual_count(&dps(), &group, status);
        Ok::<_, StoreError>([
            tx.group_record_count(&dps(), &group)?,
            tx.group_identity_count(&dps(), &group)?,
            own(ProvisioningStatus::Enabled)?,
            own(ProvisioningStatus::Disabled)?,
            tx.group_record_count(&dps(), &group_id("other"))?,
        ])
    });
    assert_eq!(counts.await.unwrap(), [6, 5, 1, 1, 0]);
    let groups = test.store.read(|tx| {
        let of = |hub: &str, device: &str| tx.group_of_device(&dps(), hub, device);
        Ok::<_, StoreError>([
            of("hub", "D0")?,
            of("hub", "d0")?,
            of("hub2", "D0")?,
            of("hub", "lonely")?,
        ])
    });
    assert_eq!(groups.await.unwrap(), [Some("line".to_owned()), None, None, None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_found_by_group_age_and_as_orphans() {
    let test = line().await;
    let found = async |filter: RegistrationFilter| {
        let looked = test.store.read(move |tx| {
            let all = PageSize::clamp(None, 100, 100);
            let looked = tx.look_at_registrations(&dps(), &filter, None, all)?;
            let count = tx.count_registrations(&dps(), &filter)?;
            assert_eq!(usize::try_from(count).unwrap(), looked.found.len(), "{filter:?}");
            assert_eq!(looked.until, None);
            Ok::<_, StoreError>(looked.found)
        });
        let records = looked.await.unwrap();
        records
            .iter()
            .map(|record| record.registration_id.key().to_owned())
            .collect::<Vec<_>>()
    };
    let line = || RegistrationFilter::of_group(group_id("line"));
    assert_eq!(found(RegistrationFilter::default()).await.len(), 7);
    assert_eq!(found(line()).await.len(), 6);
    let old = RegistrationFilter {
        updated_before: Some(Timestamp::from_unix_seconds(2)),
        ..line()
    };
    assert_eq!(found(old.clone()).await, ["d0", "d1"]);
    // The group was never stored; the device with an enrollment of its own is no orphan.
    let orphans = RegistrationFilter {
        orphans_only: true,
        ..RegistrationFilter::default()
    };
    assert_eq!(found(orphans.clone()).await.len(), 6);
    let stored: Result<(), StoreError> = test
        .store
        .write(|tx| {
            let group = EnrollmentGroup {
                id: group_id("Line"),
                mechanism: GroupMechanism::SymmetricKey(keys()),
                settings: plain_settings(),
            };
            tx.put_enrollment_group(&dps(), &group, &[])?;
            let lonely = RegistrationId::parse("lonely").unwrap();
            tx.delete_enrollment(&dps(), EnrollmentKind::Individual, lonely.key())?;
            tx.record(&event("x"), ())
        })
        .await;
    stored.unwrap();
    assert_eq!(found(orphans).await, ["lonely"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_goes_on_where_it_ended() {
    let test = line().await;
    let mut after = None::<String>;
    let mut seen = Vec::new();
    loop {
        let from = after.clone();
        let looked = test.store.read(move |tx| {
            let page = PageSize::clamp(Some(2), 2, 2);
            let filter = RegistrationFilter::default();
            tx.look_at_registrations(&dps(), &filter, from.as_deref(), page)
        });
        let looked = looked.await.unwrap();
        seen.extend(
            looked
                .found
                .iter()
                .map(|record| record.registration_id.to_string()),
        );
        after = looked.until;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["D0", "D1", "D2", "D3", "D4", "D5", "lonely"]);
}

/// `G2` holds a certificate; `G1` and `A1` refer to the CA `Root`, in both slots; `G3` to nothing.
async fn held() -> TestStore {
    let test = TestStore::open().await;
    let name = |text: &str| CertificateName::parse(text).unwrap();
    let index = CertificateIndex {
        subject_hash: [1; 32],
        thumbprint: [7; 32],
        content_hash: [8; 32],
    };
    let written: Result<(), StoreError> = test
        .store
        .write(move |tx| {
            let certificate = AnchorIndex::Certificate(index);
            let reference = AnchorIndex::Reference(name("Root"));
            let both = [
                (Slot::Primary, reference.clone()),
                (Slot::Secondary, reference.clone()),
            ];
            let no_names = GroupMechanism::CaReferences(Slots {
                primary: None,
                secondary: None,
            });
            for (id, anchors) in [
                ("G2", &[(Slot::Secondary, certificate)][..]),
                ("G1", &both[..]),
                ("G3", &[]),
            ] {
                let group = EnrollmentGroup {
                    id: group_id(id),
                    mechanism: no_names.clone(),
                    settings: plain_settings(),
                };
                tx.put_enrollment_group(&dps(), &group, anchors)?;
            }
            let own = individual("A1", ProvisioningStatus::Disabled);
            tx.put_individual_enrollment(&dps(), &own, &both)?;
            tx.put_registration(&dps(), &record("a1", RegistrationState::Disabled))?;
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_of_a_certificate_come_groups_first_each_once() {
    let test = held().await;
    let holding = Holding {
        thumbprint: Some([7; 32]),
        references: vec![CertificateName::parse("ROOT").unwrap()],
    };
    let seen = test.store.read(move |tx| {
        let one = PageSize::clamp(Some(1), 1, 1);
        let (mut seen, mut after) = (Vec::new(), None::<(EnrollmentKind, String)>);
        loop {
            let from = after.as_ref().map(|(kind, key)| (*kind, key.as_str()));
            let page = tx.certificate_holders(&dps(), &holding, from, one)?;
            let Some(holder) = page.into_iter().next() else {
                break;
            };
            after = Some((holder.kind, holder.key));
            seen.push(holder.id);
        }
        let counts = tx.individual_holder_counts(&dps(), &holding)?;
        let none = tx.certificate_holders(&dps(), &Holding::default(), None, one)?;
        assert!(none.is_empty());
        Ok::<_, StoreError>((
            seen,
            counts,
            tx.individual_holder_identity_count(&dps(), &holding)?,
        ))
    });
    let (seen, counts, identities) = seen.await.unwrap();
    assert_eq!(seen, ["G1", "G2", "A1"]);
    assert_eq!((counts, identities), ((1, 1), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_matches_nothing_looks_at_ten_thousand_at_a_time() {
    let test = TestStore::open().await;
    let written: Result<(), StoreError> = test
        .store
        .write(move |tx| {
            for number in 0..10_001 {
                let id = format!("d{number:05}");
                tx.put_registration(&dps(), &record(&id, RegistrationState::Disabled))?;
            }
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
    let looked = test.store.read(|tx| {
        let filter = RegistrationFilter {
            updated_before: Some(Timestamp::from_unix_seconds(1)),
            ..RegistrationFilter::default()
        };
        let page = PageSize::clamp(Some(5), 5, 5);
        let first = tx.look_at_registrations(&dps(), &filter, None, page)?;
        let second = tx.look_at_registrations(&dps(), &filter, first.until.as_deref(), page)?;
        Ok::<_, StoreError>((first, second))
    });
    let (first, second) = looked.await.unwrap();
    assert_eq!(
        (first.found, first.until),
        (Vec::new(), Some("d09999".to_owned()))
    );
    assert_eq!((second.found, second.until), (Vec::new(), None));
}
