//! Twins of modules.

use provost_model::twin::{Twin, TwinWrite};
use provost_model::{AccessRight, DeviceId, IdentityId, IfMatch, ModuleId, ModuleIdentity};
use provost_store::ReadTx;

use super::event;
use super::write::{TwinChange, TwinOwner};
use crate::registry::ModuleView;
use crate::service::HubService;
use crate::{HubError, ServiceCaller};

/// A module's twin with the identity it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleTwinView {
    /// The module.
    pub module: ModuleView,
    /// Its twin.
    pub twin: Twin,
}

impl HubService {
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

    pub(crate) async fn write_module_twin(
        &self,
        caller: &ServiceCaller,
        (device_id, module_id): (&DeviceId, &ModuleId),
        change: TwinChange,
        if_match: IfMatch,
    ) -> Result<ModuleTwinView, HubError> {
        let id = IdentityId::module(device_id.clone(), module_id.clone());
        let event = event(caller.actor(), caller.hub(), &id);
        let written = self
            .write_twin_of::<ModuleIdentity>(caller.hub(), id, change, if_match, event, |_| Ok(true))
            .await?;
        let (identity, twin) = written.ok_or(HubError::ModuleNotFound)?;
        let module = self.module_view(caller.hub(), identity);
        Ok(ModuleTwinView { module, twin })
    }
}
