//! Who holds certificates, counted; and what is forgotten of them, on each engine.

use std::time::Duration;

use provost_model::registry::{CaState, Revocation, RevocationReason, RevokedEntry, SerialNumber};
use provost_model::{
    EnrollmentGroup, EnrollmentGroupId, EnrollmentSettings, GroupMechanism, IndividualEnrollment,
    IndividualMechanism, ProvisioningStatus, RegistrationId, RegistrationState,
};
use provost_store::{CrlPart, HolderCounts, Holders, Store, StoreError};
use provost_testkit::TestStore;

use super::device_registry::{NOW, ca, ca_id, device, issue, line, name, plant, write};
use super::dps;
use super::enrollments::{keys, plain_settings};
use super::registrations::record;

const DAY: Duration = Duration::from_hours(24);

fn revocation() -> Revocation {
    Revocation {
        at: NOW,
        reason: RevocationReason::Unspecified,
    }
}

async fn counts(store: &Store, cas: &'static [char], limit: usize) -> Vec<HolderCounts> {
    let read = store.read(move |tx| {
        let cas: Vec<_> = cas.iter().map(|digit| ca_id(*digit)).collect();
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let of = Holders::Of {
                cas: &cas,
                after: after.as_deref(),
                limit,
            };
            let page = tx.certificate_holder_counts(&plant(), of, &[dps()], NOW)?;
            after.clone_from(&page.last);
            if page.last.is_none() {
                return Ok(pages);
            }
            pages.push(page);
        }
    });
    let pages: Result<_, StoreError> = read.await;
    pages.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_are_counted_page_by_page_by_the_ca_of_what_they_hold() {
    let test = TestStore::open().await;
    write(&test.store, |tx| {
        for who in ["a", "B", "c", "d"] {
            tx.insert_registry_device(&device(who))?;
        }
        Ok(())
    })
    .await;
    // `e` is deleted; `c` holds one that expired, `d` one of another CA.
    for (who, serial, issuer, days) in [
        ("a", 1, 'a', 30),
        ("a", 2, 'a', 30),
        ("b", 3, 'b', 30),
        ("c", 4, 'a', 0),
        ("d", 5, 'c', 30),
        ("e", 6, 'a', 30),
    ] {
        issue(&test.store, who, serial, issuer, days).await;
    }
    let revoked = issue(&test.store, "c", 7, 'a', 30).await;
    write(&test.store, move |tx| {
        tx.revoke_leaf(revoked, revocation())?;
        Ok(())
    })
    .await;
    for limit in [1, 2, 3, 100] {
        let pages = counts(&test.store, &['a', 'b'], limit).await;
        let sum = |of: fn(&HolderCounts) -> i64| pages.iter().map(of).sum::<i64>();
        assert_eq!((sum(|page| page.devices), sum(|page| page.certificates)), (2, 3));
        assert_eq!(sum(|page| page.can_renew), 0);
    }
    assert!(counts(&test.store, &[], 10).await.is_empty());
    let one = test.store.read(|tx| {
        let of = |text: &'static str| {
            let name = name(text);
            tx.certificate_holder_counts(&plant(), Holders::Device(&name), &[dps()], NOW)
        };
        let (d, c, nobody) = (of("D")?, of("c")?, of("nobody")?);
        let by_a = tx.standing_leaves_of_device((&plant(), &name("d")), &[ca_id('a')], NOW)?;
        let by_c = tx.standing_leaves_of_device((&plant(), &name("d")), &[ca_id('c')], NOW)?;
        Ok(((d.devices, d.certificates), c.devices, nobody.devices, by_a, by_c))
    });
    let one: Result<_, StoreError> = one.await;
    assert_eq!(one.unwrap(), ((1, 1), 0, 0, 0, 1));
}

fn issues(status: ProvisioningStatus, policy: bool) -> EnrollmentSettings {
    let mut settings = plain_settings();
    settings.status = status;
    settings.credential_policy = policy.then(line);
    settings
}

fn own_entry(id: &str, settings: EnrollmentSettings) -> IndividualEnrollment {
    IndividualEnrollment {
        registration_id: RegistrationId::parse(id).unwrap(),
        device_id: None,
        optional_device_information: None,
        mechanism: IndividualMechanism::SymmetricKey(keys()),
        settings,
    }
}

fn group(id: &str, settings: EnrollmentSettings) -> EnrollmentGroup {
    EnrollmentGroup {
        id: EnrollmentGroupId::parse(id).unwrap(),
        mechanism: GroupMechanism::SymmetricKey(keys()),
        settings,
    }
}

