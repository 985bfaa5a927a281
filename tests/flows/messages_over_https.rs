//! iot-hub-device-api.md 10 and iot-hub-service-api.md 13: the hub's device API over HTTPS, sending to
//! devices, feedback.

use std::time::Duration;

use provost_attestation::sas;
use provost_device::http::{HttpClient, Method};
use provost_model::SymmetricKey;
use provost_testkit::{Answer, Leaf, ServiceApi, TestServer};
use serde_json::{Value, json};

use super::device_connect::device_with_key;

/// The API of a device with this key.
pub(super) fn device_api(server: &TestServer, id: &str, key: &SymmetricKey) -> ServiceApi {
    let resource = format!("{}/devices/{id}", server.hub().host);
    let expires_at = server.clock.now().after(Duration::from_hours(1));
    let token = sas::sign(&resource, key, expires_at, None);
    server.hub_api().authorized(Some(token))
}

/// Sends a message to a device.
pub(super) async fn send(server: &TestServer, id: &str, message: Value) -> Answer {
    let path = format!("/provost/hubs/{}/devices/{id}/messages", server.hub().name);
    server.hub_api().post(&path, &message).await
}

async fn receive(device: &ServiceApi, id: &str) -> Answer {
    device.get(&format!("/devices/{id}/messages/devicebound")).await
}

/// Where a received message is settled.
fn lock_of(id: &str, answer: &Answer) -> String {
    let etag = answer.header("etag").expect("a lock token");
    let token = etag.trim_matches('"');
    assert_eq!(etag, format!("\"{token}\""));
    format!("/devices/{id}/messages/devicebound/{token}")
}

/// What became of messages, by their IDs; read away.
pub(super) async fn feedback(server: &TestServer) -> Vec<(String, String)> {
    let path = "/messages/serviceBound/feedback";
    let answer = server.hub_api().get(path).await;
    if answer.status == 204 {
        return Vec::new();
    }
    let token = answer.header("etag").expect("a lock token");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let records = answer.ok();
    let done = format!("{path}/{}", token.trim_matches('"'));
    server.hub_api().delete(&done).await.no_content();
    let records = records.as_array().expect("records").iter();
    records
        .map(|record| (text(&record["originalMessageId"]), text(&record["statusCode"])))
        .collect()
}

async fn telemetry(server: &TestServer) -> Vec<Value> {
    let path = format!("/provost/hubs/{}/telemetry?after=0", server.hub().name);
    let page = server.hub_api().get(&path).await.ok();
    page["value"].as_array().expect("messages").clone()
}

