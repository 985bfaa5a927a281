//! certificate-management.md 5.1: devices that retry for ever. The clock of these servers stands
//! still until it is moved, so that budgets are spent exactly.

use std::time::Duration;

use provost::config::Config;
use provost_device::http::{HttpClient, Method};
use provost_device::provisioning::{RegisterError, RegistrationOutcome, RegistrationStatus};
use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_testkit::{
    Device, Enrollment, Leaf, ManualClock, TestServer, Via, assigned, clients, over_every_transport, refusal,
};
use provost_transport::device_api::RateLimits;
use provost_transport::throttle::Rate;

const PERIOD: Duration = Duration::from_secs(4);
/// Attempts before a refused device waits.
const BURST: u32 = 3;

async fn start(configure: impl FnOnce(&mut RateLimits)) -> (TestServer, ManualClock) {
    TestServer::start_with_clock_configured(|config: &mut Config| {
        config.metrics_open = true;
        configure(&mut config.limits.rates);
    })
    .await
}

/// Refused devices have [`BURST`] attempts, sources as many as they like.
async fn start_strict() -> (TestServer, ManualClock) {
    start(|rates| {
        let (period, burst) = (PERIOD, BURST);
        rates.refusals_per_registration = Some(Rate { period, burst });
    })
    .await
}

fn enrolled(leaf: &Leaf) -> Enrollment {
    Enrollment::individual(leaf.common_name()).x509(&clients(leaf, None))
}

/// How long a throttled device is told to wait.
#[track_caller]
fn told_to_wait(answer: Result<RegistrationOutcome, RegisterError>) -> Duration {
    let wait = match &answer {
        Err(RegisterError::Refused { retry_after, .. }) => retry_after.expect("a time to come back"),
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(refusal(answer), (429, 429_001));
    let obeyed = Duration::from_secs(2)..=Duration::from_secs(5);
    assert!(obeyed.contains(&wait), "Java ignores {wait:?}");
    wait
}

/// Lets a device whose enrollment is disabled try until it is told to wait.
async fn hammer(server: &TestServer, device: &Device, via: Via) -> Duration {
    for _ in 0..BURST {
        let outcome = device.register(server, via).await.unwrap();
        assert_eq!(outcome.status, RegistrationStatus::Disabled, "{via:?}");
    }
    told_to_wait(device.register(server, via).await)
}

/// The value of a counter, 0 when it was never counted.
async fn counted(server: &TestServer, counter: &str) -> u64 {
    let answer = server.own_api().authorized(None).get("/provost/metrics").await;
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.raw.to_vec()).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(counter));
    value.map_or(0, |value| value.trim().parse().unwrap())
}

fn attempts(via: Via, outcome: &str, reason: &str) -> String {
    let protocol = if via.is_mqtt() { "mqtt" } else { "http" };
    format!(
        "provost_registration_attempts_total{{protocol=\"{protocol}\",outcome=\"{outcome}\",reason=\"{reason}\"}}"
    )
}

#[tokio::test]
async fn r_010_a_hammering_device_waits_writes_nothing_and_hurts_nobody() {
    over_every_transport(async |via| {
        let (server, _clock) = start_strict().await;
        let (leaf, good) = (Leaf::self_signed("press-10"), Leaf::self_signed("press-11"));
        server.dps_api().put_enrollment(&enrolled(&leaf).disabled()).await;
        server.dps_api().put_enrollment(&enrolled(&good)).await;
        let device = Device::with_leaf(&leaf);
        let first = device.register(&server, via).await.unwrap();
        assert_eq!(first.status, RegistrationStatus::Disabled);
        let events = server.stored().audit_events().await.len();
        let record = server.stored().registration("press-10").await;

        for _ in 1..BURST {
            let again = device.register(&server, via).await.unwrap();
            assert_eq!(again.raw, first.raw, "{via:?}: nothing is new");
        }
        for _ in 0..10 {
            told_to_wait(device.register(&server, via).await);
        }
        assert_eq!(server.stored().audit_events().await.len(), events);
        assert_eq!(server.stored().registration("press-10").await, record);
        // From the same address, as often as it likes.
        for _ in 0..2 * BURST {
            assigned(Device::with_leaf(&good).register(&server, via).await);
        }
    })
    .await;
}

