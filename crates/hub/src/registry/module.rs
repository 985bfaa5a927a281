//! Modules of devices: identities below identities (iot-hub-service-api.md 11).

use std::sync::Arc;

use provost_model::twin::Twin;
use provost_model::{
    AccessRight, Action, Actor, AuditEvent, AuditFacts, DeviceId, HubName, IdentityId, IfMatch, InitialTwin,
    MAX_MODULES, ModuleId, ModuleIdentity,
};
use provost_store::{Audited, ReadTx, WriteTx};
use provost_wire::hub::service::{ModuleInput, Presence};

use super::Expected;
use super::module_write;
use super::record::announce;
use crate::service::HubService;
use crate::{HubError, ServiceCaller};

/// A module's identity with what is known of its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleView {
    /// The identity; its times of activity are up to date.
    pub identity: ModuleIdentity,
    /// Whether it is connected to this node.
    pub is_connected: bool,
}

impl ModuleView {
    /// Its connection in the words of the wire.
    pub fn presence(&self) -> Presence {
        if self.is_connected {
            Presence::Connected
        } else {
            Presence::Disconnected
        }
    }
}

/// A stored module: whether there was none before, and whether live sessions must prove themselves
/// again.
struct Written {
    module: ModuleIdentity,
    is_new: bool,
    affects_sessions: bool,
}

impl HubService {
    /// One module. Needs `RegistryRead`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::DeviceNotFound`], [`HubError::ModuleNotFound`],
    /// [`HubError::Store`].
    pub async fn module(
        &self,
        caller: &ServiceCaller,
        device_id: &DeviceId,
        module_id: &ModuleId,
    ) -> Result<ModuleView, HubError> {
        caller.require(AccessRight::RegistryRead)?;
        let (hub, device_id, module_id) = (caller.hub().clone(), device_id.clone(), module_id.clone());
        let read = move |tx: &ReadTx<'_>| match tx.module(&hub, &device_id, &module_id)? {
            Some(module) => Ok(module),
            None => Err(missing(tx.device(&hub, &device_id)?.is_some())),
        };
        let module = self.store().read(read).await?;
        Ok(self.module_view(caller.hub(), module))
    }

    /// The modules of a device in order of their IDs. Needs `RegistryRead`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::DeviceNotFound`], [`HubError::Store`].
    pub async fn modules(
        &self,
        caller: &ServiceCaller,
        device_id: &DeviceId,
    ) -> Result<Vec<ModuleView>, HubError> {
        caller.require(AccessRight::RegistryRead)?;
        let (hub, device_id) = (caller.hub().clone(), device_id.clone());
        let read = move |tx: &ReadTx<'_>| match tx.device(&hub, &device_id)? {
            Some(_) => Ok(tx.modules_of(&hub, &device_id)?),
            None => Err(HubError::DeviceNotFound),
        };
        let modules: Vec<ModuleIdentity> = self.store().read(read).await?;
        let view = |module| self.module_view(caller.hub(), module);
        Ok(modules.into_iter().map(view).collect())
    }

    /// Creates a module when no state is expected, else replaces the one in that state; says whether
    /// it is new. Needs `RegistryWrite`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`], [`HubError::DeviceNotFound`],
    /// [`HubError::ModuleAlreadyExists`], [`HubError::ModuleNotFound`], [`HubError::TooManyModules`],
    /// [`HubError::PreconditionFailed`], [`HubError::Store`].
    pub async fn put_module(
        &self,
        caller: &ServiceCaller,
        device_id: &DeviceId,
        module_id: &ModuleId,
        input: ModuleInput,
        if_match: IfMatch,
    ) -> Result<(ModuleView, bool), HubError> {
        caller.require(AccessRight::RegistryWrite)?;
        let expected = match if_match {
            IfMatch::Absent => Expected::Nothing(InitialTwin::default()),
            seen => Expected::Device(seen),
        };
        let written = self
            .write_module(caller, device_id, module_id, input, expected)
            .await?;
        Ok((self.module_view(caller.hub(), written.module), written.is_new))
    }

    /// Removes a module with its twin and closes its session. Needs `RegistryWrite`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::DeviceNotFound`], [`HubError::ModuleNotFound`],
    /// [`HubError::PreconditionFailed`], [`HubError::Store`].
    pub async fn delete_module(
        &self,
        caller: &ServiceCaller,
        device_id: &DeviceId,
        module_id: &ModuleId,
        if_match: IfMatch,
    ) -> Result<(), HubError> {
        caller.require(AccessRight::RegistryWrite)?;
        self.remove_module(caller, device_id, module_id, if_match).await
    }

    pub(crate) fn module_view(&self, hub: &HubName, mut identity: ModuleIdentity) -> ModuleView {
        self.activity().overlay_module(hub, &mut identity);
        let is_connected = self.is_connected(hub, &identity.id());
        ModuleView {
            identity,
            is_connected,
        }
    }

    pub(super) async fn bulk_module(
        &self,
        caller: &ServiceCaller,
        id: (&DeviceId, &ModuleId),
        input: ModuleInput,
        expected: Expected,
    ) -> Result<(), HubError> {
        self.write_module(caller, id.0, id.1, input, expected)
            .await
            .map(drop)
    }

    async fn write_module(
        &self,
        caller: &ServiceCaller,
        device_id: &DeviceId,
        module_id: &ModuleId,
        input: ModuleInput,
        expected: Expected,
    ) -> Result<Written, HubError> {
        let (hub, actor) = (caller.hub().clone(), caller.actor());
        let (device, module) = (device_id.clone(), module_id.clone());
        let random = Arc::clone(self.random());
        let written = self
            .store()
            .write(move |tx| {
                let create = |tx: WriteTx<'_>, input, initial: &InitialTwin| {
                    may_have_another(&tx, &hub, &device)?;
                    let made = module_write::create(
                        input,
                        (device.clone(), module.clone()),
                        tx.now(),
                        random.as_ref(),
                    )?;
                    insert(tx, &hub, actor.clone(), made, initial)
                };
                match (tx.module(&hub, &device, &module)?, expected) {
                    (Some(_), Expected::Nothing(_)) => Err(HubError::ModuleAlreadyExists),
                    (None, Expected::Device(_)) => Err(missing(tx.device(&hub, &device)?.is_some())),
                    (None, Expected::Nothing(initial)) => create(tx, input, &initial),
                    (None, Expected::Either(_)) => create(tx, input, &InitialTwin::default()),
                    (Some(stored), Expected::Device(seen) | Expected::Either(seen)) => {
                        if !seen.admits(&stored.etag) {
                            return Err(HubError::PreconditionFailed);
                        }
                        let module = module_write::replace(input, &stored, random.as_ref())?;
                        update(tx, &hub, actor, &stored, module)
                    }
                }
            })
            .await?;
        if written.affects_sessions {
            self.recheck_device(caller.hub(), device_id).await;
        }
        Ok(written)
    }

    pub(super) async fn remove_module(
        &self,
        caller: &ServiceCaller,
        device_id: &DeviceId,
        module_id: &ModuleId,
        if_match: IfMatch,
    ) -> Result<(), HubError> {
        let (hub, actor) = (caller.hub().clone(), caller.actor());
        let (device, module) = (device_id.clone(), module_id.clone());
        self.store()
            .write(move |tx| {
                let Some(stored) = tx.module(&hub, &device, &module)? else {
                    return Err(missing(tx.device(&hub, &device)?.is_some()));
                };
                if !if_match.admits(&stored.etag) {
                    return Err(HubError::PreconditionFailed);
                }
                tx.delete_module(&hub, &device, &module)?;
                announce(&tx, &hub, &device)?;
                let event = event(actor, Action::Delete, &hub, &stored.id()).with_before(facts(&stored));
                Ok(tx.record(&event, ())?)
            })
            .await?;
        self.recheck_device(caller.hub(), device_id).await;
        let id = IdentityId::module(device_id.clone(), module_id.clone());
        self.activity().forget_module(caller.hub(), &id);
        Ok(())
    }
}

