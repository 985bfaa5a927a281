use std::time::Duration;

use provost_hub::{CloseReason, ConnectRequest, Feature, HubError, HubService, SessionEvent};
use provost_model::twin::TwinWrite;
use provost_model::{
    Change, DeviceAuthKind, DeviceStatus, HostName, HubName, IfMatch, PolicyName, PolicyOwner, Timestamp,
};
use provost_store::StoreError;
use provost_wire::hub::service::{AuthInput, DeviceInput};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::certificates::root;
use crate::house::{HOST, House, device, event, identity, keys, made};

/// A follower that has begun: what happens from here on is a change to it.
async fn follow(node: &HubService) -> JoinHandle<()> {
    let following = tokio::spawn(node.clone().follow_changes());
    tokio::task::yield_now().await;
    following
}

async fn connect(
    node: &HubService,
    id: &str,
    token: &str,
) -> Result<provost_hub::DeviceSession, provost_hub::ConnectRefusal> {
    let request = ConnectRequest {
        host: HOST,
        id: &identity(id),
        sas: Some(token),
        certificates: None,
        is_kept: false,
    };
    node.connect(request).await
}

#[tokio::test]
async fn session_on_another_node_is_closed() {
    let house = House::new().await;
    let node = house.second_node();
    let following = follow(&node).await;
    let key = keys(&house.create("d1").await).primary;
    let token = house.token(&format!("{HOST}/devices/d1"), &key, None);
    let session = connect(&node, "d1", &token).await.unwrap();
    house.set_status("d1", DeviceStatus::Disabled).await;
    assert_eq!(event(&session).await, SessionEvent::Close(CloseReason::Disabled));
    assert_eq!(node.connected_devices(&house.hub.name), 0);
    following.abort();
}

#[tokio::test]
async fn desired_change_on_another_node_reaches_the_device() {
    let house = House::new().await;
    let node = house.second_node();
    let following = follow(&node).await;
    let key = keys(&house.create("d1").await).primary;
    let token = house.token(&format!("{HOST}/devices/d1"), &key, None);
    let session = connect(&node, "d1", &token).await.unwrap();
    session.subscribe(Feature::Desired).await.unwrap();
    let write = TwinWrite {
        tags: None,
        desired: json!({"a": 1}).as_object().cloned(),
    };
    let (caller, id) = (house.owner().await, device("d1"));
    let patch = house.service.patch_twin(&caller, &id, write, IfMatch::Any);
    patch.await.unwrap();
    let SessionEvent::Desired(told) = event(&session).await else {
        panic!("not a notification")
    };
    assert_eq!(told.version, 2);
    following.abort();
}

#[tokio::test]
async fn follower_does_not_tell_the_own_node_twice() {
    let house = House::new().await;
    let following = follow(&house.service).await;
    let session = house.connected("d1").await;
    session.subscribe(Feature::Desired).await.unwrap();
    let (caller, id) = (house.owner().await, device("d1"));
    for number in 0..5 {
        let write = TwinWrite {
            tags: None,
            desired: json!({"a": number}).as_object().cloned(),
        };
        let patch = house.service.patch_twin(&caller, &id, write, IfMatch::Any);
        patch.await.unwrap();
    }
    // A change that the follower handles after all of those.
    house.set_status("d1", DeviceStatus::Enabled).await;
    let other = house.connected("d2").await;
    house.set_status("d2", DeviceStatus::Disabled).await;
    event(&other).await;
    for version in 2..7 {
        let SessionEvent::Desired(told) = event(&session).await else {
            panic!("not a notification")
        };
        assert_eq!(told.version, version);
    }
    let more = tokio::time::timeout(Duration::from_millis(200), session.next_event());
    assert!(more.await.is_err());
    following.abort();
}

