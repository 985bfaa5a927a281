//! certificate-management.md: records outlive their group, count, and are deleted.

use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_testkit::{Device, Enrollment, TestServer, Via, assigned, over_every_transport, refusal};
use serde_json::{Value, json};

/// A server whose quota is two records, with a group and its key.
async fn small() -> (TestServer, SymmetricKey) {
    let server = TestServer::start_configured(|config| config.dps.quotas.registrations = 2).await;
    let key = SymmetricKey::generate(&SystemRandom);
    let group = Enrollment::group("line").keys(Some(&key), None);
    server.dps_api().put_enrollment(&group).await;
    (server, key)
}

fn own(server: &TestServer, what: &str) -> String {
    format!("/provost/dps/{}/{what}", server.dps().name)
}

async fn used(server: &TestServer, name: &str) -> u64 {
    let answer = server.dps_api().get(&own(server, "quota")).await.ok();
    let quotas = answer["value"].as_array().unwrap();
    let quota = quotas.iter().find(|quota| quota["name"] == name);
    quota.expect(name)["used"].as_u64().unwrap()
}

#[tokio::test]
async fn r_048_records_outlive_their_group() {
    let (server, key) = small().await;
    assigned(
        Device::of_group("press-1", &key)
            .register(&server, Via::Https)
            .await,
    );
    server
        .dps_api()
        .delete("/enrollmentGroups/line")
        .await
        .no_content();
    assert!(server.stored().registration("press-1").await.is_some());
    let shown = server.dps_api().get("/registrations/press-1").await.ok();
    assert_eq!(shown["status"], "assigned");
    let orphans = json!({ "orphansOnly": true });
    let found = server
        .dps_api()
        .post(&own(&server, "registrations/query"), &orphans)
        .await
        .ok();
    assert_eq!(found["value"][0]["registrationId"], "press-1");
    assert_eq!(found["value"][0]["enrollmentGroupId"], "line");
}

#[tokio::test]
async fn r_049_orphans_count_against_the_quota() {
    let (server, key) = small().await;
    for id in ["press-1", "press-2"] {
        assigned(Device::of_group(id, &key).register(&server, Via::Https).await);
    }
    server
        .dps_api()
        .delete("/enrollmentGroups/line")
        .await
        .no_content();
    assert_eq!(used(&server, "registrations").await, 2);
    assert_eq!(used(&server, "symmetricGroups").await, 0);
    let group = Enrollment::group("line").keys(Some(&key), None);
    server.dps_api().put_enrollment(&group).await;
    let third = Device::of_group("press-3", &key)
        .register(&server, Via::Https)
        .await;
    assert_eq!(refusal(third), (403, 403_102));
}

#[tokio::test]
async fn r_050_a_full_quota_refuses_new_devices_until_records_are_deleted() {
    over_every_transport(async |via| {
        let (server, key) = small().await;
        let device = |id: &str| Device::of_group(id, &key);
        for id in ["press-1", "press-2"] {
            assigned(device(id).register(&server, via).await);
        }
        let refused = refusal(device("press-3").register(&server, via).await);
        assert_eq!(refused, (403, 403_102), "{via:?}");
        assert!(server.stored().registration("press-3").await.is_none());
        assert!(server.stored().identity("press-3").await.is_none());
        // Who has a record comes back, however full it is.
        assigned(device("press-1").register(&server, via).await);

        server
            .dps_api()
            .delete("/registrations/press-2")
            .await
            .no_content();
        assigned(device("press-3").register(&server, via).await);
    })
    .await;
}

#[tokio::test]
async fn r_051_records_of_a_group_are_listed_and_deleted_before_and_after_the_group() {
    let (server, key) = small().await;
    let api = server.dps_api();
    for id in ["press-1", "press-2"] {
        assigned(Device::of_group(id, &key).register(&server, Via::Https).await);
    }
    let query = json!({ "query": "SELECT *" });
    let ids = async || -> Vec<String> {
        let found = api.post("/registrations/line/query", &query).await.ok();
        let id = |record: &Value| record["registrationId"].as_str().unwrap().to_owned();
        found.as_array().unwrap().iter().map(id).collect()
    };
    assert_eq!(ids().await, ["press-1", "press-2"]);
    api.delete("/registrations/press-1").await.no_content();
    api.delete("/enrollmentGroups/line").await.no_content();
    assert_eq!(ids().await, ["press-2"]);
    api.delete("/registrations/press-2").await.no_content();
    assert_eq!(ids().await, Vec::<String>::new());
    api.delete("/registrations/press-2").await.refused(404_202);
}

