use std::sync::Arc;

use provost_device::provisioning::RegistrationStatus;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::{RegistrationState, SymmetricKey};
use provost_store::{Store, StoreAddress, StoreOptions};
use provost_testkit::{ChildServer, Device, Endpoints, Enrollment, Stored, Via, Webhook, eventually};
use serde_json::json;

const DEVICES: usize = 5;
/// The devices of the tests poll far faster than they are told.
const CONFIGURATION: &str = "[dps.webhook]\nallow_private_addresses = true\nallow_http = true\n\
    [limits.rates]\npolls_per_10_seconds = 0\n";

/// The process dies without a warning while a webhook is asked; the next one asks again, and each
/// run ends once.
#[tokio::test(flavor = "multi_thread")]
async fn runs_that_wait_for_a_webhook_survive_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (webhook, key) = (Webhook::start().await, SymmetricKey::generate(&SystemRandom));
    let server = ChildServer::start_configured(&data, CONFIGURATION).await;
    webhook.answer(200, json!({ "iotHubHostName": server.hub().host }).to_string());
    webhook.hold().await;
    let definition = json!({ "webhookUrl": webhook.url(), "apiVersion": "2021-10-01" });
    let group = Enrollment::group("line")
        .keys(Some(&key), None)
        .with("allocationPolicy", "custom")
        .with("customAllocationDefinition", definition);
    server.dps_api().put_enrollment(&group).await;
    let devices: Vec<Device> = (0..DEVICES)
        .map(|n| Device::of_group(&format!("press-{n}"), &key))
        .collect();
    for device in &devices {
        assert_eq!(device.ask(&server).await.expect("an answer"), 202);
    }
    eventually("every run asks", async || {
        (webhook.asked().len() >= DEVICES).then_some(())
    })
    .await;
    let endpoints = Endpoints::clone(&server);
    server.kill().await;
    let before = records(&data, &endpoints).await;
    assert_eq!(before.len(), DEVICES);
    assert!(
        before.iter().all(|state| *state == RegistrationState::Assigning),
        "{before:?}"
    );

    webhook.go_on();
    let server = ChildServer::start_configured(&data, CONFIGURATION).await;
    // Nobody registers again: the runs go on by themselves.
    eventually("the runs end", async || {
        let shown = server
            .dps_api()
            .post("/registrations/line/query", &json!({ "query": "*" }))
            .await
            .ok();
        let all = shown.as_array().expect("a list").clone();
        (all.len() == DEVICES && all.iter().all(|state| state["status"] == "assigned")).then_some(())
    })
    .await;
    for device in &devices {
        device.connect(&server).await.expect("it connects");
        let again = device.register(&server, Via::Mqtt).await.expect("an outcome");
        assert_eq!(again.status, RegistrationStatus::Assigned);
    }
    server.kill().await;
}

async fn records(data: &std::path::Path, endpoints: &Endpoints) -> Vec<RegistrationState> {
    let options = StoreOptions {
        address: StoreAddress::Sqlite(data.join("provost.db")),
        clock: Arc::new(SystemClock),
        queue: 10,
    };
    let store = Store::open(options).await.expect("the store recovers");
    let stored = Stored::new(store, endpoints.dps_name(), endpoints.hub_name());
    let records = stored.registrations().await;
    records.into_iter().map(|record| record.state).collect()
}
