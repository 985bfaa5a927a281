//! Which hub, and when there is none.

use provost_model::Substatus;
use serde_json::json;

use super::{failure, pinned, run, substatus, with};
use crate::ProvisioningOptions;
use crate::fixture::{House, Made};

#[tokio::test]
async fn without_a_hub_the_run_is_recorded_as_failed() {
    let house = House::with(ProvisioningOptions::default(), &[]).await;
    let leaf = Made::alone("press-1");
    house.enroll("press-1", pinned(&leaf)).await.unwrap();
    let outcome = run(&house, house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    assert_eq!(failure(&outcome), Some(400_208));
}

#[tokio::test]
async fn a_hub_that_refuses_is_recorded_with_its_words() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    house.enroll("press-1", pinned(&leaf)).await.unwrap();
    *house.hubs.refuse.lock().unwrap() = Some("too many devices".into());
    let outcome = run(&house, house.by_chain("press-1", leaf.with(&[])))
        .await
        .unwrap();
    assert_eq!(failure(&outcome), Some(400_209));
}

/// dps-device-api.md 8.2: the three reprovision policies when the hub has to change.
#[tokio::test]
async fn reprovision_policy_decides_what_moves() {
    for (policy, moved, substatus_after, tags) in [
        (
            json!([true, true]),
            true,
            Substatus::DeviceDataMigrated,
            json!({"from": "device"}),
        ),
        (
            json!([true, false]),
            true,
            Substatus::DeviceDataReset,
            json!({"from": "entry"}),
        ),
        (
            json!([false, false]),
            false,
            Substatus::ReprovisionedToInitialAssignment,
            json!({"from": "device"}),
        ),
    ] {
        let house = House::new().await;
        let leaf = Made::alone("press-1");
        let body = with(pinned(&leaf), "initialTwin", json!({"tags": {"from": "entry"}}));
        let policy = json!({"updateHubAssignment": policy[0], "migrateDeviceData": policy[1]});
        house
            .enroll("press-1", with(body, "reprovisionPolicy", policy))
            .await
            .unwrap();
        run(&house, house.by_chain("press-1", leaf.with(&[])))
            .await
            .unwrap();
        let place = ("one".to_owned(), "press-1".to_owned());
        house
            .hubs
            .identities
            .lock()
            .unwrap()
            .get_mut(&place)
            .unwrap()
            .initial_twin
            .tags["from"] = json!("device");
        house.link("two").await;
        house.unlink("one").await;
        let outcome = run(&house, house.by_chain("press-1", leaf.with(&[])))
            .await
            .unwrap();
        assert_eq!(substatus(&outcome), Some(substatus_after));
        let hub = if moved { "two" } else { "one" };
        assert_eq!(outcome.assigned_hub.unwrap().as_str(), format!("{hub}.localhost"));
        let identity = house.hubs.identity(hub, "press-1").unwrap();
        assert_eq!(json!(identity.initial_twin.tags), tags);
        assert_eq!(house.hubs.count(), 1, "the old identity is gone");
    }
}