#[tokio::test]
async fn r_052_a_deleted_record_neither_blocks_nor_leaves_the_hub() {
    over_every_transport(async |via| {
        let (server, key) = small().await;
        let device = Device::of_group("press-1", &key);
        assigned(device.register(&server, via).await);
        let before = server.stored().registration("press-1").await.unwrap();
        server
            .dps_api()
            .delete("/registrations/press-1")
            .await
            .no_content();
        assert!(server.stored().registration("press-1").await.is_none());
        assert!(server.stored().identity("press-1").await.is_some());
        device.connect(&server).await.unwrap();

        assigned(device.register(&server, via).await);
        let after = server.stored().registration("press-1").await.unwrap();
        assert!(after.created_at > before.created_at, "{via:?}: a new record");
    })
    .await;
}

#[tokio::test]
async fn records_are_deleted_in_bulk_after_they_were_counted() {
    let (server, key) = small().await;
    let api = server.dps_api();
    let path = own(&server, "registrations/delete");
    for id in ["press-1", "press-2"] {
        assigned(Device::of_group(id, &key).register(&server, Via::Https).await);
    }
    api.post(&path, &json!({})).await.refused(400_012);
    let past = json!({ "updatedBefore": "2020-01-01T00:00:00Z", "dryRun": true });
    assert_eq!(api.post(&path, &past).await.ok()["count"], 0);
    let group = |dry_run: bool| json!({ "enrollmentGroupId": "LINE", "dryRun": dry_run });
    assert_eq!(
        api.post(&path, &group(true)).await.ok(),
        json!({ "count": 2, "dryRun": true })
    );
    assert_eq!(used(&server, "registrations").await, 2);
    assert_eq!(
        api.post(&path, &group(false)).await.ok(),
        json!({ "count": 2, "dryRun": false })
    );
    assert_eq!(used(&server, "registrations").await, 0);
    assert_eq!(server.stored().registrations().await, []);
    let events = server.stored().audit_events().await;
    let last = events.last().unwrap();
    assert_eq!(
        (
            last.action.as_str(),
            last.kind.as_str(),
            last.key.as_str(),
            last.detail.as_str()
        ),
        ("delete", "registration", "LINE", "2 records")
    );
}

#[tokio::test]
async fn every_other_quota_refuses_one_too_many() {
    let server = TestServer::start_configured(|config| {
        let quotas = &mut config.dps.quotas;
        (quotas.individual_enrollments, quotas.bulk_items) = (1, 1);
        (quotas.symmetric_groups, quotas.x509_groups, quotas.linked_hubs) = (1, 0, 1);
        config.dps.message_bytes = 2_000;
    })
    .await;
    let api = server.dps_api();
    let put = async |enrollment: &Enrollment| api.put(&enrollment.path(), &enrollment.body()).await;
    let first = Enrollment::individual("press-1").keys(None, None);
    put(&first).await.ok();
    put(&Enrollment::individual("press-2").keys(None, None))
        .await
        .refused(403_102);
    // The one there is may be changed.
    api.put_if(&first.path(), "*", &first.clone().disabled().body())
        .await
        .ok();
    put(&Enrollment::group("line-1").keys(None, None)).await.ok();
    put(&Enrollment::group("line-2").keys(None, None))
        .await
        .refused(403_102);
    put(&Enrollment::group("line-3").authority("root"))
        .await
        .refused(403_102);
    api.delete(&first.path()).await.no_content();
    put(&Enrollment::individual("press-2").keys(None, None))
        .await
        .ok();

    let item = |id: &str| json!({ "registrationId": id });
    let bulk = json!({ "mode": "delete", "enrollments": [item("a"), item("b")] });
    api.post("/enrollments", &bulk).await.refused(400_004);
    let long = Enrollment::individual("press-2").with("optionalDeviceInformation", "x".repeat(2_000));
    put(&long).await.refused(413_001);

    let admin = server.own_api();
    admin.post("/provost/hubs", &json!({ "name": "hub2" })).await.ok();
    let links = own(&server, "linkedHubs");
    admin
        .put(&format!("{links}/hub2"), &json!({}))
        .await
        .refused(403_102);
    let known = server.hub().name.clone();
    admin.put(&format!("{links}/{known}"), &json!({})).await.ok();
}