#[tokio::test]
async fn deleted_policy_closes_the_sessions_it_admitted() {
    let house = House::new().await;
    let following = follow(&house.service).await;
    let key = keys(&house.create("d1").await).primary;
    house.create("d2").await;
    let by_key = house.connect_with_key("d1", &key).await.unwrap();
    let policy = house.policy_keys("device").await.primary;
    let token = house.token(HOST, &policy, Some("device"));
    let by_policy = house.connect_with_token("d2", &token).await.unwrap();
    let owner = PolicyOwner::Hub(house.hub.name.clone());
    let deleted = house.store.write(move |tx| {
        tx.delete_access_policy(&owner, &PolicyName::parse("device").unwrap())?;
        tx.announce(&Change::Configuration)?;
        Ok::<_, HubError>(tx.record(&made("accessPolicy"), ())?)
    });
    deleted.await.unwrap();
    assert_eq!(
        event(&by_policy).await,
        SessionEvent::Close(CloseReason::CredentialChanged)
    );
    assert!(!by_key.is_closed());
    following.abort();
}

#[tokio::test]
async fn s13_deleted_ca_closes_the_sessions_it_admitted() {
    let house = House::new().await;
    let following = follow(&house.service).await;
    let ca = root("root", house.now());
    house.register_ca(&ca, true).await;
    let input = DeviceInput {
        authentication: Some(AuthInput {
            kind: Some(DeviceAuthKind::CertificateAuthority),
            ..AuthInput::default()
        }),
        ..DeviceInput::default()
    };
    house.put("d1", input, IfMatch::Absent).await;
    let chain = ca.leaf("d1", house.now()).presented(&[]);
    let request = ConnectRequest {
        host: HOST,
        id: &identity("d1"),
        sas: None,
        certificates: Some(&chain),
        is_kept: false,
    };
    let session = house.service.connect(request.clone()).await.unwrap();
    house.remove_ca().await;
    assert_eq!(
        event(&session).await,
        SessionEvent::Close(CloseReason::CredentialChanged)
    );
    assert!(house.service.connect(request).await.is_err());
    following.abort();
}

/// Another node tells only that something of the configuration changed.
#[tokio::test]
async fn deleted_hub_closes_its_sessions_on_every_node() {
    let house = House::new().await;
    let node = house.second_node();
    let following = follow(&node).await;
    let (name, host) = (
        HubName::parse("hub2").unwrap(),
        HostName::parse("hub2.example").unwrap(),
    );
    house
        .service
        .add_hub(&house.admin().await, name, host)
        .await
        .unwrap();
    let key = keys(&house.create("d1").await).primary;
    let token = house.token(&format!("{HOST}/devices/d1"), &key, None);
    let session = connect(&node, "d1", &token).await.unwrap();
    let hub = house.hub.name.clone();
    house
        .service
        .delete_hub(&house.admin().await, hub, true)
        .await
        .unwrap();
    assert_eq!(event(&session).await, SessionEvent::Close(CloseReason::Deleted));
    following.abort();
}

#[tokio::test]
async fn who_was_away_for_longer_than_changes_are_kept_looks_at_every_session() {
    let house = House::new().await;
    let node = house.second_node();
    let key = keys(&house.create("d1").await).primary;
    let token = house.token(&format!("{HOST}/devices/d1"), &key, None);
    let session = connect(&node, "d1", &token).await.unwrap();
    house.create("d2").await;
    house.set_status("d2", DeviceStatus::Disabled).await;
    let seen = node.catch_up(None).await.unwrap();
    // The node is away, and what happens to its device is forgotten before it comes back.
    house.set_status("d1", DeviceStatus::Disabled).await;
    house.set_status("d2", DeviceStatus::Enabled).await;
    let later = Timestamp::from_micros(i64::MAX);
    let pruned: Result<u64, StoreError> = house.store.append(move |tx| tx.prune_changes(later)).await;
    assert!(pruned.unwrap() > 1);
    let last = node.catch_up(Some(seen)).await.unwrap();
    assert!(last > seen);
    assert_eq!(event(&session).await, SessionEvent::Close(CloseReason::Disabled));
}
