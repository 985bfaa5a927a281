use std::sync::Arc;

use provost_model::ambient::SystemClock;
use provost_store::{Store, StoreAddress, StoreOptions};
use provost_testkit::{ChildServer, Stored, eventually};
use serde_json::{Value, json};

const DEVICES: usize = 240;
const CUTS: u64 = 4;
/// Slow enough to be cut several times.
const PACE: &str = "[hub.jobs]\npace = \"120/s\"\n";

fn succeeded(job: &Value) -> u64 {
    job["deviceJobStatistics"]["succeededCount"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_in_the_middle_of_a_job_write_no_twin_twice_and_none_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = ChildServer::start_configured(&data, PACE).await;
    let ids: Vec<String> = (0..DEVICES).map(|number| format!("press-{number:03}")).collect();
    for some in ids.chunks(100) {
        let items: Vec<Value> = some
            .iter()
            .map(|id| json!({ "id": id, "importMode": "create" }))
            .collect();
        server.hub_api().post("/devices", &json!(items)).await.ok();
    }
    let body = json!({
        "type": "scheduleUpdateTwin",
        "queryCondition": "*",
        "updateTwin": { "etag": "*", "properties": { "desired": { "rate": 2 } } },
    });
    server.hub_api().put("/jobs/v2/patch", &body).await.ok();
    for cut in 1..=CUTS {
        let enough = cut * DEVICES as u64 / (CUTS + 1);
        let api = server.hub_api();
        eventually("the job is under way", async || {
            let job = api.get("/jobs/v2/patch").await.ok();
            (succeeded(&job) >= enough).then_some(())
        })
        .await;
        server.kill().await;
        server = ChildServer::start_configured(&data, PACE).await;
    }
    let api = server.hub_api();
    let job = eventually("the job has ended", async || {
        let job = api.get("/jobs/v2/patch").await.ok();
        (job["status"] == "completed").then_some(job)
    })
    .await;
    assert_eq!(succeeded(&job), DEVICES as u64, "{job}");
    let store = Store::open(StoreOptions {
        address: StoreAddress::Sqlite(data.join("provost.db")),
        clock: Arc::new(SystemClock),
        queue: 10,
    });
    let stored = Stored::new(store.await.unwrap(), server.dps_name(), server.hub_name());
    for id in &ids {
        let twin = stored.twin(id).await.expect("a twin");
        assert_eq!(
            twin.desired.version,
            2,
            "{id} was written {} times",
            twin.desired.version - 1
        );
    }
    let events = stored.audit_events().await;
    let written = events
        .iter()
        .filter(|event| event.kind == "twin" && event.detail == "job patch");
    assert_eq!(written.count(), DEVICES);
    server.kill().await;
}
