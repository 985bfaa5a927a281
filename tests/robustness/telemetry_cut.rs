use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_testkit::{ChildServer, DEADLINE, Device, Endpoints, Enrollment, Via, assigned};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

const ROUNDS: usize = 4;
const SENDERS: usize = 8;

struct Progress {
    acknowledged: AtomicUsize,
    enough: usize,
    reached: Notify,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_telemetry_survives_power_cuts_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let group_key = SymmetricKey::generate(&SystemRandom);
    // How many messages of each device were acknowledged: they are numbered from 0.
    let mut acknowledged: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..ROUNDS {
        let server = ChildServer::start(&data).await;
        if round == 0 {
            let group = Enrollment::group("line").keys(Some(&group_key), None);
            server.dps_api().put_enrollment(&group).await;
        }
        let progress = Arc::new(Progress {
            acknowledged: AtomicUsize::new(0),
            enough: 40 + 60 * round,
            reached: Notify::new(),
        });
        let mut storm = JoinSet::new();
        for sender in 0..SENDERS {
            let id = format!("press-{round}-{sender}");
            let endpoints = Endpoints::clone(&server);
            storm.spawn(send_until_cut(
                endpoints,
                id,
                group_key.clone(),
                Arc::clone(&progress),
            ));
        }
        timeout(DEADLINE, progress.reached.notified())
            .await
            .expect("enough messages are acknowledged");
        server.kill().await;
        while let Some(sent) = storm.join_next().await {
            let (id, count) = sent.unwrap();
            acknowledged.insert(id, count);
        }
    }
    check(&data, &acknowledged).await;
}

/// Sends numbered messages until the server is gone; gives how many were acknowledged.
async fn send_until_cut(
    endpoints: Endpoints,
    id: String,
    group_key: SymmetricKey,
    progress: Arc<Progress>,
) -> (String, usize) {
    let device = Device::of_group(&id, &group_key);
    assigned(device.register(&endpoints, Via::Https).await);
    let mut session = device.connect(&endpoints).await.expect("the device connects");
    let mut count = 0;
    while session
        .send_telemetry(count.to_string().as_bytes(), &[])
        .await
        .is_ok()
    {
        count += 1;
        if progress.acknowledged.fetch_add(1, Ordering::SeqCst) + 1 == progress.enough {
            progress.reached.notify_one();
        }
    }
    (id, count)
}

/// Everything acknowledged is there once and in order; one more that was not may be.
async fn check(data: &Path, acknowledged: &BTreeMap<String, usize>) {
    let server = ChildServer::start(data).await;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut after = "0".to_owned();
    loop {
        let path = format!(
            "/provost/hubs/{}/telemetry?limit=1000&after={after}",
            server.hub().name
        );
        let page = server.hub_api().get(&path).await.ok();
        let items = page["value"].as_array().expect("messages");
        for item in items {
            let text = |name: &str| item[name].as_str().expect("a text").to_owned();
            found.entry(text("deviceId")).or_default().push(text("body"));
        }
        if items.is_empty() {
            break;
        }
        page["next"].as_str().expect("a place").clone_into(&mut after);
        assert_eq!(page["lost"], Value::Array(Vec::new()));
    }
    for (id, count) in acknowledged {
        let bodies = found.remove(id).unwrap_or_default();
        assert!(
            bodies.len() == *count || bodies.len() == count + 1,
            "{id}: {count} acknowledged, {} there",
            bodies.len()
        );
        let expected: Vec<String> = (0..bodies.len()).map(base64).collect();
        assert_eq!(bodies, expected, "{id}");
    }
    server.kill().await;
}

fn base64(number: usize) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(number.to_string())
}
