//! A fleet that is told to register anew: called at a pace, watched until it is back, with those named
//! at the end that are not (docs/FLEET.md).

use std::time::{Duration, Instant};

use provost_device::hub::{HubEvent, HubSession};
use provost_testkit::{
    Device, Endpoints, Enrollment, FixtureAuthority, Leaf, ServiceApi, TestServer, Via, assigned, eventually,
    signer_slots,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::device_connect::device_with_key;

const SOON: Duration = Duration::from_secs(20);

/// What a device does when it is told to register anew.
#[derive(Clone, Copy)]
enum Manner {
    /// Says yes, leaves, comes back with its other certificate.
    Good,
    /// Says no.
    Refuses,
    /// Says yes and leaves.
    Vanishes,
    /// Says yes and stays.
    Stays,
    /// Says yes, leaves, comes back with the certificate it had.
    Unchanged,
}

/// A device with two certificates the hub knows.
struct Pair {
    old: Device,
    new: Device,
}

impl Pair {
    async fn register(server: &TestServer, id: &str) -> Self {
        let (old, new) = (Leaf::self_signed(id), Leaf::self_signed(id));
        let thumbprints = json!({ "primaryThumbprint": old.sha256(), "secondaryThumbprint": new.sha256() });
        let authentication = json!({ "type": "selfSigned", "x509Thumbprint": thumbprints });
        let body = json!({ "deviceId": id, "authentication": authentication });
        server.hub_api().put(&format!("/devices/{id}"), &body).await.ok();
        Self {
            old: Device::with_leaf(&old),
            new: Device::with_leaf(&new),
        }
    }

    /// Connects and lives; gives how often it was called.
    async fn live(self, server: &Endpoints, manner: Manner) -> JoinHandle<usize> {
        let session = listening(server, &self.old).await;
        tokio::spawn(live(self, server.clone(), session, manner))
    }
}

async fn listening(server: &Endpoints, device: &Device) -> HubSession {
    let mut session = device.connect(server).await.unwrap();
    session.subscribe().await.unwrap();
    session
}

async fn live(pair: Pair, server: Endpoints, mut session: HubSession, manner: Manner) -> usize {
    let mut calls = 0;
    while let Ok(Some(event)) = session.next_event(SOON).await {
        let HubEvent::Method { rid, name, .. } = event else {
            continue;
        };
        assert_eq!(name, "reprovision");
        calls += 1;
        let status = if matches!(manner, Manner::Refuses) {
            503
        } else {
            200
        };
        session.answer_method(&rid, status, b"{}").await.unwrap();
        let back = match manner {
            Manner::Refuses | Manner::Stays => continue,
            Manner::Vanishes => {
                session.disconnect().await;
                return calls;
            }
            Manner::Good => &pair.new,
            Manner::Unchanged => &pair.old,
        };
        session.disconnect().await;
        session = listening(&server, back).await;
    }
    calls
}

/// Requests about the runs of the server's hub.
struct Runs {
    api: ServiceApi,
    base: String,
}

impl Runs {
    fn of(server: &TestServer) -> Self {
        Self {
            api: server.hub_api(),
            base: format!("/provost/hubs/{}/fleet/reprovisions", server.hub().name),
        }
    }

    async fn begin(&self, id: &str, more: &Value) -> Value {
        let mut body = json!({ "id": id, "query": "*", "pace": "1000/s", "returnWithinSeconds": 60 });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.api.post(&self.base, &body).await.ok()
    }

    async fn get(&self, id: &str) -> Value {
        self.api.get(&format!("{}/{id}", self.base)).await.ok()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.api.post(&format!("{}/{path}", self.base), body).await.ok()
    }

    async fn with(&self, id: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let run = self.get(id).await;
            is(&run).then_some(run)
        })
        .await
    }

    async fn with_status(&self, id: &str, status: &str) -> Value {
        self.with(id, &format!("{id} is {status}"), |run| run["status"] == status)
            .await
    }

    /// Devices in a state, with the reason.
    async fn devices(&self, id: &str, state: &str) -> Vec<(String, String)> {
        let page = self
            .api
            .get(&format!("{}/{id}/devices?state={state}", self.base))
            .await
            .ok();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let devices = page["value"].as_array().unwrap().iter();
        devices
            .map(|device| (text(&device["deviceId"]), text(&device["reason"])))
            .collect()
    }
}

