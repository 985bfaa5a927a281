//! Twins from both sides (iot-hub-service-api.md 7, iot-hub-device-api.md 7).
//!
//! `write` changes the twin of a device or module and tells it, or notes what it is to be told.

mod modules;
mod write;

use provost_model::twin::{Twin, TwinWrite};
use provost_model::{AccessRight, Action, Actor, AuditEvent, DeviceId, HubName, IdentityId, IfMatch};
use provost_wire::time::iso;
use serde_json::{Map, Value};

pub use self::modules::ModuleTwinView;
pub(crate) use self::write::TwinChange;
use crate::registry::DeviceView;
use crate::service::HubService;
use crate::session::DeviceSession;
use crate::{HubError, ServiceCaller};

/// A twin with the identity it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwinView {
    /// The device.
    pub device: DeviceView,
    /// Its twin.
    pub twin: Twin,
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

fn event(actor: Actor, hub: &HubName, id: &IdentityId) -> AuditEvent {
    AuditEvent::new(actor, Action::Update, "twin", hub.as_str(), &id.to_string())
}
