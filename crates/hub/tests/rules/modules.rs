//! Modules: identities below a device (iot-hub-device-api.md 12, iot-hub-service-api.md 11).

use provost_hub::{CloseReason, DeviceSession, Feature, HubError, ModuleView, SessionEvent};
use provost_model::twin::TwinWrite;
use provost_model::{DeviceAuth, DeviceStatus, IfMatch, MAX_MODULES, ModuleId, SymmetricKey};
use provost_wire::hub::service::ModuleInput;
use serde_json::{Map, json};

use crate::house::{House, device, event, identity, keys};

fn module(id: &str) -> ModuleId {
    ModuleId::parse(id).unwrap()
}

async fn put(
    house: &House,
    device_id: &str,
    id: &str,
    if_match: IfMatch,
) -> Result<(ModuleView, bool), HubError> {
    let caller = house.owner().await;
    let (device_id, module_id) = (device(device_id), module(id));
    let put = house
        .service
        .put_module(&caller, &device_id, &module_id, ModuleInput::default(), if_match);
    put.await
}

async fn made(house: &House, device_id: &str, id: &str) -> SymmetricKey {
    let (view, is_new) = put(house, device_id, id, IfMatch::Absent).await.unwrap();
    assert!(is_new);
    match view.identity.auth {
        DeviceAuth::Sas(keys) => keys.primary,
        other => panic!("{other:?} has no keys"),
    }
}

async fn is_closed(session: &DeviceSession, reason: CloseReason) -> bool {
    event(session).await == SessionEvent::Close(reason)
}

#[tokio::test]
async fn life_of_a_module() {
    let house = House::new().await;
    let (caller, id, m) = (house.owner().await, device("d"), module("m"));
    let unknown = put(&house, "d", "m", IfMatch::Absent).await;
    assert_eq!(unknown.unwrap_err().code(), 404_001);
    house.create("d").await;
    assert_eq!(
        put(&house, "d", "m", IfMatch::Any).await.unwrap_err().code(),
        404_010
    );
    let key = made(&house, "d", "m").await;
    assert_eq!(
        put(&house, "d", "m", IfMatch::Absent).await.unwrap_err().code(),
        409_301
    );
    let stale = put(&house, "d", "m", IfMatch::parse(Some("old"))).await;
    assert_eq!(stale.unwrap_err().code(), 412_001);
    let (again, is_new) = put(&house, "d", "m", IfMatch::Any).await.unwrap();
    assert!(!is_new);
    assert!(matches!(&again.identity.auth, DeviceAuth::Sas(kept) if kept.primary == key));
    made(&house, "d", "a").await;
    let listed = house.service.modules(&caller, &id).await.unwrap();
    let ids: Vec<_> = listed
        .iter()
        .map(|view| view.identity.module_id.as_str())
        .collect();
    assert_eq!(ids, ["a", "m"]);
    let delete = || house.service.delete_module(&caller, &id, &m, IfMatch::Any);
    delete().await.unwrap();
    assert_eq!(delete().await.unwrap_err().code(), 404_010);
    assert_eq!(
        house.service.module(&caller, &id, &m).await.unwrap_err().code(),
        404_010
    );
    assert_eq!(
        house
            .service
            .modules(&caller, &device("e"))
            .await
            .unwrap_err()
            .code(),
        404_001
    );
}

#[tokio::test]
async fn fifty_modules_and_no_more() {
    let house = House::new().await;
    house.create("d").await;
    for number in 0..MAX_MODULES {
        made(&house, "d", &format!("m{number}")).await;
    }
    let more = put(&house, "d", "more", IfMatch::Absent).await;
    assert_eq!(more.unwrap_err().code(), 413_003);
    put(&house, "d", "m0", IfMatch::Any).await.unwrap();
}

