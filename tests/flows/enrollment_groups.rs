//! certificate-management.md 5.3.

use provost_device::provisioning::RegistrationStatus;
use provost_model::ambient::SystemRandom;
use provost_model::{RegistrationState, SymmetricKey};
use provost_testkit::{
    Device, Enrollment, FixtureAuthority, TestServer, Via, assigned, assigned_hub, over_every_transport,
    refusal, signers,
};
use serde_json::json;

/// A server with a group for the authority.
async fn grouped(authority: &FixtureAuthority) -> (TestServer, Enrollment) {
    let server = TestServer::start().await;
    let group = Enrollment::group("hall-7").x509(&signers(authority));
    server.dps_api().put_enrollment(&group).await;
    (server, group)
}

#[tokio::test]
async fn r_040_a_group_admits_every_device_below_its_certificate_and_shares_its_settings() {
    over_every_transport(async |via| {
        let root = FixtureAuthority::root("Root");
        for authority in [&root, &root.intermediate("Line CA")] {
            let (server, group) = grouped(authority).await;
            let twin = json!({ "tags": { "hall": 7 }, "properties": { "desired": { "interval": 5 } } });
            server
                .dps_api()
                .put_enrollment(&group.with("initialTwin", twin))
                .await;
            for id in ["press-1", "press-2"] {
                let device = Device::with_leaf(&authority.intermediate("Cell CA").leaf(id));
                let answer = device.register(&server, via).await;
                assert_eq!(
                    assigned_hub(answer),
                    (server.hub().host.clone(), id.to_owned()),
                    "{via:?}"
                );
                let twin = server.stored().twin(id).await.unwrap();
                assert_eq!(twin.tags["hall"], 7);
                assert_eq!(
                    server
                        .stored()
                        .registration(id)
                        .await
                        .unwrap()
                        .group
                        .unwrap()
                        .as_str(),
                    "hall-7"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn r_040_a_device_of_another_authority_or_without_its_intermediate_is_refused() {
    over_every_transport(async |via| {
        let root = FixtureAuthority::root("Root");
        let (server, _) = grouped(&root).await;
        let stranger = FixtureAuthority::root("Root")
            .intermediate("Line CA")
            .leaf("press-1");
        let answer = Device::with_leaf(&stranger).register(&server, via).await;
        assert_eq!(refusal(answer), (401, 401_002), "same name, another key, {via:?}");
        let incomplete = Device::with_leaf_alone(&root.intermediate("Line CA").leaf("press-1"));
        assert_eq!(
            refusal(incomplete.register(&server, via).await),
            (401, 401_002),
            "{via:?}"
        );
        let renamed = Device::with_leaf(&root.leaf("press-1")).named("press-2");
        assert_eq!(
            refusal(renamed.register(&server, via).await),
            (401, 401_002),
            "{via:?}"
        );
        assert!(server.stored().registrations().await.is_empty());
        assert!(server.stored().identities().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn r_040_a_key_derived_from_the_groups_key_admits_and_the_groups_key_itself_does_not() {
    over_every_transport(async |via| {
        let server = TestServer::start().await;
        let (primary, secondary) = (
            SymmetricKey::generate(&SystemRandom),
            SymmetricKey::generate(&SystemRandom),
        );
        let group = Enrollment::group("hall-8").keys(Some(&primary), Some(&secondary));
        server.dps_api().put_enrollment(&group).await;
        for (id, key) in [("press-1", &primary), ("press-2", &secondary)] {
            assigned(Device::of_group(id, key).register(&server, via).await);
        }
        let answer = Device::with_key("press-3", &primary).register(&server, via).await;
        let code = if via.is_mqtt() {
            [401_000, 401_002]
        } else {
            [401_002; 2]
        };
        let (status, told) = refusal(answer);
        assert!(status == 401 && code.contains(&told), "{via:?}: {told}");
    })
    .await;
}

#[tokio::test]
async fn r_041_a_disabled_group_blocks_new_and_provisioned_devices() {
    over_every_transport(async |via| {
        let intermediate = FixtureAuthority::root("Root").intermediate("Line CA");
        let (server, group) = grouped(&intermediate).await;
        let known = Device::with_leaf(&intermediate.leaf("press-1"));
        let new = Device::with_leaf(&intermediate.leaf("press-2"));
        assigned(known.register(&server, via).await);
        server.dps_api().put_enrollment(&group.disabled()).await;

        for device in [&known, &new] {
            let outcome = device.register(&server, via).await.unwrap();
            assert_eq!(outcome.status, RegistrationStatus::Disabled, "{via:?}");
            let record = server.stored().registration(&device.id).await.unwrap();
            assert_eq!(record.state, RegistrationState::Disabled);
        }
        assert!(
            server.stored().identity("press-1").await.is_some(),
            "the hub is left alone"
        );
        assert!(server.stored().identity("press-2").await.is_none());
    })
    .await;
}

#[tokio::test]
async fn r_042_enabled_again_the_group_admits_without_other_changes() {
    over_every_transport(async |via| {
        let intermediate = FixtureAuthority::root("Root").intermediate("Line CA");
        let (server, group) = grouped(&intermediate).await;
        let device = Device::with_leaf(&intermediate.leaf("press-1"));
        server.dps_api().put_enrollment(&group.clone().disabled()).await;
        assert_eq!(
            device.register(&server, via).await.unwrap().status,
            RegistrationStatus::Disabled
        );
        // A back end reads, changes the one word, and writes back: the certificate comes as info only.
        let mut shown = server.dps_api().get(&group.path()).await.ok();
        shown["provisioningStatus"] = json!("enabled");
        let etag = shown["etag"].as_str().unwrap().to_owned();
        server.dps_api().put_if(&group.path(), &etag, &shown).await.ok();
        assigned(device.register(&server, via).await);
    })
    .await;
}

#[tokio::test]
async fn r_043_a_deleted_group_blocks_its_devices_and_is_gone_from_listings() {
    over_every_transport(async |via| {
        let intermediate = FixtureAuthority::root("Root").intermediate("Line CA");
        let (server, group) = grouped(&intermediate).await;
        let device = Device::with_leaf(&intermediate.leaf("press-1"));
        assigned(device.register(&server, via).await);
        let api = server.dps_api();
        let query = json!({ "query": "SELECT * FROM enrollmentGroups" });
        assert_eq!(
            api.post("/enrollmentGroups/query", &query).await.ok()[0]["enrollmentGroupId"],
            "hall-7"
        );
        api.delete(&group.path()).await.no_content();

        api.get(&group.path()).await.refused(404_204);
        assert_eq!(api.post("/enrollmentGroups/query", &query).await.ok(), json!([]));
        assert_eq!(
            refusal(device.register(&server, via).await),
            (401, 401_002),
            "{via:?}"
        );
        let new = Device::with_leaf(&intermediate.leaf("press-2"));
        assert_eq!(
            refusal(new.register(&server, via).await),
            (401, 401_002),
            "{via:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn r_053_groups_with_keys_exist_and_tpm_stays_with_individual_enrollments() {
    let server = TestServer::start().await;
    let key = SymmetricKey::generate(&SystemRandom);
    let group = Enrollment::group("line").keys(Some(&key), None);
    server.dps_api().put_enrollment(&group).await;
    assigned(
        Device::of_group("press-1", &key)
            .register(&server, Via::Https)
            .await,
    );
    let tpm = json!({ "type": "tpm", "tpm": { "endorsementKey": "AAAA" } });
    let group = Enrollment::group("line-2").with("attestation", tpm);
    let answer = server.dps_api().put(&group.path(), &group.body()).await;
    answer.refused(400_004);
}
