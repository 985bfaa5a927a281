//! iot-hub-device-api.md 12, iot-hub-service-api.md 11: modules of devices on the wire.

use std::time::Duration;

use provost_model::SymmetricKey;
use provost_testkit::{FixtureAuthority, HubConnect, Leaf, TestServer, connack_code};
use provost_transport::mqtt::codec::QoS;
use serde_json::{Value, json};

use super::device_connect::device_with_key;

const SOON: Duration = Duration::from_secs(10);
const NOT_AUTHORIZED: u8 = 5;

/// A module with keys the hub made.
async fn module_with_key(server: &TestServer, device: &str, module: &str) -> SymmetricKey {
    let body = json!({ "deviceId": device, "moduleId": module });
    let path = format!("/devices/{device}/modules/{module}");
    let made = server.hub_api().put(&path, &body).await.expect(201);
    let key = &made["authentication"]["symmetricKey"]["primaryKey"];
    SymmetricKey::parse(key.as_str().expect("a key")).unwrap()
}

async fn json_heard(client: &mut provost_device::mqtt::MqttClient) -> (String, Value) {
    let message = client.next_publish(SOON).await.unwrap().expect("a message");
    let body = serde_json::from_slice(&message.payload).unwrap_or(Value::Null);
    (message.topic, body)
}

#[tokio::test]
async fn s_01_a_module_is_created_read_updated_and_deleted() {
    let server = TestServer::start().await;
    device_with_key(&server, "cell").await;
    let api = server.hub_api();
    let (path, body) = (
        "/devices/cell/modules/$cam",
        json!({ "moduleId": "$cam", "managedBy": "IotEdge" }),
    );
    let made = api.put(path, &body).await.expect(201);
    for (field, expected) in [
        ("deviceId", json!("cell")),
        ("moduleId", json!("$cam")),
        ("managedBy", json!("IotEdge")),
        ("connectionState", json!("Disconnected")),
        ("lastActivityTime", json!("0001-01-01T00:00:00Z")),
        ("cloudToDeviceMessageCount", json!(0)),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    assert_eq!(api.get(path).await.ok(), made);
    api.put(path, &body).await.refused_by_hub(409_301);
    let other = json!({ "deviceId": "other" });
    api.put_if(path, "*", &other).await.refused_by_hub(400_004);
    // Node sends empty keys with every update: they mean the ones the module has.
    let blank = json!({ "authentication": { "type": "sas",
        "symmetricKey": { "primaryKey": "", "secondaryKey": "" } } });
    let changed = api.put_if(path, "\"*\"", &blank).await.ok();
    assert_eq!(changed["authentication"], made["authentication"]);
    assert_eq!(changed["managedBy"], Value::Null);
    let stale = made["etag"].as_str().unwrap();
    api.put_if(path, stale, &body).await.refused_by_hub(412_001);
    assert_eq!(api.get("/devices/cell/modules").await.ok(), json!([changed]));
    assert_eq!(api.get("/twins/cell/modules/$cam").await.ok()["moduleId"], "$cam");
    api.delete(path).await.no_content();
    api.get(path).await.refused_by_hub(404_010);
    api.get("/twins/cell/modules/$cam").await.refused_by_hub(404_010);
    api.get("/devices/nobody/modules/$cam")
        .await
        .refused_by_hub(404_001);
    api.get("/devices/nobody/modules").await.refused_by_hub(404_001);
}

#[tokio::test]
async fn s_05_bulk_makes_and_removes_modules() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    let items = json!([
        { "id": "cell", "importMode": "create" },
        { "id": "cell", "moduleId": "m1", "importMode": "create", "tags": { "hall": 7 } },
        { "id": "cell", "moduleId": "m2", "importMode": "createOrUpdate" },
    ]);
    assert_eq!(api.post("/devices", &items).await.ok()["isSuccessful"], true);
    assert_eq!(
        api.get("/twins/cell/modules/m1").await.ok()["tags"],
        json!({ "hall": 7 })
    );
    let items = json!([
        { "id": "cell", "moduleId": "m1", "importMode": "delete" },
        { "id": "cell", "moduleId": "m3", "importMode": "update" },
    ]);
    let answer = api.post("/devices", &items).await.expect(400);
    assert_eq!(answer["errors"][0]["deviceId"], "cell");
    assert_eq!(answer["errors"][0]["moduleId"], "m3");
    assert_eq!(answer["errors"][0]["errorCode"], "ModuleNotFound");
    let left = api.get("/devices/cell/modules").await.ok();
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["moduleId"]),
        (1, &json!("m2"))
    );
}