#[tokio::test]
async fn a_message_comes_with_its_headers_and_is_completed_rejected_or_abandoned() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-1").await;
    let device = device_api(&server, "dev-1", &key);
    let sent = json!({
        "messageId": "m1", "correlationId": "c1", "userId": "u1", "contentType": "text/plain",
        "contentEncoding": "utf-8", "ack": "full", "properties": { "line": "7", "word": "grün" },
        "body": "b24=",
    });
    let told = send(&server, "dev-1", sent).await.ok();
    assert_eq!(told["messageId"], "m1");
    let shown = server.hub_api().get("/devices/dev-1").await.ok();
    assert_eq!(shown["cloudToDeviceMessageCount"], 1);
    let twin = server.hub_api().get("/twins/dev-1").await.ok();
    assert_eq!(twin["cloudToDeviceMessageCount"], 1);

    let answer = receive(&device, "dev-1").await;
    assert_eq!((answer.status, &*answer.raw), (200, &b"on"[..]));
    for (name, value) in [
        ("iothub-messageid", "m1"),
        ("iothub-correlationid", "c1"),
        ("iothub-userid", "u1"),
        ("iothub-ack", "full"),
        ("iothub-to", "/devices/dev-1/messages/deviceBound"),
        ("iothub-deliverycount", "0"),
        ("iothub-contenttype", "text/plain"),
        ("iothub-contentencoding", "utf-8"),
        ("iothub-app-line", "7"),
        ("iothub-expiry", told["expiryTimeUtc"].as_str().unwrap()),
        ("iothub-enqueuedtime", told["enqueuedTimeUtc"].as_str().unwrap()),
    ] {
        assert_eq!(answer.header(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(answer.headers["iothub-app-word"].as_bytes(), "grün".as_bytes());
    // It is locked: nobody gets it now.
    receive(&device, "dev-1").await.no_content();

    let lock = lock_of("dev-1", &answer);
    let abandon = device.post(&format!("{lock}/abandon"), &json!({})).await;
    abandon.no_content();
    let again = receive(&device, "dev-1").await;
    assert_eq!(again.header("iothub-deliverycount").as_deref(), Some("1"));
    device.delete(&lock).await.refused_by_hub(412_002);
    device.delete(&lock_of("dev-1", &again)).await.no_content();
    receive(&device, "dev-1").await.no_content();

    send(&server, "dev-1", json!({ "messageId": "m2", "ack": "negative" }))
        .await
        .ok();
    let second = receive(&device, "dev-1").await;
    let reject = format!("{}?reject", lock_of("dev-1", &second));
    device.delete(&reject).await.no_content();
    let told = |id: &str, word: &str| (id.to_owned(), word.to_owned());
    assert_eq!(
        feedback(&server).await,
        [told("m1", "Success"), told("m2", "Rejected")]
    );
}

#[tokio::test]
async fn feedback_is_held_for_one_reader_at_a_time_and_given_back() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-2").await;
    let api = server.hub_api();
    send(&server, &device.id, json!({ "messageId": "m", "ack": "full" }))
        .await
        .ok();
    let purged = api.delete("/devices/dev-2/commands").await.ok();
    assert_eq!(
        purged,
        json!({ "totalMessagesPurged": 1, "deviceId": "dev-2", "moduleId": null })
    );
    let path = "/messages/serviceBound/feedback";
    let first = api.get(path).await;
    assert_eq!(
        first.header("content-type").as_deref(),
        Some("application/vnd.microsoft.iothub.feedback.json")
    );
    let identity = server.stored().identity("dev-2").await.expect("a device");
    let record = &first.body[0];
    assert_eq!(record["deviceGenerationId"], identity.generation_id.as_str());
    assert_eq!(
        (&record["deviceId"], &record["statusCode"], &record["description"]),
        (&json!("dev-2"), &json!("Purged"), &json!("Purged"))
    );
    api.get(path).await.no_content();
    let token = first.header("etag").expect("a token").replace('"', "");
    api.post(&format!("{path}/{token}/abandon"), &json!({}))
        .await
        .no_content();
    assert_eq!(feedback(&server).await, [("m".to_owned(), "Purged".to_owned())]);
    api.delete(&format!("{path}/{token}"))
        .await
        .refused_by_hub(412_002);
}

#[tokio::test]
async fn a_message_ends_when_its_time_is_over_and_after_so_many_deliveries() {
    let (server, clock) = TestServer::start_with_clock_configured(|config| {
        config.messages.max_delivery_count = 2;
    })
    .await;
    let (_, key) = device_with_key(&server, "dev-3").await;
    let device = device_api(&server, "dev-3", &key);
    send(
        &server,
        "dev-3",
        json!({ "messageId": "counted", "ack": "negative" }),
    )
    .await
    .ok();
    for delivery in ["0", "1"] {
        let answer = receive(&device, "dev-3").await;
        assert_eq!(answer.header("iothub-deliverycount").as_deref(), Some(delivery));
        clock.advance(Duration::from_mins(1));
    }
    receive(&device, "dev-3").await.no_content();
    send(
        &server,
        "dev-3",
        json!({ "messageId": "late", "ack": "negative" }),
    )
    .await
    .ok();
    clock.advance(Duration::from_hours(1));
    let device = device_api(&server, "dev-3", &key);
    receive(&device, "dev-3").await.no_content();
    let told = |id: &str, word: &str| (id.to_owned(), word.to_owned());
    // The feedback on the first is an hour old by now, and gone.
    assert_eq!(feedback(&server).await, [told("late", "Expired")]);
    let shown = server.hub_api().get("/devices/dev-3").await.ok();
    assert_eq!(shown["cloudToDeviceMessageCount"], 0);
}

#[tokio::test]
async fn messages_survive_a_restart_in_the_middle_of_a_delivery() {
    let mut server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-4").await;
    for name in ["a", "b"] {
        send(&server, "dev-4", json!({ "messageId": name, "ack": "full" }))
            .await
            .ok();
    }
    let taken = receive(&device_api(&server, "dev-4", &key), "dev-4").await;
    server.restart().await;
    let device = device_api(&server, "dev-4", &key);
    let next = receive(&device, "dev-4").await;
    assert_eq!(next.header("iothub-messageid").as_deref(), Some("b"));
    // The lock of before still holds.
    device.delete(&lock_of("dev-4", &taken)).await.no_content();
    assert_eq!(feedback(&server).await, [("a".to_owned(), "Success".to_owned())]);
}

#[tokio::test]
async fn sending_is_refused_with_the_numbers_of_the_hub() {
    let server = TestServer::start().await;
    let (_, _) = device_with_key(&server, "dev-5").await;
    send(&server, "nobody", json!({})).await.refused_by_hub(404_001);
    send(&server, "dev-5", json!({ "body": "!" }))
        .await
        .refused_by_hub(400_004);
    send(&server, "dev-5", json!([])).await.refused_by_hub(400_006);
    let large = "A".repeat(4 * 30_000);
    send(&server, "dev-5", json!({ "body": large }))
        .await
        .refused_by_hub(413_001);
    for _ in 0..50 {
        send(&server, "dev-5", json!({})).await.ok();
    }
    send(&server, "dev-5", json!({})).await.refused_by_hub(403_004);
}

#[tokio::test]
async fn events_come_one_by_one_with_headers_and_in_batches() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-6").await;
    let device = device_api(&server, "dev-6", &key);
    let path = "/devices/dev-6/messages/events";
    let headers = [
        ("IoTHub-MessageId", "m1"),
        ("iothub-contenttype", "text/plain"),
        ("iothub-app-line", "7"),
        ("iothub-to", path),
    ];
    let raw = device
        .send_bytes("POST", path, &headers, Some("plain text".into()))
        .await;
    raw.no_content();
    let batch = json!([
        { "body": "YQ==", "properties": { "iothub-app-Line": "8" } },
        { "body": "b", "base64Encoded": false },
    ]);
    let kind = [("content-type", "application/vnd.microsoft.iothub.json")];
    device.send("POST", path, &kind, Some(&batch)).await.no_content();
    let heard = telemetry(&server).await;
    let bodies: Vec<&str> = heard
        .iter()
        .map(|message| message["body"].as_str().unwrap())
        .collect();
    assert_eq!(bodies, ["cGxhaW4gdGV4dA==", "YQ==", "Yg=="]);
    assert_eq!(heard[0]["properties"], json!({ "line": "7" }));
    assert_eq!(heard[0]["systemProperties"]["mid"], "m1");
    assert_eq!(heard[0]["systemProperties"]["ct"], "text/plain");
    assert_eq!(heard[1]["properties"], json!({ "Line": "8" }));
    let shown = server.hub_api().get("/devices/dev-6").await.ok();
    assert_ne!(shown["lastActivityTime"], "0001-01-01T00:00:00Z");
    // HTTPS is no connection.
    assert_eq!(shown["connectionState"], "Disconnected");

    let broken = device.send("POST", path, &kind, Some(&json!([1]))).await;
    broken.refused_by_hub(400_006);
    let large = vec![b'x'; 257 * 1024].into();
    device
        .send_bytes("POST", path, &[], Some(large))
        .await
        .refused_by_hub(413_001);
}

