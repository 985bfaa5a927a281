use std::sync::Arc;
use std::time::Duration;

use provost_hub::{DeviceSession, Feature, HubError, IncomingMethod, MethodAnswer, SessionEvent};
use provost_model::{DeviceStatus, SymmetricKey};
use provost_wire::hub::service::MethodRequest;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::house::{House, device, event, keys};

fn request(response: u64, connect: u64) -> MethodRequest {
    MethodRequest {
        name: "reprovision".to_owned(),
        payload: Some(json!({"now": true})),
        response_timeout: Duration::from_secs(response),
        connect_timeout: Duration::from_secs(connect),
    }
}

/// Everything that writes is done before time stands still: the store's writer is a thread, and
/// waiting for it would let the time run.
struct Scene {
    house: Arc<House>,
    caller: provost_hub::ServiceCaller,
    key: SymmetricKey,
}

impl Scene {
    async fn new() -> Self {
        let house = Arc::new(House::new().await);
        let key = keys(&house.create("d1").await).primary;
        let caller = house.owner().await;
        tokio::time::pause();
        Self { house, caller, key }
    }

    async fn connect(&self) -> DeviceSession {
        self.house.connect_with_key("d1", &self.key).await.unwrap()
    }

    async fn listen(&self) -> DeviceSession {
        let session = self.connect().await;
        session.subscribe(Feature::Methods).await.unwrap();
        session
    }

    fn call(&self, request: MethodRequest) -> JoinHandle<Result<MethodAnswer, HubError>> {
        let (house, caller) = (Arc::clone(&self.house), self.caller.clone());
        tokio::spawn(async move {
            house
                .service
                .invoke_method(&caller, &device("d1"), &request)
                .await
        })
    }
}

async fn method(session: &DeviceSession) -> IncomingMethod {
    let SessionEvent::Method(method) = event(session).await else {
        panic!("not a method")
    };
    *method
}