fn may_have_another(tx: &WriteTx<'_>, hub: &HubName, device_id: &DeviceId) -> Result<(), HubError> {
    tx.device(hub, device_id)?.ok_or(HubError::DeviceNotFound)?;
    let count = usize::try_from(tx.module_count(hub, device_id)?).unwrap_or(usize::MAX);
    if count >= MAX_MODULES {
        return Err(HubError::TooManyModules { limit: MAX_MODULES });
    }
    Ok(())
}

fn insert(
    tx: WriteTx<'_>,
    hub: &HubName,
    actor: Actor,
    module: ModuleIdentity,
    initial: &InitialTwin,
) -> Result<Audited<Written>, HubError> {
    provost_model::twin::check_initial(initial)?;
    let twin = Twin::new(initial, tx.now(), provost_wire::time::iso);
    tx.insert_module(hub, &module, &twin)?;
    let event = event(actor, Action::Create, hub, &module.id()).with_after(facts(&module));
    let written = Written {
        module,
        is_new: true,
        affects_sessions: false,
    };
    Ok(tx.record(&event, written)?)
}

fn update(
    tx: WriteTx<'_>,
    hub: &HubName,
    actor: Actor,
    stored: &ModuleIdentity,
    module: ModuleIdentity,
) -> Result<Audited<Written>, HubError> {
    tx.update_module(hub, &module)?;
    let affects_sessions = module.auth != stored.auth;
    if affects_sessions {
        announce(&tx, hub, &module.device_id)?;
    }
    let mut event = event(actor, Action::Update, hub, &module.id())
        .with_before(facts(stored))
        .with_after(facts(&module));
    if affects_sessions {
        event = event.with_detail("credential changed");
    }
    let written = Written {
        module,
        is_new: false,
        affects_sessions,
    };
    Ok(tx.record(&event, written)?)
}

fn facts(module: &ModuleIdentity) -> AuditFacts {
    AuditFacts::new().with("authentication", &module.auth)
}

fn event(actor: Actor, action: Action, hub: &HubName, id: &IdentityId) -> AuditEvent {
    AuditEvent::new(actor, action, "module", hub.as_str(), &id.to_string())
}

/// What is not there: the module, or already its device.
pub(crate) fn missing(has_device: bool) -> HubError {
    if has_device {
        HubError::ModuleNotFound
    } else {
        HubError::DeviceNotFound
    }
}