#[tokio::test]
async fn r_010_a_device_without_an_enrollment_waits_as_well() {
    over_every_transport(async |via| {
        let (server, clock) = start_strict().await;
        let device = Device::with_leaf(&Leaf::self_signed("press-10"));
        for _ in 0..BURST {
            assert_eq!(
                refusal(device.register(&server, via).await),
                (401, 401_002),
                "{via:?}"
            );
        }
        let wait = told_to_wait(device.register(&server, via).await);
        // Who waits as told is judged.
        clock.advance(wait);
        assert_eq!(refusal(device.register(&server, via).await), (401, 401_002));
        told_to_wait(device.register(&server, via).await);
    })
    .await;
}

#[tokio::test]
async fn r_010_a_device_there_is_no_room_for_waits_as_well() {
    let (server, _clock) = TestServer::start_with_clock_configured(|config: &mut Config| {
        let (period, burst) = (PERIOD, BURST);
        config.limits.rates.refusals_per_registration = Some(Rate { period, burst });
        config.dps.quotas.registrations = 0;
    })
    .await;
    let leaf = Leaf::self_signed("press-10");
    server.dps_api().put_enrollment(&enrolled(&leaf)).await;
    let device = Device::with_leaf(&leaf);
    for _ in 0..BURST {
        let answer = device.register(&server, Via::Https).await;
        assert_eq!(refusal(answer), (403, 403_102));
    }
    told_to_wait(device.register(&server, Via::Https).await);
}

#[tokio::test]
async fn r_050_refused_newcomers_take_nothing_of_the_rate_of_known_devices() {
    let (server, _clock) = TestServer::start_with_clock_configured(|config: &mut Config| {
        config.dps.quotas.registrations = 1;
        config.limits.rates.registrations = Rate::per(2, Duration::from_mins(1));
    })
    .await;
    let [known, newcomer] = ["press-1", "press-2"].map(Leaf::self_signed);
    for leaf in [&known, &newcomer] {
        server.dps_api().put_enrollment(&enrolled(leaf)).await;
    }
    let (known, newcomer) = (Device::with_leaf(&known), Device::with_leaf(&newcomer));
    assigned(known.register(&server, Via::Https).await);
    for _ in 0..5 {
        let answer = newcomer.register(&server, Via::Https).await;
        assert_eq!(refusal(answer), (403, 403_102));
    }
    assigned(known.register(&server, Via::Https).await);
    told_to_wait(known.register(&server, Via::Https).await);
}

#[tokio::test]
async fn r_010_requests_on_one_connection_are_counted_like_connections() {
    let (server, _clock) = start_strict().await;
    let key = SymmetricKey::generate(&SystemRandom);
    let enrollment = Enrollment::individual("press-10").keys(Some(&key), None);
    server.dps_api().put_enrollment(&enrollment.disabled()).await;
    let scope = &server.dps().id_scope;
    let resource = format!("{scope}/registrations/press-10");
    let expires_at = server.clock.now().after(Duration::from_hours(1));
    let token = provost_attestation::sas::sign(&resource, &key, expires_at, Some("registration"));
    let headers = [("authorization", token.as_str())];
    let path = format!("/{resource}/register?api-version=2021-06-01");
    let mut client = HttpClient::connect(&server.https(&server.dps().host), &server.tls(None))
        .await
        .unwrap();
    let mut statuses = Vec::new();
    for _ in 0..=BURST {
        let body = Some("{}".into());
        let answer = client.request(Method::PUT, &path, &headers, body).await.unwrap();
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [202, 202, 202, 429]);
}

#[tokio::test]
async fn r_010_nobody_is_locked_out_by_a_stranger_with_its_name() {
    over_every_transport(async |via| {
        let (server, _clock) = start_strict().await;
        let leaf = Leaf::self_signed("press-10");
        server.dps_api().put_enrollment(&enrolled(&leaf)).await;
        let impostor = Device::with_leaf(&Leaf::self_signed("press-10"));
        for stranger in [impostor, Device::without_proof("PRESS-10")] {
            for _ in 0..BURST {
                let (status, _) = refusal(stranger.register(&server, via).await);
                assert_eq!(status, 401, "{via:?}");
            }
            told_to_wait(stranger.register(&server, via).await);
        }
        assigned(Device::with_leaf(&leaf).register(&server, via).await);
    })
    .await;
}

