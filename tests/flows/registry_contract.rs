//! The Device Registry by Azure's contract (certificate-management.md 1): statuses, headers, versions,
//! links and lists as clients of the management plane see them.

use provost_testkit::{Answer, ServiceApi, TestServer};
use serde_json::{Value, json};

pub(super) const BASE: &str =
    "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.DeviceRegistry/namespaces";
pub(super) const POLICY: &str = "plant/credentials/default/policies/line-7";

pub(super) struct Plane {
    pub(super) server: TestServer,
    pub(super) api: ServiceApi,
}

impl Plane {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let api = server.management();
        Self { server, api }
    }

    pub(super) async fn ask(&self, method: &str, below: &str, body: Option<Value>) -> Answer {
        self.at("2026-03-01-preview", method, below, body).await
    }

    async fn at(&self, version: &str, method: &str, below: &str, body: Option<Value>) -> Answer {
        let joint = if below.contains('?') { '&' } else { '?' };
        let path = format!("{BASE}/{below}{joint}api-version={version}");
        self.api.send(method, &path, &[], body.as_ref()).await
    }

    /// Namespace and credential.
    pub(super) async fn with_credential() -> Self {
        let plane = Self::new().await;
        for below in ["plant", "plant/credentials/default"] {
            let made = plane.ask("PUT", below, Some(json!({ "location": "l" }))).await;
            assert_eq!(made.status, 201, "{}", made.body);
        }
        plane
    }

    /// What an absolute address of an operation answers.
    pub(super) async fn follow(&self, address: &str) -> Answer {
        let (_, path) = address.strip_prefix("https://").unwrap().split_once('/').unwrap();
        self.api.get(&format!("/{path}")).await
    }
}

pub(super) fn policy(authority: &Value, days: i64) -> Value {
    json!({ "properties": { "certificate": {
        "certificateAuthorityConfiguration": authority,
        "leafCertificateConfiguration": { "validityPeriodInDays": days },
    } } })
}

pub(super) fn word(answer: &Answer) -> (u16, &str) {
    (
        answer.status,
        answer.body["error"]["code"].as_str().unwrap_or_default(),
    )
}

#[tokio::test]
async fn put_answers_201_then_200_and_a_uuid_never_changes() {
    let plane = Plane::new().await;
    let body = json!({ "location": "l", "properties": { "uuid": "mine" } });
    let made = plane.ask("PUT", "plant", Some(body.clone())).await;
    let again = plane.ask("PUT", "PLANT", Some(body)).await;
    assert_eq!((made.status, again.status), (201, 200));
    assert_eq!(made.body["properties"]["uuid"], again.body["properties"]["uuid"]);
    assert_ne!(made.body["properties"]["uuid"], "mine");
    assert_eq!(again.body["name"], "plant");
}

#[tokio::test]
async fn operations_are_followed_by_both_their_headers() {
    let plane = Plane::with_credential().await;
    let begun = plane
        .ask("POST", "plant/credentials/default/synchronize", None)
        .await;
    assert_eq!(begun.status, 202);
    assert_eq!(begun.header("retry-after").as_deref(), Some("1"));
    let status = plane.follow(&begun.header("azure-asyncoperation").unwrap()).await;
    assert_eq!(
        (status.status, &status.body["status"]),
        (200, &json!("Succeeded"))
    );
    let resource = status.body["resourceId"].as_str().unwrap();
    assert_eq!(resource, format!("{BASE}/plant/credentials/default"));
    let result = plane.follow(&begun.header("location").unwrap()).await;
    assert_eq!(result.status, 204);
}

