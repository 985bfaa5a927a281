//! Several provisioning services and several hubs in one server: told apart by ID scope and host name.

use std::time::Duration;

use provost::connection_file::ConnectionFile;
use provost_device::http::HttpClient;
use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_testkit::{
    Device, Endpoints, Enrollment, TestServer, Via, assigned_hub, connack_code, eventually,
    over_every_transport, refusal,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);

/// The server after an operator made `plant-2` with `hub-2` beside what was there.
async fn two_by_two() -> (TestServer, Endpoints) {
    let server = TestServer::start().await;
    let own = server.own_api();
    let hub = own.post("/provost/hubs", &json!({ "name": "hub-2" })).await.ok();
    let dps = own.post("/provost/dps", &json!({ "name": "plant-2" })).await.ok();
    assert_eq!(
        (&hub["host"], &dps["host"]),
        (&json!("hub-2.localhost"), &json!("plant-2.localhost"))
    );
    let link = "/provost/dps/plant-2/linkedHubs/hub-2";
    own.put(link, &json!({})).await.ok();
    let second = endpoints(&server, "plant-2", "hub-2").await;
    (server, second)
}

/// The same server as those see it who were told of one service and one hub, once its certificate names both;
/// read from the connection file, which follows.
pub(super) async fn endpoints(server: &TestServer, dps: &str, hub: &str) -> Endpoints {
    let seen = told(server, dps, hub).await;
    for host in [&seen.dps().host, &seen.hub().host] {
        eventually("the certificate names the new host", async || {
            let opened = HttpClient::connect(&seen.https(host), &seen.tls(None)).await;
            opened.ok()
        })
        .await;
    }
    seen
}

async fn told(server: &TestServer, dps: &str, hub: &str) -> Endpoints {
    let data = server.connection.admin_token_file.parent().unwrap().to_owned();
    let connection = eventually("the connection file says so", async || {
        let mut file = ConnectionFile::read(&data).ok()?;
        file.dps.retain(|found| found.name == dps);
        file.hubs.retain(|found| found.name == hub);
        (file.dps.len() == 1 && file.hubs.len() == 1).then_some(file)
    })
    .await;
    Endpoints {
        connection,
        roots: server.roots.clone(),
        clock: server.clock.clone(),
    }
}

fn fresh_key() -> SymmetricKey {
    SymmetricKey::generate(&SystemRandom)
}

#[tokio::test]
async fn devices_of_each_id_scope_end_in_the_hub_of_their_service() {
    let (server, second) = two_by_two().await;
    assert_ne!(server.dps().id_scope, second.dps().id_scope);
    let (one, two) = (fresh_key(), fresh_key());
    // The same ID in both: two devices.
    let entry = |key| Enrollment::individual("press-1").keys(Some(key), None);
    server.dps_api().put_enrollment(&entry(&one)).await;
    second.dps_api().put_enrollment(&entry(&two)).await;
    over_every_transport(async |via| {
        for (endpoints, key, other) in [(&*server as &Endpoints, &one, &two), (&second, &two, &one)] {
            let device = Device::with_key("press-1", key);
            let (hub, id) = assigned_hub(device.register(endpoints, via).await);
            assert_eq!((&hub, id.as_str()), (&endpoints.hub().host, "press-1"));
            let stranger = Device::with_key("press-1", other);
            assert_eq!(refusal(stranger.register(endpoints, via).await).0, 401);
            let mut session = device.connect(endpoints).await.expect("its hub knows it");
            session.send_telemetry(b"{}", &[]).await.unwrap();
            assert_eq!(connack_code(stranger.connect(endpoints).await), 5);
        }
    })
    .await;
}

#[tokio::test]
async fn what_one_service_or_hub_holds_the_other_does_not_see_and_its_tokens_are_refused() {
    let (server, second) = two_by_two().await;
    let entry = Enrollment::individual("press-2").keys(Some(&fresh_key()), None);
    second.dps_api().put_enrollment(&entry).await;
    server
        .dps_api()
        .get("/enrollments/press-2")
        .await
        .refused(404_201);
    let query = json!({ "query": "*" });
    let all = server.dps_api().post("/enrollments/query", &query).await;
    assert_eq!(all.ok(), json!([]));
    second
        .hub_api()
        .put("/devices/dev-2", &json!({ "deviceId": "dev-2" }))
        .await
        .ok();
    server
        .hub_api()
        .get("/devices/dev-2")
        .await
        .refused_by_hub(404_001);

    // Each token at the other's host: signed by a key the other has not.
    let host = second.dps().host.clone();
    let foreign = provost_testkit::service_token(
        &host,
        "provisioningserviceowner",
        &SymmetricKey::parse(&server.dps().policies[0].key).unwrap(),
        &*server.clock,
    );
    let answer = second
        .dps_api()
        .authorized(Some(foreign))
        .get("/enrollments/press-2")
        .await;
    answer.refused(401_000);
    let host = second.hub().host.clone();
    let key = server.hub_key("iothubowner");
    let foreign = provost_testkit::service_token(&host, "iothubowner", &key, &*server.clock);
    let answer = second
        .hub_api()
        .authorized(Some(foreign))
        .get("/devices/dev-2")
        .await;
    answer.refused_by_hub(401_003);
}

