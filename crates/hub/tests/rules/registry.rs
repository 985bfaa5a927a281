use std::time::Duration;

use provost_hub::HubError;
use provost_model::twin::TwinWrite;
use provost_model::{DeviceStatus, Etag, IfMatch, ModuleId, PageSize};
use provost_wire::hub::service::{BulkItem, DeviceInput, ImportMode, ModuleInput};
use serde_json::json;

use crate::house::{House, device, keys};

fn item(id: &str, mode: ImportMode) -> BulkItem {
    BulkItem {
        mode,
        device: DeviceInput {
            device_id: Some(device(id)),
            ..DeviceInput::default()
        },
        module: None,
        twin: TwinWrite::default(),
        twin_etag: None,
    }
}

#[tokio::test]
async fn s01_life_of_a_device() {
    let house = House::new().await;
    let caller = house.owner().await;
    let created = house.create("d1").await;
    let read = house.service.device(&caller, &device("d1")).await.unwrap();
    assert_eq!(read, created);
    let disabled = house.set_status("d1", DeviceStatus::Disabled).await;
    assert_ne!(disabled.identity.etag, created.identity.etag);
    assert_eq!(disabled.identity.generation_id, created.identity.generation_id);
    assert_eq!(disabled.identity.status_updated_at, Some(house.now()));
    assert_eq!(keys(&disabled), keys(&created));
    house.delete("d1").await;
    let gone = house.service.device(&caller, &device("d1")).await;
    assert_eq!(gone.unwrap_err().code(), 404_001);
}

#[tokio::test]
async fn s02_preconditions() {
    let house = House::new().await;
    let (caller, id) = (house.owner().await, device("d1"));
    let put = |if_match| {
        house
            .service
            .put_device(&caller, &id, DeviceInput::default(), if_match)
    };
    assert_eq!(put(IfMatch::Any).await.unwrap_err().code(), 404_001);
    let created = put(IfMatch::Absent).await.unwrap();
    assert_eq!(put(IfMatch::Absent).await.unwrap_err().code(), 409_001);
    let stale = IfMatch::Tag(created.identity.etag.clone());
    put(stale.clone()).await.unwrap();
    assert_eq!(put(stale.clone()).await.unwrap_err().code(), 412_001);
    put(IfMatch::Any).await.unwrap();
    let delete = |if_match| house.service.delete_device(&caller, &id, if_match);
    assert_eq!(delete(stale).await.unwrap_err().code(), 412_001);
    delete(IfMatch::Absent).await.unwrap();
    assert_eq!(delete(IfMatch::Any).await.unwrap_err().code(), 404_001);
}

#[tokio::test]
async fn s14_re_created_device_is_another_generation_with_a_new_twin() {
    let house = House::new().await;
    let caller = house.owner().await;
    let before = house.create("d1").await;
    let tags = TwinWrite {
        tags: json!({"line": 1}).as_object().cloned(),
        desired: None,
    };
    let id = device("d1");
    let patch = house.service.patch_twin(&caller, &id, tags, IfMatch::Any);
    patch.await.unwrap();
    house.delete("d1").await;
    let after = house.create("d1").await;
    assert_ne!(before.identity.generation_id, after.identity.generation_id);
    let twin = house.service.twin(&caller, &id).await.unwrap().twin;
    assert!(twin.tags.is_empty() && twin.version == 2);
}

#[tokio::test]
async fn s15_statistics() {
    let house = House::new().await;
    let caller = house.owner().await;
    let counts = || async {
        let devices = house.service.device_statistics(&caller).await.unwrap();
        let connected = house.service.connected_statistics(&caller).unwrap();
        (devices.total, devices.enabled, devices.disabled, connected)
    };
    assert_eq!(counts().await, (0, 0, 0, 0));
    house.create("d1").await;
    let session = house.connected("d2").await;
    assert_eq!(counts().await, (2, 2, 0, 1));
    house.set_status("d1", DeviceStatus::Disabled).await;
    assert_eq!(counts().await, (2, 1, 1, 1));
    house.set_status("d2", DeviceStatus::Disabled).await;
    assert_eq!(counts().await, (2, 0, 2, 0));
    drop(session);
    house.delete("d2").await;
    assert_eq!(counts().await, (1, 0, 1, 0));
}

#[tokio::test]
async fn list_is_in_order_and_bounded() {
    let house = House::new().await;
    let caller = house.owner().await;
    for id in ["b", "a", "c"] {
        house.create(id).await;
    }
    let top = PageSize::clamp(Some(2), 1000, 1000);
    let listed = house.service.devices(&caller, top).await.unwrap();
    let ids: Vec<_> = listed
        .iter()
        .map(|view| view.identity.device_id.as_str())
        .collect();
    assert_eq!(ids, ["a", "b"]);
}