#[tokio::test]
async fn r_010_a_source_of_many_refusals_waits_and_its_good_devices_do_not() {
    over_every_transport(async |via| {
        let (server, clock) = start(|rates| {
            let period = PERIOD;
            rates.refusals_per_registration = Some(Rate { period, burst: 100 });
            rates.refusals_per_source = Some(Rate { period, burst: 2 });
        })
        .await;
        let good = Leaf::self_signed("press-1");
        server.dps_api().put_enrollment(&enrolled(&good)).await;
        let unknown = |number| Device::without_proof(&format!("unknown-{number}"));
        for number in 0..2 {
            let (status, _) = refusal(unknown(number).register(&server, via).await);
            assert_eq!(status, 401, "{via:?}");
        }
        let wait = told_to_wait(unknown(2).register(&server, via).await);
        told_to_wait(unknown(2).register(&server, via).await);
        for _ in 0..5 {
            assigned(Device::with_leaf(&good).register(&server, via).await);
        }
        let (source, device) = (
            attempts(via, "throttled", "source"),
            attempts(via, "throttled", "registration"),
        );
        assert_eq!(
            (counted(&server, &source).await, counted(&server, &device).await),
            (1, 1)
        );
        clock.advance(wait);
        assert_eq!(refusal(unknown(2).register(&server, via).await).0, 401);
    })
    .await;
}

#[tokio::test]
async fn r_011_every_refused_attempt_is_counted_for_the_operator() {
    over_every_transport(async |via| {
        let (server, _clock) = start_strict().await;
        let (leaf, good) = (Leaf::self_signed("press-11"), Leaf::self_signed("press-12"));
        server.dps_api().put_enrollment(&enrolled(&leaf).disabled()).await;
        server.dps_api().put_enrollment(&enrolled(&good)).await;
        hammer(&server, &Device::with_leaf(&leaf), via).await;
        let unknown = Device::with_leaf(&Leaf::self_signed("press-13"));
        assert_eq!(refusal(unknown.register(&server, via).await).0, 401);
        assigned(Device::with_leaf(&good).register(&server, via).await);

        for (outcome, reason, count) in [
            ("disabled", "", u64::from(BURST)),
            ("throttled", "registration", 1),
            ("refused", "noEnrollment", 1),
            ("assigned", "", 1),
        ] {
            let counter = attempts(via, outcome, reason);
            assert_eq!(counted(&server, &counter).await, count, "{counter}");
        }
        let hub = server.hub_name();
        let accepted = "provost_attestation_attempts_total{kind=\"x509\",result=\"accepted\",reason=\"\"}";
        for (counter, count) in [
            (accepted, u64::from(BURST) + 1),
            (
                &format!("provost_device_assignments_total{{hub=\"{}\"}}", hub.key()),
                1,
            ),
        ] {
            assert_eq!(counted(&server, counter).await, count, "{counter}");
        }
    })
    .await;
}

#[tokio::test]
async fn r_012_enabling_the_entry_lets_a_hammering_device_in_when_it_comes_back_as_told() {
    over_every_transport(async |via| {
        let leaf = Leaf::self_signed("press-12");
        let (server, clock) = start_strict().await;
        let (device, enrollment) = (Device::with_leaf(&leaf), enrolled(&leaf));
        for _ in 0..3 {
            server
                .dps_api()
                .put_enrollment(&enrollment.clone().disabled())
                .await;
            let wait = hammer(&server, &device, via).await;
            server.dps_api().put_enrollment(&enrollment).await;
            clock.advance(wait);
            // Admitted, and with its whole budget for the next time.
            assigned(device.register(&server, via).await);
        }
    })
    .await;
}

#[tokio::test]
async fn registrations_of_an_instance_are_limited_and_refused_ones_take_nothing() {
    over_every_transport(async |via| {
        let (server, clock) = start(|rates| rates.registrations = Rate::per(2, Duration::from_mins(1))).await;
        let leaf = Leaf::self_signed("press-1");
        server.dps_api().put_enrollment(&enrolled(&leaf)).await;
        let (device, unknown) = (Device::with_leaf(&leaf), Device::without_proof("press-2"));
        for _ in 0..2 {
            assert_eq!(refusal(unknown.register(&server, via).await).0, 401);
            assigned(device.register(&server, via).await);
        }
        told_to_wait(device.register(&server, via).await);
        let counter = attempts(via, "throttled", "registrations");
        assert_eq!(counted(&server, &counter).await, 1);
        clock.advance(Duration::from_secs(30));
        assigned(device.register(&server, via).await);
    })
    .await;
}

