//! iot-hub-service-api.md 19: device identities.

use std::time::Duration;

use provost_attestation::sas;
use provost_model::ambient::SystemRandom;
use provost_model::{AccessRight, AccessRights, SymmetricKey};
use provost_testkit::{Leaf, TestServer, connack_code, service_token};
use serde_json::{Value, json};

use super::device_connect::device_with_key;

/// Times are never null: C# cannot read that.
fn assert_times(device: &Value) {
    for member in [
        "connectionStateUpdatedTime",
        "statusUpdatedTime",
        "lastActivityTime",
    ] {
        let text = device[member]
            .as_str()
            .unwrap_or_else(|| panic!("{member}: {device}"));
        assert!(text.ends_with('Z') && text.len() >= 20, "{member}: {text}");
    }
    assert_eq!(device["cloudToDeviceMessageCount"], 0);
}

#[tokio::test]
async fn s_01_a_device_is_created_read_updated_disabled_enabled_and_deleted() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    let made = api
        .put("/devices/dev-1", &json!({ "deviceId": "dev-1" }))
        .await
        .ok();
    assert_times(&made);
    assert_eq!(
        (&made["status"], &made["connectionState"]),
        (&json!("enabled"), &json!("Disconnected"))
    );
    assert_eq!(api.get("/devices/dev-1").await.ok(), made);
    let mut etags = vec![made["etag"].clone()];
    let mut device = made.clone();
    for status in ["disabled", "enabled"] {
        device["status"] = json!(status);
        device["statusReason"] = json!("on purpose");
        device = api.put_if("/devices/dev-1", "*", &device).await.ok();
        assert_times(&device);
        assert_eq!(
            (&device["status"], &device["statusReason"]),
            (&json!(status), &json!("on purpose"))
        );
        assert!(
            !etags.contains(&device["etag"]),
            "the etag changes with each write"
        );
        etags.push(device["etag"].clone());
        assert_eq!(device["generationId"], made["generationId"]);
        assert_eq!(
            device["authentication"]["symmetricKey"],
            made["authentication"]["symmetricKey"]
        );
    }
    let listed = api.get("/devices?top=10").await.ok();
    assert_eq!(listed, json!([device]));
    api.delete("/devices/dev-1").await.no_content();
    api.get("/devices/dev-1").await.refused_by_hub(404_001);
    api.delete("/devices/dev-1").await.refused_by_hub(404_001);
    assert!(server.stored().identity("dev-1").await.is_none());
}

#[tokio::test]
async fn s_12_an_address_of_the_hub_with_a_mistake_in_it_has_the_hubs_error_shape() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    api.get("/devices?top=many").await.refused_by_hub(400_004);
    api.get("/devices/has%20space").await.refused_by_hub(400_004);
    api.get("/twins/%FF").await.refused_by_hub(400_004);
}

#[tokio::test]
async fn s_02_creating_twice_and_stale_etags_are_refused_and_every_spelling_of_any_works() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    let body = json!({ "deviceId": "dev-2" });
    let etag = api.put("/devices/dev-2", &body).await.ok()["etag"]
        .as_str()
        .unwrap()
        .to_owned();
    api.put("/devices/dev-2", &body).await.refused_by_hub(409_001);
    let quoted = format!("\"{etag}\"");
    let next = api.put_if("/devices/dev-2", &quoted, &body).await.ok()["etag"]
        .as_str()
        .unwrap()
        .to_owned();
    for stale in [&etag, &quoted] {
        api.put_if("/devices/dev-2", stale, &body)
            .await
            .refused_by_hub(412_001);
        let headers = [("if-match", stale.as_str())];
        api.send("DELETE", "/devices/dev-2", &headers, None)
            .await
            .refused_by_hub(412_001);
    }
    api.put_if("/devices/dev-2", &next, &body).await.ok();
    for any in ["*", "\"*\""] {
        api.put_if("/devices/dev-2", any, &body).await.ok();
        api.put_if("/devices/never-made", any, &json!({ "deviceId": "never-made" }))
            .await
            .refused_by_hub(404_001);
    }
    api.send("DELETE", "/devices/dev-2", &[], None).await.no_content();
    for any in ["*", "\"*\""] {
        api.put("/devices/dev-2", &body).await.ok();
        api.send("DELETE", "/devices/dev-2", &[("if-match", any)], None)
            .await
            .no_content();
    }
}

