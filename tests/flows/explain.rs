//! What an operator is told of a device that was refused (dps-service-api.md 8, rows 1, 2 and 9).

use provost_device::provisioning::RegisterError;
use provost_testkit::{Device, Enrollment, FixtureAuthority, TestServer, Via, over_every_transport, signers};
use serde_json::{Value, json};

async fn explained(server: &TestServer, question: Value) -> Value {
    server.dps_api().post("/provost/explain", &question).await.ok()
}

/// The tracking id a refused device reads.
async fn tracking_id(server: &TestServer, device: &Device, via: Via) -> String {
    match device.register(server, via).await {
        Err(RegisterError::Refused { tracking_id, .. }) => tracking_id.expect("a tracking id"),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_is_explained_by_the_tracking_id_the_device_read() {
    over_every_transport(async |via| {
        let server = TestServer::start().await;
        let root = FixtureAuthority::root("Plant Root");
        let line = root.intermediate("Line CA 1");
        let leaf = line.leaf("press-1");
        let group = Enrollment::group("plant").x509(&signers(&root));
        server.dps_api().put_enrollment(&group).await;

        // The device forgot its intermediate.
        let device = Device::with_leaf_alone(&leaf);
        let tracking_id = tracking_id(&server, &device, via).await;
        let told = explained(&server, json!({ "trackingId": tracking_id })).await;
        assert_eq!(told["outcome"], "refused", "{told:#}");
        assert_eq!(told["registrationId"], "press-1");
        assert_eq!(told["missingIssuer"], "CN=Line CA 1", "{told:#}");
        assert_eq!(told["deviceIsTold"]["errorCode"], 401_002);
        assert_eq!(told["chain"].as_array().map(Vec::len), Some(1));

        // With the intermediate it would get in.
        let chain = leaf.chain_pem();
        let told = explained(&server, json!({ "certificates": chain })).await;
        assert_eq!(told["outcome"], "admitted", "{told:#}");
        assert_eq!(told["entry"]["id"], "plant");
        assert_eq!(told["entry"]["lastChange"]["action"], "create");
        assert_eq!(told["recentRefusals"][0]["trackingId"], tracking_id.as_str());
    })
    .await;
}

#[tokio::test]
async fn refusals_survive_a_restart() {
    let mut server = TestServer::start().await;
    let device = Device::with_leaf(&FixtureAuthority::root("Nobody").leaf("press-1"));
    let tracking_id = tracking_id(&server, &device, Via::Https).await;
    server.restart().await;
    let told = explained(&server, json!({ "trackingId": tracking_id })).await;
    assert_eq!(told["registrationId"], "press-1");
}