#[tokio::test]
async fn polls_of_a_device_are_limited() {
    let (server, clock) = start(|rates| rates.polls = RateLimits::default().polls).await;
    let keys = ["press-1", "press-2"].map(|id| (id, SymmetricKey::generate(&SystemRandom)));
    for (id, key) in &keys {
        let enrollment = Enrollment::individual(id).keys(Some(key), None);
        server.dps_api().put_enrollment(&enrollment).await;
        assigned(Device::with_key(id, key).register(&server, Via::Https).await);
    }
    let look_up = async |(id, key): &(&str, SymmetricKey)| {
        let resource = format!("{}/registrations/{id}", server.dps().id_scope);
        let expires_at = server.clock.now().after(Duration::from_hours(1));
        let token = provost_attestation::sas::sign(&resource, key, expires_at, Some("registration"));
        let api = server.dps_api().authorized(Some(token));
        api.post(&format!("/{resource}"), &serde_json::json!({})).await
    };
    // The registration polled once.
    for _ in 0..4 {
        look_up(&keys[0]).await.ok();
    }
    let limited = look_up(&keys[0]).await;
    limited.refused(429_001);
    assert_eq!(limited.header("retry-after").as_deref(), Some("2"));
    look_up(&keys[1]).await.ok();
    clock.advance(Duration::from_secs(2));
    look_up(&keys[0]).await.ok();
    let counter =
        "provost_registration_polls_total{protocol=\"http\",outcome=\"throttled\",reason=\"polls\"}";
    assert_eq!(counted(&server, counter).await, 1);
}

#[tokio::test]
async fn service_operations_are_limited_and_strangers_use_up_nothing() {
    let (server, clock) =
        start(|rates| rates.service_operations = Rate::per(3, Duration::from_mins(1))).await;
    let api = server.dps_api();
    for _ in 0..5 {
        api.authorized(None)
            .get("/enrollments/press-1")
            .await
            .refused(401_000);
    }
    for _ in 0..3 {
        api.get("/enrollments/press-1").await.refused(404_201);
    }
    let limited = api.get("/enrollments/press-1").await;
    limited.refused(429_001);
    assert_eq!(limited.header("retry-after").as_deref(), Some("5"));
    // Management and the hub have limits of their own.
    server
        .hub_api()
        .get("/devices/press-1")
        .await
        .refused_by_hub(404_001);
    clock.advance(Duration::from_secs(20));
    api.get("/enrollments/press-1").await.refused(404_201);
    let counter =
        "provost_service_operations_total{service=\"dps\",operation=\"enrollments\",status=\"429\"}";
    assert_eq!(counted(&server, counter).await, 1);
}

#[tokio::test]
async fn metrics_show_sessions_and_connections_and_are_closed_unless_opened() {
    let (server, _clock) = start(|_| {}).await;
    let leaf = Leaf::self_signed("press-1");
    server.dps_api().put_enrollment(&enrolled(&leaf)).await;
    let device = Device::with_leaf(&leaf);
    assigned(device.register(&server, Via::Mqtt).await);
    let session = device.connect(&server).await.unwrap();
    let sessions = format!("provost_hub_sessions{{hub=\"{}\"}}", server.hub_name().key());
    assert_eq!(counted(&server, &sessions).await, 1);
    assert_eq!(
        counted(&server, "provost_connections{listener=\"https\"}").await,
        1,
        "the one that asks"
    );
    session.disconnect().await;
    let gone = async || (counted(&server, &sessions).await == 0).then_some(());
    provost_testkit::eventually("the session to end", gone).await;

    let answer = server.own_api().get("/provost/metrics").await;
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let closed = TestServer::start().await;
    let stranger = closed.own_api().authorized(None);
    stranger.get("/provost/metrics").await.refused(401_000);
    assert_eq!(closed.own_api().get("/provost/metrics").await.status, 200);
}