/// Timers are rounded up to the millisecond.
fn assert_took(begin: Instant, millis: u64) {
    let expected = Duration::from_millis(millis);
    let took = begin.elapsed();
    assert!(
        (expected..expected + Duration::from_millis(20)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test]
async fn s08_round_trip() {
    let scene = Scene::new().await;
    let session = scene.listen().await;
    let calling = scene.call(request(30, 0));
    let method = method(&session).await;
    assert_eq!(
        (method.name.as_str(), method.payload.as_slice()),
        ("reprovision", &br#"{"now":true}"#[..])
    );
    assert!(session.answer_method(&method.rid, 404, b"[1]".to_vec()));
    let expected = MethodAnswer {
        status: 404,
        payload: json!([1]),
    };
    assert_eq!(calling.await.unwrap().unwrap(), expected);
    assert!(!session.answer_method(&method.rid, 200, Vec::new()));
}

#[tokio::test]
async fn d15_empty_answer_is_null_and_nonsense_is_refused() {
    let scene = Scene::new().await;
    let session = scene.listen().await;
    for (payload, expected) in [(&b""[..], Ok(Value::Null)), (b"{no", Err(400_004))] {
        let calling = scene.call(request(30, 0));
        let method = method(&session).await;
        session.answer_method(&method.rid, 200, payload.to_vec());
        let answer = calling.await.unwrap();
        let answer = answer.map(|answer| answer.payload).map_err(|error| error.code());
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn s08_unknown_device_and_payload_over_the_limit() {
    let scene = Scene::new().await;
    let unknown = scene
        .house
        .service
        .invoke_method(&scene.caller, &device("none"), &request(30, 10))
        .await;
    assert_eq!(unknown.unwrap_err().code(), 404_001);
    let mut large = request(30, 0);
    large.payload = Some(Value::String("x".repeat(128 * 1024)));
    assert_eq!(scene.call(large).await.unwrap().unwrap_err().code(), 413_001);
}

#[tokio::test]
async fn s08_not_connected_or_not_subscribed_is_not_online() {
    let scene = Scene::new().await;
    let begin = Instant::now();
    let absent = scene.call(request(30, 0)).await.unwrap();
    assert_eq!(absent.unwrap_err().code(), 404_103);
    let session = scene.connect().await;
    let silent = scene.call(request(30, 0)).await.unwrap();
    assert_eq!(silent.unwrap_err().code(), 404_103);
    assert_took(begin, 0);
    drop(session);
    // The caller's own patience is ten seconds: the answer comes before.
    let waited = scene.call(request(30, 10)).await.unwrap();
    assert_eq!(waited.unwrap_err().code(), 404_103);
    assert_took(begin, 9_500);
}

#[tokio::test]
async fn s08_no_answer_is_a_timeout_and_a_late_one_is_dropped() {
    let scene = Scene::new().await;
    let session = scene.listen().await;
    let begin = Instant::now();
    let calling = scene.call(request(30, 0));
    let method = method(&session).await;
    assert_eq!(calling.await.unwrap().unwrap_err().code(), 504_101);
    assert_took(begin, 29_500);
    assert!(!session.answer_method(&method.rid, 200, Vec::new()));
}

#[tokio::test]
async fn s08_lost_connection_is_told_and_the_method_is_not_repeated() {
    let scene = Scene::new().await;
    let session = scene.listen().await;
    let calling = scene.call(request(30, 300));
    method(&session).await;
    drop(session);
    assert_eq!(calling.await.unwrap().unwrap_err().code(), 404_104);
    let again = scene.listen().await;
    let nothing = tokio::time::timeout(Duration::from_secs(400), again.next_event());
    assert!(nothing.await.is_err());
}

#[tokio::test]
async fn s09_device_that_connects_in_time_is_reached() {
    let scene = Scene::new().await;
    let calling = scene.call(request(30, 60));
    tokio::time::sleep(Duration::from_secs(20)).await;
    let connected = scene.connect().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(!calling.is_finished());
    connected.subscribe(Feature::Methods).await.unwrap();
    let method = method(&connected).await;
    connected.answer_method(&method.rid, 200, Vec::new());
    assert_eq!(calling.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn caller_that_went_away_before_the_device_came_runs_nothing() {
    let scene = Scene::new().await;
    let calling = scene.call(request(30, 60));
    tokio::time::sleep(Duration::from_secs(1)).await;
    calling.abort();
    assert!(calling.await.is_err());
    let session = scene.listen().await;
    let nothing = tokio::time::timeout(Duration::from_secs(400), session.next_event());
    assert!(nothing.await.is_err());
}

#[tokio::test]
async fn caller_that_went_away_before_the_device_took_the_method_runs_nothing() {
    let scene = Scene::new().await;
    let session = scene.listen().await;
    // More than may be in flight: each one is forgotten with its caller.
    for _ in 0..20 {
        let calling = scene.call(request(30, 0));
        tokio::time::sleep(Duration::from_secs(1)).await;
        calling.abort();
        assert!(calling.await.unwrap_err().is_cancelled());
    }
    let nothing = tokio::time::timeout(Duration::from_secs(400), session.next_event());
    assert!(nothing.await.is_err());
}

#[tokio::test]
async fn too_many_methods_in_flight_are_refused() {
    let scene = Scene::new().await;
    let session = scene.listen().await;
    let _calling: Vec<_> = (0..16).map(|_| scene.call(request(30, 0))).collect();
    for _ in 0..16 {
        method(&session).await;
    }
    let refused = scene.call(request(30, 0)).await.unwrap();
    assert_eq!(refused.unwrap_err().code(), 403_800);
}

#[tokio::test]
async fn s08_disabled_device_is_not_online() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    session.subscribe(Feature::Methods).await.unwrap();
    house.set_status("d1", DeviceStatus::Disabled).await;
    let caller = house.owner().await;
    let refused = house
        .service
        .invoke_method(&caller, &device("d1"), &request(5, 0))
        .await;
    assert_eq!(refused.unwrap_err().code(), 404_103);
}
