use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use provost_model::SymmetricKey;
use provost_model::ambient::SystemClock;
use provost_model::ambient::SystemRandom;
use provost_store::{Store, StoreAddress, StoreOptions};
use provost_testkit::{ChildServer, DEADLINE, Device, Endpoints, Enrollment, Stored, Via, assigned};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

const ROUNDS: usize = 20;
const DEVICES_AT_ONCE: usize = 12;

/// Counts the answered registrations of a round, and says when there are enough.
struct Progress {
    answered: AtomicUsize,
    enough: usize,
    reached: Notify,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_power_cuts_in_a_registration_storm_lose_and_halve_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let group_key = SymmetricKey::generate(&SystemRandom);
    let mut answered = BTreeSet::new();
    for round in 0..ROUNDS {
        let server = ChildServer::start(&data).await;
        if round == 0 {
            server
                .dps_api()
                .put_enrollment(&Enrollment::group("line").keys(Some(&group_key), None))
                .await;
        }
        let endpoints = Endpoints::clone(&server);
        // Another moment in each round.
        let progress = Arc::new(Progress {
            answered: AtomicUsize::new(0),
            enough: 3 + round * 4,
            reached: Notify::new(),
        });
        let mut storm = JoinSet::new();
        for worker in 0..DEVICES_AT_ONCE {
            let name = format!("press-{round}-{worker}");
            storm.spawn(register_until_cut(
                endpoints.clone(),
                name,
                group_key.clone(),
                Arc::clone(&progress),
            ));
        }
        let storm_began = timeout(DEADLINE, progress.reached.notified()).await;
        storm_began.expect("enough devices are answered");
        server.kill().await;
        let before = answered.len();
        while let Some(registered) = storm.join_next().await {
            answered.extend(registered.unwrap());
        }
        assert!(
            answered.len() >= before + progress.enough,
            "round {round} had no storm"
        );
        check(&data, &endpoints, &answered, round).await;
    }
    // And it still serves: those who were answered find their hub.
    let server = ChildServer::start(&data).await;
    for id in answered.iter().step_by(97) {
        let device = Device::of_group(id, &group_key);
        device
            .connect(&server)
            .await
            .expect("an answered device connects");
        assigned(device.register(&server, Via::Https).await);
    }
    server.kill().await;
}

/// Registers one device after the other until the server is gone; gives those that were answered.
async fn register_until_cut(
    endpoints: Endpoints,
    name: String,
    group_key: SymmetricKey,
    progress: Arc<Progress>,
) -> Vec<String> {
    let mut answered = Vec::new();
    for number in 0.. {
        let device = Device::of_group(&format!("{name}-{number}"), &group_key);
        // The first answer counts already: what is acknowledged is on disk.
        let is_answered = match number % 3 {
            0 => device.ask(&endpoints).await.is_ok_and(|status| status == 202),
            1 => is_assigned(&device, &endpoints, Via::Mqtt).await,
            _ => is_assigned(&device, &endpoints, Via::Https).await,
        };
        if !is_answered {
            break;
        }
        answered.push(device.id);
        if progress.answered.fetch_add(1, Ordering::SeqCst) + 1 == progress.enough {
            progress.reached.notify_one();
        }
    }
    answered
}

async fn is_assigned(device: &Device, endpoints: &Endpoints, via: Via) -> bool {
    let answer = device.register(endpoints, via).await;
    answer.is_ok_and(|outcome| outcome.assigned_hub.is_some())
}

/// Every answered registration is there, and a record without its hub identity, or the other way
/// round, is not.
async fn check(data: &Path, endpoints: &Endpoints, answered: &BTreeSet<String>, round: usize) {
    let options = StoreOptions {
        address: StoreAddress::Sqlite(data.join("provost.db")),
        clock: Arc::new(SystemClock),
        queue: 10,
    };
    let store = Store::open(options).await.expect("the store recovers");
    let stored = Stored::new(store, endpoints.dps_name(), endpoints.hub_name());
    let records: BTreeSet<String> = stored
        .registrations()
        .await
        .into_iter()
        .map(|record| {
            let device_id = &record
                .state
                .assignment()
                .expect("every device was assigned")
                .device_id;
            assert_eq!(device_id.as_str(), record.registration_id.as_str());
            device_id.to_string()
        })
        .collect();
    let identities: BTreeSet<String> = stored
        .identities()
        .await
        .into_iter()
        .map(|identity| identity.device_id.to_string())
        .collect();
    assert_eq!(records, identities, "round {round}: half-made registrations");
    let lost: Vec<_> = answered.difference(&records).collect();
    assert!(lost.is_empty(), "round {round}: answered and lost: {lost:?}");
    for id in answered.iter().take(5) {
        assert!(stored.twin(id).await.is_some(), "round {round}: {id} has no twin");
    }
    let events = stored
        .audit_events()
        .await
        .into_iter()
        .filter(|event| event.action == "register")
        .count();
    assert_eq!(
        events,
        records.len(),
        "round {round}: one audit event for each registration"
    );
}
