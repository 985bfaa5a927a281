//! iot-hub-device-api.md 3.3 and 18, iot-hub-service-api.md 14: devices that are known to their hub by
//! a certificate authority.

use std::time::Duration;

use provost_testkit::{Device, FixtureAuthority, TestServer, connack_code};
use serde_json::json;

/// CONNACK "not authorized".
const NOT_AUTHORIZED: u8 = 5;
const SOON: Duration = Duration::from_secs(10);

async fn device_by_authority(server: &TestServer, id: &str) {
    let body = json!({ "deviceId": id, "authentication": { "type": "certificateAuthority" } });
    server.hub_api().put(&format!("/devices/{id}"), &body).await.ok();
}

async fn upload(server: &TestServer, root: &FixtureAuthority, is_verified: bool) {
    let body = json!({ "properties": { "certificate": root.pem(), "isVerified": is_verified } });
    let path = server.hub_authority_path("/plant-root");
    server.management().put(&path, &body).await.ok();
}

#[tokio::test]
async fn d_03_a_chain_to_a_verified_ca_of_the_hub_connects_and_nothing_less() {
    let server = TestServer::start().await;
    let root = FixtureAuthority::root("plant root");
    let line = root.intermediate("line 3");
    device_by_authority(&server, "dev-3").await;
    let leaf = line.leaf("dev-3");
    let device = Device::with_leaf(&leaf);

    upload(&server, &root, false).await;
    assert_eq!(
        connack_code(device.connect(&server).await),
        NOT_AUTHORIZED,
        "unverified"
    );
    upload(&server, &root, true).await;
    device.connect(&server).await.expect("leaf and intermediate");

    let alone = Device::with_leaf_alone(&leaf);
    assert_eq!(
        connack_code(alone.connect(&server).await),
        NOT_AUTHORIZED,
        "no intermediate"
    );
    let other_name = Device::with_leaf(&line.leaf("dev-4")).named("dev-3");
    assert_eq!(
        connack_code(other_name.connect(&server).await),
        NOT_AUTHORIZED,
        "CN differs"
    );
    let stranger = Device::with_leaf(&FixtureAuthority::root("other").leaf("dev-3"));
    assert_eq!(
        connack_code(stranger.connect(&server).await),
        NOT_AUTHORIZED,
        "another CA"
    );
}

#[tokio::test]
async fn s_13_deleting_a_ca_of_the_hub_ends_the_sessions_that_rest_on_it() {
    let server = TestServer::start().await;
    let root = FixtureAuthority::root("plant root");
    device_by_authority(&server, "dev-13").await;
    let device = Device::with_leaf(&root.leaf("dev-13"));
    upload(&server, &root, true).await;
    let mut session = device.connect(&server).await.expect("the CA is verified");

    let path = server.hub_authority_path("/plant-root");
    server.management().delete(&path).await.no_content();
    assert!(session.closed(SOON).await, "the session is closed");
    assert_eq!(connack_code(device.connect(&server).await), NOT_AUTHORIZED);
}
