//! iot-hub-device-api.md 18: which credential a hub takes.

use std::time::Duration;

use provost_model::ambient::SystemRandom;
use provost_model::{SymmetricKey, Timestamp};
use provost_testkit::{Device, HubConnect, Leaf, TestServer, connack_code};
use serde_json::json;

use super::device_connect::{device_with_key, sas_body};

/// CONNACK "not authorized".
const NOT_AUTHORIZED: u8 = 5;

fn in_an_hour(server: &TestServer) -> Timestamp {
    server.clock.now().after(Duration::from_hours(1))
}

#[tokio::test]
async fn d_05_wrong_key_expired_token_and_another_devices_token_are_refused() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-5").await;
    let (_, other_key) = device_with_key(&server, "dev-6").await;
    let host = server.hub().host.clone();
    let own = format!("{host}/devices/dev-5");
    let connect = HubConnect::of(&server, "dev-5");
    let soon = in_an_hour(&server);
    let wrong = connect.clone().token(&own, &other_key, soon, None);
    // Beyond what clocks may differ by.
    let over = server.clock.now().before(Duration::from_mins(6));
    let expired = connect.clone().token(&own, &key, over, None);
    let foreign = connect
        .clone()
        .token(&format!("{host}/devices/dev-6"), &key, soon, None);
    let longer = connect
        .clone()
        .token(&format!("{host}/devices/dev-"), &key, soon, None);
    let none = connect.clone();
    for (what, connect) in [
        ("wrong key", wrong),
        ("expired", expired),
        ("foreign", foreign),
        ("prefix", longer),
        ("none", none),
    ] {
        assert_eq!(connack_code(connect.connect().await), NOT_AUTHORIZED, "{what}");
    }
    let behind = server.clock.now().before(Duration::from_mins(4));
    for expires_at in [soon, behind] {
        connect
            .clone()
            .token(&own, &key, expires_at, None)
            .connect()
            .await
            .expect("a good token");
    }
}

#[tokio::test]
async fn d_05_the_secondary_key_connects_after_the_primary_was_made_anew() {
    let server = TestServer::start().await;
    let keys = [(); 3].map(|()| SymmetricKey::generate(&SystemRandom));
    let [old, secondary, new] = &keys;
    server
        .hub_api()
        .put("/devices/dev-5", &sas_body("dev-5", old, secondary))
        .await
        .ok();
    server
        .hub_api()
        .put_if("/devices/dev-5", "*", &sas_body("dev-5", new, secondary))
        .await
        .ok();

    assert_eq!(
        connack_code(Device::with_key("dev-5", old).connect(&server).await),
        NOT_AUTHORIZED
    );
    for key in [secondary, new] {
        Device::with_key("dev-5", key)
            .connect(&server)
            .await
            .expect("either key");
    }
}

#[tokio::test]
async fn d_06_a_policys_token_admits_existing_devices_only() {
    let server = TestServer::start().await;
    device_with_key(&server, "dev-6").await;
    let (host, soon) = (server.hub().host.clone(), in_an_hour(&server));
    let policy = |id: &str, policy: &str| {
        let key = server.hub_key(policy);
        HubConnect::of(&server, id).token(&host, &key, soon, Some(policy))
    };
    for granting in ["device", "iothubowner"] {
        policy("dev-6", granting)
            .connect()
            .await
            .expect("the policy lets devices connect");
        assert_eq!(
            connack_code(policy("dev-7", granting).connect().await),
            NOT_AUTHORIZED,
            "unknown device"
        );
    }
    for other in ["service", "registryRead", "registryReadWrite"] {
        assert_eq!(
            connack_code(policy("dev-6", other).connect().await),
            NOT_AUTHORIZED,
            "{other}"
        );
    }
    let mislabelled =
        HubConnect::of(&server, "dev-6").token(&host, &server.hub_key("service"), soon, Some("device"));
    assert_eq!(connack_code(mislabelled.connect().await), NOT_AUTHORIZED);
}

#[tokio::test]
async fn d_22_no_answer_tells_whether_a_device_exists_before_its_credential_is_proven() {
    let server = TestServer::start().await;
    let leaf = Leaf::self_signed("by-leaf");
    let thumbprint = json!({ "primaryThumbprint": leaf.sha256() });
    let by_leaf = json!({ "type": "selfSigned", "x509Thumbprint": thumbprint });
    for (id, status) in [("by-leaf", "enabled"), ("disabled-leaf", "disabled")] {
        let body = json!({ "deviceId": id, "status": status, "authentication": by_leaf });
        server.hub_api().put(&format!("/devices/{id}"), &body).await.ok();
    }
    device_with_key(&server, "by-key").await;
    let mut disabled = sas_body("disabled-key", &random_key(), &random_key());
    disabled["status"] = json!("disabled");
    server
        .hub_api()
        .put("/devices/disabled-key", &disabled)
        .await
        .ok();

    let wrong_leaf = Leaf::self_signed("whoever").identity();
    for id in ["by-key", "disabled-key", "by-leaf", "disabled-leaf", "unknown"] {
        let connect = HubConnect::of(&server, id);
        let with_key = connect.clone().key(&random_key()).connect().await;
        assert_eq!(connack_code(with_key), NOT_AUTHORIZED, "{id} with a wrong key");
        let with_leaf = connect.clone().identity(wrong_leaf.clone()).connect().await;
        assert_eq!(
            connack_code(with_leaf),
            NOT_AUTHORIZED,
            "{id} with a wrong certificate"
        );
        assert_eq!(
            connack_code(connect.connect().await),
            NOT_AUTHORIZED,
            "{id} with nothing"
        );
    }
}

#[tokio::test]
async fn d_22_disabled_is_told_to_the_device_that_proved_itself() {
    const UNAVAILABLE: u8 = 3;
    let server = TestServer::start().await;
    let (device, key) = device_with_key(&server, "dev-22").await;
    let mut body = sas_body("dev-22", &key, &random_key());
    body["status"] = json!("disabled");
    server.hub_api().put_if("/devices/dev-22", "*", &body).await.ok();
    assert_eq!(connack_code(device.connect(&server).await), UNAVAILABLE);
    body["status"] = json!("enabled");
    server.hub_api().put_if("/devices/dev-22", "*", &body).await.ok();
    device.connect(&server).await.expect("it comes back once enabled");
}

fn random_key() -> SymmetricKey {
    SymmetricKey::generate(&SystemRandom)
}
