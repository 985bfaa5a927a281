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

#[tokio::test]
async fn s_13_a_ca_is_verified_by_proof_and_each_step_has_its_etag() {
    let server = TestServer::start().await;
    let root = FixtureAuthority::root("plant root");
    device_by_authority(&server, "dev-14").await;
    let device = Device::with_leaf(&root.leaf("dev-14"));
    let (api, path) = (server.management(), server.hub_authority_path("/plant-root"));
    let upload = json!({ "properties": { "certificate": root.pem() } });
    let made = api.put(&path, &upload).await.ok();
    assert_eq!(made["type"], "Microsoft.Devices/IotHubs/Certificates");
    assert_eq!(made["properties"]["isVerified"], false);
    let expiry = made["properties"]["expiry"].as_str().unwrap();
    assert!(
        expiry.ends_with(" GMT") && expiry.len() == 29,
        "RFC 1123: {expiry}"
    );
    for member in ["subject", "thumbprint", "created", "updated", "certificate"] {
        assert!(made["properties"][member].is_string(), "{member}");
    }
    assert_eq!(
        connack_code(device.connect(&server).await),
        NOT_AUTHORIZED,
        "not verified"
    );

    let (code_path, verify_path) = (
        format!("{path}/generateVerificationCode"),
        format!("{path}/verify"),
    );
    let stale = [("if-match", "c3RhbGU=")];
    assert_eq!(api.send("POST", &code_path, &stale, None).await.status, 412);
    let etag = made["etag"].as_str().unwrap().to_owned();
    let coded = api
        .send("POST", &code_path, &[("if-match", &etag)], None)
        .await
        .ok();
    assert_ne!(coded["etag"], made["etag"], "the etag changes with every step");
    let code = coded["properties"]["verificationCode"].as_str().unwrap();
    let proof =
        |name: &str, authority: &FixtureAuthority| json!({ "certificate": authority.leaf(name).pem() });
    let verify = async |body| {
        api.send("POST", &verify_path, &[("if-match", "*")], Some(&body))
            .await
    };
    assert_eq!(verify(proof("another name", &root)).await.status, 400);
    assert_eq!(
        verify(proof(code, &FixtureAuthority::root("other"))).await.status,
        400
    );
    let verified = verify(proof(code, &root)).await.ok();
    assert_eq!(verified["properties"]["isVerified"], true);
    device.connect(&server).await.expect("the CA is verified");

    assert_eq!(api.send("DELETE", &path, &stale, None).await.status, 412);
    let etag = verified["etag"].as_str().unwrap().to_owned();
    api.send("DELETE", &path, &[("if-match", &etag)], None)
        .await
        .no_content();
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(
        connack_code(device.connect(&server).await),
        NOT_AUTHORIZED,
        "deleted"
    );
}

#[tokio::test]
async fn s_13_an_intermediate_alone_is_an_anchor_and_a_hub_has_25() {
    let server = TestServer::start().await;
    let line = FixtureAuthority::root("plant root").intermediate("line 4");
    device_by_authority(&server, "dev-15").await;
    let api = server.management();
    let body = json!({ "properties": { "certificate": line.pem(), "isVerified": true } });
    api.put(&server.hub_authority_path("/line"), &body).await.ok();
    let device = Device::with_leaf(&line.leaf("dev-15"));
    device
        .connect(&server)
        .await
        .expect("the intermediate is the anchor");

    for number in 1..25 {
        api.put(&server.hub_authority_path(&format!("/ca-{number}")), &body)
            .await
            .ok();
    }
    let one_more = api.put(&server.hub_authority_path("/one-more"), &body).await;
    assert_eq!(one_more.status, 403, "{}", one_more.body);
    let listed = api.get(&server.hub_authority_path("")).await.ok();
    assert_eq!(listed["value"].as_array().unwrap().len(), 25);
    let broken = json!({ "properties": { "certificate": "bm8gY2VydGlmaWNhdGU=" } });
    assert_eq!(
        api.put(&server.hub_authority_path("/ca-1"), &broken).await.status,
        400
    );
}
