//! iot-hub-service-api.md 19: S-06, twins as a back end sees them.

use std::time::Duration;

use provost_device::hub::HubEvent;
use provost_testkit::{ServiceApi, TestServer};
use serde_json::{Map, Value, json};

use super::device_connect::device_with_key;

const PATH: &str = "/twins/dev-6";

async fn twin() -> (TestServer, ServiceApi) {
    let server = TestServer::start().await;
    device_with_key(&server, "dev-6").await;
    let api = server.hub_api();
    (server, api)
}

fn without_metadata(section: &Value) -> Map<String, Value> {
    let mut section = section.as_object().unwrap().clone();
    section.remove("$metadata").expect("metadata");
    section
}

#[tokio::test]
async fn s_06_a_patch_merges_and_null_deletes() {
    let (_server, api) = twin().await;
    let patch = json!({ "tags": { "a": 1, "b": { "c": 2 } }, "properties": { "desired": { "x": { "y": 1 }, "z": 2 } } });
    api.patch(PATH, &patch).await.ok();
    let patch = json!({ "tags": { "a": null, "b": { "d": 3 } }, "properties": { "desired": { "x": { "w": 4 }, "z": null } } });
    let twin = api.patch(PATH, &patch).await.ok();
    assert_eq!(twin["tags"], json!({ "b": { "c": 2, "d": 3 } }));
    let desired = without_metadata(&twin["properties"]["desired"]);
    assert_eq!(
        Value::Object(desired),
        json!({ "x": { "y": 1, "w": 4 }, "$version": 3 })
    );
    assert_eq!(api.get(PATH).await.ok(), twin);
}

#[tokio::test]
async fn s_06_a_put_replaces_tags_and_desired_as_wholes() {
    let (_server, api) = twin().await;
    let patch = json!({ "tags": { "a": 1 }, "properties": { "desired": { "x": 1, "y": 2 } } });
    api.patch(PATH, &patch).await.ok();
    let replacement = json!({ "tags": { "b": 2 }, "properties": { "desired": { "y": 3 } } });
    let twin = api.put_if(PATH, "*", &replacement).await.ok();
    assert_eq!(twin["tags"], json!({ "b": 2 }));
    let desired = without_metadata(&twin["properties"]["desired"]);
    assert_eq!(Value::Object(desired), json!({ "y": 3, "$version": 3 }));
    let cleared = api.put_if(PATH, "*", &json!({ "tags": null })).await.ok();
    assert_eq!(cleared["tags"], json!({}));
}

#[tokio::test]
async fn s_06_etags_guard_writes_and_versions_count() {
    let (_server, api) = twin().await;
    let first = api.get(PATH).await.ok();
    assert_eq!(first["version"], 2);
    let etag = first["etag"].as_str().unwrap();
    let tags = json!({ "tags": { "a": 1 } });
    let headers = [("if-match", etag)];
    let second = api.send("PATCH", PATH, &headers, Some(&tags)).await.ok();
    assert_eq!(second["version"], 3);
    assert_ne!(second["etag"], first["etag"]);
    assert_eq!(
        second["deviceEtag"], first["deviceEtag"],
        "the identity's etag is another"
    );
    for method in ["PATCH", "PUT"] {
        api.send(method, PATH, &headers, Some(&tags))
            .await
            .refused_by_hub(412_001);
    }
    assert_eq!(api.get(PATH).await.ok(), second);
    api.send("PATCH", PATH, &[], Some(&tags)).await.ok();
}

#[tokio::test]
async fn s_06_metadata_mirrors_the_tree() {
    let (_server, api) = twin().await;
    let twin = api
        .patch(PATH, &json!({ "properties": { "desired": { "x": { "y": 1 } } } }))
        .await
        .ok();
    let metadata = &twin["properties"]["desired"]["$metadata"];
    for level in [metadata, &metadata["x"], &metadata["x"]["y"]] {
        assert!(
            level["$lastUpdated"].as_str().unwrap().ends_with('Z'),
            "{metadata}"
        );
        assert_eq!(level["$lastUpdatedVersion"], 2, "{metadata}");
    }
    assert!(twin["properties"]["reported"]["$metadata"]["$lastUpdated"].is_string());
}

#[tokio::test]
async fn s_06_limits_are_400004_and_change_nothing() {
    let (_server, api) = twin().await;
    let before = api.get(PATH).await.ok();
    let deep = (0..12).fold(json!(1), |inner, _| json!({ "k": inner }));
    let many = |bytes: usize| -> Value {
        let entry = |n| (format!("k{n}"), json!("x".repeat(1_000)));
        Value::Object((0..bytes / 1_000).map(entry).collect())
    };
    for bad in [
        json!({ "tags": many(9_000) }),
        json!({ "properties": { "desired": many(33_000) } }),
        json!({ "properties": { "desired": { "k": "x".repeat(4_097) } } }),
        json!({ "properties": { "desired": deep } }),
        json!({ "properties": { "desired": { "a.b": 1 } } }),
        json!({ "properties": { "desired": { "a": 4_503_599_627_370_497_i64 } } }),
        json!({ "properties": { "desired": { "a": [1, null] } } }),
    ] {
        api.patch(PATH, &bad).await.refused_by_hub(400_004);
    }
    assert_eq!(api.get(PATH).await.ok(), before);
    api.patch(PATH, &json!({ "properties": { "desired": many(31_000) } }))
        .await
        .ok();
}

#[tokio::test]
async fn s_06_both_kinds_of_write_notify_the_device() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "dev-6").await;
    let mut session = device.connect(&server).await.unwrap();
    session.subscribe().await.unwrap();
    let api = server.hub_api();
    api.patch(PATH, &json!({ "properties": { "desired": { "x": 1, "y": 2 } } }))
        .await
        .ok();
    api.put_if(PATH, "*", &json!({ "properties": { "desired": { "y": 3 } } }))
        .await
        .ok();
    for expected in [
        json!({ "x": 1, "y": 2, "$version": 2 }),
        json!({ "y": 3, "x": null, "$version": 3 }),
    ] {
        let event = session.next_event(Duration::from_secs(10)).await.unwrap();
        let Some(HubEvent::DesiredPatch { patch, .. }) = event else {
            panic!("{event:?}")
        };
        let patch: Value = serde_json::from_slice(&patch).unwrap();
        assert_eq!(patch, expected);
    }
}
