//! A service's write: the twin, what the device is told, and what it is to be told on its return when
//! it was not.

use provost_model::twin::{DesiredNotification, Twin, TwinError, TwinWrite, unsettle};
use provost_model::{
    AuditEvent, Change, DeviceId, DeviceIdentity, HubName, IdentityId, IfMatch, ModuleIdentity, Timestamp,
};
use provost_store::{ReadTx, WriteTx};
use provost_wire::time::iso;
use serde_json::{Map, Value};

use crate::HubError;
use crate::registry::missing;
use crate::service::HubService;
use crate::session::{Feature, kept_subscriptions};

/// Bytes that are noted of what a device may know; four times the largest desired properties.
const MAX_KNOWN: usize = 128 * 1024;

/// What a service does to a twin.
#[derive(Debug, Clone)]
pub(crate) enum TwinChange {
    /// Merges; null removes.
    Patch(TwinWrite),
    /// Replaces the parts that are there as wholes.
    Replace(TwinWrite),
}

/// A written twin and what the device is told.
struct Written<O> {
    owner: O,
    twin: Twin,
    notification: Option<DesiredNotification>,
}

impl HubService {
    /// Writes a device's twin together with what `note` notes in the same transaction; `None`, and
    /// nothing is written, when that says so.
    pub(crate) async fn write_twin_noted(
        &self,
        hub: &HubName,
        id: &DeviceId,
        change: TwinChange,
        if_match: IfMatch,
        event: AuditEvent,
        note: impl FnOnce(&WriteTx<'_>) -> Result<bool, HubError> + Send + 'static,
    ) -> Result<Option<(DeviceIdentity, Twin)>, HubError> {
        let id = IdentityId::device(id.clone());
        self.write_twin_of(hub, id, change, if_match, event, note).await
    }

    /// The same for whomever a twin may belong to.
    pub(super) async fn write_twin_of<O: TwinOwner>(
        &self,
        hub: &HubName,
        id: IdentityId,
        change: TwinChange,
        if_match: IfMatch,
        event: AuditEvent,
        note: impl FnOnce(&WriteTx<'_>) -> Result<bool, HubError> + Send + 'static,
    ) -> Result<Option<(O, Twin)>, HubError> {
        // Held until the notification is handed over: they leave in the order of versions.
        let turn = self.twin_locks().lock(hub, &id).await;
        // A session that ends with its connection has no return.
        let listener = self.sessions().live(hub, &id);
        let is_kept = listener.is_none_or(|link| link.is_kept);
        let (of, written_id) = (hub.clone(), id.clone());
        let written: Option<Written<O>> = self
            .store()
            .write(move |tx| {
                let hub = of;
                let (owner, mut twin) = O::find(&tx, &hub, &written_id)?;
                if !if_match.admits(&twin.etag()) {
                    return Err(HubError::PreconditionFailed);
                }
                if !note(&tx)? {
                    return Ok(tx.unchanged(None));
                }
                let before = is_kept.then(|| twin.desired.value.clone());
                let notification = change.apply(&mut twin, tx.now())?;
                if let (Some(before), Some(_)) = (before, &notification) {
                    note_change(
                        &tx,
                        &hub,
                        &written_id,
                        owner.generation_id(),
                        (&before, &twin.desired.value),
                    )?;
                }
                tx.update_twin(&hub, &written_id, &twin)?;
                if notification.is_some() {
                    tx.announce(&desired_changed(&hub, &written_id))?;
                }
                let written = Written {
                    owner,
                    twin,
                    notification,
                };
                Ok(tx.record(&event, Some(written))?)
            })
            .await?;
        let Some(written) = written else {
            return Ok(None);
        };
        if let Some(notification) = written.notification
            && let Some(link) = self.sessions().live(hub, &id)
        {
            link.notify_desired(notification);
        }
        drop(turn);
        Ok(Some((written.owner, written.twin)))
    }
}

/// Who a twin belongs to.
pub(super) trait TwinOwner: Sized + Send + 'static {
    /// The identity with its twin, or what is missing.
    fn find(tx: &ReadTx<'_>, hub: &HubName, id: &IdentityId) -> Result<(Self, Twin), HubError>;
    fn generation_id(&self) -> &str;
}

impl TwinOwner for DeviceIdentity {
    fn find(tx: &ReadTx<'_>, hub: &HubName, id: &IdentityId) -> Result<(Self, Twin), HubError> {
        tx.device_with_twin(hub, &id.device_id)?
            .ok_or(HubError::DeviceNotFound)
    }

    fn generation_id(&self) -> &str {
        &self.generation_id
    }
}

impl TwinOwner for ModuleIdentity {
    fn find(tx: &ReadTx<'_>, hub: &HubName, id: &IdentityId) -> Result<(Self, Twin), HubError> {
        let found = match &id.module_id {
            Some(module_id) => tx.module_with_twin(hub, &id.device_id, module_id)?,
            None => None,
        };
        match found {
            Some(found) => Ok(found),
            None => Err(missing(tx.device(hub, &id.device_id)?.is_some())),
        }
    }

    fn generation_id(&self) -> &str {
        &self.generation_id
    }
}

impl TwinChange {
    fn apply(self, twin: &mut Twin, now: Timestamp) -> Result<Option<DesiredNotification>, TwinError> {
        match self {
            Self::Patch(write) => twin.patch(&write, now, iso),
            Self::Replace(write) => twin.replace(&write, now, iso),
        }
    }
}

/// Notes what a device knew, when it keeps a session that is subscribed to changes: unless it is told
/// before its connection ends, it is told on its return.
fn note_change(
    tx: &WriteTx<'_>,
    hub: &HubName,
    id: &IdentityId,
    generation: &str,
    (before, after): (&Map<String, Value>, &Map<String, Value>),
) -> Result<(), HubError> {
    if let Some(kept) = tx.kept_session(hub, id)?
        && kept.generation_id == generation
        && kept_subscriptions(&kept, id)?.get(Feature::Desired).is_some()
    {
        let known = match kept.desired_base {
            None => before.clone(),
            Some(known) => {
                // Whether it was told of the changes before this one, nobody knows.
                let mut unsettled = known.clone();
                unsettle(&mut unsettled, before, after);
                if size(&unsettled) > MAX_KNOWN {
                    known
                } else {
                    unsettled
                }
            }
        };
        tx.note_desired_base(hub, id, &known)?;
    }
    Ok(())
}

fn size(document: &Map<String, Value>) -> usize {
    serde_json::to_vec(document).map_or(usize::MAX, |text| text.len())
}

fn desired_changed(hub: &HubName, id: &IdentityId) -> Change {
    Change::Desired {
        hub: hub.clone(),
        id: id.clone(),
    }
}
