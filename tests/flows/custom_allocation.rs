//! Custom allocation: a webhook chooses the hub (dps-device-api.md 8.3).

use std::time::Duration;

use provost::config::Config;
use provost_device::provisioning::{RegistrationOutcome, RegistrationStatus};
use provost_model::ambient::SystemRandom;
use provost_model::{RegistrationState, SymmetricKey};
use provost_testkit::{Device, Enrollment, FixtureAuthority, TestServer, Via, Webhook, assigned, eventually};
use serde_json::{Value, json};

/// A server with two hubs whose webhooks may be on loopback, and one.
struct World {
    server: TestServer,
    webhook: Webhook,
    key: SymmetricKey,
}

impl World {
    async fn new() -> Self {
        Self::with(Webhook::start().await, |config| {
            config.outbound.webhook.allow_private_addresses = true;
            config.outbound.webhook.allow_http = true;
        })
        .await
    }

    async fn with(webhook: Webhook, configure: impl FnOnce(&mut Config)) -> Self {
        let server = TestServer::start_configured(configure).await;
        let api = server.own_api();
        let second = json!({ "name": "second", "host": "second.localhost" });
        api.post("/provost/hubs", &second).await.ok();
        let link = format!("/provost/dps/{}/linkedHubs/second", server.dps().name);
        api.put(&link, &json!({})).await.ok();
        let world = Self {
            server,
            webhook,
            key: SymmetricKey::generate(&SystemRandom),
        };
        world.enroll("press-1", |enrollment| enrollment).await;
        world
    }

    async fn enroll(&self, id: &str, more: impl FnOnce(Enrollment) -> Enrollment) {
        let definition = json!({ "webhookUrl": self.webhook.url(), "apiVersion": "2021-10-01" });
        let enrollment = Enrollment::individual(id)
            .keys(Some(&self.key), None)
            .with("allocationPolicy", "custom")
            .with("customAllocationDefinition", definition);
        self.server.dps_api().put_enrollment(&more(enrollment)).await;
    }

    fn device(&self) -> Device {
        Device::with_key("press-1", &self.key)
    }

    async fn register(&self) -> RegistrationOutcome {
        self.device()
            .register(&self.server, Via::Https)
            .await
            .expect("an outcome")
    }

    async fn fails(&self) -> String {
        let outcome = self.register().await;
        assert_eq!(outcome.status, RegistrationStatus::Failed, "{}", outcome.raw);
        assert_eq!(outcome.error_code, Some(400_207), "{}", outcome.raw);
        let message = outcome.raw["registrationState"]["errorMessage"].as_str();
        message.expect("a message").to_owned()
    }

    /// The latest call as the operator sees it.
    async fn call(&self) -> Value {
        let dps = &self.server.dps().name;
        let path = format!("/provost/dps/{dps}/registrations/press-1/allocation");
        self.server.dps_api().get(&path).await.ok()
    }
}

/// PostgreSQL stores no NUL: a run must end all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_a_nul_ends_the_run_and_is_kept() {
    let world = World::new().await;
    world.webhook.answer(400, "no\0thing");
    let message = world.fails().await;
    assert!(message.contains("400"), "{message}");
    assert_eq!(world.call().await["answer"], "no thing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_a_user_name_or_a_fragment_is_refused() {
    let world = World::new().await;
    for url in [
        "https://user:secret@hook.example/",
        "https://hook.example/#secret",
    ] {
        let body = json!({ "registrationId": "press-2", "attestation": { "type": "symmetricKey" },
            "allocationPolicy": "custom",
            "customAllocationDefinition": { "webhookUrl": url, "apiVersion": "2021-10-01" } });
        let answer = world.server.dps_api().put("/enrollments/press-2", &body).await;
        answer.refused(400_004);
    }
}