#[tokio::test]
async fn an_instance_is_listed_shown_and_deleted_and_only_by_force_with_its_enrollments() {
    let (server, second) = two_by_two().await;
    let own = server.own_api();
    let key = fresh_key();
    let entry = Enrollment::individual("press-3").keys(Some(&key), None);
    second.dps_api().put_enrollment(&entry).await;
    let device = Device::with_key("press-3", &key);
    device.is_assigned(&second, Via::Https).await;
    let listed = own.get("/provost/dps").await.ok();
    let names: Vec<&Value> = listed["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["dps", "plant-2"]);
    let shown = own.get("/provost/dps/plant-2").await.ok();
    assert_eq!(shown["linkedHubs"], json!(["hub-2"]));
    assert_eq!(
        (&shown["enrollments"], &shown["registrations"]),
        (&json!(1), &json!(1))
    );

    own.post("/provost/dps", &json!({ "name": "plant-2" }))
        .await
        .refused(409_206);
    let taken = json!({ "name": "plant-3", "host": "plant-2.localhost" });
    own.post("/provost/dps", &taken).await.refused(400_004);
    own.delete("/provost/dps/plant-9").await.refused(404_206);
    own.delete("/provost/dps/plant-2").await.refused(400_004);
    own.delete("/provost/dps/plant-2?force=maybe")
        .await
        .refused(400_004);
    own.delete("/provost/dps/plant-2?force=true").await.no_content();
    own.get("/provost/dps/plant-2").await.refused(404_206);
    assert_eq!(refusal(device.register(&second, Via::Https).await).0, 401);
    device.connect(&second).await.expect("devices stay at their hubs");
    // A new one of the name begins empty, with another scope.
    let again = own.post("/provost/dps", &json!({ "name": "plant-2" })).await.ok();
    assert_eq!(again["enrollments"], 0);
    assert_ne!(again["idScope"], shown["idScope"]);
    own.delete("/provost/dps/plant-2").await.no_content();
    own.delete("/provost/dps/dps?force=true").await.refused(400_004);
}

#[tokio::test]
async fn a_hub_is_deleted_by_force_with_its_devices_and_its_sessions_end() {
    let (server, second) = two_by_two().await;
    let own = server.own_api();
    let key = fresh_key();
    let body = super::device_connect::sas_body("dev-4", &key, &fresh_key());
    second.hub_api().put("/devices/dev-4", &body).await.ok();
    let device = Device::with_key("dev-4", &key);
    let mut session = device.connect(&second).await.unwrap();
    let shown = own.get("/provost/hubs/hub-2").await.ok();
    assert_eq!(
        shown,
        json!({ "name": "hub-2", "host": "hub-2.localhost", "devices": 1, "connected": 1, "links": 1 })
    );
    own.delete("/provost/hubs/hub-2").await.refused_by_hub(400_004);
    own.delete("/provost/hubs/hub-9").await.refused(404_209);
    own.delete("/provost/hubs/hub-2?force=true").await.no_content();
    assert!(session.closed(SOON).await, "the session is closed");
    assert_eq!(connack_code(device.connect(&second).await), 5);
    own.get("/provost/hubs/hub-2").await.refused(404_209);
    let links = own.get("/provost/dps/plant-2/linkedHubs").await.ok();
    assert_eq!(links["value"], json!([]), "it is unlinked");
    second
        .hub_api()
        .get("/devices/dev-4")
        .await
        .refused_by_hub(401_001);
    // A hub of the same name begins empty.
    own.post("/provost/hubs", &json!({ "name": "hub-2" })).await.ok();
    assert_eq!(own.get("/provost/hubs/hub-2").await.ok()["devices"], 0);
    own.delete("/provost/hubs/hub-2").await.no_content();
    own.delete("/provost/hubs/hub?force=true")
        .await
        .refused_by_hub(400_004);
}