fn count(run: &Value, name: &str) -> u64 {
    run["devices"][name].as_u64().unwrap()
}

#[tokio::test]
async fn a_fleet_comes_back_with_new_certificates_and_the_one_that_does_not_is_named() {
    let server = TestServer::start().await;
    let mut living = Vec::new();
    for number in 1..=9 {
        let manner = if number == 4 {
            Manner::Vanishes
        } else {
            Manner::Good
        };
        let pair = Pair::register(&server, &format!("press-{number}")).await;
        living.push(pair.live(&server, manner).await);
    }
    let runs = Runs::of(&server);
    let begun = runs.begin("wave", &json!({ "returnWithinSeconds": 3 })).await;
    assert_eq!(
        (&begun["status"], &begun["method"]),
        (&json!("running"), &json!("reprovision"))
    );
    let run = runs.with_status("wave", "completed").await;
    assert_eq!(
        (
            count(&run, "total"),
            count(&run, "returned"),
            count(&run, "notReturned")
        ),
        (9, 8, 1)
    );
    let lost = runs.devices("wave", "notReturned").await;
    assert_eq!(lost, [("press-4".to_owned(), "it did not come back".to_owned())]);
    assert_eq!(runs.devices("wave", "returned").await.len(), 8);
    drop(server);
    for device in living {
        assert_eq!(device.await.unwrap(), 1, "each is called once");
    }
}

#[tokio::test]
async fn each_way_of_not_coming_back_has_its_reason() {
    let server = TestServer::start().await;
    let manners = [
        ("a-refuses", Manner::Refuses),
        ("b-stays", Manner::Stays),
        ("c-unchanged", Manner::Unchanged),
        ("d-vanishes", Manner::Vanishes),
    ];
    let mut living = Vec::new();
    for (id, manner) in manners {
        living.push(Pair::register(&server, id).await.live(&server, manner).await);
    }
    Pair::register(&server, "e-absent").await;
    let runs = Runs::of(&server);
    let limits =
        json!({ "returnWithinSeconds": 1, "connectWithinSeconds": 1, "responseTimeoutInSeconds": 5 });
    runs.begin("wave", &limits).await;
    runs.with_status("wave", "completed").await;
    let named = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter()
            .map(|(id, why)| ((*id).to_owned(), (*why).to_owned()))
            .collect()
    };
    assert_eq!(
        runs.devices("wave", "failed").await,
        named(&[("a-refuses", "it answered 503")])
    );
    assert_eq!(
        runs.devices("wave", "notReturned").await,
        named(&[
            ("b-stays", "it is still there: it did not leave to register"),
            ("c-unchanged", "it is back with the certificate it had"),
            ("d-vanishes", "it did not come back"),
        ])
    );
    assert_eq!(
        runs.devices("wave", "skipped").await,
        named(&[("e-absent", "it did not connect in time")])
    );
}

#[tokio::test]
async fn the_certificate_a_device_had_is_enough_when_that_is_said() {
    let server = TestServer::start().await;
    let pair = Pair::register(&server, "press-1").await;
    let living = pair.live(&server, Manner::Unchanged).await;
    let runs = Runs::of(&server);
    runs.begin("wave", &json!({ "acceptSameCredential": true })).await;
    let run = runs.with_status("wave", "completed").await;
    assert_eq!(count(&run, "returned"), 1);
    drop(living);
}

