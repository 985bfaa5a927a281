//! A write of the registry: rows, the announcement that live sessions need, and the audit event.

use provost_model::twin::{Twin, check_initial};
use provost_model::{
    Action, Actor, AuditEvent, AuditFacts, Change, DeviceId, DeviceIdentity, DeviceStatus, HubName,
    InitialTwin,
};
use provost_store::{Audited, WriteTx};
use provost_wire::hub::service::auth_kind_word;

use crate::HubError;

/// A stored device, and whether live sessions must prove themselves again.
pub(super) struct Written {
    pub(super) device: DeviceIdentity,
    pub(super) affects_sessions: bool,
}

pub(super) fn insert(
    tx: WriteTx<'_>,
    hub: &HubName,
    actor: Actor,
    device: DeviceIdentity,
    initial: &InitialTwin,
) -> Result<Audited<Written>, HubError> {
    check_initial(initial)?;
    let twin = Twin::new(initial, tx.now(), provost_wire::time::iso);
    tx.insert_device(hub, &device, &twin)?;
    let event = event(actor, Action::Create, hub, &device.device_id).with_after(facts(&device));
    let written = Written {
        device,
        affects_sessions: false,
    };
    Ok(tx.record(&event, written)?)
}

pub(super) fn update(
    tx: WriteTx<'_>,
    hub: &HubName,
    actor: Actor,
    stored: &DeviceIdentity,
    device: DeviceIdentity,
) -> Result<Audited<Written>, HubError> {
    tx.update_device(hub, &device)?;
    let affects_sessions = device.auth != stored.auth || device.status != stored.status;
    if affects_sessions {
        announce(&tx, hub, &device.device_id)?;
    }
    let event = event(actor, Action::Update, hub, &device.device_id);
    let event = event
        .with_detail(changes(stored, &device))
        .with_before(facts(stored))
        .with_after(facts(&device));
    let written = Written {
        device,
        affects_sessions,
    };
    Ok(tx.record(&event, written)?)
}

/// Whether it may connect, and how it proves itself; never a key.
pub(super) fn facts(device: &DeviceIdentity) -> AuditFacts {
    AuditFacts::new()
        .with("authentication", &device.auth)
        .with("enabled", device.status)
}

/// What an update did, in words for the audit trail.
fn changes(before: &DeviceIdentity, after: &DeviceIdentity) -> String {
    let mut words = Vec::new();
    match after.status {
        status if status == before.status => {}
        DeviceStatus::Enabled => words.push("enabled".to_owned()),
        DeviceStatus::Disabled => words.push("disabled".to_owned()),
    }
    let (from, to) = (before.auth.kind(), after.auth.kind());
    if from != to {
        words.push(format!(
            "authentication changed from {} to {}",
            auth_kind_word(from),
            auth_kind_word(to)
        ));
    } else if before.auth != after.auth {
        words.push("credential changed".to_owned());
    }
    words.join(", ")
}

pub(crate) fn announce(tx: &WriteTx<'_>, hub: &HubName, device_id: &DeviceId) -> Result<(), HubError> {
    let change = Change::Device {
        hub: hub.clone(),
        device_id: device_id.clone(),
    };
    Ok(tx.announce(&change)?)
}

pub(super) fn event(actor: Actor, action: Action, hub: &HubName, device_id: &DeviceId) -> AuditEvent {
    AuditEvent::new(actor, action, "device", hub.as_str(), device_id.as_str())
}
