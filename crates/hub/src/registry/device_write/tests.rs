use provost_model::ambient::SystemRandom;
use provost_model::{DeviceStatus, SymmetricKey};
use provost_wire::keys::KeyInput;

use super::*;

fn id() -> DeviceId {
    DeviceId::parse("d1").unwrap()
}

fn created(input: DeviceInput) -> Result<DeviceIdentity, HubError> {
    create(input, id(), Timestamp::from_unix_seconds(100), &SystemRandom)
}

fn replaced(stored: &DeviceIdentity, input: DeviceInput) -> Result<DeviceIdentity, HubError> {
    replace(input, stored, Timestamp::from_unix_seconds(200), &SystemRandom)
}

fn with_auth(auth: AuthInput) -> DeviceInput {
    DeviceInput {
        authentication: Some(auth),
        ..DeviceInput::default()
    }
}

fn sas(primary: KeyInput, secondary: KeyInput) -> DeviceInput {
    with_auth(AuthInput {
        kind: Some(DeviceAuthKind::Sas),
        keys: KeysInput { primary, secondary },
        ..AuthInput::default()
    })
}

fn self_signed(primary: Option<String>, secondary: Option<String>) -> DeviceInput {
    with_auth(AuthInput {
        kind: Some(DeviceAuthKind::SelfSigned),
        thumbprints: Slots { primary, secondary },
        ..AuthInput::default()
    })
}

fn key(byte: u8) -> KeyInput {
    KeyInput::Given(SymmetricKey::from_bytes(vec![byte; 32]).unwrap())
}

#[test]
fn given_keys_are_kept_and_absent_ones_made() {
    let given = created(sas(key(1), key(2))).unwrap();
    let DeviceAuth::Sas(keys) = given.auth else {
        panic!("not sas")
    };
    assert_eq!(
        (keys.primary.as_bytes(), keys.secondary.as_bytes()),
        (&[1; 32][..], &[2; 32][..])
    );
    for input in [DeviceInput::default(), sas(KeyInput::Empty, KeyInput::Absent)] {
        assert!(matches!(created(input).unwrap().auth, DeviceAuth::Sas(_)));
    }
}

#[test]
fn empty_keys_on_update_keep_the_stored_ones() {
    let stored = created(DeviceInput::default()).unwrap();
    for input in [sas(KeyInput::Empty, KeyInput::Empty), DeviceInput::default()] {
        let updated = replaced(&stored, input).unwrap();
        assert_eq!(updated.auth, stored.auth);
        assert_ne!(updated.etag, stored.etag);
    }
}

#[test]
fn empty_keys_on_a_certificate_device_change_its_type() {
    let stored = created(self_signed(Some("AB".repeat(20)), None)).unwrap();
    let updated = replaced(&stored, sas(KeyInput::Empty, KeyInput::Empty)).unwrap();
    assert!(matches!(updated.auth, DeviceAuth::Sas(_)));
    let kept = replaced(&stored, DeviceInput::default()).unwrap();
    assert_eq!(kept.auth, stored.auth);
}

#[test]
fn one_key_without_the_other_is_refused() {
    for input in [sas(key(1), KeyInput::Absent), sas(KeyInput::Empty, key(1))] {
        assert_eq!(created(input).unwrap_err().code(), 400_004);
    }
}

#[test]
fn self_signed_needs_a_primary_thumbprint() {
    assert_eq!(created(self_signed(None, None)).unwrap_err().code(), 400_004);
    let secondary_only = self_signed(None, Some("AB".repeat(32)));
    assert_eq!(created(secondary_only).unwrap_err().code(), 400_004);
}

#[test]
fn id_of_the_body_must_be_that_of_the_address() {
    let other = DeviceInput {
        device_id: Some(DeviceId::parse("D1").unwrap()),
        ..DeviceInput::default()
    };
    assert_eq!(created(other).unwrap_err().code(), 400_004);
}

#[test]
fn status_time_moves_with_the_status_only() {
    let stored = created(DeviceInput::default()).unwrap();
    assert_eq!(stored.status_updated_at, None);
    let same = replaced(&stored, DeviceInput::default()).unwrap();
    assert_eq!(same.status_updated_at, None);
    let disabled = DeviceInput {
        status: Some(DeviceStatus::Disabled),
        ..DeviceInput::default()
    };
    let disabled = replaced(&stored, disabled).unwrap();
    assert_eq!(
        disabled.status_updated_at,
        Some(Timestamp::from_unix_seconds(200))
    );
}

#[test]
fn missing_status_means_enabled() {
    let disabled = DeviceInput {
        status: Some(DeviceStatus::Disabled),
        ..DeviceInput::default()
    };
    let stored = created(disabled).unwrap();
    let updated = replaced(&stored, DeviceInput::default()).unwrap();
    assert_eq!(updated.status, DeviceStatus::Enabled);
}

#[test]
fn edge_devices_have_a_scope_of_their_own() {
    let edge = DeviceInput {
        iot_edge: true,
        device_scope: Some("ms-azure-iot-edge://other-1".to_owned()),
        ..DeviceInput::default()
    };
    let device = created(edge).unwrap();
    let expected = format!("ms-azure-iot-edge://d1-{}", device.generation_id);
    assert_eq!(device.device_scope, Some(expected));
}
