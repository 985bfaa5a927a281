//! Registration IDs are one whatever their case (dps-device-api.md 1.3): what shuts a device out shuts it out
//! however it spells itself.

use provost_device::certificate::SigningRequest;
use provost_device::provisioning::RegistrationStatus;
use provost_model::ambient::SystemRandom;
use provost_model::{DeviceStatus, SymmetricKey};
use provost_registry::{Condition, DeviceInput, DevicePatch, PolicyChange};
use provost_testkit::{Device, Enrollment, FixtureAuthority, Leaf, Via, assigned_hub, clients, signers};
use serde_json::{Map, json};

use super::plant::{Plant, named, namespace, set_status};

/// The device, and how it may spell itself.
const ID: &str = "press-1a";
const SPELLINGS: [&str; 3] = ["PRESS-1A", "Press-1a", ID];

/// How the device proves itself.
#[derive(Debug, Clone, Copy)]
enum Kind {
    GroupKey,
    GroupCertificate,
    OwnKey,
    OwnCertificate,
}

/// What an operator does.
#[derive(Debug, Clone, Copy)]
enum ShutOut {
    DisabledEnrollment,
    DisabledInRegistry,
    DisabledAtHub,
    DisabledAtHubAndRecordDeleted,
    Disenrolled,
}

impl ShutOut {
    const ALL: [Self; 5] = [
        Self::DisabledEnrollment,
        Self::DisabledInRegistry,
        Self::DisabledAtHub,
        Self::DisabledAtHubAndRecordDeleted,
        Self::Disenrolled,
    ];
}

/// Enrolls a device of a kind at a server of its own.
async fn enrolled(plant: &Plant, kind: Kind) -> Device {
    let api = plant.server.dps_api();
    match kind {
        Kind::GroupKey => Device::of_group(ID, plant.group_key()),
        Kind::GroupCertificate => {
            let line = FixtureAuthority::root("Root").intermediate("Line CA");
            let group = Enrollment::group("by-certificate").x509(&signers(&line));
            api.put_enrollment(&group).await;
            Device::with_leaf(&line.leaf(ID))
        }
        Kind::OwnKey => {
            let key = SymmetricKey::generate(&SystemRandom);
            api.put_enrollment(&Enrollment::individual(ID).keys(Some(&key), None))
                .await;
            Device::with_key(ID, &key)
        }
        Kind::OwnCertificate => {
            let leaf = Leaf::self_signed(ID);
            api.put_enrollment(&Enrollment::individual(ID).x509(&clients(&leaf, None)))
                .await;
            Device::with_leaf(&leaf)
        }
    }
}

/// Disables the identity the hub has.
async fn disable_at_hub(plant: &Plant) {
    for identity in plant.server.stored().identities().await {
        set_status(&plant.server, identity.device_id.as_str(), "disabled").await;
    }
}

/// The device in the registry, spelt in a way of its own, and disabled there.
async fn disable_in_registry(plant: &Plant) {
    let input = DeviceInput {
        external_device_id: None,
        enabled: Some(false),
        policy: PolicyChange::Keep,
        document: Map::new(),
        condition: Condition::default(),
    };
    let made = plant
        .registry()
        .put_device(&plant.caller, &namespace(), &named("pRESS-1A"), input)
        .await;
    assert!(made.unwrap().is_new);
}

async fn shut_out(plant: &Plant, kind: Kind, how: ShutOut) {
    let api = plant.server.dps_api();
    match how {
        ShutOut::DisabledEnrollment => {
            let path = format!("/enrollments/{ID}");
            match kind {
                Kind::GroupKey | Kind::GroupCertificate => {
                    let key = SymmetricKey::generate(&SystemRandom);
                    let entry = Enrollment::individual(ID).keys(Some(&key), None);
                    api.put_enrollment(&entry.disabled()).await;
                }
                Kind::OwnKey | Kind::OwnCertificate => {
                    let mut shown = api.get(&path).await.ok();
                    shown["provisioningStatus"] = json!("disabled");
                    api.put_if(&path, "*", &shown).await.ok();
                }
            }
        }
        ShutOut::DisabledInRegistry => disable_in_registry(plant).await,
        ShutOut::DisabledAtHub => disable_at_hub(plant).await,
        ShutOut::DisabledAtHubAndRecordDeleted => {
            disable_at_hub(plant).await;
            api.delete(&format!("/registrations/{ID}")).await.no_content();
        }
        ShutOut::Disenrolled => {
            let path = format!("/provost/dps/{}/disenroll", plant.server.dps().name);
            let body = json!({ "registrationId": "pReSs-1A", "everywhere": true });
            plant.server.own_api().post(&path, &body).await.ok();
        }
    }
}

