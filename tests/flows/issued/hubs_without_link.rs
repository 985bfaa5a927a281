//! What is disabled in the Device Registry comes in nowhere: not by a hub that is linked to the provisioning
//! service and not to the namespace, not by moving there (certificate-management.md 3.6).

use std::time::Duration;

use provost_model::{DeviceId, DeviceStatus, HubName};
use provost_registry::DevicePatch;
use provost_testkit::{Device, Endpoints, Enrollment, Via, Webhook, assigned_hub};
use serde_json::json;

use super::super::instances::endpoints;
use super::plant::{Plant, named, namespace, set_status};

const SOON: Duration = Duration::from_secs(20);
const SECOND: &str = "hub-b";

/// Another hub that the provisioning service assigns devices to; the namespace does not know it.
async fn add_hub(plant: &Plant) -> Endpoints {
    let own = plant.server.own_api();
    own.post("/provost/hubs", &json!({ "name": SECOND })).await.ok();
    let dps = plant.server.dps().name.clone();
    own.put(&format!("/provost/dps/{dps}/linkedHubs/{SECOND}"), &json!({}))
        .await
        .ok();
    endpoints(&plant.server, &dps, SECOND).await
}

/// The group's devices go to the second hub from now on.
async fn send_to_second(plant: &Plant, second: &Endpoints) {
    let path = "/enrollmentGroups/line";
    let mut shown = plant.server.dps_api().get(path).await.ok();
    shown["iotHubs"] = json!([second.hub().host]);
    shown["allocationPolicy"] = json!("hashed");
    shown["attestation"]["symmetricKey"] =
        json!({ "primaryKey": plant.group_key().to_base64(), "secondaryKey": plant.group_key().to_base64() });
    plant.server.dps_api().put_if(path, "*", &shown).await.ok();
}

async fn status_at(plant: &Plant, hub: &str, id: &str) -> Option<DeviceStatus> {
    let (hub, id) = (HubName::parse(hub).unwrap(), DeviceId::parse(id).unwrap());
    let store = plant.server.stored().store();
    let found = store.read(move |tx| tx.device(&hub, &id)).await;
    found
        .unwrap_or_else(|error: provost_store::StoreError| panic!("{error}"))
        .map(|identity| identity.status)
}

async fn enable(plant: &Plant, id: &str, enabled: bool) {
    let patch = DevicePatch {
        enabled: Some(enabled),
        ..DevicePatch::default()
    };
    let patched = plant
        .registry()
        .patch_device(&plant.caller, &namespace(), &named(id), patch)
        .await;
    assert_eq!(patched.unwrap().enabled, enabled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_018_a_disabled_device_does_not_move_to_a_hub_that_is_not_linked() {
    let plant = Plant::open().await;
    let certified = plant.certify("press").await;
    plant.revoke("press", true).await;
    let second = add_hub(&plant).await;
    send_to_second(&plant, &second).await;
    let device = Device::of_group("press", plant.group_key());
    let events = plant.server.stored().audit_events().await.len();
    for (count, via) in [Via::Https, Via::Mqtt, Via::Https].into_iter().enumerate() {
        let outcome = device.register(&plant.server, via).await.unwrap();
        assert_eq!(outcome.error_code, Some(400_212), "{}", outcome.raw);
        // The same refusal again is nothing to write down.
        let written = plant.server.stored().audit_events().await.len() - events;
        assert_eq!(written, 1, "after {count}");
        assert!(device.connect(&second).await.is_err());
        assert!(device.connect(&plant.server).await.is_err());
    }
    assert!(plant.is_refused_a_certificate("press").await);
    let first = plant.server.hub().name.clone();
    assert_eq!(
        status_at(&plant, &first, "press").await,
        Some(DeviceStatus::Disabled)
    );
    assert_eq!(status_at(&plant, SECOND, "press").await, None);

    enable(&plant, "press", true).await;
    let (hub, _) = assigned_hub(device.register(&plant.server, Via::Https).await);
    assert_eq!(hub, second.hub().host);
    assert!(device.connect(&second).await.is_ok());
    assert!(!plant.connects(&certified).await);
}

/// The device came to the hub by the provisioning service before it was disabled.
#[tokio::test(flavor = "multi_thread")]
async fn a_018_disabling_reaches_a_hub_that_only_the_provisioning_service_is_linked_to() {
    let plant = Plant::open().await;
    plant.certify("press").await;
    let second = add_hub(&plant).await;
    send_to_second(&plant, &second).await;
    let device = Device::of_group("press", plant.group_key());
    let (hub, _) = assigned_hub(device.register(&plant.server, Via::Mqtt).await);
    assert_eq!(hub, second.hub().host);
    let mut session = device.connect(&second).await.unwrap();
    enable(&plant, "press", false).await;
    assert!(session.closed(SOON).await);
    assert!(device.connect(&second).await.is_err());
    assert_eq!(
        status_at(&plant, SECOND, "press").await,
        Some(DeviceStatus::Disabled)
    );

    // Enabled there by hand it stays out: the registry has the last word.
    set_status(&second, "press", "enabled").await;
    assert!(device.connect(&second).await.is_err());

    enable(&plant, "press", true).await;
    assert!(device.connect(&second).await.is_ok());
}

/// Disabled at its hub, a device stays there: a move would make it anew, enabled.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_its_hub_has_disabled_does_not_move_to_another_one() {
    let plant = Plant::open_bare(|_| {}).await;
    let device = Device::of_group("press", plant.group_key());
    let first = assigned_hub(device.register(&plant.server, Via::Https).await).0;
    set_status(&plant.server, "press", "disabled").await;
    let second = add_hub(&plant).await;
    send_to_second(&plant, &second).await;
    for _ in 0..2 {
        for spelling in ["press", "PRESS"] {
            let device = device.named(spelling);
            let assigned = assigned_hub(device.register(&plant.server, Via::Https).await);
            assert_eq!(assigned, (first.clone(), "press".to_owned()));
            for hub in [&*plant.server, &second] {
                assert!(device.connect(hub).await.is_err());
            }
        }
        // The same without its record.
        let path = "/registrations/press";
        plant.server.dps_api().delete(path).await.no_content();
    }
    set_status(&plant.server, "press", "enabled").await;
    let assigned = assigned_hub(device.register(&plant.server, Via::Https).await);
    assert_eq!(assigned.0, second.hub().host);
}

/// A webhook is not asked about a device that goes nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_018_no_webhook_sends_a_disabled_device_elsewhere() {
    let webhook = Webhook::start().await;
    let plant = Plant::open_with(
        |config| {
            config.outbound.webhook.allow_private_addresses = true;
            config.outbound.webhook.allow_http = true;
        },
        false,
    )
    .await;
    plant.certify("press").await;
    let definition = json!({ "webhookUrl": webhook.url(), "apiVersion": "2021-10-01" });
    let group = Enrollment::group("line")
        .keys(Some(plant.group_key()), None)
        .with("allocationPolicy", "custom")
        .with("customAllocationDefinition", definition);
    plant.server.dps_api().put_enrollment(&group).await;
    plant.revoke("press", true).await;
    let device = Device::of_group("press", plant.group_key());
    let outcome = device.register(&plant.server, Via::Https).await.unwrap();
    assert_eq!(outcome.error_code, Some(400_212), "{}", outcome.raw);
    assert!(webhook.asked().is_empty());
}