#[tokio::test]
async fn s_03_keys_are_generated_or_kept_thumbprints_checked_and_the_type_may_change() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    let made = api
        .put("/devices/dev-3", &json!({ "deviceId": "dev-3" }))
        .await
        .ok();
    let keys = &made["authentication"]["symmetricKey"];
    let key = |member: &str| SymmetricKey::parse(keys[member].as_str().unwrap()).expect("a key");
    assert_ne!(key("primaryKey").to_base64(), key("secondaryKey").to_base64());
    // Node sends empty keys with every update.
    let blank = json!({ "type": "sas", "symmetricKey": { "primaryKey": "", "secondaryKey": "" } });
    let kept = api
        .put_if(
            "/devices/dev-3",
            "*",
            &json!({ "deviceId": "dev-3", "authentication": blank }),
        )
        .await
        .ok();
    assert_eq!(&kept["authentication"]["symmetricKey"], keys);

    let own = ["a", "b"].map(|_| SymmetricKey::generate(&SystemRandom).to_base64());
    let given = json!({ "type": "sas", "symmetricKey": { "primaryKey": own[0], "secondaryKey": own[1] } });
    let shown = api
        .put_if(
            "/devices/dev-3",
            "*",
            &json!({ "deviceId": "dev-3", "authentication": given }),
        )
        .await
        .ok();
    assert_eq!(shown["authentication"]["symmetricKey"], given["symmetricKey"]);

    let leaf = Leaf::self_signed("dev-3");
    for (thumbprint, is_good) in [
        (leaf.sha1(), true),
        (leaf.sha256().to_lowercase(), true),
        ("12AB".to_owned(), false),
        ("Z".repeat(40), false),
        (leaf.sha256() + "00", false),
    ] {
        let thumbprints = json!({ "primaryThumbprint": thumbprint });
        let authentication = json!({ "type": "selfSigned", "x509Thumbprint": thumbprints });
        let body = json!({ "deviceId": "dev-3", "authentication": authentication });
        let answer = api.put_if("/devices/dev-3", "*", &body).await;
        if is_good {
            assert_eq!(answer.ok()["authentication"]["type"], "selfSigned");
        } else {
            answer.refused_by_hub(400_004);
        }
    }
    let short = json!({ "type": "sas", "symmetricKey": { "primaryKey": "AAAA", "secondaryKey": "AAAA" } });
    let answer = api
        .put_if(
            "/devices/dev-3",
            "*",
            &json!({ "deviceId": "dev-3", "authentication": short }),
        )
        .await;
    answer.refused_by_hub(400_004);
    api.put_if("/devices/dev-3", "*", &json!({ "deviceId": "dev-4" }))
        .await
        .refused_by_hub(400_004);
}

#[tokio::test]
async fn s_04_a_missing_right_a_bad_token_and_a_removed_policy_are_refused() {
    let server = TestServer::start().await;
    device_with_key(&server, "dev-4").await;
    let (api, host) = (server.hub_api(), server.hub().host.clone());
    let with = |token: String| api.authorized(Some(token));
    for (policy, reads) in [
        ("registryRead", true),
        ("registryReadWrite", true),
        ("service", false),
        ("device", false),
    ] {
        let answer = with(service_token(
            &host,
            policy,
            &server.hub_key(policy),
            &*server.clock,
        ))
        .get("/devices/dev-4")
        .await;
        if reads {
            answer.ok();
        } else {
            answer.refused_by_hub(401_002);
        }
    }
    let key = server.hub_key("iothubowner");
    let over = server.clock.now().before(Duration::from_mins(6));
    let expired = sas::sign(&host, &key, over, Some("iothubowner"));
    with(expired).get("/devices/dev-4").await.refused_by_hub(401_003);
    let wrong = SymmetricKey::generate(&SystemRandom);
    with(service_token(&host, "iothubowner", &wrong, &*server.clock))
        .get("/devices/dev-4")
        .await
        .refused_by_hub(401_003);
    with("SharedAccessSignature sr=x".to_owned())
        .get("/devices/dev-4")
        .await
        .refused_by_hub(401_003);
    api.authorized(None)
        .get("/devices/dev-4")
        .await
        .refused_by_hub(401_003);

    let rights = AccessRights::of(&[AccessRight::RegistryRead]);
    let key = server.stored().add_hub_policy("audit", rights).await;
    let auditor = with(service_token(&host, "audit", &key, &*server.clock));
    auditor.get("/devices/dev-4").await.ok();
    server.stored().remove_hub_policy("audit").await;
    auditor.get("/devices/dev-4").await.refused_by_hub(401_003);
}