#[tokio::test]
async fn a_device_with_keys_is_back_with_its_next_session() {
    let server = TestServer::start().await;
    let (device, _) = device_with_key(&server, "press-1").await;
    let session = listening(&server, &device).await;
    let again = Pair {
        old: device.clone(),
        new: device,
    };
    let living = tokio::spawn(live(again, Endpoints::clone(&server), session, Manner::Good));
    let runs = Runs::of(&server);
    runs.begin("wave", &json!({})).await;
    let run = runs.with_status("wave", "completed").await;
    assert_eq!(count(&run, "returned"), 1);
    drop(living);
}

#[tokio::test]
async fn a_device_that_is_not_there_is_called_when_it_connects() {
    let server = TestServer::start().await;
    let pair = Pair::register(&server, "press-1").await;
    let runs = Runs::of(&server);
    runs.begin("wave", &json!({ "connectWithinSeconds": 60 })).await;
    runs.with("wave", "it is waited for", |run| count(run, "pending") == 1)
        .await;
    let living = pair.live(&server, Manner::Good).await;
    let run = runs.with_status("wave", "completed").await;
    assert_eq!(count(&run, "returned"), 1);
    drop(living);
}

#[tokio::test]
async fn too_many_failures_pause_a_run_and_it_goes_on_when_told() {
    let server = TestServer::start().await;
    let mut living = Vec::new();
    // In the order of their IDs: those that refuse have their turn first.
    for number in 0..30 {
        let manner = if number < 3 { Manner::Refuses } else { Manner::Good };
        let pair = Pair::register(&server, &format!("press-{number:02}")).await;
        living.push(pair.live(&server, manner).await);
    }
    let runs = Runs::of(&server);
    // One at a time, so that the refusals are known early.
    let limits = json!({ "pauseOnFailure": "5%", "pace": "20/s" });
    runs.begin("wave", &limits).await;
    let paused = runs.with_status("wave", "paused").await;
    assert!(
        paused["reason"].as_str().unwrap().contains("the limit is 5%"),
        "{paused}"
    );
    let asked = count(&paused, "total") - count(&paused, "pending");
    assert!((20..30).contains(&asked), "{paused}");
    // Nobody is called meanwhile; those that were come back.
    let settled = runs
        .with("wave", "those that were called are back", |run| {
            count(run, "called") + count(run, "left") == 0
        })
        .await;
    assert_eq!(settled["status"], "paused");
    assert_eq!(count(&settled, "pending"), count(&paused, "pending"));
    // What came before does not pause it again.
    let resumed = runs.post("wave/resume", &Value::Null).await;
    assert_eq!(
        (&resumed["status"], &resumed["reason"]),
        (&json!("running"), &Value::Null)
    );
    let run = runs.with_status("wave", "completed").await;
    assert_eq!((count(&run, "returned"), count(&run, "failed")), (27, 3));
}

#[tokio::test]
async fn those_that_failed_have_another_turn_when_told() {
    let server = TestServer::start().await;
    let pair = Pair::register(&server, "press-1").await;
    let runs = Runs::of(&server);
    runs.begin("wave", &json!({ "connectWithinSeconds": 0 })).await;
    let run = runs.with_status("wave", "completed").await;
    assert_eq!(count(&run, "skipped"), 1);
    let path = format!("{}/wave/resume", runs.base);
    runs.api.post(&path, &Value::Null).await.refused_by_hub(412_003);
    let living = pair.live(&server, Manner::Good).await;
    let again = runs
        .post(
            "wave/resume",
            &json!({ "retryFailed": true, "pauseOnFailure": "10" }),
        )
        .await;
    assert_eq!(
        (&again["status"], &again["pauseOnFailure"]),
        (&json!("running"), &json!("10"))
    );
    let run = runs.with_status("wave", "completed").await;
    assert_eq!((count(&run, "returned"), count(&run, "skipped")), (1, 0));
    drop(living);
}

