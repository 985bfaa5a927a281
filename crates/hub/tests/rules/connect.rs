use std::time::Duration;

use provost_attestation::sas;
use provost_hub::{CloseReason, ConnectRefusal, ConnectRequest, SessionEvent};
use provost_model::{DeviceStatus, IfMatch, SymmetricKey};
use provost_wire::hub::device::PropertyBag;
use provost_wire::hub::service::{AuthInput, DeviceInput};
use provost_wire::keys::{KeyInput, KeysInput};

use crate::house::{HOST, House, event, identity, keys, reason};

fn renewed(primary: u8, secondary: &SymmetricKey) -> DeviceInput {
    let primary = SymmetricKey::from_bytes(vec![primary; 32]).unwrap();
    DeviceInput {
        authentication: Some(AuthInput {
            keys: KeysInput {
                primary: KeyInput::Given(primary),
                secondary: KeyInput::Given(secondary.clone()),
            },
            ..AuthInput::default()
        }),
        ..DeviceInput::default()
    }
}

#[tokio::test]
async fn d01_either_key_connects() {
    let house = House::new().await;
    let keys = keys(&house.create("d1").await);
    for key in [&keys.primary, &keys.secondary] {
        let session = house.connect_with_key("d1", key).await.unwrap();
        assert!(!session.is_closed());
        let grace = Duration::from_hours(1) + Duration::from_mins(5);
        assert_eq!(session.expires_at(), Some(house.now().after(grace)));
    }
}

#[tokio::test]
async fn d05_wrong_tokens_are_refused() {
    let house = House::new().await;
    let keys_1 = keys(&house.create("d1").await);
    let keys_2 = keys(&house.create("d2").await);
    let own = format!("{HOST}/devices/d1");
    let wrong = house.connect_with_key("d1", &keys_2.primary).await;
    assert_eq!(reason(wrong), "badSignature");
    let past = house.now().before(Duration::from_mins(6));
    let expired = sas::sign(&own, &keys_1.primary, past, None);
    assert_eq!(
        reason(house.connect_with_token("d1", &expired).await),
        "expiredToken"
    );
    let just_over = sas::sign(
        &own,
        &keys_1.primary,
        house.now().before(Duration::from_mins(4)),
        None,
    );
    assert!(house.connect_with_token("d1", &just_over).await.is_ok());
    let of_another = house.token(&format!("{HOST}/devices/d2"), &keys_1.primary, None);
    assert_eq!(
        reason(house.connect_with_token("d1", &of_another).await),
        "wrongAudience"
    );
    assert_eq!(
        reason(house.connect_with_token("d1", "secret").await),
        "malformedToken"
    );
}

#[tokio::test]
async fn d05_secondary_key_connects_after_the_primary_was_renewed() {
    let house = House::new().await;
    let old = keys(&house.create("d1").await);
    house.put("d1", renewed(9, &old.secondary), IfMatch::Any).await;
    assert_eq!(
        reason(house.connect_with_key("d1", &old.primary).await),
        "badSignature"
    );
    assert!(house.connect_with_key("d1", &old.secondary).await.is_ok());
}

#[tokio::test]
async fn d06_policy_token_connects_existing_devices_only() {
    let house = House::new().await;
    house.create("d1").await;
    for (policy, resource, id, expected) in [
        ("device", HOST.to_owned(), "d1", None),
        ("device", format!("{HOST}:8883/devices"), "d1", None),
        ("iothubowner", format!("{HOST}/devices/d1"), "d1", None),
        ("device", HOST.to_owned(), "d2", Some("unknownDevice")),
        ("service", HOST.to_owned(), "d1", Some("policyRight")),
        ("device", "other.example".to_owned(), "d1", Some("wrongAudience")),
    ] {
        let key = house.policy_keys(policy).await.secondary;
        let token = house.token(&resource, &key, Some(policy));
        let refused = house.connect_with_token(id, &token).await.err();
        assert_eq!(
            refused.as_ref().map(ConnectRefusal::as_str),
            expected,
            "{policy} {resource} {id}"
        );
    }
    let key = SymmetricKey::from_bytes(vec![1; 32]).unwrap();
    let unknown = house.token(HOST, &key, Some("nobody"));
    assert_eq!(
        reason(house.connect_with_token("d1", &unknown).await),
        "unknownPolicy"
    );
}

#[tokio::test]
async fn d07_disabled_device_is_closed_and_refused_until_it_is_enabled() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    let view = house.set_status("d1", DeviceStatus::Disabled).await;
    // Closed before the write was answered.
    assert!(session.is_closed());
    assert_eq!(event(&session).await, SessionEvent::Close(CloseReason::Disabled));
    let key = keys(&view).primary;
    let refused = house.connect_with_key("d1", &key).await.unwrap_err();
    assert!(matches!(refused, ConnectRefusal::Disabled));
    // Without the proof nothing is said of the status.
    let wrong = SymmetricKey::from_bytes(vec![1; 32]).unwrap();
    assert_eq!(reason(house.connect_with_key("d1", &wrong).await), "badSignature");
    house.set_status("d1", DeviceStatus::Enabled).await;
    assert!(house.connect_with_key("d1", &key).await.is_ok());
}