/// Its own entry decides alone when there is one, else the group it came by last; each has to be enabled
/// and to name a policy.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_issues_lets_holders_renew() {
    let test = TestStore::open().await;
    let holders = [
        "own",
        "own-bare",
        "own-off",
        "Grouped",
        "ungrouped",
        "disabled",
        "stranger",
    ];
    for (serial, who) in (1..).zip(holders) {
        issue(&test.store, who, serial, 'a', 30).await;
    }
    write(&test.store, move |tx| {
        for who in holders {
            let mut row = device(who);
            row.enabled = who != "disabled";
            tx.insert_registry_device(&row)?;
        }
        let (on, off) = (ProvisioningStatus::Enabled, ProvisioningStatus::Disabled);
        for (id, settings) in [
            ("OWN", issues(on, true)),
            ("own-bare", issues(on, false)),
            ("own-off", issues(off, true)),
            ("disabled", issues(on, true)),
        ] {
            tx.put_individual_enrollment(&dps(), &own_entry(id, settings), &[])?;
        }
        tx.put_enrollment_group(&dps(), &group("line", issues(on, true)), &[])?;
        tx.put_enrollment_group(&dps(), &group("bare", issues(on, false)), &[])?;
        for (id, by) in [("grouped", "line"), ("own-off", "line"), ("ungrouped", "bare")] {
            let mut record = record(id, RegistrationState::Disabled);
            record.group = EnrollmentGroupId::parse(by).ok();
            tx.put_registration(&dps(), &record)?;
        }
        Ok(())
    })
    .await;
    let pages = counts(&test.store, &['a'], 3).await;
    let sum = |of: fn(&HolderCounts) -> i64| pages.iter().map(of).sum::<i64>();
    assert_eq!(pages.len(), 3);
    assert_eq!((sum(|page| page.devices), sum(|page| page.can_renew)), (7, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_that_expired_are_forgotten_oldest_first_in_bites() {
    let test = TestStore::open().await;
    write(&test.store, |tx| {
        tx.insert_ca(&ca('a', CaState::Active))?;
        tx.insert_ca(&ca('b', CaState::Active))
    })
    .await;
    for (serial, issuer, days) in [(1, 'a', 3), (2, 'a', 1), (3, 'a', 2), (4, 'a', 9), (5, 'b', 9)] {
        issue(&test.store, "x", serial, issuer, days).await;
    }
    let before = NOW.after(5 * DAY);
    write(&test.store, move |tx| {
        let found = tx.cas_with_leaves_expired(before)?;
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].namespace, &found[0].ca), (&plant(), &ca_id('a')));
        assert_eq!(tx.forget_expired_leaves(&ca_id('a'), before, 2)?, 2);
        let serial = |byte: u8| SerialNumber::from_bytes(&[byte]).unwrap();
        assert!(tx.issued_by_serial(&ca_id('a'), &serial(2))?.is_none());
        assert!(tx.issued_by_serial(&ca_id('a'), &serial(1))?.is_some());
        assert_eq!(tx.forget_expired_leaves(&ca_id('a'), before, 2)?, 1);
        assert_eq!(tx.forget_expired_leaves(&ca_id('a'), before, 2)?, 0);
        assert!(tx.cas_with_leaves_expired(before)?.is_empty());
        assert!(tx.issued_by_serial(&ca_id('a'), &serial(4))?.is_some());
        Ok(())
    })
    .await;
}

/// Lines are forgotten only where no CRL follows; elsewhere the next CRL sees to it.
#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_crl_that_ended_are_forgotten() {
    let test = TestStore::open().await;
    let part = CrlPart {
        ca: ca_id('a'),
        shard: 0,
    };
    let (lines, ended) = (part.clone(), part.clone());
    write(&test.store, move |tx| {
        tx.mark_crl_dirty(&lines.ca, lines.shard)?;
        for (serial, days) in [(1, 1), (2, 9)] {
            let entry = RevokedEntry {
                serial: SerialNumber::from_bytes(&[serial]).unwrap(),
                revocation: revocation(),
                not_after: NOW.after(days * DAY),
            };
            tx.insert_revoked(&lines, &entry)?;
        }
        let before = NOW.after(5 * DAY);
        assert!(tx.ended_crls_with_lines_expired(before)?.is_empty());
        assert_eq!(tx.forget_expired_lines(&lines, before, 10)?, 0);
        Ok(())
    })
    .await;
    let end: Result<(), StoreError> = test.store.append(move |tx| tx.end_crl(&ended)).await;
    end.unwrap();
    write(&test.store, move |tx| {
        let before = NOW.after(5 * DAY);
        assert_eq!(
            tx.ended_crls_with_lines_expired(before)?,
            std::slice::from_ref(&part)
        );
        assert_eq!(tx.forget_expired_lines(&part, before, 10)?, 1);
        assert!(!tx.is_revoked(&part, &[1])?);
        assert!(tx.is_revoked(&part, &[2])?);
        assert!(tx.ended_crls_with_lines_expired(before)?.is_empty());
        Ok(())
    })
    .await;
}
