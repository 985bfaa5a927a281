//! dps-service-api.md 3.8 and dps-device-api.md 8.2: which hub a device comes to by where it is, and
//! when it stays at the one it has.

use provost::config::Config;
use provost_model::ambient::SystemRandom;
use provost_model::{GeoOrder, HubName, Network, SymmetricKey};
use provost_testkit::{Device, Enrollment, TestServer, Via, assigned, over_every_transport};
use serde_json::{Value, json};

fn order(networks: &[(&str, &[&str])]) -> GeoOrder {
    let hubs = |names: &[&str]| names.iter().map(|name| HubName::parse(name).unwrap()).collect();
    let networks = networks
        .iter()
        .map(|(network, names)| (Network::parse(network).unwrap(), hubs(names)));
    GeoOrder::new(networks.collect()).unwrap()
}

/// A server with the hubs north and south beside its own.
async fn server(configure: impl FnOnce(&mut Config)) -> TestServer {
    let server = TestServer::start_configured(configure).await;
    let api = server.own_api();
    for name in ["north", "south"] {
        let hub = json!({ "name": name, "host": format!("{name}.localhost") });
        api.post("/provost/hubs", &hub).await.ok();
        let link = format!("/provost/dps/{}/linkedHubs/{name}", server.dps().name);
        api.put(&link, &json!({})).await.ok();
    }
    server
}

fn key() -> SymmetricKey {
    SymmetricKey::generate(&SystemRandom)
}

async fn enroll(server: &TestServer, id: &str, key: &SymmetricKey, more: &[(&str, Value)]) {
    let enrollment = Enrollment::individual(id).keys(Some(key), None);
    let enrollment = more.iter().fold(enrollment, |enrollment, (name, value)| {
        enrollment.with(name, value.clone())
    });
    server.dps_api().put_enrollment(&enrollment).await;
}

/// The hub a device of this api-version is told.
async fn hub(server: &TestServer, device: &Device, via: Via, api_version: &str) -> String {
    let outcome = device.register_in(server, via, api_version, None).await;
    assigned(outcome).assigned_hub.expect("a hub")
}

const TODAY: &str = "2021-06-01";
const OLD: &str = "2018-04-01";

#[tokio::test(flavor = "multi_thread")]
async fn geo_latency_takes_the_hub_nearest_to_the_address_a_device_comes_from() {
    let configure = |config: &mut Config| {
        config.geo = order(&[
            ("0.0.0.0/0", &["north"]),
            ("127.0.0.0/8", &["gone", "south", "north"]),
            ("10.0.0.0/8", &["north"]),
        ]);
    };
    let server = server(configure).await;
    over_every_transport(async |via| {
        for n in 0..4 {
            let (id, key) = (format!("press-{n}-{via:?}").to_lowercase(), key());
            let device = Device::with_key(&id, &key);
            enroll(&server, &id, &key, &[("allocationPolicy", json!("geoLatency"))]).await;
            assert_eq!(hub(&server, &device, via, TODAY).await, "south.localhost");
            // Where the entry leaves only others, the next one.
            let others = ("iotHubs", json!(["localhost", "north.localhost"]));
            enroll(
                &server,
                &id,
                &key,
                &[("allocationPolicy", json!("geoLatency")), others],
            )
            .await;
            assert_eq!(hub(&server, &device, via, TODAY).await, "north.localhost");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_of_its_own_a_device_is_spread_as_by_hash() {
    let server = server(|config| config.geo = order(&[("10.0.0.0/8", &["north"])])).await;
    let mut hubs = Vec::new();
    for n in 0..16 {
        let (id, key) = (format!("press-{n}"), key());
        let device = Device::with_key(&id, &key);
        let mut told = Vec::new();
        for policy in ["geoLatency", "hashed"] {
            enroll(&server, &id, &key, &[("allocationPolicy", json!(policy))]).await;
            told.push(hub(&server, &device, Via::Https, TODAY).await);
        }
        assert_eq!(told[0], told[1], "{id}");
        hubs.append(&mut told);
    }
    assert!(hubs.iter().any(|hub| *hub != hubs[0]), "{hubs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_device_without_a_policy_in_its_entry_never_moves() {
    let server = server(|_| {}).await;
    over_every_transport(async |via| {
        let (id, key) = (format!("press-{via:?}").to_lowercase(), key());
        let device = Device::with_key(&id, &key);
        let at = |host: &str| {
            let host = json!([format!("{host}.localhost")]);
            [("allocationPolicy", json!("static")), ("iotHubs", host)]
        };
        enroll(&server, &id, &key, &at("north")).await;
        assert_eq!(hub(&server, &device, via, OLD).await, "north.localhost");
        enroll(&server, &id, &key, &at("south")).await;
        for old in ["2017-11-15", OLD] {
            assert_eq!(hub(&server, &device, via, old).await, "north.localhost", "{old}");
        }
        // The next version knows of reprovisioning, and so does an entry with a policy.
        assert_eq!(
            hub(&server, &device, via, "2018-09-01-preview").await,
            "south.localhost"
        );
        let [policy, hubs] = at("north");
        let moves = json!({ "updateHubAssignment": true, "migrateDeviceData": true });
        enroll(&server, &id, &key, &[policy, hubs, ("reprovisionPolicy", moves)]).await;
        assert_eq!(hub(&server, &device, via, OLD).await, "north.localhost");
    })
    .await;
}
