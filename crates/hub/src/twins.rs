//! Twins from both sides (iot-hub-service-api.md 7, iot-hub-device-api.md 7).

use provost_model::twin::{DesiredNotification, Twin, TwinError, TwinWrite};
use provost_model::{
    AccessRight, Action, Actor, AuditEvent, Change, DeviceId, DeviceIdentity, HubName, IdentityId, IfMatch,
    ModuleId, ModuleIdentity, Timestamp,
};
use provost_store::{ReadTx, WriteTx};
use provost_wire::time::iso;
use serde_json::{Map, Value};

use crate::registry::{DeviceView, ModuleView, missing};
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

/// A module's twin with the identity it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleTwinView {
    /// The module.
    pub module: ModuleView,
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
struct Written<O> {
    owner: O,
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

    /// A module's twin. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::DeviceNotFound`], [`HubError::ModuleNotFound`],
    /// [`HubError::Store`].
    pub async fn module_twin(
        &self,
        caller: &ServiceCaller,
        device_id: &DeviceId,
        module_id: &ModuleId,
    ) -> Result<ModuleTwinView, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let hub = caller.hub().clone();
        let id = IdentityId::module(device_id.clone(), module_id.clone());
        let read = move |tx: &ReadTx<'_>| ModuleIdentity::find(tx, &hub, &id);
        let (identity, twin) = self.store().read(read).await?;
        let module = self.module_view(caller.hub(), identity);
        Ok(ModuleTwinView { module, twin })
    }

    /// Merges tags and desired properties of a module and tells it of the latter. Needs
    /// `ServiceConnect`.
    ///
    /// # Errors
    /// As [`Self::patch_twin`], and [`HubError::ModuleNotFound`].
    pub async fn patch_module_twin(
        &self,
        caller: &ServiceCaller,
        (device_id, module_id): (&DeviceId, &ModuleId),
        write: TwinWrite,
        if_match: IfMatch,
    ) -> Result<ModuleTwinView, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let change = TwinChange::Patch(write);
        self.write_module_twin(caller, (device_id, module_id), change, if_match)
            .await
    }

    /// Replaces tags and desired properties of a module as wholes. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// As [`Self::patch_module_twin`].
    pub async fn replace_module_twin(
        &self,
        caller: &ServiceCaller,
        (device_id, module_id): (&DeviceId, &ModuleId),
        write: TwinWrite,
        if_match: IfMatch,
    ) -> Result<ModuleTwinView, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let change = TwinChange::Replace(write);
        self.write_module_twin(caller, (device_id, module_id), change, if_match)
            .await
    }

    pub(crate) async fn write_twin(
        &self,
        caller: &ServiceCaller,
        id: &DeviceId,
        change: TwinChange,
        if_match: IfMatch,
    ) -> Result<TwinView, HubError> {
        let id = IdentityId::device(id.clone());
        let (identity, twin) = self.write_twin_of(caller, id, change, if_match).await?;
        let device = self.view(caller.hub(), identity);
        Ok(TwinView { device, twin })
    }

    pub(crate) async fn write_module_twin(
        &self,
        caller: &ServiceCaller,
        (device_id, module_id): (&DeviceId, &ModuleId),
        change: TwinChange,
        if_match: IfMatch,
    ) -> Result<ModuleTwinView, HubError> {
        let id = IdentityId::module(device_id.clone(), module_id.clone());
        let (identity, twin) = self.write_twin_of(caller, id, change, if_match).await?;
        let module = self.module_view(caller.hub(), identity);
        Ok(ModuleTwinView { module, twin })
    }

    async fn write_twin_of<O: TwinOwner>(
        &self,
        caller: &ServiceCaller,
        id: IdentityId,
        change: TwinChange,
        if_match: IfMatch,
    ) -> Result<(O, Twin), HubError> {
        // Held until the notification is handed over: they leave in the order of versions.
        let turn = self.twin_locks().lock(caller.hub(), &id).await;
        let listener = self.sessions().live(caller.hub(), &id);
        let is_heard = listener.is_some_and(|link| link.has_feature(Feature::Desired));
        let (hub, actor, written_id) = (caller.hub().clone(), caller.actor(), id.clone());
        let written: Written<O> = self
            .store()
            .write(move |tx| {
                let (owner, mut twin) = O::find(&tx, &hub, &written_id)?;
                if !if_match.admits(&twin.etag()) {
                    return Err(HubError::PreconditionFailed);
                }
                let before = (!is_heard).then(|| twin.desired.value.clone());
                let notification = change.apply(&mut twin, tx.now())?;
                if let (Some(before), Some(_)) = (before, &notification) {
                    note_absence(&tx, &hub, &written_id, owner.generation_id(), &before)?;
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
                Ok(tx.record(&event(actor, &hub, &written_id), written)?)
            })
            .await?;
        if let Some(notification) = written.notification
            && let Some(link) = self.sessions().live(caller.hub(), &id)
        {
            link.notify_desired(notification);
        }
        drop(turn);
        Ok((written.owner, written.twin))
    }
}

/// Who a twin belongs to.
trait TwinOwner: Sized + Send + 'static {
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