#[expect(clippy::too_many_lines, reason = "one story of a device and its module")]
#[tokio::test]
async fn a_module_lives_on_its_own_topics_and_beside_its_device() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "cell").await;
    let key = module_with_key(&server, "cell", "cam").await;
    let mut own = device.connect(&server).await.unwrap();
    let connect = HubConnect::of(&server, "cell/cam").key(&key);
    let mut client = connect.connect().await.unwrap();
    let filters = [
        "$iothub/twin/res/#",
        "$iothub/twin/PATCH/properties/desired/#",
        "$iothub/methods/POST/#",
        "devices/cell/modules/cam/inputs/#",
        "devices/cell/modules/cam/#",
    ];
    client
        .subscribe(&filters.map(|filter| (filter, QoS::AtMostOnce)))
        .await
        .unwrap();
    let api = server.hub_api();
    assert_eq!(
        api.get("/devices/cell/modules/cam").await.ok()["connectionState"],
        "Connected"
    );

    client
        .publish(
            "devices/cell/modules/cam/messages/events/%24.on=out/",
            b"{}",
            QoS::AtLeastOnce,
        )
        .await
        .unwrap();
    let path = format!("/provost/hubs/{}/telemetry?after=0", server.hub().name);
    let page = api.get(&path).await.ok();
    assert_eq!(page["value"][0]["moduleId"], "cam");

    let desired = json!({ "properties": { "desired": { "rate": 1 } } });
    api.patch("/twins/cell/modules/cam", &desired).await.ok();
    let (topic, body) = json_heard(&mut client).await;
    assert_eq!(topic, "$iothub/twin/PATCH/properties/desired/?$version=2");
    assert_eq!(body["rate"], 1);
    client
        .publish("$iothub/twin/GET/?$rid=1", b"", QoS::AtMostOnce)
        .await
        .unwrap();
    assert_eq!(json_heard(&mut client).await.1["desired"]["rate"], 1);

    let call = json!({ "methodName": "snap", "responseTimeoutInSeconds": 10 });
    let calling = api.post("/twins/cell/modules/cam/methods", &call);
    let answering = async {
        let (topic, _) = json_heard(&mut client).await;
        let (_, rid) = topic.rsplit_once("$rid=").unwrap();
        let topic = format!("$iothub/methods/res/201/?$rid={rid}");
        client.publish(&topic, b"", QoS::AtMostOnce).await.unwrap();
    };
    let (answer, ()) = tokio::join!(calling, answering);
    assert_eq!(answer.ok()["status"], 201);
    own.send_telemetry(b"{}", &[])
        .await
        .expect("the device is not disturbed");

    // What is the device's is not the module's.
    client
        .publish("devices/cell/messages/events/", b"{}", QoS::AtMostOnce)
        .await
        .unwrap();
    assert!(client.closed(SOON).await);
}

#[tokio::test]
async fn d_05_a_modules_token_is_for_the_module_and_of_its_key() {
    let server = TestServer::start().await;
    let (_, device_key) = device_with_key(&server, "cell").await;
    let key = module_with_key(&server, "cell", "cam").await;
    let host = server.hub().host.clone();
    let expires_at = server.clock.now().after(Duration::from_hours(1));
    let connect = |resource: &str, key: &SymmetricKey| {
        let resource = format!("{host}{resource}");
        HubConnect::of(&server, "cell/cam").token(&resource, key, expires_at, None)
    };
    connect("/devices/cell/modules/cam", &key)
        .connect()
        .await
        .unwrap();
    for (resource, key) in [
        ("/devices/cell/modules/cam", &device_key),
        ("/devices/cell/modules/other", &key),
        ("/devices/other/modules/cam", &key),
    ] {
        let refused = connect(resource, key).connect().await;
        assert_eq!(connack_code(refused), NOT_AUTHORIZED, "{resource}");
    }
    let stranger = HubConnect::of(&server, "cell/unknown").key(&key).connect().await;
    assert_eq!(connack_code(stranger), NOT_AUTHORIZED);
}

#[tokio::test]
async fn d_03_a_modules_certificate_names_device_and_module() {
    let server = TestServer::start().await;
    device_with_key(&server, "cell").await;
    let root = FixtureAuthority::root("plant root");
    let upload = json!({ "properties": { "certificate": root.pem(), "isVerified": true } });
    let path = server.hub_authority_path("/plant-root");
    server.management().put(&path, &upload).await.ok();
    let api = server.hub_api();
    let body = json!({ "authentication": { "type": "certificateAuthority" } });
    api.put("/devices/cell/modules/cam", &body).await.expect(201);
    let connect = |leaf: &Leaf| HubConnect::of(&server, "cell/cam").identity(leaf.identity());
    connect(&root.leaf("cell/cam")).connect().await.unwrap();
    for name in ["cell", "cam", "cell/other"] {
        let refused = connect(&root.leaf(name)).connect().await;
        assert_eq!(connack_code(refused), NOT_AUTHORIZED, "{name}");
    }

    let leaf = Leaf::self_signed("anything");
    let body = json!({ "authentication": { "type": "selfSigned",
        "x509Thumbprint": { "primaryThumbprint": leaf.sha256() } } });
    api.put_if("/devices/cell/modules/cam", "*", &body).await.ok();
    connect(&leaf).connect().await.unwrap();
}

#[tokio::test]
async fn d_07_a_disabled_device_takes_its_modules_with_it() {
    let server = TestServer::start().await;
    device_with_key(&server, "cell").await;
    let key = module_with_key(&server, "cell", "cam").await;
    let connect = HubConnect::of(&server, "cell/cam").key(&key);
    let mut client = connect.connect().await.unwrap();
    let api = server.hub_api();
    let set = async |status: &str| {
        let body = json!({ "deviceId": "cell", "status": status });
        api.put_if("/devices/cell", "*", &body).await.ok();
    };
    set("disabled").await;
    assert!(client.closed(SOON).await);
    assert!(connect.connect().await.is_err());
    set("enabled").await;
    let mut client = connect.connect().await.unwrap();
    api.delete("/devices/cell").await.no_content();
    assert!(client.closed(SOON).await);
    assert_eq!(connack_code(connect.connect().await), NOT_AUTHORIZED);
    device_with_key(&server, "cell").await;
    assert_eq!(api.get("/devices/cell/modules").await.ok(), json!([]));
}
