//! Counters of what an instance has equal what is there, whatever was written.

use provost_model::{
    EnrollmentGroup, EnrollmentGroupId, EnrollmentKind, GroupMechanism, IndividualEnrollment,
    IndividualMechanism, PageSize, Random, RegistrationId, Slots,
};
use provost_store::{Counted, ReadTx, RegistrationFilter, StoreError, WriteTx};
use provost_testkit::{SeededRandom, TestStore};

use super::enrollments::{keys, plain_settings};
use super::registrations::record;
use super::{dps, event};

/// One write: on the thing of this number.
#[derive(Debug, Clone, Copy)]
enum Write {
    PutRecord(u8),
    DeleteRecord(u8),
    PutIndividual(u8),
    DeleteIndividual(u8),
    PutKeyGroup(u8),
    PutX509Group(u8),
    DeleteGroup(u8),
    /// Ends without being kept.
    Forgotten(u8),
}

/// The write that two bytes stand for.
fn write([what, number]: [u8; 2]) -> Write {
    let number = number % 4;
    match what % 8 {
        0 => Write::PutRecord(number),
        1 => Write::DeleteRecord(number),
        2 => Write::PutIndividual(number),
        3 => Write::DeleteIndividual(number),
        4 => Write::PutKeyGroup(number),
        5 => Write::PutX509Group(number),
        6 => Write::DeleteGroup(number),
        _ => Write::Forgotten(number),
    }
}

fn id(number: u8) -> RegistrationId {
    RegistrationId::parse(&format!("d{number}")).unwrap()
}

fn group_id(number: u8) -> EnrollmentGroupId {
    EnrollmentGroupId::parse(&format!("g{number}")).unwrap()
}

fn perform(tx: &WriteTx<'_>, write: Write) -> Result<(), StoreError> {
    let group = |number, mechanism| EnrollmentGroup {
        id: group_id(number),
        mechanism,
        settings: plain_settings(),
    };
    match write {
        Write::PutRecord(number) | Write::Forgotten(number) => {
            let state = provost_model::RegistrationState::Disabled;
            tx.put_registration(&dps(), &record(id(number).as_str(), state))
        }
        Write::DeleteRecord(number) => tx.delete_registration(&dps(), &id(number)).map(drop),
        Write::PutIndividual(number) => {
            let enrollment = IndividualEnrollment {
                registration_id: id(number),
                device_id: None,
                optional_device_information: None,
                mechanism: IndividualMechanism::SymmetricKey(keys()),
                settings: plain_settings(),
            };
            tx.put_individual_enrollment(&dps(), &enrollment, &[])
        }
        Write::DeleteIndividual(number) => tx
            .delete_enrollment(&dps(), EnrollmentKind::Individual, id(number).key())
            .map(drop),
        Write::PutKeyGroup(number) => {
            tx.put_enrollment_group(&dps(), &group(number, GroupMechanism::SymmetricKey(keys())), &[])
        }
        Write::PutX509Group(number) => {
            let names = Slots {
                primary: None,
                secondary: None,
            };
            tx.put_enrollment_group(&dps(), &group(number, GroupMechanism::CaReferences(names)), &[])
        }
        Write::DeleteGroup(number) => tx
            .delete_enrollment(&dps(), EnrollmentKind::Group, group_id(number).key())
            .map(drop),
    }
}

/// What the counters say, and what counting says.
fn both(tx: &ReadTx<'_>) -> Result<([i64; 4], [i64; 4]), StoreError> {
    let all = PageSize::clamp(None, 100, 100);
    let groups = tx.enrollment_groups(&dps(), None, all)?;
    let x509 = groups.iter().filter(|group| group.mechanism.is_x509()).count();
    let number = |count: usize| i64::try_from(count).unwrap();
    let counters = [
        tx.counted(&dps(), Counted::Registrations)?,
        tx.counted(&dps(), Counted::IndividualEnrollments)?,
        tx.counted(&dps(), Counted::X509Groups)?,
        tx.counted(&dps(), Counted::SymmetricGroups)?,
    ];
    let counts = [
        tx.count_registrations(&dps(), &RegistrationFilter::default())?,
        tx.enrollment_count(&dps(), EnrollmentKind::Individual)?,
        number(x509),
        number(groups.len() - x509),
    ];
    Ok((counters, counts))
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_equal_counts_after_any_writes() {
    let test = TestStore::open().await;
    let random = SeededRandom::new(5);
    for step in 0..400 {
        let mut bytes = [0; 2];
        random.fill(&mut bytes);
        let write = write(bytes);
        let written = test.store.write(move |tx| {
            perform(&tx, write)?;
            match write {
                Write::Forgotten(_) => Ok(tx.unchanged(())),
                _ => tx.record(&event("x"), ()),
            }
        });
        let written: Result<(), StoreError> = written.await;
        written.unwrap();
        let (counters, counts) = test.store.read(both).await.unwrap();
        assert_eq!(counters, counts, "after write {step}, {write:?}");
    }
}
