//! What a client of the Device Registry gets wrong is refused before anything happens, in the shape of the
//! management plane, and never does more than was meant.

use provost_testkit::Answer;
use serde_json::{Value, json};

use super::registry_contract::{BASE, POLICY, Plane, policy, word};

const VERSION: &str = "api-version=2026-03-01-preview";

/// A namespace with a credential, a policy, and a device that names it.
async fn plane() -> Plane {
    let plane = Plane::with_credential().await;
    let ecc = json!({ "keyType": "ECC" });
    let made = plane.ask("PUT", POLICY, Some(policy(&ecc, 30))).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let body =
        json!({ "location": "l", "properties": { "policy": { "resourceId": format!("{BASE}/{POLICY}") } } });
    let made = plane.ask("PUT", "plant/devices/press", Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    plane
}

/// Policy, device and operations as they stand.
async fn standing(plane: &Plane) -> [Value; 3] {
    let own = plane.server.own_api();
    [
        plane.ask("GET", POLICY, None).await.ok(),
        plane.ask("GET", "plant/devices/press", None).await.ok(),
        own.get("/provost/namespaces/plant/operations").await.ok(),
    ]
}

#[tokio::test]
async fn what_was_to_hold_it_back_is_never_overlooked() {
    let plane = plane().await;
    let before = standing(&plane).await;
    let own = plane.server.own_api();
    let many = json!({ "devices": ["press"] });
    for (below, body) in [
        ("devices/press/revoke", None),
        ("devices/revoke", Some(&many)),
        ("policies/line-7/revokeIssuer", None),
    ] {
        for flag in ["dryRun", "dryRun=", "DryRun=true"] {
            let path = format!("/provost/namespaces/plant/{below}?{flag}");
            let told = own.send("POST", &path, &[], body).await.ok();
            assert_eq!(told["dryRun"], true, "{path}");
        }
        for flag in [
            "dryRun=%ff",
            "dryRun=1",
            "dry-run=true",
            "dryRun=false&dryRun=true",
            "force=true",
        ] {
            let path = format!("/provost/namespaces/plant/{below}?{flag}");
            let refused = own.send("POST", &path, &[], body).await;
            assert_eq!(word(&refused), (400, "InvalidRequest"), "{path}");
        }
    }
    for below in ["policies/line-7", "credentials/default"] {
        let path = format!("/provost/namespaces/plant/{below}?dryRun");
        assert_eq!(own.delete(&path).await.ok()["dryRun"], true);
        for flag in ["dry_run=true", "force", "force=%ff", "force=true&dryRunn=true"] {
            let refused = own
                .delete(&format!("/provost/namespaces/plant/{below}?{flag}"))
                .await;
            assert_eq!(word(&refused), (400, "InvalidRequest"), "{below} {flag}");
        }
    }
    assert_eq!(standing(&plane).await, before);
}

#[tokio::test]
async fn azures_addresses_refuse_a_dry_run_they_would_not_do() {
    let plane = plane().await;
    let before = standing(&plane).await;
    let revoke_issuer = format!("{POLICY}/revokeIssuer");
    for (method, below) in [
        ("POST", "plant/devices/press/revoke"),
        ("POST", &revoke_issuer),
        ("DELETE", "plant/devices/press"),
        ("DELETE", POLICY),
        ("DELETE", "plant/credentials/default"),
        ("DELETE", "plant"),
    ] {
        for flag in ["dryRun=true", "dryRun", "dry-run=true", "force=true"] {
            let refused = plane.ask(method, &format!("{below}?{flag}"), None).await;
            assert_eq!(word(&refused), (400, "InvalidRequest"), "{method} {below} {flag}");
        }
    }
    assert_eq!(standing(&plane).await, before);
}

#[tokio::test]
async fn hubs_and_provisioning_services_stay_when_a_flag_is_not_clear() {
    let plane = Plane::with_credential().await;
    let own = plane.server.own_api();
    let (hub, dps) = (&plane.server.hub().name, &plane.server.dps().name);
    for path in [format!("/provost/hubs/{hub}"), format!("/provost/dps/{dps}")] {
        for flag in ["force", "force=%ff", "force=true&dryRun=true", "dry-run"] {
            own.delete(&format!("{path}?{flag}")).await.refused(400_004);
        }
        own.get(&path).await.ok();
    }
    let all = json!({ "all": true });
    let path = format!("/provost/dps/{dps}/registrations/delete?dryRun=true");
    own.post(&path, &all).await.refused(400_004);
}

#[tokio::test]
async fn what_would_break_clients_of_types_is_not_kept() {
    let plane = plane().await;
    let namespace = plane.ask("GET", "plant", None).await.ok();
    let device = plane.ask("GET", "plant/devices/press", None).await.ok();
    for method in ["PUT", "PATCH"] {
        for (messaging, target) in [
            (json!("x"), "properties.messaging"),
            (json!({ "endpoints": [] }), "properties.messaging.endpoints"),
            (
                json!({ "endpoints": { "a": "x" } }),
                "properties.messaging.endpoints.a",
            ),
        ] {
            let body = json!({ "location": "l", "properties": { "messaging": messaging } });
            let refused = plane.ask(method, "plant", Some(body)).await;
            assert_eq!(
                word(&refused),
                (400, "InvalidRequestContent"),
                "{method} {messaging}"
            );
            assert_eq!(refused.body["error"]["target"], target);
        }
        for outbound in [
            json!("x"),
            json!({ "assigned": [] }),
            json!({ "assigned": { "h": { "address": 1 } } }),
        ] {
            let body = json!({ "location": "l", "properties": { "endpoints": { "outbound": outbound } } });
            let refused = plane.ask(method, "plant/devices/press", Some(body)).await;
            assert_eq!(
                word(&refused),
                (400, "InvalidRequestContent"),
                "{method} {outbound}"
            );
        }
    }
    let body = json!({ "location": "l", "extendedLocation": "zz" });
    let refused = plane.ask("PUT", "plant/devices/press", Some(body)).await;
    assert_eq!(word(&refused), (400, "InvalidRequestContent"));
    assert_eq!(plane.ask("GET", "plant", None).await.ok(), namespace);
    assert_eq!(plane.ask("GET", "plant/devices/press", None).await.ok(), device);
}

/// Both forms az reads, and no number of another service.
fn assert_shape(answer: &Answer, expected: (u16, &str)) {
    assert_eq!(word(answer), expected, "{}: {}", answer.asked, answer.body);
    assert_eq!(answer.body["code"], expected.1);
    assert!(answer.body.get("errorCode").is_none(), "{}", answer.body);
}

#[tokio::test]
async fn errors_have_the_shape_of_their_address_whatever_went_wrong() {
    let plane = Plane::with_credential().await;
    let own = plane.server.own_api();
    let arm = format!("{BASE}/plant?{VERSION}");
    let large = vec![b' '; 1024 * 1024 + 1];
    for (api, method, path) in [
        (&plane.api, "PUT", arm.as_str()),
        (&own, "POST", "/provost/namespaces/plant/devices/revoke"),
    ] {
        let answer = api
            .send_bytes(
                method,
                path,
                &[("content-type", "text/plain")],
                Some(b"x".to_vec().into()),
            )
            .await;
        assert_shape(&answer, (415, "UnsupportedMediaType"));
        let answer = api
            .send_bytes(
                method,
                path,
                &[("content-type", "application/json")],
                Some(large.clone().into()),
            )
            .await;
        assert_shape(&answer, (413, "RequestEntityTooLarge"));
    }
    for (below, expected) in [
        ("plant/certificates?top=many", (400, "InvalidRequest")),
        ("plant/certificates?top=0", (400, "InvalidRequest")),
        ("plant/authorities/zz", (400, "InvalidRequest")),
        ("-bad/certificates", (400, "InvalidResourceName")),
        ("plant/nothing", (404, "ResourceNotFound")),
    ] {
        let answer = own.get(&format!("/provost/namespaces/{below}")).await;
        assert_shape(&answer, expected);
    }
    let nobody = own
        .authorized(None)
        .get("/provost/namespaces/plant/authorities")
        .await;
    assert_shape(&nobody, (401, "InvalidAuthenticationToken"));
}

#[tokio::test]
async fn an_operation_ends_after_it_began_and_names_the_group_of_the_client() {
    let plane = plane().await;
    let begun = plane.ask("POST", "plant/devices/press/revoke", None).await;
    assert_eq!(begun.status, 202, "{}", begun.body);
    let status = plane
        .follow(&begun.header("azure-asyncoperation").unwrap())
        .await
        .ok();
    assert_eq!(status["resourceId"], format!("{BASE}/plant/devices/press"));
    let at = |name: &str| status[name].as_str().unwrap().to_owned();
    assert!(at("startTime") <= at("endTime"), "{status}");
}

#[tokio::test]
async fn who_is_named_twice_is_revoked_once() {
    let plane = plane().await;
    let body = json!({ "devices": ["press", "Press", "press"] });
    let done = plane
        .server
        .own_api()
        .post("/provost/namespaces/plant/devices/revoke", &body)
        .await
        .ok();
    assert_eq!(done["revocationResults"].as_array().unwrap().len(), 1, "{done}");
}