#[tokio::test]
async fn those_that_failed_have_another_turn_while_the_run_goes_on() {
    let server = TestServer::start().await;
    let refusing = Pair::register(&server, "press-1").await;
    let again = Device::clone(&refusing.old);
    let living = refusing.live(&server, Manner::Refuses).await;
    // Waited for: the run does not end meanwhile.
    Pair::register(&server, "press-2").await;
    let runs = Runs::of(&server);
    runs.begin("wave", &json!({ "connectWithinSeconds": 60 })).await;
    runs.with("wave", "one refused", |run| count(run, "failed") == 1)
        .await;
    living.abort();
    let mut session = listening(&server, &again).await;
    runs.post("wave/resume", &json!({ "retryFailed": true })).await;
    let event = session.next_event(SOON).await.unwrap();
    assert!(matches!(event, Some(HubEvent::Method { .. })), "{event:?}");
    runs.post("wave/cancel", &Value::Null).await;
}

#[tokio::test]
async fn a_paused_run_calls_nobody_and_one_that_is_called_off_never_does() {
    let server = TestServer::start().await;
    let pair = Pair::register(&server, "press-1").await;
    let runs = Runs::of(&server);
    runs.begin("wave", &json!({ "connectWithinSeconds": 60 })).await;
    runs.with("wave", "it is waited for", |run| count(run, "pending") == 1)
        .await;
    assert_eq!(runs.post("wave/pause", &Value::Null).await["status"], "paused");
    let mut session = listening(&server, &pair.old).await;
    assert!(
        session
            .next_event(Duration::from_millis(500))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        runs.post("wave/cancel", &Value::Null).await["status"],
        "cancelled"
    );
    assert!(
        session
            .next_event(Duration::from_millis(300))
            .await
            .unwrap()
            .is_none()
    );
    let path = format!("{}/wave/resume", runs.base);
    runs.api.post(&path, &Value::Null).await.refused_by_hub(412_003);
}

#[tokio::test]
async fn a_restart_calls_nobody_twice_and_still_sees_who_is_back() {
    let mut server = TestServer::start().await;
    let (called, waiting) = (
        Pair::register(&server, "press-1").await,
        Pair::register(&server, "press-2").await,
    );
    let runs = Runs::of(&server);
    let mut session = listening(&server, &called.old).await;
    runs.begin("wave", &json!({ "connectWithinSeconds": 60 })).await;
    let event = session.next_event(SOON).await.unwrap().expect("a call");
    let HubEvent::Method { rid, .. } = event else {
        panic!("{event:?}")
    };
    session.answer_method(&rid, 200, b"{}").await.unwrap();
    runs.with("wave", "one is called, one waited for", |run| {
        (count(run, "called"), count(run, "pending")) == (1, 1)
    })
    .await;
    server.restart().await;
    let runs = Runs::of(&server);
    // With the certificate it had: the restart made it come, it is not back yet.
    let mut session = listening(&server, &called.old).await;
    assert!(
        session
            .next_event(Duration::from_millis(500))
            .await
            .unwrap()
            .is_none(),
        "called again"
    );
    assert_eq!(count(&runs.get("wave").await, "returned"), 0);
    session.disconnect().await;
    let mut session = listening(&server, &called.new).await;
    let living = waiting.live(&server, Manner::Good).await;
    let run = runs.with_status("wave", "completed").await;
    assert_eq!(count(&run, "returned"), 2);
    assert!(
        session
            .next_event(Duration::from_millis(100))
            .await
            .unwrap()
            .is_none(),
        "called again"
    );
    drop(living);
}

