//! Devices of the Device Registry as management writes them: conditions, versions, what changes and what cannot.

use provost_testkit::Answer;
use serde_json::{Value, json};

use super::registry_contract::{BASE, POLICY, Plane, policy, word};

const DEVICE: &str = "plant/devices/press";
const VERSION: &str = "api-version=2026-03-01-preview";

/// A namespace with a policy, and a device that names it.
async fn plane() -> Plane {
    let plane = Plane::with_credential().await;
    let made = plane
        .ask("PUT", POLICY, Some(policy(&json!({ "keyType": "ECC" }), 30)))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = plane.ask("PUT", DEVICE, Some(device(&named()))).await;
    assert_eq!(made.status, 201, "{}", made.body);
    plane
}

fn named() -> Value {
    json!({ "policy": { "resourceId": format!("{BASE}/{POLICY}") } })
}

fn device(properties: &Value) -> Value {
    json!({ "location": "l", "tags": { "hall": "7" }, "properties": properties })
}

async fn with(plane: &Plane, method: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
    let path = format!("{BASE}/{DEVICE}?{VERSION}");
    plane.api.send(method, &path, headers, body).await
}

fn version(device: &Value) -> i64 {
    device["properties"]["version"].as_i64().unwrap()
}

#[tokio::test]
async fn a_write_on_a_condition_that_is_not_met_is_refused() {
    let plane = plane().await;
    let before = plane.ask("GET", DEVICE, None).await.ok();
    let etag = before["etag"].as_str().unwrap().to_owned();
    let change = json!({ "properties": { "operatingSystemVersion": "2" } });
    let put = device(&named());
    for (method, body) in [("PUT", Some(&put)), ("PATCH", Some(&change)), ("DELETE", None)] {
        for condition in [("if-match", "other"), ("if-none-match", etag.as_str())] {
            let refused = with(&plane, method, &[condition], body).await;
            assert_eq!(
                word(&refused),
                (412, "PreconditionFailed"),
                "{method} {condition:?}"
            );
        }
    }
    let refused = with(&plane, "PUT", &[("if-none-match", "*")], Some(&put)).await;
    assert_eq!(word(&refused), (412, "PreconditionFailed"));
    assert_eq!(plane.ask("GET", DEVICE, None).await.ok(), before);
    let quoted = format!("\"{etag}\"");
    let changed = with(&plane, "PATCH", &[("if-match", &quoted)], Some(&change))
        .await
        .ok();
    assert_ne!(changed["etag"], before["etag"]);
    with(&plane, "DELETE", &[("if-match", "*")], None)
        .await
        .no_content();
    let refused = with(&plane, "PUT", &[("if-match", "*")], Some(&put)).await;
    assert_eq!(word(&refused), (412, "PreconditionFailed"));
    let made = with(&plane, "PUT", &[("if-none-match", "*")], Some(&put)).await;
    assert_eq!(made.status, 201);
}

#[tokio::test]
async fn what_changes_nothing_leaves_version_and_audit_log() {
    let plane = plane().await;
    let before = plane.ask("GET", DEVICE, None).await.ok();
    let events = plane.server.stored().audit_events().await.len();
    for (method, body) in [
        ("PATCH", json!({})),
        ("PATCH", json!({ "properties": { "enabled": true } })),
        ("PATCH", json!({ "tags": { "hall": "7" }, "properties": named() })),
        ("PUT", device(&named())),
    ] {
        assert_eq!(plane.ask(method, DEVICE, Some(body)).await.ok(), before);
    }
    assert_eq!(plane.server.stored().audit_events().await.len(), events);
    let body = json!({ "properties": { "enabled": false } });
    let after = plane.ask("PATCH", DEVICE, Some(body)).await.ok();
    assert_eq!(version(&after), version(&before) + 1);
}

#[tokio::test]
async fn a_device_keeps_its_external_id_and_gives_up_its_policy() {
    let plane = plane().await;
    for method in ["PUT", "PATCH"] {
        let body = device(&json!({ "externalDeviceId": "drill" }));
        let refused = plane.ask(method, DEVICE, Some(body)).await;
        assert_eq!(word(&refused), (400, "ExternalDeviceIdImmutable"), "{method}");
        assert_eq!(refused.body["error"]["target"], "properties.externalDeviceId");
        let same = device(&json!({ "externalDeviceId": "press" }));
        plane.ask(method, DEVICE, Some(same)).await.ok();
    }
    for taken_off in [
        json!({ "policy": null }),
        json!({ "policy": { "resourceId": null } }),
    ] {
        let body = json!({ "properties": taken_off });
        let after = plane.ask("PATCH", DEVICE, Some(body)).await.ok();
        assert!(after["properties"].get("policy").is_none(), "{after}");
        let body = json!({ "properties": named() });
        let again = plane.ask("PATCH", DEVICE, Some(body)).await.ok();
        assert!(again["properties"]["policy"].is_object(), "{again}");
    }
}

#[tokio::test]
async fn a_device_whose_policy_was_deleted_can_be_put_back_as_it_was_read() {
    let plane = plane().await;
    plane.ask("DELETE", POLICY, None).await.no_content();
    let read = plane.ask("GET", DEVICE, None).await.ok();
    plane.ask("PUT", DEVICE, Some(read)).await.ok();
    let body = json!({ "properties": { "operatingSystemVersion": "2" } });
    plane.ask("PATCH", DEVICE, Some(body)).await.ok();
    // Another device is not given what is not there.
    let refused = plane
        .ask("PUT", "plant/devices/drill", Some(device(&named())))
        .await;
    assert_eq!(word(&refused), (400, "PolicyNotFound"));
}

#[tokio::test]
async fn tags_are_replaced_and_by_a_merge_patch_merged() {
    let plane = plane().await;
    let merge = [("content-type", "application/merge-patch+json")];
    for below in ["plant", "plant/credentials/default", DEVICE] {
        let tags = json!({ "tags": { "hall": "7", "line": "a" } });
        plane.ask("PATCH", below, Some(tags)).await.ok();
        let path = format!("{BASE}/{below}?{VERSION}");
        let body = json!({ "tags": { "hall": null, "floor": "1" } });
        let merged = plane.api.send("PATCH", &path, &merge, Some(&body)).await.ok();
        assert_eq!(merged["tags"], json!({ "line": "a", "floor": "1" }), "{below}");
        let refused = plane.ask("PATCH", below, Some(body)).await;
        assert_eq!(word(&refused), (400, "InvalidRequestContent"), "{below}");
        let body = json!({ "tags": { "only": "this" } });
        let replaced = plane.ask("PATCH", below, Some(body)).await.ok();
        assert_eq!(replaced["tags"], json!({ "only": "this" }), "{below}");
    }
}

#[tokio::test]
async fn names_of_namespaces_and_policies_follow_the_contract() {
    let plane = Plane::with_credential().await;
    for name in ["ab", "Hall", &"a".repeat(64)] {
        let refused = plane.ask("PUT", name, Some(json!({ "location": "l" }))).await;
        assert_eq!(word(&refused), (400, "InvalidName"), "{name}");
    }
    let ecc = policy(&json!({ "keyType": "ECC" }), 30);
    let refused = plane
        .ask("PUT", "plant/credentials/default/policies/ab", Some(ecc))
        .await;
    assert_eq!(word(&refused), (400, "InvalidResourceName"));
}