#[tokio::test]
async fn a_module_sends_events_with_its_own_token() {
    let server = TestServer::start().await;
    device_with_key(&server, "dev-7").await;
    let api = server.hub_api();
    let body = json!({ "deviceId": "dev-7", "moduleId": "m1" });
    let module = api.put("/devices/dev-7/modules/m1", &body).await.expect(201);
    let key = &module["authentication"]["symmetricKey"]["primaryKey"];
    let key = SymmetricKey::parse(key.as_str().unwrap()).unwrap();
    let resource = format!("{}/devices/dev-7/modules/m1", server.hub().host);
    let expires_at = server.clock.now().after(Duration::from_hours(1));
    let token = sas::sign(&resource, &key, expires_at, None);
    let module = api.authorized(Some(token));
    let path = "/devices/dev-7/modules/m1/messages/events";
    module
        .send_bytes("POST", path, &[], Some("x".into()))
        .await
        .no_content();
    assert_eq!(telemetry(&server).await.len(), 1);
    // It is not its device.
    receive(&module, "dev-7").await.refused_by_hub(401_003);
}

#[tokio::test]
async fn a_certificate_proves_a_device_over_https_as_it_does_over_mqtt() {
    let server = TestServer::start().await;
    let leaf = Leaf::self_signed("dev-8");
    let (thumbprint, path) = (leaf.sha256(), "/devices/dev-8/messages/events");
    let body = json!({ "deviceId": "dev-8", "authentication": { "type": "selfSigned",
        "x509Thumbprint": { "primaryThumbprint": thumbprint } } });
    server.hub_api().put("/devices/dev-8", &body).await.ok();
    let target = server.https(&server.hub().host);
    let address = format!("{path}?api-version=2021-04-12");
    for (leaf, status) in [(&leaf, 204), (&Leaf::self_signed("dev-8"), 401)] {
        let tls = server.tls(Some(&leaf.identity()));
        let mut client = HttpClient::connect(&target, &tls).await.unwrap();
        let answer = client
            .request(Method::POST, &address, &[], Some("x".into()))
            .await
            .unwrap();
        assert_eq!(answer.status.as_u16(), status);
    }
}

