//! From what a service sends to what is stored (iot-hub-service-api.md 4).

use provost_model::{
    DeviceAuth, DeviceAuthKind, DeviceId, DeviceIdentity, Etag, KeyPair, Random, Slots, Timestamp,
};
use provost_wire::hub::service::{AuthInput, DeviceInput};
use provost_wire::keys::KeysInput;

use super::generated::{device_scope, generation_id, key_pair};
use crate::HubError;

/// The identity of a new device.
pub(super) fn create(
    input: DeviceInput,
    device_id: DeviceId,
    now: Timestamp,
    random: &dyn Random,
) -> Result<DeviceIdentity, HubError> {
    check_id(&input, &device_id)?;
    let generation_id = generation_id(now, random);
    let own_scope = input.iot_edge.then(|| device_scope(&device_id, &generation_id));
    Ok(DeviceIdentity {
        auth: credential(input.authentication, None, random)?,
        etag: Etag::generate(random),
        status: input.status.unwrap_or_default(),
        status_reason: input.status_reason,
        status_updated_at: None,
        iot_edge: input.iot_edge,
        device_scope: own_scope.or(input.device_scope),
        connection_updated_at: None,
        last_activity_at: None,
        cloud_to_device_message_count: 0,
        device_id,
        generation_id,
    })
}

/// The identity that takes the place of a stored one: everything a service may set is set.
pub(super) fn replace(
    input: DeviceInput,
    stored: &DeviceIdentity,
    now: Timestamp,
    random: &dyn Random,
) -> Result<DeviceIdentity, HubError> {
    check_id(&input, &stored.device_id)?;
    let own_scope = input
        .iot_edge
        .then(|| device_scope(&stored.device_id, &stored.generation_id));
    let status = input.status.unwrap_or_default();
    let changed_at = if status == stored.status {
        stored.status_updated_at
    } else {
        Some(now)
    };
    Ok(DeviceIdentity {
        auth: credential(input.authentication, Some(&stored.auth), random)?,
        etag: Etag::generate(random),
        status,
        status_reason: input.status_reason,
        status_updated_at: changed_at,
        iot_edge: input.iot_edge,
        device_scope: own_scope.or(input.device_scope),
        ..stored.clone()
    })
}

fn check_id(input: &DeviceInput, device_id: &DeviceId) -> Result<(), HubError> {
    match &input.device_id {
        Some(id) if id != device_id => Err(HubError::ArgumentInvalid(
            "deviceId is another one than in the address".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The credential to store, given the one that is stored. An absent `authentication` means new keys
/// on create and no change on update.
pub(super) fn credential(
    input: Option<AuthInput>,
    stored: Option<&DeviceAuth>,
    random: &dyn Random,
) -> Result<DeviceAuth, HubError> {
    let Some(input) = input else {
        return Ok(stored
            .cloned()
            .unwrap_or_else(|| DeviceAuth::Sas(key_pair(random))));
    };
    Ok(match input.effective_kind() {
        DeviceAuthKind::Sas => DeviceAuth::Sas(keys(&input.keys, stored, random)?),
        DeviceAuthKind::SelfSigned => DeviceAuth::SelfSigned(thumbprints(input.thumbprints)?),
        DeviceAuthKind::CertificateAuthority => DeviceAuth::CertificateAuthority,
        DeviceAuthKind::None => DeviceAuth::None,
    })
}

fn keys(input: &KeysInput, stored: Option<&DeviceAuth>, random: &dyn Random) -> Result<KeyPair, HubError> {
    match (input.primary.given(), input.secondary.given()) {
        (Some(primary), Some(secondary)) => Ok(KeyPair {
            primary: primary.clone(),
            secondary: secondary.clone(),
        }),
        // Node's registry sends empty keys with every update that names none: they mean the ones
        // the device has. On a device of another type they are a change of type.
        (None, None) => Ok(match stored {
            Some(DeviceAuth::Sas(keys)) => keys.clone(),
            _ => key_pair(random),
        }),
        _ => Err(HubError::ArgumentInvalid(
            "authentication.symmetricKey needs both keys or none".to_owned(),
        )),
    }
}

fn thumbprints(slots: Slots<String>) -> Result<Slots<String>, HubError> {
    if slots.primary.is_none() {
        return Err(HubError::ArgumentInvalid(
            "authentication.x509Thumbprint needs a primary thumbprint".to_owned(),
        ));
    }
    Ok(slots)
}

#[cfg(test)]
mod tests;
