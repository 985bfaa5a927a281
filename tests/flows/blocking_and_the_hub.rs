//! certificate-management.md 5.1, 5.6: what is done at the provisioning service and what is done at
//! the hub are two things.

use std::time::Duration;

use provost_model::DeviceStatus;
use provost_testkit::{
    Device, Enrollment, FixtureAuthority, Leaf, TestServer, clients, connack_code, over_every_transport,
    signers,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);
/// CONNACK of a device that proved itself and is disabled at the hub.
const DISABLED_AT_HUB: u8 = 3;

/// A device by its own enrollment, and one by a group, each with what lets it in.
fn house() -> [(Device, Enrollment); 2] {
    let leaf = Leaf::self_signed("press-own");
    let own = Enrollment::individual("press-own").x509(&clients(&leaf, None));
    let intermediate = FixtureAuthority::root("Root").intermediate("Line CA");
    let group = Enrollment::group("line").x509(&signers(&intermediate));
    let of_group = Device::with_leaf(&intermediate.leaf("press-line"));
    [(Device::with_leaf(&leaf), own), (of_group, group)]
}

/// Sets a device's status at the hub.
async fn set_status(server: &TestServer, id: &str, status: &str) {
    let path = format!("/devices/{id}");
    let mut shown: Value = server.hub_api().get(&path).await.ok();
    shown["status"] = json!(status);
    server.hub_api().put_if(&path, "*", &shown).await.ok();
}

#[tokio::test]
async fn r_007_a_disabled_or_deleted_enrollment_leaves_the_device_at_its_hub() {
    over_every_transport(async |via| {
        let [(device, own), _] = house();
        let server = TestServer::with_entry(&own).await;
        device.is_assigned(&server, via).await;
        let mut session = device.is_let_in(&server).await;

        server.dps_api().put_enrollment(&own.clone().disabled()).await;
        device.is_disabled(&server, via).await;
        session.send_telemetry(b"{}", &[]).await.expect("still connected");
        let mut session = device.is_let_in(&server).await;
        server.dps_api().delete(&own.path()).await.no_content();
        device.is_unauthorized(&server, via).await;
        session.send_telemetry(b"{}", &[]).await.expect("still connected");
        device.is_let_in(&server).await;
        let identity = server.stored().identity("press-own").await.unwrap();
        assert_eq!(identity.status, DeviceStatus::Enabled, "{via:?}");
    })
    .await;
}

#[tokio::test]
async fn r_008_disenrolling_and_deregistering_are_two_steps_and_each_leaves_the_other_side() {
    over_every_transport(async |via| {
        for (device, entry) in house() {
            // At the hub only: the entry lets it in again, and makes the identity again.
            let server = TestServer::with_entry(&entry).await;
            device.is_assigned(&server, via).await;
            let path = format!("/devices/{}", device.id);
            let shown = server.dps_api().get(&entry.path()).await.ok();
            let record = server.stored().registration(&device.id).await;
            server.hub_api().delete(&path).await.no_content();
            assert_eq!(server.dps_api().get(&entry.path()).await.ok(), shown, "{via:?}");
            assert_eq!(server.stored().registration(&device.id).await, record);
            device.is_turned_away(&server).await;
            device.is_assigned(&server, via).await;
            device.is_let_in(&server).await;

            // At the provisioning service only: the hub's device is what it was.
            let identity = server.stored().identity(&device.id).await;
            server.dps_api().delete(&entry.path()).await.no_content();
            device.is_unauthorized(&server, via).await;
            let after = server.stored().identity(&device.id).await.unwrap();
            assert_eq!(
                Some(&after.etag),
                identity.as_ref().map(|identity| &identity.etag)
            );
            device.is_let_in(&server).await;

            // Both: it is out.
            server.hub_api().delete(&path).await.no_content();
            device.is_turned_away(&server).await;
            device.is_unauthorized(&server, via).await;
            assert!(server.stored().identity(&device.id).await.is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn r_104_registration_and_hub_access_are_blocked_separately() {
    over_every_transport(async |via| {
        for (device, entry) in house() {
            let server = TestServer::with_entry(&entry).await;
            device.is_assigned(&server, via).await;
            let mut session = device.is_let_in(&server).await;

            // Blocked at the hub it is thrown out, registers all the same, and stays out.
            set_status(&server, &device.id, "disabled").await;
            assert!(session.closed(SOON).await, "{via:?}");
            assert_eq!(connack_code(device.connect(&server).await), DISABLED_AT_HUB);
            device.is_assigned(&server, via).await;
            assert_eq!(connack_code(device.connect(&server).await), DISABLED_AT_HUB);
            set_status(&server, &device.id, "enabled").await;
            device.is_let_in(&server).await;

            // Blocked at the provisioning service it does not register, and stays connected.
            server.dps_api().put_enrollment(&entry.clone().disabled()).await;
            let mut session = device.is_let_in(&server).await;
            device.is_disabled(&server, via).await;
            session.send_telemetry(b"{}", &[]).await.expect("still connected");
        }
    })
    .await;
}
