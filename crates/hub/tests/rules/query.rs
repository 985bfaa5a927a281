use provost_model::twin::TwinWrite;
use provost_model::{DeviceStatus, IfMatch};
use provost_wire::hub::query::parse_condition;
use serde_json::{Value, json};

use crate::house::{House, device, keys};

async fn tagged(house: &House, id: &str, tags: Value) {
    house.create(id).await;
    let write = TwinWrite {
        tags: tags.as_object().cloned(),
        desired: None,
    };
    let (caller, id) = (house.owner().await, device(id));
    let patch = house.service.patch_twin(&caller, &id, write, IfMatch::Any);
    patch.await.unwrap();
}

/// Every device a condition holds of, page by page.
async fn matching(house: &House, condition: &str, limit: usize) -> Vec<String> {
    let condition = parse_condition(condition).unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = house
            .service
            .matching_devices(&house.hub.name, &condition, after.as_ref(), limit)
            .await
            .unwrap();
        assert!(page.ids.len() <= limit);
        found.extend(page.ids.iter().map(ToString::to_string));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

#[tokio::test]
async fn s07_a_condition_finds_its_devices_page_by_page() {
    let house = House::new().await;
    for number in 0..7 {
        let site = if number % 2 == 0 { "north" } else { "south" };
        tagged(
            &house,
            &format!("d{number}"),
            json!({"site": site, "number": number}),
        )
        .await;
    }
    assert_eq!(matching(&house, "*", 2).await.len(), 7);
    assert_eq!(
        matching(&house, "tags.site = 'north'", 2).await,
        ["d0", "d2", "d4", "d6"]
    );
    assert_eq!(matching(&house, "tags.number >= 5", 1).await, ["d5", "d6"]);
    assert_eq!(
        matching(&house, "deviceId IN ['d1', 'd9', 'd3']", 9).await,
        ["d1", "d3"]
    );
    assert!(matching(&house, "tags.nowhere = 1", 9).await.is_empty());
}

#[tokio::test]
async fn s07_connection_and_status_are_those_of_now() {
    let house = House::new().await;
    let view = house.create("d1").await;
    house.create("d2").await;
    let session = house.connect_with_key("d1", &keys(&view).primary).await.unwrap();
    assert_eq!(matching(&house, "connectionState = 'Connected'", 9).await, ["d1"]);
    let since = "lastActivityTime >= '2026-01-01T00:00:00Z'";
    assert_eq!(matching(&house, since, 9).await, ["d1"]);
    drop(session);
    assert!(
        matching(&house, "connectionState = 'Connected'", 9)
            .await
            .is_empty()
    );
    house.set_status("d2", DeviceStatus::Disabled).await;
    assert_eq!(matching(&house, "status = 'disabled'", 9).await, ["d2"]);
}
