use provost_model::twin::{Twin, TwinWrite};
use provost_model::{
    DeviceAuth, DeviceId, DeviceIdentity, DeviceStatus, Etag, IdentityId, InitialTwin, KeyPair, PageSize,
    Slots, SymmetricKey, Timestamp,
};
use provost_store::{Store, StoreError};
use provost_testkit::TestStore;
use serde_json::json;

use super::{event, hub};

fn stamp(at: Timestamp) -> String {
    at.unix_seconds().to_string()
}

pub(super) fn identity(id: &str, auth: DeviceAuth) -> DeviceIdentity {
    DeviceIdentity {
        device_id: DeviceId::parse(id).unwrap(),
        generation_id: "638".into(),
        etag: Etag::from_text("e1"),
        status: DeviceStatus::Enabled,
        status_reason: None,
        status_updated_at: None,
        auth,
        iot_edge: false,
        device_scope: None,
        connection_updated_at: None,
        last_activity_at: None,
        cloud_to_device_message_count: 0,
    }
}

fn twin() -> Twin {
    let desired = json!({"rate": 5}).as_object().cloned().unwrap();
    let initial = InitialTwin {
        tags: serde_json::Map::new(),
        desired,
    };
    Twin::new(&initial, Timestamp::from_unix_seconds(1), stamp)
}

async fn insert(store: &Store, device: DeviceIdentity) {
    let written: Result<(), StoreError> = store
        .write(move |tx| {
            tx.insert_device(&hub(), &device, &twin())?;
            tx.record(&event("x"), ())
        })
        .await;
    written.unwrap();
}

/// Stores a device of no importance.
pub(super) async fn store_device(store: &Store, id: &str) {
    insert(store, identity(id, DeviceAuth::None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_found_by_its_id_in_lower_case() {
    let test = TestStore::open().await;
    for id in ["Press:1", "PRESS:1", "press:10"] {
        store_device(&test.store, id).await;
    }
    let spelt = test.store.read(|tx| tx.devices_spelt(&hub(), "press:1")).await;
    let expected = ["PRESS:1", "Press:1"].map(|id| (DeviceId::parse(id).unwrap(), DeviceStatus::Enabled));
    assert_eq!(spelt.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_authentication_comes_back() {
    let test = TestStore::open().await;
    let key = |byte| SymmetricKey::from_bytes(vec![byte; 32]).unwrap();
    let kinds = [
        DeviceAuth::Sas(KeyPair {
            primary: key(1),
            secondary: key(2),
        }),
        DeviceAuth::SelfSigned(Slots {
            primary: Some("AB".repeat(20)),
            secondary: None,
        }),
        DeviceAuth::CertificateAuthority,
        DeviceAuth::None,
    ];
    for (n, auth) in kinds.into_iter().enumerate() {
        let device = identity(&format!("d{n}"), auth);
        insert(&test.store, device.clone()).await;
        let id = device.device_id.clone();
        let (read, read_twin) = test
            .store
            .read(move |tx| tx.device_with_twin(&hub(), &id))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(read, device);
        assert_eq!(read_twin, twin());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_and_twin_are_written_apart() {
    let test = TestStore::open().await;
    let device = identity("D#1", DeviceAuth::None);
    insert(&test.store, device.clone()).await;
    let mut changed = device.clone();
    changed.status = DeviceStatus::Disabled;
    changed.status_reason = Some("revoked".into());
    let mut patched = twin();
    let write = TwinWrite {
        tags: json!({"site": "a"}).as_object().cloned(),
        desired: None,
    };
    patched
        .patch(&write, Timestamp::from_unix_seconds(5), stamp)
        .unwrap();
    let (identity_now, twin_now) = (changed.clone(), patched.clone());
    let written: Result<(bool, bool), StoreError> = test
        .store
        .write(move |tx| {
            let identity = tx.update_device(&hub(), &identity_now)?;
            let twin = tx.update_twin(&hub(), &identity_now.device_id.clone().into(), &twin_now)?;
            tx.record(&event("x"), (identity, twin))
        })
        .await;
    assert_eq!(written.unwrap(), (true, true));
    let id = device.device_id.clone();
    let read = test
        .store
        .read(move |tx| tx.device_with_twin(&hub(), &id))
        .await
        .unwrap();
    assert_eq!(read, Some((changed, patched)));
    assert_eq!(
        test.store.read(|tx| tx.device_counts(&hub())).await.unwrap(),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn device_ids_are_listed_by_bytes_and_compared_exactly() {
    let test = TestStore::open().await;
    for id in ["b", "A", "a", "Z"] {
        insert(&test.store, identity(id, DeviceAuth::None)).await;
    }
    let page = PageSize::clamp(Some(10), 10, 10);
    let listed = test
        .store
        .read(move |tx| tx.devices(&hub(), None, page))
        .await
        .unwrap();
    let ids: Vec<_> = listed.iter().map(|device| device.device_id.as_str()).collect();
    assert_eq!(ids, ["A", "Z", "a", "b"]);
    let id = DeviceId::parse("B").unwrap();
    assert_eq!(
        test.store.read(move |tx| tx.device(&hub(), &id)).await.unwrap(),
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_of_life_need_no_audit_event() {
    let test = TestStore::open().await;
    insert(&test.store, identity("a", DeviceAuth::None)).await;
    let id = DeviceId::parse("a").unwrap();
    let at = Timestamp::from_unix_seconds(99);
    let touched: Result<(), StoreError> = test
        .store
        .append(move |tx| {
            tx.touch_identity(&hub(), &id.into(), Some(at), at)?;
            tx.touch_identity(&hub(), &IdentityId::parse("gone").unwrap(), None, at)
        })
        .await;
    touched.unwrap();
    let id = DeviceId::parse("a").unwrap();
    let read = test
        .store
        .read(move |tx| tx.device(&hub(), &id))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (read.connection_updated_at, read.last_activity_at),
        (Some(at), Some(at))
    );
    assert_eq!(
        test.store
            .read(|tx| tx.audit_events_after(0, 10))
            .await
            .unwrap()
            .len(),
        1
    );
}
