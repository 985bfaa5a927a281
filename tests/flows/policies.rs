//! iot-hub-service-api.md 1.2 and 19, rule S-04: shared access policies as an operator keeps them.

use std::time::Duration;

use provost_device::DeviceError;
use provost_device::mqtt::MqttClient;
use provost_model::SymmetricKey;
use provost_testkit::{HubConnect, ServiceApi, TestServer, connack_code, service_token};
use serde_json::{Value, json};

use super::device_connect::device_with_key;

const SOON: Duration = Duration::from_secs(10);
const POLICIES: &str = "/provost/hubs/hub/policies";

fn holder(server: &TestServer, policy: &str, shown: &Value, key: &str) -> ServiceApi {
    let key = SymmetricKey::parse(shown[key].as_str().unwrap()).unwrap();
    let token = service_token(&server.hub().host, policy, &key, &*server.clock);
    server.hub_api().authorized(Some(token))
}

#[tokio::test]
async fn s_04_a_policy_is_made_changed_renewed_and_deleted_and_each_counts_at_once() {
    let server = TestServer::start().await;
    let (own, path) = (server.own_api(), format!("{POLICIES}/audit"));
    device_with_key(&server, "dev-4").await;
    let made = own.put(&path, &json!({ "rights": "RegistryRead" })).await.ok();
    let with_primary = holder(&server, "audit", &made, "primaryKey");
    let with_secondary = holder(&server, "audit", &made, "secondaryKey");
    with_primary.get("/devices/dev-4").await.ok();
    with_secondary.get("/devices/dev-4").await.ok();
    with_primary.get("/twins/dev-4").await.refused_by_hub(401_002);

    // Rights change, keys stay.
    own.put(&path, &json!({ "rights": "ServiceConnect" })).await.ok();
    with_primary.get("/twins/dev-4").await.ok();
    with_primary.get("/devices/dev-4").await.refused_by_hub(401_002);

    let renew = format!("{path}/renewKey");
    let renewed = own.post(&renew, &json!({ "policyKey": "primary" })).await.ok();
    assert_eq!(renewed["secondaryKey"], made["secondaryKey"]);
    with_primary.get("/twins/dev-4").await.refused_by_hub(401_003);
    with_secondary.get("/twins/dev-4").await.ok();
    let swapped = own.post(&renew, &json!({ "policyKey": "swap" })).await.ok();
    assert_eq!(swapped["primaryKey"], made["secondaryKey"]);
    own.post(&renew, &json!({ "policyKey": "both" }))
        .await
        .refused(400_004);

    own.delete(&path).await.no_content();
    with_secondary.get("/twins/dev-4").await.refused_by_hub(401_003);
    own.delete(&path).await.refused(404_208);
    own.post(&renew, &json!({ "policyKey": "swap" }))
        .await
        .refused(404_208);
}

#[tokio::test]
async fn policies_have_rights_of_their_owner_and_their_number_is_limited() {
    let server = TestServer::start().await;
    let own = server.own_api();
    let put = async |path: &str, rights: &str| own.put(path, &json!({ "rights": rights })).await;
    put(&format!("{POLICIES}/a"), "EnrollmentRead")
        .await
        .refused(400_004);
    put(&format!("{POLICIES}/a"), "").await.refused(400_004);
    put(&format!("{POLICIES}/a"), "Everything").await.refused(400_004);
    own.put(&format!("{POLICIES}/a"), &json!({}))
        .await
        .refused(400_004);
    put("/provost/hubs/none/policies/a", "RegistryRead")
        .await
        .refused(404_206);
    put("/provost/dps/dps/policies/a", "EnrollmentRead").await.ok();
    put("/provost/dps/dps/policies/a", "RegistryRead")
        .await
        .refused(400_004);
    // Five are there from the start.
    for number in 0..11 {
        put(&format!("{POLICIES}/p{number}"), "RegistryRead").await.ok();
    }
    put(&format!("{POLICIES}/one-more"), "RegistryRead")
        .await
        .refused(403_102);
    put(&format!("{POLICIES}/p0"), "RegistryWrite").await.ok();
    let listed = own.get(POLICIES).await.ok();
    assert_eq!(listed["value"].as_array().unwrap().len(), 16);
}

#[tokio::test]
async fn d_06_a_session_that_rests_on_a_policy_ends_when_the_policy_has_another_key() {
    let server = TestServer::start().await;
    device_with_key(&server, "dev-6").await;
    let key = server.hub_key("device");
    let mut session = by_policy(&server, "dev-6", &key).await.expect("the policy may");
    let renew = format!("{POLICIES}/device/renewKey");
    server
        .own_api()
        .post(&renew, &json!({ "policyKey": "primary" }))
        .await
        .ok();
    assert!(session.closed(SOON).await, "the session is closed");
    assert_eq!(connack_code(by_policy(&server, "dev-6", &key).await), 5);
}

/// A gateway connects a device with a token of a policy (iot-hub-device-api.md 3.1).
async fn by_policy(server: &TestServer, id: &str, key: &SymmetricKey) -> Result<MqttClient, DeviceError> {
    let host = &server.hub().host;
    let resource = format!("{host}/devices/{id}");
    let expires_at = server.clock.now().after(Duration::from_hours(1));
    let login = HubConnect::of(server, id).token(&resource, key, expires_at, Some("device"));
    login.connect().await
}