/// Nobody comes in by any spelling over any transport, and no identity is left enabled that was not before.
async fn is_shut_out(plant: &Plant, device: &Device, (kind, how): (Kind, ShutOut), first: &str) {
    let hub_is_left_alone = matches!(how, ShutOut::DisabledEnrollment);
    for via in [Via::Https, Via::Mqtt] {
        for spelling in SPELLINGS {
            let device = device.named(spelling);
            let outcome = device.register(&plant.server, via).await;
            let is_assigned = outcome.is_ok_and(|outcome| outcome.status == RegistrationStatus::Assigned);
            let may_be = matches!(
                how,
                ShutOut::DisabledAtHub | ShutOut::DisabledAtHubAndRecordDeleted
            );
            assert!(may_be || !is_assigned, "{kind:?} {how:?} {via:?} {spelling}");
            for name in SPELLINGS {
                let is_in = device.named(name).connect(&plant.server).await.is_ok();
                let may_be_in = hub_is_left_alone && name == first;
                assert!(may_be_in || !is_in, "{kind:?} {how:?} {via:?} {name}");
            }
        }
    }
    let identities = plant.server.stored().identities().await;
    assert_eq!(identities.len(), 1, "{kind:?} {how:?}");
    let is_disabled = identities[0].status == DeviceStatus::Disabled;
    assert_eq!(is_disabled, !hub_is_left_alone, "{kind:?} {how:?}");
}

async fn every_shut_out_of(kind: Kind) {
    for how in ShutOut::ALL {
        let plant = Box::pin(Plant::open_bare(|_| {})).await;
        let device = enrolled(&plant, kind).await;
        let first = match kind {
            Kind::GroupKey | Kind::GroupCertificate => SPELLINGS[0],
            Kind::OwnKey | Kind::OwnCertificate => ID,
        };
        // However it spells itself it is the device that came first.
        for via in [Via::Https, Via::Mqtt] {
            for spelling in SPELLINGS {
                let registered = device.named(spelling).register(&plant.server, via).await;
                assert_eq!(assigned_hub(registered).1, first, "{kind:?} {via:?} {spelling}");
            }
        }
        assert!(device.named(first).connect(&plant.server).await.is_ok());
        shut_out(&plant, kind, how).await;
        is_shut_out(&plant, &device, (kind, how), first).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_105_no_spelling_opens_what_is_shut_to_a_group_by_its_key() {
    every_shut_out_of(Kind::GroupKey).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_105_no_spelling_opens_what_is_shut_to_a_group_by_its_certificate() {
    every_shut_out_of(Kind::GroupCertificate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_105_no_spelling_opens_what_is_shut_to_a_device_by_its_key() {
    every_shut_out_of(Kind::OwnKey).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_105_no_spelling_opens_what_is_shut_to_a_device_by_its_certificate() {
    every_shut_out_of(Kind::OwnCertificate).await;
}

/// revoked and disabled, with a certificate or without, until it is enabled.
#[tokio::test(flavor = "multi_thread")]
async fn a_018_a_revoked_and_disabled_device_does_not_return_under_another_spelling() {
    let plant = Plant::open().await;
    let certified = plant.certify(ID).await;
    plant.revoke(ID, true).await;
    let device = Device::of_group(ID, plant.group_key());
    for via in [Via::Https, Via::Mqtt] {
        for spelling in SPELLINGS {
            let device = device.named(spelling);
            let outcome = device.register(&plant.server, via).await.unwrap();
            assert_eq!(outcome.error_code, Some(400_212), "{spelling} {}", outcome.raw);
            let request = SigningRequest::new(spelling).unwrap();
            let asked = device.register_with_csr(&plant.server, via, request.csr()).await;
            assert_eq!(asked.unwrap().error_code, Some(400_212));
            assert!(device.connect(&plant.server).await.is_err());
        }
    }
    let identities = plant.server.stored().identities().await;
    assert_eq!(identities.len(), 1);
    assert!(!plant.connects(&certified).await);
    let patch = DevicePatch {
        enabled: Some(true),
        ..DevicePatch::default()
    };
    let enabled = plant
        .registry()
        .patch_device(&plant.caller, &namespace(), &named("PRESS-1a"), patch)
        .await;
    assert!(enabled.unwrap().enabled);
    let renewed = plant.certify(ID).await;
    assert!(plant.connects(&renewed).await);
}

/// identities that somebody made at the hub beside each other end together.
#[tokio::test(flavor = "multi_thread")]
async fn r_008_disenrolling_everywhere_ends_every_spelling_that_there_is() {
    let plant = Box::pin(Plant::open_bare(|_| {})).await;
    let device = Device::of_group(ID, plant.group_key());
    assigned_hub(device.register(&plant.server, Via::Https).await);
    for spelling in SPELLINGS.iter().filter(|spelling| **spelling != ID) {
        let path = format!("/devices/{spelling}");
        let body = json!({ "deviceId": spelling });
        plant.server.hub_api().put(&path, &body).await.ok();
    }
    let path = format!("/provost/dps/{}/disenroll", plant.server.dps().name);
    let group = json!({ "enrollmentGroupId": "line", "everywhere": true });
    let one = json!({ "registrationId": "press-1A", "everywhere": true });
    for body in [one, group] {
        plant.server.own_api().post(&path, &body).await.ok();
        let identities = plant.server.stored().identities().await;
        assert_eq!(identities.len(), 3);
        for identity in identities {
            assert_eq!(identity.status, DeviceStatus::Disabled, "{}", identity.device_id);
        }
    }
}