#[tokio::test]
async fn s_12_header_and_body_of_an_error_name_the_same_thing() {
    // `refused_by_hub` compares status, header and body; here are the codes the other rules leave.
    let server = TestServer::start().await;
    let api = server.hub_api();
    api.send_bytes("PUT", "/devices/dev-12", &[], Some("{\"deviceId\":".into()))
        .await
        .refused_by_hub(400_006);
    let items: Vec<Value> = (0..101)
        .map(|n| json!({ "id": format!("d{n}"), "importMode": "create" }))
        .collect();
    api.post("/devices", &Value::Array(items))
        .await
        .refused_by_hub(413_002);
    let twice = json!([{ "id": "d", "importMode": "create" }, { "id": "d", "importMode": "create" }]);
    api.post("/devices", &twice).await.refused_by_hub(400_011);
    let unversioned = api.send("GET", "/devices/dev-12?", &[], None).await;
    unversioned.refused_by_hub(404_001);
    api.patch("/twins/dev-12", &json!({ "tags": {} }))
        .await
        .refused_by_hub(404_001);
}

#[tokio::test]
async fn s_14_deleting_a_connected_device_closes_its_session_and_forgets_its_twin() {
    let server = TestServer::start().await;
    let (device, key) = device_with_key(&server, "dev-14").await;
    let api = server.hub_api();
    api.patch("/twins/dev-14", &json!({ "tags": { "hall": 7 } }))
        .await
        .ok();
    let before = api.get("/devices/dev-14").await.ok();
    let mut session = device.connect(&server).await.unwrap();
    api.delete("/devices/dev-14").await.no_content();

    assert!(
        session.closed(Duration::from_secs(10)).await,
        "the session is closed"
    );
    assert_eq!(connack_code(device.connect(&server).await), 5);
    api.get("/twins/dev-14").await.refused_by_hub(404_001);
    let again = super::device_connect::sas_body("dev-14", &key, &key);
    let after = api.put("/devices/dev-14", &again).await.ok();
    assert_ne!(after["generationId"], before["generationId"]);
    assert_eq!(api.get("/twins/dev-14").await.ok()["tags"], json!({}));
    device.connect(&server).await.expect("the new identity connects");
}

