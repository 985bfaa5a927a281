use provost_hub::{
    CloseReason, HubError, NewIdentity, ProvisionedIdentity, SessionEvent, provision_identity,
    remove_identity, twin_to_carry,
};
use provost_model::ambient::SystemRandom;
use provost_model::{DeviceAuth, DeviceStatus, InitialTwin, KeyPair, SymmetricKey};
use serde_json::json;

use crate::house::{House, device, event, made};

fn key(byte: u8) -> SymmetricKey {
    SymmetricKey::from_bytes(vec![byte; 32]).unwrap()
}

fn identity(byte: u8) -> NewIdentity {
    let object = |value: serde_json::Value| value.as_object().unwrap().clone();
    NewIdentity {
        device_id: device("d1"),
        auth: DeviceAuth::Sas(KeyPair {
            primary: key(byte),
            secondary: key(byte + 1),
        }),
        iot_edge: false,
        initial_twin: InitialTwin {
            tags: object(json!({"line": byte})),
            desired: object(json!({"interval": 5})),
        },
    }
}

async fn provision(house: &House, new: NewIdentity) -> ProvisionedIdentity {
    let hub = house.hub.name.clone();
    let provisioned = house
        .store
        .write(move |tx| {
            let done = provision_identity(&tx, &hub, &new, &SystemRandom)?;
            Ok::<_, HubError>(tx.record(&made("registration"), done)?)
        })
        .await
        .unwrap();
    house.service.recheck_device(&house.hub.name, &device("d1")).await;
    provisioned
}

#[tokio::test]
async fn new_identity_has_its_initial_twin_and_connects() {
    let house = House::new().await;
    let done = provision(&house, identity(1)).await;
    assert!(done.created && !done.credential_changed);
    let session = house.connect_with_key("d1", &key(2)).await.unwrap();
    let twin = session.twin().await.unwrap();
    assert_eq!(
        (twin.desired.version, twin.tags.get("line")),
        (1, Some(&json!(1)))
    );
    let hub = house.hub.name.clone();
    let carried = house
        .store
        .read(move |tx| twin_to_carry(tx, &hub, &device("d1")))
        .await;
    assert_eq!(carried.unwrap(), Some(identity(1).initial_twin));
}

#[tokio::test]
async fn same_credential_leaves_the_session_and_another_one_ends_it() {
    let house = House::new().await;
    provision(&house, identity(1)).await;
    let session = house.connect_with_key("d1", &key(1)).await.unwrap();
    let same = provision(&house, identity(1)).await;
    assert!(!same.created && !same.credential_changed && !session.is_closed());
    let other = provision(&house, identity(7)).await;
    assert!(!other.created && other.credential_changed);
    assert_eq!(
        event(&session).await,
        SessionEvent::Close(CloseReason::CredentialChanged)
    );
    let session = house.connect_with_key("d1", &key(7)).await.unwrap();
    // The twin stayed.
    assert_eq!(session.twin().await.unwrap().tags.get("line"), Some(&json!(1)));
}

#[tokio::test]
async fn device_disabled_at_the_hub_stays_disabled() {
    let house = House::new().await;
    provision(&house, identity(1)).await;
    house.set_status("d1", DeviceStatus::Disabled).await;
    provision(&house, identity(7)).await;
    let refused = house.connect_with_key("d1", &key(7)).await.unwrap_err();
    assert_eq!(refused.as_str(), "disabled");
}

#[tokio::test]
async fn removed_identity_ends_its_session() {
    let house = House::new().await;
    provision(&house, identity(1)).await;
    let session = house.connect_with_key("d1", &key(1)).await.unwrap();
    for expected in [true, false] {
        let hub = house.hub.name.clone();
        let removed = house.store.write(move |tx| {
            let removed = remove_identity(&tx, &hub, &device("d1"))?;
            Ok::<_, HubError>(tx.record(&made("registration"), removed)?)
        });
        assert_eq!(removed.await.unwrap(), expected);
    }
    house.service.recheck_device(&house.hub.name, &device("d1")).await;
    assert_eq!(event(&session).await, SessionEvent::Close(CloseReason::Deleted));
}
