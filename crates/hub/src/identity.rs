//! What provisioning does to a hub's registry, inside its own transaction: the outcome of a
//! registration is one commit. The program plugs these together with the port that provisioning
//! declares; after the commit it calls [`HubService::recheck_device`](crate::HubService::recheck_device)
//! before the device is answered.

use provost_model::twin::{Twin, check_initial};
use provost_model::{
    DeviceAuth, DeviceId, DeviceIdentity, DeviceStatus, Etag, HubName, InitialTwin, Random, ShutOut,
};
use provost_store::{ReadTx, WriteTx};
use provost_wire::time::iso;

use crate::HubError;
use crate::registry::{announce, device_scope, generation_id};

/// Why a device is disabled that was disenrolled.
const DISENROLLED: &str = "disenrolled";

/// A device that provisioning assigned to a hub (iot-hub-service-api.md 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// Its name there.
    pub device_id: DeviceId,
    /// What it proves itself with.
    pub auth: DeviceAuth,
    /// May it act as an edge gateway.
    pub iot_edge: bool,
    /// The twin of a device that is new to the hub.
    pub initial_twin: InitialTwin,
}

/// What became of a [`NewIdentity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvisionedIdentity {
    /// The hub did not have the device before.
    pub created: bool,
    /// The hub had it with another credential: its live session ends.
    pub credential_changed: bool,
}

/// Creates a device with its twin, or brings the credential of an existing one up to date. The twin
/// and the status of an existing device stay: one that was disabled at the hub stays disabled.
///
/// # Errors
/// [`HubError::Store`].
pub fn provision_identity(
    tx: &WriteTx<'_>,
    hub: &HubName,
    new: &NewIdentity,
    random: &dyn Random,
) -> Result<ProvisionedIdentity, HubError> {
    match tx.device(hub, &new.device_id)? {
        Some(stored) => refresh(tx, hub, stored, new, random),
        None => create(tx, hub, new, random),
    }
}

/// Removes a device with its twin; `false` when there was none. Its live session ends.
///
/// # Errors
/// [`HubError::Store`].
pub fn remove_identity(tx: &WriteTx<'_>, hub: &HubName, device_id: &DeviceId) -> Result<bool, HubError> {
    let removed = tx.delete_device(hub, device_id)?;
    if removed {
        announce(tx, hub, device_id)?;
    }
    Ok(removed)
}

/// Disables or removes a device that is shut out; answers its status before, `None` when it is not
/// here. Its live session ends.
///
/// # Errors
/// [`HubError::Store`].
pub fn shut_out_identity(
    tx: &WriteTx<'_>,
    hub: &HubName,
    device_id: &DeviceId,
    act: ShutOut,
    random: &dyn Random,
) -> Result<Option<DeviceStatus>, HubError> {
    let Some(stored) = tx.device(hub, device_id)? else {
        return Ok(None);
    };
    let before = stored.status;
    match act {
        ShutOut::Delete => {
            remove_identity(tx, hub, device_id)?;
        }
        // Also one that is disabled: whoever did it for another reason must not be able to let it in again.
        ShutOut::Disable => put_status(
            tx,
            hub,
            stored,
            (DeviceStatus::Disabled, Some(DISENROLLED)),
            random,
        )?,
    }
    Ok(Some(before))
}

/// Enables or disables a device, and says why; answers its status before, `None` when it is not here. One
/// that is so already stays as it is, with the reason it has. The live session of one that is disabled ends.
///
/// # Errors
/// [`HubError::Store`].
pub fn switch_identity(
    tx: &WriteTx<'_>,
    hub: &HubName,
    device_id: &DeviceId,
    status: (DeviceStatus, Option<&str>),
    random: &dyn Random,
) -> Result<Option<DeviceStatus>, HubError> {
    let Some(stored) = tx.device(hub, device_id)? else {
        return Ok(None);
    };
    let before = stored.status;
    if before != status.0 {
        put_status(tx, hub, stored, status, random)?;
    }
    Ok(Some(before))
}

/// Writes a status with its reason, unless both stand already.
fn put_status(
    tx: &WriteTx<'_>,
    hub: &HubName,
    stored: DeviceIdentity,
    (status, reason): (DeviceStatus, Option<&str>),
    random: &dyn Random,
) -> Result<(), HubError> {
    if stored.status == status && stored.status_reason.as_deref() == reason {
        return Ok(());
    }
    let device = DeviceIdentity {
        etag: Etag::generate(random),
        status,
        status_reason: reason.map(str::to_owned),
        status_updated_at: Some(tx.now()),
        ..stored
    };
    tx.update_device(hub, &device)?;
    announce(tx, hub, &device.device_id)
}

/// Tags and desired properties of a device, for another hub it moves to; `None` when it is not here.
///
/// # Errors
/// [`HubError::Store`].
pub fn twin_to_carry(
    tx: &ReadTx<'_>,
    hub: &HubName,
    device_id: &DeviceId,
) -> Result<Option<InitialTwin>, HubError> {
    let twin = tx.twin(hub, &device_id.clone().into())?;
    Ok(twin.map(|twin| InitialTwin {
        tags: twin.tags,
        desired: twin.desired.value,
    }))
}

fn create(
    tx: &WriteTx<'_>,
    hub: &HubName,
    new: &NewIdentity,
    random: &dyn Random,
) -> Result<ProvisionedIdentity, HubError> {
    let generation_id = generation_id(tx.now(), random);
    let device = DeviceIdentity {
        device_id: new.device_id.clone(),
        etag: Etag::generate(random),
        status: DeviceStatus::Enabled,
        status_reason: None,
        status_updated_at: None,
        auth: new.auth.clone(),
        iot_edge: new.iot_edge,
        device_scope: new.iot_edge.then(|| device_scope(&new.device_id, &generation_id)),
        connection_updated_at: None,
        last_activity_at: None,
        cloud_to_device_message_count: 0,
        generation_id,
    };
    check_initial(&new.initial_twin)?;
    let twin = Twin::new(&new.initial_twin, tx.now(), iso);
    tx.insert_device(hub, &device, &twin)?;
    Ok(ProvisionedIdentity {
        created: true,
        credential_changed: false,
    })
}

fn refresh(
    tx: &WriteTx<'_>,
    hub: &HubName,
    stored: DeviceIdentity,
    new: &NewIdentity,
    random: &dyn Random,
) -> Result<ProvisionedIdentity, HubError> {
    let credential_changed = stored.auth != new.auth;
    if credential_changed || stored.iot_edge != new.iot_edge {
        let own_scope = || device_scope(&stored.device_id, &stored.generation_id);
        let device_scope = match (new.iot_edge, stored.iot_edge) {
            (true, _) => Some(own_scope()),
            (false, true) => None,
            (false, false) => stored.device_scope.clone(),
        };
        let device = DeviceIdentity {
            etag: Etag::generate(random),
            auth: new.auth.clone(),
            iot_edge: new.iot_edge,
            device_scope,
            ..stored
        };
        tx.update_device(hub, &device)?;
    }
    if credential_changed {
        announce(tx, hub, &new.device_id)?;
    }
    Ok(ProvisionedIdentity {
        created: false,
        credential_changed,
    })
}
