//! A refusal is never late: whatever shuts a device out ends its session at once, and from the answer
//! on it does not come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_testkit::{DEADLINE, Device, Enrollment, TestServer, Via, assigned};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::device_connect::{device_with_key, sas_body};

const SOON: Duration = Duration::from_secs(10);

/// What ends a session.
#[derive(Debug, Clone, Copy)]
enum Act {
    Disable,
    Delete,
    ChangeKey,
    Disenroll,
}

impl Act {
    const ALL: [Self; 4] = [Self::Disable, Self::Delete, Self::ChangeKey, Self::Disenroll];

    async fn perform(self, server: &TestServer, id: &str) {
        let (hub, path) = (server.hub_api(), format!("/devices/{id}"));
        match self {
            Self::Disable => {
                let mut shown = hub.get(&path).await.ok();
                shown["status"] = json!("disabled");
                hub.put_if(&path, "*", &shown).await.ok();
            }
            Self::Delete => hub.delete(&path).await.no_content(),
            Self::ChangeKey => {
                let key = || SymmetricKey::generate(&SystemRandom);
                hub.put_if(&path, "*", &sas_body(id, &key(), &key())).await.ok();
            }
            Self::Disenroll => {
                let path = format!("/provost/dps/{}/disenroll", server.dps().name);
                let body = json!({ "registrationId": id, "everywhere": true });
                let done = server.own_api().post(&path, &body).await.ok();
                assert_eq!(identities(&done), 1, "{done}");
            }
        }
    }
}

fn identities(done: &Value) -> usize {
    let touched = done["touched"].as_array().unwrap();
    touched.iter().filter(|it| it["kind"] == "identity").count()
}

/// A device that an enrollment let in, as its hub knows it.
async fn device(server: &TestServer, id: &str) -> Device {
    let key = SymmetricKey::generate(&SystemRandom);
    let enrollment = Enrollment::individual(id).keys(Some(&key), None);
    server.dps_api().put_enrollment(&enrollment).await;
    let device = Device::with_key(id, &key);
    assigned(device.register(server, Via::Https).await);
    device
}

#[tokio::test]
async fn every_act_closes_the_live_session_and_keeps_the_device_out() {
    let server = TestServer::start().await;
    for act in Act::ALL {
        for websocket in [false, true] {
            let id = format!("{act:?}-{websocket}");
            let device = device(&server, &id).await;
            let mut session = device.connect_over(&server, websocket).await.unwrap();
            act.perform(&server, &id).await;
            assert!(device.connect(&server).await.is_err(), "{id}");
            assert!(session.closed(SOON).await, "{id}");
            // Another device is not disturbed by it.
            let (other, _) = device_with_key(&server, &format!("other-{id}")).await;
            other.connect(&server).await.unwrap();
        }
    }
}

/// A device that connects again and again until it is told to stop. Says how often it was let in
/// after the act was answered.
async fn hammer(
    server: Arc<TestServer>,
    device: Device,
    is_out: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
) -> usize {
    let mut late = 0;
    while !stop.load(Ordering::SeqCst) {
        let was_out = is_out.load(Ordering::SeqCst);
        let connected = device.connect(&server).await;
        if let Ok(mut session) = connected {
            late += usize::from(was_out);
            // A session that was admitted before the answer is closed by it.
            if is_out.load(Ordering::SeqCst) {
                assert!(session.closed(SOON).await, "{} stays connected", device.id);
            }
        }
    }
    late
}

/// Many devices reconnecting in loops while they are shut out one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reconnecting_device_comes_in_after_the_answer() {
    const DEVICES: usize = 24;
    let server = Arc::new(TestServer::start().await);
    let stop = Arc::new(AtomicBool::new(false));
    let mut hammering = JoinSet::new();
    let mut all = Vec::new();
    for number in 0..DEVICES {
        let id = format!("press-{number}");
        let device = device(&server, &id).await;
        let is_out = Arc::new(AtomicBool::new(false));
        all.push((id, Arc::clone(&is_out)));
        hammering.spawn(hammer(Arc::clone(&server), device, is_out, Arc::clone(&stop)));
    }
    for (number, (id, is_out)) in all.iter().enumerate() {
        let act = Act::ALL[number % Act::ALL.len()];
        act.perform(&server, id).await;
        is_out.store(true, Ordering::SeqCst);
    }
    stop.store(true, Ordering::SeqCst);
    let ended = timeout(DEADLINE, async {
        let mut late = 0;
        while let Some(count) = hammering.join_next().await {
            late += count.unwrap();
        }
        late
    });
    assert_eq!(ended.await.unwrap(), 0, "connections after the answer");
    for (id, _) in all {
        let shown = server.hub_api().get(&format!("/devices/{id}")).await;
        if shown.status == 200 {
            assert_eq!(shown.body["connectionState"], "Disconnected", "{id}");
        }
    }
}