#[tokio::test]
async fn module_connects_beside_its_device_with_a_key_of_its_own() {
    let house = House::new().await;
    let device_key = keys(&house.create("d").await).primary;
    let key = made(&house, "d", "m").await;
    let own = house.connect_kept("d", &device_key).await;
    let session = house.connect_kept("d/m", &key).await;
    assert!(!own.is_closed() && session.id() == &identity("d/m"));
    assert_eq!(house.service.connected_devices(&house.hub.name), 1);
    // Neither the device's key nor a token for the device opens the module.
    for (resource, key) in [
        ("hub.example/devices/d/modules/m", &device_key),
        ("hub.example/devices/d/modules/other", &key),
    ] {
        let token = house.token(resource, key, None);
        let refused = house.connect_with_token("d/m", &token).await;
        assert!(refused.is_err(), "{resource}");
    }
    let caller = house.owner().await;
    let shown = house
        .service
        .module(&caller, &device("d"), &module("m"))
        .await
        .unwrap();
    assert!(shown.is_connected && shown.identity.last_activity_at.is_some());
}

#[tokio::test]
async fn what_shuts_the_device_out_shuts_its_modules_out() {
    let house = House::new().await;
    house.create("d").await;
    let key = made(&house, "d", "m").await;
    let session = house.connect_kept("d/m", &key).await;
    house.set_status("d", DeviceStatus::Disabled).await;
    assert!(is_closed(&session, CloseReason::Disabled).await);
    let token = house.token("hub.example/devices/d/modules/m", &key, None);
    let refused = house.connect_with_token("d/m", &token).await;
    assert_eq!(refused.unwrap_err().as_str(), "disabled");
    house.set_status("d", DeviceStatus::Enabled).await;
    let session = house.connect_kept("d/m", &key).await;
    session.subscribe(Feature::Methods).await.unwrap();
    house.delete("d").await;
    assert!(is_closed(&session, CloseReason::Deleted).await);
    house.create("d").await;
    let refused = house.connect_with_token("d/m", &token).await;
    assert_eq!(refused.unwrap_err().as_str(), "unknownDevice");
    let key = made(&house, "d", "m").await;
    assert!(!house.connect_kept("d/m", &key).await.is_resumed());
}

#[tokio::test]
async fn new_key_ends_the_modules_session_and_no_other() {
    let house = House::new().await;
    let device_key = keys(&house.create("d").await).primary;
    let (key, other_key) = (made(&house, "d", "m").await, made(&house, "d", "other").await);
    let own = house.connect_kept("d", &device_key).await;
    let session = house.connect_kept("d/m", &key).await;
    let other = house.connect_kept("d/other", &other_key).await;
    let caller = house.owner().await;
    let body = json!({"authentication": {"type": "certificateAuthority"}}).to_string();
    let input = ModuleInput::parse(body.as_bytes()).unwrap();
    let (device_id, module_id) = (device("d"), module("m"));
    let put = house
        .service
        .put_module(&caller, &device_id, &module_id, input, IfMatch::Any);
    put.await.unwrap();
    assert!(is_closed(&session, CloseReason::CredentialChanged).await);
    assert!(!own.is_closed() && !other.is_closed());
}

#[tokio::test]
async fn module_has_a_twin_of_its_own() {
    let house = House::new().await;
    house.create("d").await;
    let key = made(&house, "d", "m").await;
    let session = house.connect_kept("d/m", &key).await;
    session.subscribe(Feature::Desired).await.unwrap();
    let caller = house.owner().await;
    let write = TwinWrite {
        tags: json!({"t": 1}).as_object().cloned(),
        desired: json!({"rate": 2}).as_object().cloned(),
    };
    let (device_id, module_id) = (device("d"), module("m"));
    let id = (&device_id, &module_id);
    let patch = house.service.patch_module_twin(&caller, id, write, IfMatch::Any);
    assert_eq!(patch.await.unwrap().twin.desired.version, 2);
    let SessionEvent::Desired(told) = event(&session).await else {
        panic!("not a notification")
    };
    assert_eq!(told.version, 2);
    let reported = json!({"seen": true}).as_object().cloned().unwrap();
    session.patch_reported(reported, None).await.unwrap();
    let seen = house.service.module_twin(&caller, id.0, id.1).await.unwrap();
    assert_eq!(seen.twin.reported.value["seen"], json!(true));
    let of_device = house.service.twin(&caller, &device("d")).await.unwrap();
    assert_eq!(of_device.twin.desired.value, Map::new());
    let missing = house.service.module_twin(&caller, id.0, &module("x")).await;
    assert_eq!(missing.unwrap_err().code(), 404_010);
}