#[tokio::test]
async fn d_22_an_unknown_device_and_a_wrong_key_are_answered_alike_and_disabled_is_told_to_the_device() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-9").await;
    let (_, wrong) = device_with_key(&server, "dev-10").await;
    let mut told = Vec::new();
    for (id, key) in [("dev-9", &wrong), ("nobody", &wrong)] {
        let answer = receive(&device_api(&server, id, key), id).await;
        answer.refused_by_hub(401_003);
        told.push(answer.body["Message"].clone());
    }
    assert_eq!(told[0], told[1]);
    let body = super::device_connect::sas_body("dev-9", &key, &key);
    let mut disabled = body;
    disabled["status"] = json!("disabled");
    server
        .hub_api()
        .put_if("/devices/dev-9", "*", &disabled)
        .await
        .ok();
    receive(&device_api(&server, "dev-9", &key), "dev-9")
        .await
        .refused_by_hub(403_012);
    receive(&device_api(&server, "dev-9", &wrong), "dev-9")
        .await
        .refused_by_hub(401_003);
}

#[tokio::test]
async fn file_upload_is_refused_clearly_and_only_to_the_device_itself() {
    let server = TestServer::start().await;
    let (_, key) = device_with_key(&server, "dev-11").await;
    let device = device_api(&server, "dev-11", &key);
    for path in [
        "/devices/dev-11/files",
        "/devices/dev-11/files/notifications",
        "/devices/dev-11/files/notifications/c1",
    ] {
        let refused = device.post(path, &json!({ "blobName": "b" })).await;
        refused.refused_by_hub(400_022);
        assert!(
            refused.body["Message"]
                .as_str()
                .unwrap()
                .contains("not configured")
        );
        let nobody = server.hub_api().authorized(None);
        nobody.post(path, &json!({})).await.refused_by_hub(401_003);
    }
}