#[tokio::test]
async fn s05_bulk_items_stand_for_themselves() {
    let house = House::new().await;
    let caller = house.owner().await;
    house.create("there").await;
    let mut stale = item("stale", ImportMode::DeleteIfMatchEtag);
    house.create("stale").await;
    stale.device.etag = Some(Etag::from_text("old"));
    let mut with_twin = item("with-twin", ImportMode::Create);
    with_twin.twin.tags = json!({"line": 1}).as_object().cloned();
    let module = |device_id: &str| BulkItem {
        module: Some(ModuleInput {
            module_id: Some(ModuleId::parse("m").unwrap()),
            ..ModuleInput::default()
        }),
        ..item(device_id, ImportMode::Create)
    };
    let items = vec![
        item("new", ImportMode::Create),
        item("there", ImportMode::Create),
        item("missing", ImportMode::Update),
        stale,
        with_twin,
        item("either", ImportMode::CreateOrUpdate),
        item("missing-2", ImportMode::UpdateTwin),
        item("no-tag", ImportMode::UpdateIfMatchEtag),
        module("there"),
        module("nowhere"),
    ];
    let refused = house.service.bulk(&caller, items).await.unwrap();
    let refused: Vec<_> = refused
        .iter()
        .map(|(id, error)| (id.to_string(), error.code()))
        .collect();
    let expected = [
        ("there", 409_001),
        ("missing", 404_001),
        ("stale", 412_001),
        ("missing-2", 404_001),
        ("no-tag", 400_004),
        ("nowhere/m", 404_001),
    ]
    .map(|(id, code)| (id.to_owned(), code));
    assert_eq!(refused, expected);
    assert_eq!(
        house
            .service
            .modules(&caller, &device("there"))
            .await
            .unwrap()
            .len(),
        1
    );
    let made = house.service.twin(&caller, &device("with-twin")).await.unwrap();
    assert_eq!(made.twin.tags.get("line"), Some(&json!(1)));
}

#[tokio::test]
async fn s05_bulk_of_a_hundred_shares_commits() {
    let house = House::new().await;
    let caller = house.owner().await;
    let items = |count: usize| -> Vec<_> {
        (0..count)
            .map(|number| item(&format!("d{number}"), ImportMode::Create))
            .collect()
    };
    let too_many = house.service.bulk(&caller, items(101)).await.unwrap_err();
    assert_eq!(too_many.code(), 413_002);
    let before = house.store.commit_counts();
    assert!(house.service.bulk(&caller, items(100)).await.unwrap().is_empty());
    let after = house.store.commit_counts();
    assert_eq!(after.writes - before.writes, 100);
    assert!(after.commits - before.commits < 50, "{before:?} {after:?}");
    let twice = vec![item("x", ImportMode::Create), item("x", ImportMode::Delete)];
    let twice = house.service.bulk(&caller, twice).await.unwrap_err();
    assert!(matches!(twice, HubError::DeviceDefinedMultipleTimes(id) if id == "x"));
}

#[tokio::test]
async fn every_write_leaves_one_audit_event() {
    let house = House::new().await;
    let last = |after| {
        let store = house.store.clone();
        async move {
            store
                .read(move |tx| tx.audit_events_after(after, 100))
                .await
                .unwrap()
        }
    };
    let begin = last(0).await.last().unwrap().number;
    house.create("d1").await;
    house.set_status("d1", DeviceStatus::Disabled).await;
    house.delete("d1").await;
    let events: Vec<_> = last(begin)
        .await
        .into_iter()
        .map(|event| (event.actor, event.action, event.kind, event.key, event.detail))
        .collect();
    let of = |action: &str, detail: &str| {
        let text = str::to_owned;
        (
            text("policy:iothubowner"),
            text(action),
            text("device"),
            text("d1"),
            text(detail),
        )
    };
    assert_eq!(
        events,
        [of("create", ""), of("update", "disabled"), of("delete", "")]
    );
}

#[tokio::test]
async fn activity_is_seen_at_once_and_written_later() {
    let house = House::new().await;
    let caller = house.owner().await;
    let session = house.connected("d1").await;
    let connected_at = house.now();
    let view = house.service.device(&caller, &device("d1")).await.unwrap();
    assert!(view.is_connected);
    assert_eq!(view.identity.connection_updated_at, Some(connected_at));
    house.clock.advance(Duration::from_mins(1));
    session.touch();
    house.service.flush_activity().await.unwrap();
    let hub = house.hub.name.clone();
    let stored = house
        .store
        .read(move |tx| tx.device(&hub, &device("d1")))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.last_activity_at, Some(house.now()));
    assert_eq!(stored.connection_updated_at, Some(connected_at));
    house.clock.advance(Duration::from_mins(1));
    drop(session);
    let view = house.service.device(&caller, &device("d1")).await.unwrap();
    assert!(!view.is_connected);
    assert_eq!(view.identity.connection_updated_at, Some(house.now()));
}
