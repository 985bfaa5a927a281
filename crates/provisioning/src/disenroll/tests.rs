use provost_model::{
    Assignment, CertificateName, DeviceAuth, DeviceId, EnrollmentGroupId, Etag, GroupMechanism,
    IndividualEnrollment, IndividualMechanism, OperationId, RegistrationId, RegistrationRecord,
    RegistrationState, ShutOut, Slots, Substatus,
};
use provost_store::{AnchorIndex, Slot, WriteTx};
use provost_wire::own::{DisenrollInput, DisenrollTarget, DisenrollView};
use serde_json::json;

use super::Disenroller;
use crate::fixture::{House, NOW, event, hub, id, keys, settings};
use crate::{NewIdentity, ProvisioningError, ProvisioningOptions, Quotas};

fn input(target: DisenrollTarget) -> DisenrollInput {
    DisenrollInput {
        target,
        everywhere: true,
        entry: ShutOut::Disable,
        identity: ShutOut::Delete,
        dry_run: false,
        continuation: None,
    }
}

async fn act(house: &House, input: DisenrollInput) -> Result<DisenrollView, ProvisioningError> {
    let caller = Disenroller::Admin(&house.admin, &house.instance.name);
    house.service.disenroll(caller, input).await
}

async fn store(house: &House, write: impl FnOnce(&WriteTx<'_>) + Send + 'static) {
    let written = house.store.write(move |tx| {
        write(&tx);
        Ok::<_, ProvisioningError>(tx.record(&event(), ())?)
    });
    written.await.unwrap();
}

fn group_id() -> EnrollmentGroupId {
    EnrollmentGroupId::parse("line").unwrap()
}

fn record(id: &str, group: Option<EnrollmentGroupId>) -> RegistrationRecord {
    RegistrationRecord {
        registration_id: RegistrationId::parse(id).unwrap(),
        group,
        by_certificate: false,
        state: RegistrationState::Assigned {
            hub: hub("one"),
            device_id: DeviceId::parse(id).unwrap(),
            substatus: Substatus::InitialAssignment,
        },
        kept: None,
        operation: OperationId::parse("5.0123456789abcdef.x").unwrap(),
        payload: None,
        issued: None,
        etag: Etag::from_text("e"),
        created_at: NOW,
        updated_at: NOW,
    }
}

/// A group with so many registered devices.
async fn line_of(house: &House, count: usize) {
    let dps = house.instance.name.clone();
    let group = provost_model::EnrollmentGroup {
        id: group_id(),
        mechanism: GroupMechanism::SymmetricKey(keys(1)),
        settings: settings(),
    };
    store(house, move |tx| {
        tx.put_enrollment_group(&dps, &group, &[]).unwrap();
        for number in 0..count {
            let record = record(&format!("d{number:04}"), Some(group_id()));
            tx.put_registration(&dps, &record).unwrap();
        }
    })
    .await;
    let mut identities = house.hubs.identities.lock().unwrap();
    for number in 0..count {
        let device_id = DeviceId::parse(&format!("d{number:04}")).unwrap();
        let identity = NewIdentity {
            device_id,
            auth: DeviceAuth::None,
            iot_edge: false,
            initial_twin: provost_model::InitialTwin::default(),
        };
        identities.insert(("one".to_owned(), format!("d{number:04}")), identity);
    }
}

async fn records_left(house: &House) -> i64 {
    let dps = house.instance.name.clone();
    let count = house.store.read(move |tx| tx.registration_count(&dps));
    count.await.unwrap()
}

#[tokio::test]
async fn a_group_takes_batches_and_may_be_begun_again() {
    let house = House::new().await;
    line_of(&house, 450).await;
    let begin = || input(DisenrollTarget::Group(group_id()));
    let first = act(&house, begin()).await.unwrap();
    assert_eq!(first.touched.len(), 1, "the group first: {:?}", first.touched);
    let mut next = begin();
    next.continuation = first.continuation;
    let second = act(&house, next).await.unwrap();
    assert_eq!(second.touched.len(), 400, "identity and record of each");
    assert!(second.continuation.is_some());
    assert_eq!(records_left(&house).await, 250);
    // The operator lost the continuation: what is done is done, the rest follows.
    let mut request = begin();
    let mut batches = 0;
    loop {
        let answer = act(&house, request).await.unwrap();
        batches += 1;
        assert!(answer.touched.len() <= 400);
        let Some(continuation) = answer.continuation else {
            break;
        };
        request = begin();
        request.continuation = Some(continuation);
    }
    assert_eq!((batches, records_left(&house).await), (3, 0));
    assert_eq!(house.hubs.count(), 0);
    assert_eq!(house.hubs.settled.lock().unwrap().len(), 450);
}

#[tokio::test]
async fn a_continuation_of_another_act_is_refused() {
    let house = House::new().await;
    line_of(&house, 1).await;
    let first = act(&house, input(DisenrollTarget::Group(group_id()))).await;
    let mut other = input(DisenrollTarget::Certificate("root".to_owned()));
    other.continuation = first.unwrap().continuation;
    assert_eq!(act(&house, other).await.unwrap_err().code(), 400_000);
}

#[tokio::test]
async fn a_hub_that_keeps_the_identity_keeps_the_record() {
    let house = House::new().await;
    line_of(&house, 1).await;
    *house.hubs.refuse.lock().unwrap() = Some("not now".to_owned());
    let device = || input(DisenrollTarget::Device(id("d0000")));
    let answer = act(&house, device()).await.unwrap();
    assert!(
        answer.warnings.iter().any(|text| text.contains("not now")),
        "{answer:?}"
    );
    assert_eq!(records_left(&house).await, 1);
    // The entry is ended all the same, and the rest can be done later.
    assert_eq!(answer.touched.len(), 1);
    assert_eq!(answer.touched[0].after, "disabled");
    *house.hubs.refuse.lock().unwrap() = None;
    act(&house, device()).await.unwrap();
    assert_eq!((records_left(&house).await, house.hubs.count()), (0, 0));
}

#[tokio::test]
async fn a_block_may_exceed_the_quota() {
    let quotas = Quotas {
        individual_enrollments: 0,
        ..Quotas::default()
    };
    let options = ProvisioningOptions {
        quotas,
        ..ProvisioningOptions::default()
    };
    let house = House::with(options, &["one"]).await;
    line_of(&house, 1).await;
    let symmetric = json!({ "attestation": { "type": "symmetricKey", "symmetricKey": {} } });
    let refused = house.enroll("another", symmetric).await.unwrap_err();
    assert_eq!(refused.code(), 403_102);
    let answer = act(&house, input(DisenrollTarget::Device(id("d0000"))))
        .await
        .unwrap();
    let blocked = answer.touched.iter().find(|it| it.kind == "enrollment").unwrap();
    assert_eq!(
        (blocked.before.as_str(), blocked.after.as_str()),
        ("absent", "disabled")
    );
}

#[tokio::test]
async fn a_device_that_only_a_hub_knows_is_blocked_and_ended() {
    let house = House::new().await;
    line_of(&house, 1).await;
    let dps = house.instance.name.clone();
    store(&house, move |tx| {
        tx.delete_registration(&dps, &id("d0000")).unwrap();
    })
    .await;
    let answer = act(&house, input(DisenrollTarget::Device(id("d0000"))))
        .await
        .unwrap();
    let kinds: Vec<&str> = answer.touched.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["identity", "enrollment"]);
    let place = Assignment {
        hub: hub("one"),
        device_id: DeviceId::parse("d0000").unwrap(),
    };
    assert_eq!(*house.hubs.settled.lock().unwrap(), [place]);
}

