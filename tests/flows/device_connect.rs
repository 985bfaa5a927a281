//! iot-hub-device-api.md 18: how a device connects to its hub, and when it loses the connection.

use std::time::{Duration, Instant};

use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_testkit::{Device, HubConnect, Leaf, TestServer, connack_code, eventually};
use serde_json::{Value, json};

/// CONNACK "not authorized".
const NOT_AUTHORIZED: u8 = 5;
/// How long the hub may take to close a connection.
const SOON: Duration = Duration::from_secs(10);

/// A device with a key in the registry of the hub.
pub(super) async fn device_with_key(server: &TestServer, id: &str) -> (Device, SymmetricKey) {
    let key = SymmetricKey::generate(&SystemRandom);
    let secondary = SymmetricKey::generate(&SystemRandom);
    let body = sas_body(id, &key, &secondary);
    server.hub_api().put(&format!("/devices/{id}"), &body).await.ok();
    (Device::with_key(id, &key), key)
}

pub(super) fn sas_body(id: &str, primary: &SymmetricKey, secondary: &SymmetricKey) -> Value {
    let keys = json!({ "primaryKey": primary.to_base64(), "secondaryKey": secondary.to_base64() });
    json!({ "deviceId": id, "authentication": { "type": "sas", "symmetricKey": keys } })
}

async fn connection_state(server: &TestServer, id: &str) -> String {
    let shown = server.hub_api().get(&format!("/devices/{id}")).await.ok();
    shown["connectionState"].as_str().expect("a state").to_owned()
}

#[tokio::test]
async fn d_01_a_sas_device_connects_over_mqtt_and_websocket() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-1").await;
    for websocket in [false, true] {
        let mut session = device.connect_over(&server, websocket).await.unwrap();
        assert_eq!(
            connection_state(&server, "dev-1").await,
            "Connected",
            "websocket: {websocket}"
        );
        session.send_telemetry(b"{}", &[]).await.unwrap();
        session.disconnect().await;
        eventually("the device is gone", async || {
            (connection_state(&server, "dev-1").await == "Disconnected").then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn d_02_a_self_signed_device_connects_by_either_thumbprint_of_either_length_and_case() {
    let server = TestServer::start().await;
    let (first, second) = (Leaf::self_signed("dev-2"), Leaf::self_signed("dev-2"));
    let stranger = Device::with_leaf(&Leaf::self_signed("dev-2"));
    let spellings: [fn(&Leaf) -> String; 4] = [
        Leaf::sha1,
        Leaf::sha256,
        |leaf| leaf.sha1().to_lowercase(),
        |leaf| leaf.sha256().to_lowercase(),
    ];
    for spell in spellings {
        let thumbprints =
            json!({ "primaryThumbprint": spell(&first), "secondaryThumbprint": spell(&second) });
        let authentication = json!({ "type": "selfSigned", "x509Thumbprint": thumbprints });
        let body = json!({ "deviceId": "dev-2", "authentication": authentication });
        let _ = server.hub_api().delete("/devices/dev-2").await;
        server.hub_api().put("/devices/dev-2", &body).await.ok();
        for leaf in [&first, &second] {
            for websocket in [false, true] {
                Device::with_leaf(leaf)
                    .connect_over(&server, websocket)
                    .await
                    .unwrap();
            }
        }
        assert_eq!(connack_code(stranger.connect(&server).await), NOT_AUTHORIZED);
        assert_eq!(
            connack_code(Device::without_proof("dev-2").connect(&server).await),
            NOT_AUTHORIZED
        );
    }
}

#[tokio::test]
async fn d_04_user_names_of_every_form_are_accepted() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-4").await;
    for tail in [
        "",
        "/",
        "/?api-version=2021-04-12",
        "/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.17",
        "/?DeviceClientType=x&api-version=2020-09-30&model-id=dtmi%3Acom%3Aexample%3BThermostat%3B1",
        "/?api-version=2021-04-12&product-info=a&never-heard-of=b",
    ] {
        let connect = HubConnect::of(&server, "dev-4").key(&key).username_tail(tail);
        assert!(connect.connect().await.is_ok(), "{tail}");
    }
}

#[tokio::test]
async fn d_04_a_client_id_other_than_the_user_name_is_refused() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-4").await;
    for client_id in ["dev-5", "DEV-4", "dev-4/module"] {
        let connect = HubConnect::of(&server, "dev-4").key(&key).client_id(client_id);
        assert_eq!(
            connack_code(connect.connect().await),
            NOT_AUTHORIZED,
            "{client_id}"
        );
    }
}

#[tokio::test]
async fn d_09_a_second_connection_takes_over_and_a_wrong_newcomer_does_not_disturb() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-9").await;
    let mut first = device.connect(&server).await.unwrap();
    let wrong = Device::with_key("dev-9", &SymmetricKey::generate(&SystemRandom));
    assert_eq!(connack_code(wrong.connect(&server).await), NOT_AUTHORIZED);
    first
        .send_telemetry(b"{}", &[])
        .await
        .expect("the first is not disturbed");

    let mut second = device.connect_over(&server, true).await.unwrap();
    assert!(first.closed(SOON).await, "the first is closed");
    second.send_telemetry(b"{}", &[]).await.unwrap();
    assert_eq!(connection_state(&server, "dev-9").await, "Connected");
    let counted = server.hub_api().get("/statistics/service").await.ok();
    assert_eq!(counted["connectedDeviceCount"], 1);
}

#[tokio::test]
async fn d_10_a_silent_device_is_dropped_after_one_and_a_half_keep_alives() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-10").await;
    let (_, pinging_key) = device_with_key(&server, "dev-11").await;
    let connected_at = Instant::now();
    // Nobody waits on this connection, so nothing pings.
    let silent = HubConnect::of(&server, "dev-10")
        .key(&key)
        .keep_alive(2)
        .connect()
        .await
        .unwrap();
    let mut alive = HubConnect::of(&server, "dev-11")
        .key(&pinging_key)
        .keep_alive(2)
        .connect()
        .await
        .unwrap();
    assert_eq!(connection_state(&server, "dev-10").await, "Connected");
    let pinging = tokio::spawn(async move { alive.closed(Duration::from_secs(8)).await });

    eventually("the silent device is dropped", async || {
        (connection_state(&server, "dev-10").await == "Disconnected").then_some(())
    })
    .await;
    let after = connected_at.elapsed();
    assert!(
        (2_900..6_000).contains(&after.as_millis()),
        "dropped after {after:?}, not 3 s"
    );
    assert!(!pinging.await.unwrap(), "a device that pings stays");
    drop(silent);
}
