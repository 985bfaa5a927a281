//! Twins from both sides (iot-hub-service-api.md 7, iot-hub-device-api.md 7).

use provost_model::twin::{DesiredNotification, Twin, TwinError, TwinWrite};
use provost_model::{
    AccessRight, Action, Actor, AuditEvent, Change, DeviceId, DeviceIdentity, HubName, IdentityId, IfMatch,
    Timestamp,
};
use provost_store::WriteTx;
use provost_wire::time::iso;
use serde_json::{Map, Value};

use crate::registry::DeviceView;
use crate::service::HubService;
use crate::session::{DeviceSession, Feature, kept_subscriptions};
use crate::{HubError, ServiceCaller};

/// A twin with the identity it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwinView {
    /// The device.
    pub device: DeviceView,
    /// Its twin.
    pub twin: Twin,
}

/// What a service does to a twin.
#[derive(Debug, Clone)]
pub(crate) enum TwinChange {
    /// Merges; null removes.
    Patch(TwinWrite),
    /// Replaces the parts that are there as wholes.
    Replace(TwinWrite),
}

/// A written twin and what the device is told.
struct Written {
    identity: DeviceIdentity,
    twin: Twin,
    notification: Option<DesiredNotification>,
}

impl HubService {
    /// A device's twin. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::DeviceNotFound`], [`HubError::Store`].
    pub async fn twin(&self, caller: &ServiceCaller, id: &DeviceId) -> Result<TwinView, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let (hub, id) = (caller.hub().clone(), id.clone());
        let found = self
            .store()
            .read(move |tx| tx.device_with_twin(&hub, &id))
            .await?;
        let (identity, twin) = found.ok_or(HubError::DeviceNotFound)?;
        let device = self.view(caller.hub(), identity);
        Ok(TwinView { device, twin })
    }

    /// Merges tags and desired properties and tells the device of the latter. `if_match` compares
    /// the twin's tag. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::DeviceNotFound`], [`HubError::PreconditionFailed`],
    /// [`HubError::ArgumentInvalid`] for a broken limit, [`HubError::Store`].
    pub async fn patch_twin(
        &self,
        caller: &ServiceCaller,
        id: &DeviceId,
        write: TwinWrite,
        if_match: IfMatch,
    ) -> Result<TwinView, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        self.write_twin(caller, id, TwinChange::Patch(write), if_match)
            .await
    }

    /// Replaces tags and desired properties as wholes. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// As [`Self::patch_twin`].
    pub async fn replace_twin(
        &self,
        caller: &ServiceCaller,
        id: &DeviceId,
        write: TwinWrite,
        if_match: IfMatch,
    ) -> Result<TwinView, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        self.write_twin(caller, id, TwinChange::Replace(write), if_match)
            .await
    }

    pub(crate) async fn write_twin(
        &self,
        caller: &ServiceCaller,
        id: &DeviceId,
        change: TwinChange,
        if_match: IfMatch,
    ) -> Result<TwinView, HubError> {
        let event = event(caller.actor(), caller.hub(), &IdentityId::device(id.clone()));
        let written = self
            .write_twin_noted(caller.hub(), id, change, if_match, event, |_| Ok(true))
            .await?;
        let (identity, twin) = written.ok_or(HubError::DeviceNotFound)?;
        let device = self.view(caller.hub(), identity);
        Ok(TwinView { device, twin })
    }

    /// Writes a twin together with what `note` notes in the same transaction; `None`, and nothing is
    /// written, when that says so.
    pub(crate) async fn write_twin_noted(
        &self,
        hub: &HubName,
        id: &DeviceId,
        change: TwinChange,
        if_match: IfMatch,
        event: AuditEvent,
        note: impl FnOnce(&WriteTx<'_>) -> Result<bool, HubError> + Send + 'static,
    ) -> Result<Option<(DeviceIdentity, Twin)>, HubError> {
        // Held until the notification is handed over: they leave in the order of versions.
        let identity_id = IdentityId::device(id.clone());
        let turn = self.twin_locks().lock(hub, &identity_id).await;
        let (of, device_id) = (hub.clone(), id.clone());
        let written_id = identity_id.clone();
        let is_heard = self
            .sessions()
            .live(hub, &identity_id)
            .is_some_and(|link| link.has_feature(Feature::Desired));
        let written = self
            .store()
            .write(move |tx| {
                let hub = of;
                let found = tx.device_with_twin(&hub, &device_id)?;
                let (identity, mut twin) = found.ok_or(HubError::DeviceNotFound)?;
                if !if_match.admits(&twin.etag()) {
                    return Err(HubError::PreconditionFailed);
                }
                if !note(&tx)? {
                    return Ok(tx.unchanged(None));
                }
                let before = (!is_heard).then(|| twin.desired.value.clone());
                let notification = change.apply(&mut twin, tx.now())?;
                if let (Some(before), Some(_)) = (before, &notification) {
                    note_absence(&tx, &hub, &written_id, &identity.generation_id, &before)?;
                }
                tx.update_twin(&hub, &written_id, &twin)?;
                if notification.is_some() {
                    tx.announce(&desired_changed(&hub, &written_id))?;
                }
                let written = Written {
                    identity,
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
            && let Some(link) = self.sessions().live(hub, &identity_id)
        {
            link.notify_desired(notification);
        }
        drop(turn);
        Ok(Some((written.identity, written.twin)))
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

impl DeviceSession {
    /// The device's own twin.
    ///
    /// # Errors
    /// [`HubError::SessionClosed`], [`HubError::DeviceNotFound`], [`HubError::Store`].
    pub async fn twin(&self) -> Result<Twin, HubError> {
        self.open_link()?;
        self.touch();
        let (hub, id) = (self.hub().clone(), self.id().clone());
        let twin = self.service().store().read(move |tx| tx.twin(&hub, &id)).await?;
        twin.ok_or(HubError::DeviceNotFound)
    }

    /// Merges the device's patch into its reported properties; returns their new `$version`.
    /// `expected` is the version the device built on, when it said so.
    ///
    /// # Errors
    /// [`HubError::SessionClosed`], [`HubError::DeviceNotFound`], [`HubError::PreconditionFailed`],
    /// [`HubError::ArgumentInvalid`] for a broken limit, [`HubError::Store`].
    pub async fn patch_reported(
        &self,
        patch: Map<String, Value>,
        expected: Option<i64>,
    ) -> Result<i64, HubError> {
        let generation = self.generation()?;
        self.touch();
        let (hub, id) = (self.hub().clone(), self.id().clone());
        self.service()
            .store()
            .write(move |tx| {
                let registered = tx.credential(&hub, &id)?;
                registered
                    .filter(|registered| registered.generation_id == generation)
                    .ok_or(HubError::DeviceNotFound)?;
                let mut twin = tx.twin(&hub, &id)?.ok_or(HubError::DeviceNotFound)?;
                let version = twin.patch_reported(&patch, expected, tx.now(), iso)?;
                tx.update_twin(&hub, &id, &twin)?;
                let event = event(Actor::identity(&id), &hub, &id).with_detail("reported");
                Ok(tx.record(&event, version)?)
            })
            .await
    }
}

/// Notes what an absent device knew, when it is subscribed to changes: it is told on its return.
fn note_absence(
    tx: &WriteTx<'_>,
    hub: &HubName,
    id: &IdentityId,
    generation: &str,
    before: &Map<String, Value>,
) -> Result<(), HubError> {
    if let Some(kept) = tx.kept_session(hub, id)?
        && kept.generation_id == generation
        && kept_subscriptions(&kept, id)?.get(Feature::Desired).is_some()
    {
        tx.note_desired_base(hub, id, before)?;
    }
    Ok(())
}

fn desired_changed(hub: &HubName, id: &IdentityId) -> Change {
    Change::Desired {
        hub: hub.clone(),
        id: id.clone(),
    }
}

fn event(actor: Actor, hub: &HubName, id: &IdentityId) -> AuditEvent {
    AuditEvent::new(actor, Action::Update, "twin", hub.as_str(), &id.to_string())
}