#[tokio::test]
async fn who_is_there_and_may_not_be_called_yet_is_not_skipped() {
    let server = TestServer::start().await;
    let waiting = Pair::register(&server, "press-0").await;
    Pair::register(&server, "press-1").await;
    let staying = Pair::register(&server, "press-2").await;
    let staying = staying.live(&server, Manner::Stays).await;
    let runs = Runs::of(&server);
    let limits = json!({ "atMostAway": 1, "connectWithinSeconds": 2, "returnWithinSeconds": 4 });
    runs.begin("wave", &limits).await;
    runs.with("wave", "one is called", |run| count(run, "called") == 1)
        .await;
    let waiting = waiting.live(&server, Manner::Good).await;
    runs.with_status("wave", "completed").await;
    let why = "it did not connect in time".to_owned();
    assert_eq!(
        runs.devices("wave", "skipped").await,
        [("press-1".to_owned(), why)]
    );
    assert_eq!(runs.devices("wave", "returned").await.len(), 1);
    drop((waiting, staying));
}

#[tokio::test]
async fn nobody_is_skipped_while_a_run_is_paused() {
    let server = TestServer::start().await;
    let waiting = Pair::register(&server, "press-1").await;
    let staying = Pair::register(&server, "press-2").await;
    let staying = staying.live(&server, Manner::Stays).await;
    let runs = Runs::of(&server);
    // Its time to connect is over before the other one is given up, which a paused run still sees to.
    let limits = json!({ "connectWithinSeconds": 1, "returnWithinSeconds": 3 });
    runs.begin("wave", &limits).await;
    runs.with("wave", "one is called", |run| count(run, "called") == 1)
        .await;
    runs.post("wave/pause", &Value::Null).await;
    let run = runs
        .with("wave", "one is given up", |run| count(run, "notReturned") == 1)
        .await;
    assert_eq!((count(&run, "pending"), count(&run, "skipped")), (1, 0), "{run}");
    let waiting = waiting.live(&server, Manner::Good).await;
    runs.post("wave/resume", &Value::Null).await;
    let run = runs.with_status("wave", "completed").await;
    assert_eq!(count(&run, "returned"), 1, "{run}");
    drop((waiting, staying));
}

#[tokio::test]
async fn those_that_were_skipped_have_another_turn_again_and_again() {
    let server = TestServer::start().await;
    let vanishing = Pair::register(&server, "press-1").await;
    let vanishing = vanishing.live(&server, Manner::Vanishes).await;
    Pair::register(&server, "press-2").await;
    let runs = Runs::of(&server);
    // The one that is away keeps the run going.
    runs.begin("wave", &json!({ "connectWithinSeconds": 1 })).await;
    for _ in 0..3 {
        let both = |run: &Value| (count(run, "left"), count(run, "skipped")) == (1, 1);
        runs.with("wave", "one is away, one skipped", both).await;
        let run = runs.post("wave/resume", &json!({ "retryFailed": true })).await;
        assert_eq!(count(&run, "pending"), 1, "{run}");
    }
    runs.post("wave/cancel", &Value::Null).await;
    drop(vanishing);
}

#[tokio::test]
async fn the_pace_and_those_away_at_a_time_are_kept() {
    let server = TestServer::start().await;
    let mut living = Vec::new();
    for number in 0..12 {
        let pair = Pair::register(&server, &format!("press-{number:02}")).await;
        living.push(pair.live(&server, Manner::Good).await);
    }
    let runs = Runs::of(&server);
    let began = Instant::now();
    runs.begin("wave", &json!({ "pace": "10/s" })).await;
    let run = runs.with_status("wave", "completed").await;
    assert_eq!(count(&run, "returned"), 12);
    // Eleven intervals, less what is made up for.
    assert!(
        began.elapsed() >= Duration::from_millis(800),
        "{:?}",
        began.elapsed()
    );
    // Both certificates are known: it works the other way round as well. Nobody returns twice: they
    // have the new one already.
    let away = json!({ "atMostAway": 2, "returnWithinSeconds": 1 });
    runs.begin("second", &away).await;
    let seen = runs
        .with("second", "two are away", |run| {
            count(run, "called") + count(run, "left") > 0
        })
        .await;
    assert!(count(&seen, "called") + count(&seen, "left") <= 2, "{seen}");
    runs.post("second/cancel", &Value::Null).await;
}