#[tokio::test]
async fn every_individual_enrollment_that_refers_to_an_authority_is_ended() {
    let house = House::new().await;
    let dps = house.instance.name.clone();
    let root = CertificateName::parse("root").unwrap();
    store(&house, move |tx| {
        for number in 0..450 {
            let name = format!("d{number:04}");
            let names = Slots {
                primary: Some(root.clone()),
                secondary: Some(root.clone()),
            };
            let enrollment = IndividualEnrollment {
                registration_id: id(&name),
                device_id: None,
                optional_device_information: None,
                mechanism: IndividualMechanism::CaReferences(names),
                settings: settings(),
            };
            let anchor = AnchorIndex::Reference(root.clone());
            let anchors = [(Slot::Primary, anchor.clone()), (Slot::Secondary, anchor)];
            tx.put_individual_enrollment(&dps, &enrollment, &anchors).unwrap();
            tx.put_registration(&dps, &record(&name, None)).unwrap();
        }
    })
    .await;
    for (entry, left) in [(ShutOut::Disable, 450), (ShutOut::Delete, 0)] {
        let begin = || DisenrollInput {
            everywhere: entry == ShutOut::Delete,
            entry,
            ..input(DisenrollTarget::Certificate("ROOT".to_owned()))
        };
        let (mut request, mut enrollments) = (begin(), 0);
        loop {
            let answer = act(&house, request).await.unwrap();
            let ended = answer.touched.iter().filter(|it| it.kind == "enrollment");
            enrollments += ended.count();
            let Some(continuation) = answer.continuation else {
                break;
            };
            request = begin();
            request.continuation = Some(continuation);
        }
        assert_eq!(
            (enrollments, records_left(&house).await),
            (450, left),
            "{entry:?}"
        );
    }
}