fn second() -> String {
    json!({ "iotHubHostName": "second.localhost" }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_chooses_the_hub_the_twin_and_what_the_device_is_told() {
    let world = World::new().await;
    let twin = json!({ "tags": { "from": "enrollment" } });
    world
        .enroll("press-1", |enrollment| enrollment.with("initialTwin", twin))
        .await;
    world.webhook.answer(
        200,
        json!({ "iotHubHostName": "SECOND.localhost", "payload": { "hello": [1, "press"] },
            "initialTwin": { "tags": { "from": "webhook" }, "properties": { "desired": { "speed": 3 } } } })
        .to_string(),
    );
    let payload = json!({ "hall": 7 });
    let answered = world
        .device()
        .register_with(&world.server, Via::Mqtt, Some(payload.clone()))
        .await;
    let outcome = assigned(answered);
    assert_eq!(outcome.assigned_hub.as_deref(), Some("second.localhost"));
    assert_eq!(
        outcome.raw["registrationState"]["payload"],
        json!({ "hello": [1, "press"] })
    );
    let asked = world.webhook.asked();
    let (path, document) = &asked[0];
    assert_eq!((asked.len(), path.as_str()), (1, "/choose?code=topsecret"));
    let hubs = json!([world.server.hub().host, "second.localhost"]);
    assert_eq!(document["linkedHubs"], hubs);
    let context = json!({ "registrationId": "press-1", "symmetricKey": {}, "payload": payload });
    assert_eq!(document["deviceRuntimeContext"], context);
    let entry = &document["individualEnrollment"];
    assert_eq!(entry["registrationId"], "press-1");
    assert_eq!(entry["attestation"], json!({ "type": "symmetricKey" }));
    let etag = entry["etag"].as_str().expect("an etag");
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    let text = document.to_string();
    assert!(
        !text.contains("topsecret") && !text.contains(&world.key.to_base64()),
        "{text}"
    );

    let call = world.call().await;
    assert_eq!(
        (&call["status"], &call["attempt"], &call["error"]),
        (&json!(200), &json!(1), &Value::Null)
    );
    assert_eq!(
        (&call["request"], &call["answer"]["iotHubHostName"]),
        (document, &json!("SECOND.localhost"))
    );
    assert!(!call.to_string().contains("topsecret"), "{call}");
    let shown = world.server.dps_api().get("/registrations/press-1").await.ok();
    assert_eq!(shown["payload"]["hello"][0], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_where_the_device_is_and_may_move_it() {
    let world = World::new().await;
    let put =
        json!({ "iotHubHostName": "second.localhost", "initialTwin": { "tags": { "from": "webhook" } } });
    world.webhook.answer(200, put.to_string());
    world.register().await;
    let own = &world.server.hub().host;
    world
        .webhook
        .answer(200, json!({ "iotHubHostName": own }).to_string());
    // The first answer is used up by the second run.
    world.register().await;
    let moved = world.register().await;
    assert_eq!(moved.assigned_hub.as_deref(), Some(own.as_str()));
    let last = world.webhook.asked().pop().expect("asked").1;
    let context = &last["deviceRuntimeContext"];
    assert_eq!(
        (&context["currentIotHubHostName"], &context["currentDeviceId"]),
        (&json!("second.localhost"), &json!("press-1"))
    );
    // Its twin came along from where the webhook had put it.
    let twin = world.server.stored().twin("press-1").await.expect("its twin");
    assert_eq!(twin.tags["from"], "webhook");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_told_to_the_webhook() {
    let world = World::new().await;
    let root = FixtureAuthority::root("Hook Root");
    let definition = json!({ "webhookUrl": world.webhook.url(), "apiVersion": "2021-10-01" });
    let group = Enrollment::group("line")
        .x509(&provost_testkit::signers(&root))
        .with("allocationPolicy", "custom")
        .with("customAllocationDefinition", definition);
    world.server.dps_api().put_enrollment(&group).await;
    world.webhook.answer(200, second());
    let leaf = root.leaf("press-2");
    assigned(Device::with_leaf(&leaf).register(&world.server, Via::Mqtt).await);
    let asked = world.webhook.asked().pop().expect("asked").1;
    assert_eq!(asked["enrollmentGroup"]["enrollmentGroupId"], "line");
    let shown = &asked["deviceRuntimeContext"]["x509"]["clientCertificate"];
    assert_eq!(shown["sha256Thumbprint"], leaf.sha256());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_answer_ends_in_400207() {
    let world = World::new().await;
    for (status, head, body, said) in [
        (400, "", second(), "status code: 400"),
        (404, "", String::new(), "status code: 404"),
        (
            302,
            "Location: https://elsewhere.example/\r\n",
            String::new(),
            "status code: 302",
        ),
        (200, "", "not json".to_owned(), "cannot be used"),
        (200, "", "{}".to_owned(), "iotHubHostName"),
        (
            200,
            "",
            json!({ "iotHubHostName": "third.localhost" }).to_string(),
            "not among the linked hubs",
        ),
        (
            200,
            "",
            json!({ "iotHubHostName": "second.localhost", "initialTwin": { "tags": { "a b": 1 } } })
                .to_string(),
            "initial twin",
        ),
    ] {
        let before = world.webhook.asked().len();
        world.webhook.answer_with(status, head, body);
        // The one before is used up by being asked once more.
        if before > 0 {
            world.register().await;
        }
        let message = world.fails().await;
        assert!(message.contains(said), "{said}: {message}");
        assert_eq!(world.call().await["error"], json!(message));
    }
    assert!(world.server.stored().identity("press-1").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_stumbles_is_asked_again() {
    let world = World::new().await;
    world.webhook.answer(503, "busy");
    world.webhook.answer(500, "oops");
    world.webhook.answer(200, second());
    let outcome = world.register().await;
    assert_eq!(
        outcome.assigned_hub.as_deref(),
        Some("second.localhost"),
        "{}",
        outcome.raw
    );
    assert_eq!(
        (world.webhook.asked().len(), world.call().await["attempt"].clone()),
        (3, json!(3))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn three_tries_are_all() {
    let world = World::new().await;
    world.webhook.answer(500, "oops");
    assert_eq!(
        world.fails().await,
        "Custom allocation failed with status code: 500"
    );
    assert_eq!(world.webhook.asked().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_read_up_to_its_limit() {
    let world = World::with(Webhook::start().await, |config| {
        let webhook = &mut config.outbound.webhook;
        (webhook.allow_private_addresses, webhook.allow_http) = (true, true);
        (webhook.max_answer_bytes, webhook.attempts) = (1_000, 1);
    })
    .await;
    let long = json!({ "iotHubHostName": "second.localhost", "payload": "x".repeat(2_000) });
    world.webhook.answer(200, long.to_string());
    assert!(world.fails().await.contains("limit of 1000 bytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let world = World::with(Webhook::start().await, |config| {
        let webhook = &mut config.outbound.webhook;
        (webhook.allow_private_addresses, webhook.allow_http) = (true, true);
        (webhook.timeout, webhook.attempts) = (Duration::from_secs(1), 1);
    })
    .await;
    world.webhook.hold().await;
    assert!(world.fails().await.contains("no answer in 1 s"));
}

/// The author of an enrollment does not reach through the server what he cannot reach himself.
#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_and_plain_http_are_refused_unless_allowed() {
    let world = World::with(Webhook::start().await, |_| {}).await;
    assert!(world.fails().await.contains("without TLS"));
    let root = FixtureAuthority::root("Hook Root");
    let world = World::with(Webhook::start_tls(&root.server_leaf()).await, |_| {}).await;
    assert!(world.fails().await.contains("private"));
    assert!(world.webhook.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_asked_over_tls_and_must_be_who_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let root = FixtureAuthority::root("Hook Root");
    let file = folder.path().join("hook.pem");
    std::fs::write(&file, root.pem()).unwrap();
    let allowed = |config: &mut Config| {
        config.outbound.webhook.allowed_hosts = vec!["localhost".to_owned()];
        config.outbound.webhook.attempts = 1;
    };
    let world = World::with(Webhook::start_tls(&root.server_leaf()).await, |config| {
        allowed(config);
        config.outbound.webhook.ca = Some(file);
    })
    .await;
    world.webhook.answer(200, second());
    assert_eq!(
        world.register().await.assigned_hub.as_deref(),
        Some("second.localhost")
    );
    let stranger = World::with(Webhook::start_tls(&root.server_leaf()).await, allowed).await;
    stranger.webhook.answer(200, second());
    assert!(stranger.fails().await.contains("no connection"));
    assert!(stranger.webhook.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_never_moves_is_not_asked_for_again() {
    let world = World::new().await;
    let never = json!({ "updateHubAssignment": false, "migrateDeviceData": false });
    world
        .enroll("press-1", |enrollment| {
            enrollment.with("reprovisionPolicy", never)
        })
        .await;
    let answer = json!({ "iotHubHostName": "second.localhost", "payload": { "kept": true } });
    world.webhook.answer(200, answer.to_string());
    world.register().await;
    let again = world.register().await;
    assert_eq!(again.assigned_hub.as_deref(), Some("second.localhost"));
    assert_eq!(again.raw["registrationState"]["payload"]["kept"], true);
    assert_eq!(world.webhook.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_webhook_thinks_everybody_is_told_assigning() {
    let world = World::new().await;
    world.webhook.answer(200, second());
    world.webhook.hold().await;
    let (device, server) = (world.device(), &world.server);
    let registering = device.register(server, Via::Mqtt);
    let looking = async {
        eventually("the webhook is asked", async || {
            (!world.webhook.asked().is_empty()).then_some(())
        })
        .await;
        let shown = server.dps_api().get("/registrations/press-1").await.ok();
        assert_eq!(shown["status"], "assigning");
        let record = server.stored().registration("press-1").await.expect("a record");
        assert_eq!(record.state, RegistrationState::Assigning);
        world.webhook.go_on();
    };
    let (outcome, ()) = tokio::join!(registering, looking);
    assert_eq!(
        assigned(outcome).assigned_hub.as_deref(),
        Some("second.localhost")
    );
}

/// The later run counts, and its device is asked for with what it sent then.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_run_takes_the_place_of_one_that_waits() {
    let world = World::new().await;
    world.webhook.answer(200, second());
    world.webhook.hold().await;
    let device = world.device();
    assert_eq!(device.ask(&world.server).await.expect("an answer"), 202);
    eventually("the webhook is asked", async || {
        (!world.webhook.asked().is_empty()).then_some(())
    })
    .await;
    let first = world
        .server
        .stored()
        .registration("press-1")
        .await
        .expect("a record")
        .operation;
    let payload = json!({ "run": 2 });
    let second_run = device.register_with(&world.server, Via::Https, Some(payload.clone()));
    let letting_go = async {
        eventually("the second run", async || {
            let record = world
                .server
                .stored()
                .registration("press-1")
                .await
                .expect("a record");
            (record.operation != first).then_some(())
        })
        .await;
        world.webhook.go_on();
    };
    let (outcome, ()) = tokio::join!(second_run, letting_go);
    assert_eq!(
        assigned(outcome).assigned_hub.as_deref(),
        Some("second.localhost")
    );
    let asked = world.webhook.asked();
    assert_eq!(
        asked.last().expect("asked").1["deviceRuntimeContext"]["payload"],
        payload
    );
    assert_eq!(asked.len(), 2);
}