#[tokio::test]
async fn a_dry_run_counts_and_calls_nobody() {
    let server = TestServer::start().await;
    let pair = Pair::register(&server, "press-1").await;
    Pair::register(&server, "press-2").await;
    let mut session = listening(&server, &pair.old).await;
    let runs = Runs::of(&server);
    let body = json!({ "query": "*", "dryRun": true });
    let forecast = runs.api.post(&runs.base, &body).await.ok();
    assert_eq!(forecast, json!({ "dryRun": true, "devices": 2, "connected": 1 }));
    assert!(
        session
            .next_event(Duration::from_millis(200))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(runs.api.get(&runs.base).await.ok(), json!({ "value": [] }));
}

#[tokio::test]
async fn what_is_wrong_with_a_run_has_its_code() {
    let server = TestServer::start().await;
    let runs = Runs::of(&server);
    runs.begin("wave", &json!({ "query": "deviceId = 'nobody'" }))
        .await;
    let run = runs.with_status("wave", "completed").await;
    assert_eq!(count(&run, "total"), 0);
    let post = async |path: &str, body: &Value| runs.api.post(&format!("{}{path}", runs.base), body).await;
    post("", &json!({ "id": "wave", "query": "*" }))
        .await
        .refused_by_hub(409_104);
    post("", &json!({ "query": "tags.a ==" }))
        .await
        .refused_by_hub(400_004);
    post("/other/pause", &Value::Null).await.refused_by_hub(404_002);
    post("/wave/pause", &Value::Null).await.refused_by_hub(412_003);
    assert_eq!(
        post("", &json!({ "query": "*", "pace": "fast" })).await.status,
        400
    );
    let unnamed = post("", &json!({ "query": "deviceId = 'nobody'" })).await.ok();
    assert!(unnamed["id"].as_str().unwrap().starts_with("reprovision-"));
    let other = "/provost/hubs/other/fleet/reprovisions";
    runs.api.get(other).await.refused_by_hub(401_001);
}

/// The story of docs/FLEET.md: the intermediate is rolled, the fleet registers anew under it.
#[tokio::test]
async fn a_fleet_registers_anew_under_a_rolled_intermediate() {
    let server = TestServer::start().await;
    let root = FixtureAuthority::root("Fleet Root");
    let (old, new) = (root.intermediate("Line CA 1"), root.intermediate("Line CA 2"));
    let group = Enrollment::group("line").x509(&signer_slots(Some(&old), Some(&new)));
    server.dps_api().put_enrollment(&group).await;
    let mut living = Vec::new();
    for number in 1..=3 {
        let id = format!("press-{number}");
        let device = |authority: &FixtureAuthority| Device::with_leaf(&authority.leaf(&id));
        let (before, after) = (device(&old), device(&new));
        assigned(before.register(&server, Via::Mqtt).await);
        let mut session = listening(&server, &before).await;
        let endpoints = Endpoints::clone(&server);
        living.push(tokio::spawn(async move {
            let event = session.next_event(SOON).await.unwrap().expect("a call");
            let HubEvent::Method { rid, .. } = event else {
                panic!("{event:?}")
            };
            session.answer_method(&rid, 200, b"{}").await.unwrap();
            // The hub closes the session itself once the old certificate no longer stands.
            assigned(after.register(&endpoints, Via::Mqtt).await);
            listening(&endpoints, &after).await
        }));
    }
    let runs = Runs::of(&server);
    runs.begin("roll", &json!({ "query": "STARTSWITH(deviceId, 'press-')" }))
        .await;
    let run = runs.with_status("roll", "completed").await;
    assert_eq!((count(&run, "total"), count(&run, "returned")), (3, 3), "{run}");
    drop(living);
}
