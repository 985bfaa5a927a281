//! certificate-management.md 5.1.

use provost_device::provisioning::RegistrationStatus;
use provost_model::ambient::SystemRandom;
use provost_model::{DeviceAuth, DeviceStatus, RegistrationState, SymmetricKey};
use provost_testkit::{
    Device, Enrollment, Leaf, TestServer, Via, assigned, assigned_hub, clients, over_every_transport, refusal,
};
use serde_json::json;

/// A server with an enrollment for the leaf.
async fn enrolled(leaf: &Leaf) -> (TestServer, Enrollment) {
    let enrollment = Enrollment::individual(leaf.common_name()).x509(&clients(leaf, None));
    (TestServer::with_entry(&enrollment).await, enrollment)
}

#[tokio::test]
async fn r_001_client_certificate_and_symmetric_key_are_accepted() {
    over_every_transport(async |via| {
        let leaf = Leaf::self_signed("press-x509");
        let (server, _) = enrolled(&leaf).await;
        let key = SymmetricKey::generate(&SystemRandom);
        let by_key = Enrollment::individual("press-key").keys(Some(&key), None);
        server.dps_api().put_enrollment(&by_key).await;

        let answer = Device::with_leaf(&leaf).register(&server, via).await;
        let expected = |id: &str| (server.hub().host.clone(), id.to_owned());
        assert_eq!(assigned_hub(answer), expected("press-x509"), "{via:?}");
        let answer = Device::with_key("press-key", &key).register(&server, via).await;
        assert_eq!(assigned_hub(answer), expected("press-key"), "{via:?}");

        let x509 = server.stored().identity("press-x509").await.unwrap();
        let DeviceAuth::SelfSigned(thumbprints) = x509.auth else {
            panic!("not by thumbprint")
        };
        assert!(leaf.sha256().eq_ignore_ascii_case(&thumbprints.primary.unwrap()));
        let sas = server.stored().identity("press-key").await.unwrap();
        let DeviceAuth::Sas(keys) = sas.auth else {
            panic!("not by key")
        };
        assert_eq!(keys.primary.to_base64(), key.to_base64());
    })
    .await;
}

#[tokio::test]
async fn r_002_disabled_enrollment_fails_the_registration() {
    over_every_transport(async |via| {
        let leaf = Leaf::self_signed("press-2");
        let (server, enrollment) = enrolled(&leaf).await;
        let disabled = enrollment.disabled();
        server.dps_api().put_enrollment(&disabled).await;

        let outcome = Device::with_leaf(&leaf).register(&server, via).await.unwrap();
        assert_eq!(outcome.status, RegistrationStatus::Disabled, "{via:?}");
        assert_eq!(outcome.assigned_hub, None);
        let record = server.stored().registration("press-2").await.unwrap();
        assert_eq!(record.state, RegistrationState::Disabled);
        assert!(
            server.stored().identity("press-2").await.is_none(),
            "the hub is left alone"
        );
    })
    .await;
}

#[tokio::test]
async fn r_003_disabled_enrollment_fails_the_registration_of_a_provisioned_device() {
    over_every_transport(async |via| {
        let leaf = Leaf::self_signed("press-3");
        let (server, enrollment) = enrolled(&leaf).await;
        let device = Device::with_leaf(&leaf);
        assigned(device.register(&server, via).await);
        let disabled = enrollment.disabled();
        server.dps_api().put_enrollment(&disabled).await;

        let outcome = device.register(&server, via).await.unwrap();
        assert_eq!(outcome.status, RegistrationStatus::Disabled, "{via:?}");
        let identity = server
            .stored()
            .identity("press-3")
            .await
            .expect("the hub is left alone");
        assert_eq!(identity.status, DeviceStatus::Enabled);
    })
    .await;
}

#[tokio::test]
async fn r_004_enabled_again_it_registers_with_the_same_credentials() {
    over_every_transport(async |via| {
        let leaf = Leaf::self_signed("press-4");
        let (server, enrollment) = enrolled(&leaf).await;
        let device = Device::with_leaf(&leaf);
        let disabled = enrollment.clone().disabled();
        server.dps_api().put_enrollment(&disabled).await;
        assert_eq!(
            device.register(&server, via).await.unwrap().status,
            RegistrationStatus::Disabled
        );
        server.dps_api().put_enrollment(&enrollment).await;

        assigned(device.register(&server, via).await);
        let record = server.stored().registration("press-4").await.unwrap();
        assert!(record.state.assignment().is_some());
        assert!(server.stored().identity("press-4").await.is_some());
    })
    .await;
}