#[tokio::test]
async fn d08_deleted_device_is_closed_and_refused() {
    let house = House::new().await;
    let view = house.create("d1").await;
    let key = keys(&view).primary;
    let session = house.connect_with_key("d1", &key).await.unwrap();
    house.delete("d1").await;
    assert_eq!(event(&session).await, SessionEvent::Close(CloseReason::Deleted));
    assert_eq!(reason(house.connect_with_key("d1", &key).await), "unknownDevice");
}

#[tokio::test]
async fn d09_newcomer_takes_over_only_once_it_proved_itself() {
    let house = House::new().await;
    let key = keys(&house.create("d1").await).primary;
    let first = house.connect_with_key("d1", &key).await.unwrap();
    let wrong = SymmetricKey::from_bytes(vec![1; 32]).unwrap();
    assert!(house.connect_with_key("d1", &wrong).await.is_err());
    assert!(!first.is_closed());
    let second = house.connect_with_key("d1", &key).await.unwrap();
    assert_eq!(event(&first).await, SessionEvent::Close(CloseReason::TakenOver));
    drop(first);
    assert!(!second.is_closed() && house.service.is_connected(&house.hub.name, &identity("d1")));
}

#[tokio::test]
async fn d22_refusals_before_the_proof_are_told_alike() {
    let house = House::new().await;
    house.create("known").await;
    let key = SymmetricKey::from_bytes(vec![1; 32]).unwrap();
    for (host, id) in [(HOST, "known"), (HOST, "unknown"), ("other.example", "known")] {
        let token = house.token(&format!("{host}/devices/{id}"), &key, None);
        let id = identity(id);
        let request = ConnectRequest {
            host,
            id: &id,
            sas: Some(&token),
            certificates: None,
            is_kept: false,
        };
        let refused = house.service.connect(request).await.unwrap_err();
        assert!(matches!(refused, ConnectRefusal::NotAuthorized(_)), "{id}");
    }
}

#[tokio::test]
async fn host_is_compared_without_case_and_port() {
    let house = House::new().await;
    let key = keys(&house.create("d1").await).primary;
    let token = house.token(&format!("{HOST}:8883/devices/d1"), &key, None);
    let request = ConnectRequest {
        host: "HUB.example:8883",
        id: &identity("d1"),
        sas: Some(&token),
        certificates: None,
        is_kept: false,
    };
    assert!(house.service.connect(request).await.is_ok());
}

#[tokio::test]
async fn changed_key_closes_the_session_and_a_kept_one_does_not() {
    let house = House::new().await;
    let old = keys(&house.create("d1").await);
    let by_primary = house.connect_with_key("d1", &old.primary).await.unwrap();
    house.put("d1", renewed(9, &old.secondary), IfMatch::Any).await;
    assert_eq!(
        event(&by_primary).await,
        SessionEvent::Close(CloseReason::CredentialChanged)
    );
    let by_secondary = house.connect_with_key("d1", &old.secondary).await.unwrap();
    house.put("d1", renewed(8, &old.secondary), IfMatch::Any).await;
    assert!(!by_secondary.is_closed());
}

#[tokio::test]
async fn closed_session_can_do_nothing_more() {
    let house = House::new().await;
    let session = house.connected("d1").await;
    house.set_status("d1", DeviceStatus::Disabled).await;
    assert_eq!(session.twin().await.unwrap_err().code(), 401_003);
    let reported = serde_json::Map::new();
    assert!(session.patch_reported(reported, None).await.is_err());
    assert!(
        session
            .send_telemetry(PropertyBag::default(), vec![1])
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_the_interleaving_no_session_of_a_disabled_device_survives() {
    let house = std::sync::Arc::new(House::new().await);
    let key = keys(&house.create("d1").await).primary;
    for _ in 0..20 {
        house.set_status("d1", DeviceStatus::Enabled).await;
        let connecting: Vec<_> = (0..8)
            .map(|_| {
                let (house, key) = (std::sync::Arc::clone(&house), key.clone());
                tokio::spawn(async move { house.connect_with_key("d1", &key).await })
            })
            .collect();
        house.set_status("d1", DeviceStatus::Disabled).await;
        let mut sessions = Vec::new();
        for connecting in connecting {
            sessions.extend(connecting.await.unwrap().ok());
        }
        assert!(sessions.iter().all(provost_hub::DeviceSession::is_closed));
        assert_eq!(house.service.connected_devices(&house.hub.name), 0);
    }
}