#[tokio::test]
async fn a_policy_of_the_first_generation_may_carry_more() {
    let plane = Plane::with_credential().await;
    let mut body = policy(&json!({ "keyType": "ECC", "subject": "CN=x" }), 30);
    body["location"] = "l".into();
    let made = plane.at("2025-11-01-preview", "PUT", POLICY, Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(made.body["location"].is_string());
    let newer = plane.ask("GET", POLICY, None).await.ok();
    assert!(newer.get("location").is_none(), "{newer}");
    let other = plane.at("2026-11-01-preview", "GET", POLICY, None).await;
    assert_eq!(word(&other), (400, "InvalidApiVersionParameter"));
    assert!(
        other.body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("2026-03-01-preview")
    );
}

#[tokio::test]
async fn of_a_policy_only_the_validity_changes() {
    let plane = Plane::with_credential().await;
    let ecc = json!({ "keyType": "ECC" });
    plane.ask("PUT", POLICY, Some(policy(&ecc, 30))).await;
    let authority = policy(&ecc, 45);
    let refused = plane.ask("PATCH", POLICY, Some(authority)).await;
    assert_eq!(word(&refused), (400, "InvalidRequestContent"));
    let external = json!({ "keyType": "ECC", "bringYourOwnRoot": { "enabled": true } });
    let refused = plane.ask("PUT", POLICY, Some(policy(&external, 30))).await;
    assert_eq!(word(&refused), (400, "PolicyImmutable"));
    for days in [6, 91] {
        let refused = plane.ask("PUT", POLICY, Some(policy(&ecc, days))).await;
        assert_eq!(word(&refused), (400, "ValidityOutOfRange"), "{days}");
    }
    let second = POLICY.replace("line-7", "line-8");
    let refused = plane.ask("PUT", &second, Some(policy(&ecc, 30))).await;
    assert_eq!(word(&refused), (400, "PolicyLimitExceeded"));
    let days = "/properties/certificate/leafCertificateConfiguration/validityPeriodInDays";
    let kept = plane.ask("GET", POLICY, None).await.ok();
    assert_eq!(kept.pointer(days), Some(&json!(30)));
}

#[tokio::test]
async fn devices_come_in_pages() {
    let plane = Plane::with_credential().await;
    for number in 0..101 {
        let body = json!({ "location": "l" });
        let made = plane
            .ask("PUT", &format!("plant/devices/d{number:03}"), Some(body))
            .await;
        assert_eq!(made.status, 201, "{}", made.body);
    }
    let first = plane.ask("GET", "plant/devices", None).await.ok();
    assert_eq!(first["value"].as_array().unwrap().len(), 100);
    let rest = plane.follow(first["nextLink"].as_str().unwrap()).await.ok();
    assert_eq!(rest["value"][0]["name"], "d100");
    assert!(rest.get("nextLink").is_none());
}

#[tokio::test]
async fn links_are_shown_and_changed_through_both_planes() {
    let plane = Plane::with_credential().await;
    let hub = plane.server.hub().name.clone();
    let own = plane.server.own_api();
    let path = format!("/subscriptions/s1/resourceGroups/g1/providers/Microsoft.Devices/IotHubs/{hub}");
    let before = plane.api.get(&path).await.ok();
    assert!(before["properties"].get("deviceRegistry").is_none(), "{before}");
    let link = json!({ "namespaceResourceId": format!("{BASE}/plant") });
    let body = json!({ "properties": { "deviceRegistry": link } });
    let linked = plane.api.send("PATCH", &path, &[], Some(&body)).await.ok();
    assert_eq!(linked["properties"]["deviceRegistry"], link);
    let shown = own.get(&format!("/provost/hubs/{hub}/namespace")).await.ok();
    assert_eq!(shown, json!({ "namespace": "plant" }));
    own.delete(&format!("/provost/hubs/{hub}/namespace")).await;
    let after = plane.api.get(&path).await.ok();
    assert!(after["properties"].get("deviceRegistry").is_none(), "{after}");
}

#[tokio::test]
async fn what_leads_nowhere_is_told_in_the_planes_own_shape() {
    let plane = Plane::new().await;
    for (method, below, expected) in [
        ("GET", "plant", (404, "ResourceNotFound")),
        ("GET", "plant/assets", (404, "ResourceNotFound")),
        ("GET", "-bad", (400, "InvalidResourceName")),
        ("TRACE", "plant", (405, "MethodNotAllowed")),
        ("PUT", "plant", (400, "InvalidRequestContent")),
    ] {
        let answer = plane.ask(method, below, None).await;
        assert_eq!(word(&answer), expected, "{method} {below}");
    }
}