#[tokio::test]
async fn r_005_without_its_enrollment_a_device_is_refused() {
    over_every_transport(async |via| {
        let leaf = Leaf::self_signed("press-5");
        let (server, enrollment) = enrolled(&leaf).await;
        let device = Device::with_leaf(&leaf);
        assigned(device.register(&server, via).await);
        server.dps_api().delete(&enrollment.path()).await.no_content();

        assert_eq!(
            refusal(device.register(&server, via).await),
            (401, 401_002),
            "{via:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn r_006_a_deleted_enrollment_is_gone_from_get_and_query() {
    let leaf = Leaf::self_signed("press-6");
    let (server, enrollment) = enrolled(&leaf).await;
    let api = server.dps_api();
    let query = json!({ "query": "SELECT * FROM enrollments" });
    let listed = api.post("/enrollments/query", &query).await.ok();
    assert_eq!(listed[0]["registrationId"], "press-6");
    api.delete(&enrollment.path()).await.no_content();

    api.get(&enrollment.path()).await.refused(404_201);
    assert_eq!(api.post("/enrollments/query", &query).await.ok(), json!([]));
    api.delete(&enrollment.path()).await.refused(404_201);
}

#[tokio::test]
async fn r_009_the_initial_twin_arrives_and_telemetry_is_accepted() {
    let leaf = Leaf::self_signed("press-9");
    let server = TestServer::start().await;
    let twin = json!({ "tags": { "hall": 7 }, "properties": { "desired": { "interval": 30 } } });
    let enrollment = Enrollment::individual("press-9")
        .x509(&clients(&leaf, None))
        .with("initialTwin", twin);
    server.dps_api().put_enrollment(&enrollment).await;
    let device = Device::with_leaf(&leaf);
    assigned(device.register(&server, Via::Mqtt).await);

    let mut session = device.connect(&server).await.unwrap();
    session.subscribe().await.unwrap();
    let seen = session.twin_get().await.unwrap();
    assert_eq!(
        (&seen["desired"]["interval"], &seen["desired"]["$version"]),
        (&json!(30), &json!(1))
    );
    assert!(seen.get("tags").is_none(), "tags are not the device's to see");
    let stored = server.hub_api().get("/twins/press-9").await.ok();
    assert_eq!(stored["tags"], json!({ "hall": 7 }));

    session
        .send_telemetry(b"{\"t\":21}", &[("unit", "C")])
        .await
        .unwrap();
    let path = format!("/provost/hubs/{}/telemetry?after=0", server.hub().name);
    let page = server.hub_api().get(&path).await.ok();
    assert_eq!(page["value"].as_array().unwrap().len(), 1);
    assert_eq!(page["value"][0]["deviceId"], "press-9");
    assert_eq!(page["value"][0]["properties"], json!({ "unit": "C" }));
    assert_eq!(page["value"][0]["body"], "eyJ0IjoyMX0=");
}

#[tokio::test]
async fn r_012_disable_and_enable_work_as_a_switch_again_and_again() {
    over_every_transport(async |via| {
        let leaf = Leaf::self_signed("press-12");
        let (server, enrollment) = enrolled(&leaf).await;
        let (device, disabled) = (Device::with_leaf(&leaf), enrollment.clone().disabled());
        for _ in 0..4 {
            server.dps_api().put_enrollment(&disabled).await;
            let outcome = device.register(&server, via).await.unwrap();
            assert_eq!(outcome.status, RegistrationStatus::Disabled, "{via:?}");
            server.dps_api().put_enrollment(&enrollment).await;
            assigned(device.register(&server, via).await);
        }
    })
    .await;
}

#[tokio::test]
async fn r_013_a_disabled_enrollment_is_shown_with_its_attestation() {
    let leaf = Leaf::self_signed("press-13");
    let (server, enrollment) = enrolled(&leaf).await;
    let api = server.dps_api();
    let disabled = enrollment.disabled();
    api.put_enrollment(&disabled).await;

    let query = json!({ "query": "SELECT * FROM enrollments" });
    let listed = api.post("/enrollments/query", &query).await.ok();
    for shown in [&listed[0], &api.get(&disabled.path()).await.ok()] {
        assert_eq!(shown["provisioningStatus"], "disabled");
        let info = &shown["attestation"]["x509"]["clientCertificates"]["primary"]["info"];
        let thumbprint = info["sha256Thumbprint"].as_str().unwrap();
        assert!(leaf.sha256().eq_ignore_ascii_case(thumbprint), "{shown}");
    }
}