#[tokio::test]
async fn s_15_statistics_follow_every_change() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    let devices = async |total: u64, enabled: u64, disabled: u64| {
        let counted = api.get("/statistics/devices").await.ok();
        let expected = json!({
            "totalDeviceCount": total, "enabledDeviceCount": enabled, "disabledDeviceCount": disabled,
        });
        assert_eq!(counted, expected);
    };
    let connected = async || {
        api.get("/statistics/service").await.ok()["connectedDeviceCount"]
            .as_u64()
            .unwrap()
    };
    devices(0, 0, 0).await;
    let (device, _) = device_with_key(&server, "dev-1").await;
    api.put(
        "/devices/dev-2",
        &json!({ "deviceId": "dev-2", "status": "disabled" }),
    )
    .await
    .ok();
    devices(2, 1, 1).await;
    assert_eq!(connected().await, 0);
    let session = device.connect(&server).await.unwrap();
    assert_eq!(connected().await, 1);
    api.put_if("/devices/dev-2", "*", &json!({ "deviceId": "dev-2" }))
        .await
        .ok();
    devices(2, 2, 0).await;
    api.delete("/devices/dev-2").await.no_content();
    devices(1, 1, 0).await;
    session.disconnect().await;
    provost_testkit::eventually("nobody is connected", async || {
        (connected().await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn s_05_a_bulk_of_a_hundred_does_each_item_on_its_own() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    let create = |n: usize| json!({ "id": format!("dev-{n:03}"), "importMode": "create" });
    let first: Vec<Value> = (0..10).map(create).collect();
    let done = api.post("/devices", &Value::Array(first)).await.ok();
    assert_eq!(
        done,
        json!({ "isSuccessful": true, "errors": [], "warnings": [] })
    );

    // Ten exist, one cannot be found, the rest is done all the same.
    let mut items: Vec<Value> = (0..99).map(create).collect();
    items.push(json!({ "id": "nobody", "importMode": "update", "status": "disabled" }));
    let mixed = api.post("/devices", &Value::Array(items)).await.expect(400);
    assert_eq!(mixed["isSuccessful"], false);
    let errors = mixed["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 11);
    for (number, error) in errors.iter().take(10).enumerate() {
        assert_eq!(error["deviceId"], format!("dev-{number:03}"));
        assert_eq!(error["errorCode"], "DeviceAlreadyExists");
        assert!(error["errorStatus"].is_string());
    }
    assert_eq!(errors[10]["deviceId"], "nobody");
    assert_eq!(errors[10]["errorCode"], "DeviceNotFound");
    let counted = api.get("/statistics/devices").await.ok();
    assert_eq!(counted["totalDeviceCount"], 99);

    let items: Vec<Value> = (100..201).map(create).collect();
    api.post("/devices", &Value::Array(items))
        .await
        .refused_by_hub(413_002);
    let counted = api.get("/statistics/devices").await.ok();
    assert_eq!(counted["totalDeviceCount"], 99, "nothing was done");
}

#[tokio::test]
async fn s_03_keys_of_many_devices_are_renewed_and_sessions_of_the_old_key_end() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    let (device, key) = device_with_key(&server, "dev-1").await;
    api.put(
        "/devices/dev-2",
        &json!({ "deviceId": "dev-2", "authentication": { "type": "certificateAuthority" } }),
    )
    .await
    .ok();
    let before = api.get("/devices/dev-1").await.ok();
    let mut session = device.connect(&server).await.unwrap();
    let renew = async |which: &str, devices: Value| {
        let body = json!({ "policyKey": which, "devices": devices });
        api.post("/devices/keys/regenerate", &body).await
    };

    // The key the session does not rest on.
    renew("secondary", json!(["dev-1"])).await.ok();
    session.send_telemetry(b"{}", &[]).await.expect("still connected");
    let answer = renew(
        "primary",
        json!([{ "id": "dev-1" }, { "id": "dev-2" }, { "id": "dev-3" }]),
    )
    .await
    .ok();
    assert!(
        session.closed(Duration::from_secs(10)).await,
        "the session is closed"
    );
    assert_eq!(connack_code(device.connect(&server).await), 5);
    let after = api.get("/devices/dev-1").await.ok();
    assert_ne!(after["etag"], before["etag"]);
    let (keys, told) = (
        &after["authentication"]["symmetricKey"],
        &answer["rotatedKeys"][0],
    );
    assert_eq!(
        (&told["id"], &told["authentication"]["symmetricKey"]),
        (&json!("dev-1"), keys)
    );
    assert_ne!(keys["primaryKey"], key.to_base64());
    let codes: Vec<&Value> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["errorCode"])
        .collect();
    assert_eq!(codes, ["ArgumentInvalid", "DeviceNotFound"]);

    renew("swap", json!(["dev-1"])).await.ok();
    let swapped = api.get("/devices/dev-1").await.ok();
    let swapped = &swapped["authentication"]["symmetricKey"];
    assert_eq!(swapped["primaryKey"], keys["secondaryKey"]);
    assert_eq!(swapped["secondaryKey"], keys["primaryKey"]);

    let many: Vec<String> = (0..101).map(|number| format!("d{number}")).collect();
    renew("primary", json!(many)).await.refused_by_hub(413_002);
    renew("primary", json!(["dev-1", "dev-1"]))
        .await
        .refused_by_hub(400_011);
    renew("both", json!(["dev-1"])).await.refused_by_hub(400_004);
}

#[tokio::test]
async fn s_12_what_is_not_served_says_so() {
    let server = TestServer::start().await;
    let api = server.hub_api();
    assert_eq!(api.get("/configurations").await.ok(), json!([]));
    for (method, path) in [
        ("GET", "/configurations/c1"),
        ("PUT", "/configurations/c1"),
        ("DELETE", "/configurations/c1"),
        ("POST", "/configurations/testQueries"),
        ("POST", "/devices/dev-1/applyConfigurationContent"),
        ("GET", "/digitaltwins/dev-1"),
        ("PATCH", "/digitaltwins/dev-1"),
        ("POST", "/digitaltwins/dev-1/components/a/commands/b"),
    ] {
        let answer = api.send(method, path, &[], Some(&json!({}))).await;
        answer.refused_by_hub(403_010);
        assert!(
            answer.body["Message"]
                .as_str()
                .unwrap()
                .contains("not offered here"),
            "{}",
            answer.body
        );
    }
}
