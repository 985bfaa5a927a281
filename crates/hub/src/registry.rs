//! The identity registry: devices by their IDs (iot-hub-service-api.md 3 to 6).

mod bulk;
mod device_write;
mod generated;
mod module;
mod module_write;
mod record;
mod regenerate;

use std::sync::Arc;

use provost_model::{AccessRight, Action, DeviceId, DeviceIdentity, HubName, IfMatch, InitialTwin, PageSize};
use provost_wire::hub::service::{DeviceInput, Presence};

pub(crate) use self::generated::{device_scope, generation_id, key_pair};
pub use self::module::ModuleView;
pub(crate) use self::module::missing;
pub(crate) use self::record::announce;
use self::record::{event, facts, insert, update};
use crate::service::HubService;
use crate::{HubError, ServiceCaller};

/// A device's identity with what is known of its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceView {
    /// The identity; its times of activity are up to date.
    pub identity: DeviceIdentity,
    /// Whether it is connected to this node.
    pub is_connected: bool,
}

impl DeviceView {
    /// Its connection in the words of the wire.
    pub(crate) fn presence(&self) -> Presence {
        if self.is_connected {
            Presence::Connected
        } else {
            Presence::Disconnected
        }
    }
}

/// How many devices a hub has (iot-hub-service-api.md 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceStatistics {
    /// All of them.
    pub total: u64,
    /// Those that may connect.
    pub enabled: u64,
    /// Those that may not.
    pub disabled: u64,
}

/// What a write expects to find.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// Nothing; the new device gets this twin.
    Nothing(InitialTwin),
    /// A device in this state.
    Device(IfMatch),
    /// Nothing, or a device in this state.
    Either(IfMatch),
}

impl HubService {
    /// One device. Needs `RegistryRead`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::DeviceNotFound`], [`HubError::Store`].
    pub async fn device(&self, caller: &ServiceCaller, id: &DeviceId) -> Result<DeviceView, HubError> {
        caller.require(AccessRight::RegistryRead)?;
        let (hub, id) = (caller.hub().clone(), id.clone());
        let device = self.store().read(move |tx| tx.device(&hub, &id)).await?;
        let device = device.ok_or(HubError::DeviceNotFound)?;
        Ok(self.view(caller.hub(), device))
    }

    /// The first devices in order of their IDs. Needs `RegistryRead`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::Store`].
    pub async fn devices(&self, caller: &ServiceCaller, top: PageSize) -> Result<Vec<DeviceView>, HubError> {
        caller.require(AccessRight::RegistryRead)?;
        let hub = caller.hub().clone();
        let devices = self.store().scan(move |tx| tx.devices(&hub, None, top)).await?;
        Ok(devices
            .into_iter()
            .map(|device| self.view(caller.hub(), device))
            .collect())
    }

    /// Creates a device when no state is expected, else replaces the one in that state
    /// (iot-hub-service-api.md 3). Needs `RegistryWrite`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`], [`HubError::DeviceAlreadyExists`],
    /// [`HubError::DeviceNotFound`], [`HubError::PreconditionFailed`], [`HubError::Store`].
    pub async fn put_device(
        &self,
        caller: &ServiceCaller,
        id: &DeviceId,
        input: DeviceInput,
        if_match: IfMatch,
    ) -> Result<DeviceView, HubError> {
        caller.require(AccessRight::RegistryWrite)?;
        let expected = match if_match {
            IfMatch::Absent => Expected::Nothing(InitialTwin::default()),
            seen => Expected::Device(seen),
        };
        let device = self.write_device(caller, id, input, expected).await?;
        Ok(self.view(caller.hub(), device))
    }

    /// Removes a device with its twin and closes its session. Needs `RegistryWrite`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::DeviceNotFound`], [`HubError::PreconditionFailed`],
    /// [`HubError::Store`].
    pub async fn delete_device(
        &self,
        caller: &ServiceCaller,
        id: &DeviceId,
        if_match: IfMatch,
    ) -> Result<(), HubError> {
        caller.require(AccessRight::RegistryWrite)?;
        self.remove_device(caller, id, if_match).await
    }

    /// Counts of the hub's devices. Needs `RegistryRead`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::Store`].
    pub async fn device_statistics(&self, caller: &ServiceCaller) -> Result<DeviceStatistics, HubError> {
        caller.require(AccessRight::RegistryRead)?;
        let hub = caller.hub().clone();
        let (total, disabled) = self.store().scan(move |tx| tx.device_counts(&hub)).await?;
        let (total, disabled) = (
            u64::try_from(total).unwrap_or(0),
            u64::try_from(disabled).unwrap_or(0),
        );
        Ok(DeviceStatistics {
            total,
            enabled: total.saturating_sub(disabled),
            disabled,
        })
    }

    /// How many devices are connected to this node. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`].
    pub fn connected_statistics(&self, caller: &ServiceCaller) -> Result<usize, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        Ok(self.connected_devices(caller.hub()))
    }

    /// Whether a caller may ask for what is not served: strangers are refused like everywhere else.
    /// Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`].
    pub fn may_manage_configurations(&self, caller: &ServiceCaller) -> Result<(), HubError> {
        caller.require(AccessRight::ServiceConnect)
    }

    pub(crate) fn view(&self, hub: &HubName, mut identity: DeviceIdentity) -> DeviceView {
        self.activity().overlay(hub, &mut identity);
        let is_connected = self.is_connected(hub, &identity.device_id.clone().into());
        DeviceView {
            identity,
            is_connected,
        }
    }

    pub(crate) async fn write_device(
        &self,
        caller: &ServiceCaller,
        id: &DeviceId,
        input: DeviceInput,
        expected: Expected,
    ) -> Result<DeviceIdentity, HubError> {
        let (hub, actor, device_id) = (caller.hub().clone(), caller.actor(), id.clone());
        let random = Arc::clone(self.random());
        let written = self
            .store()
            .write(move |tx| match (tx.device(&hub, &device_id)?, expected) {
                (Some(_), Expected::Nothing(_)) => Err(HubError::DeviceAlreadyExists),
                (None, Expected::Device(_)) => Err(HubError::DeviceNotFound),
                (None, Expected::Nothing(initial)) => {
                    let device = device_write::create(input, device_id, tx.now(), random.as_ref())?;
                    insert(tx, &hub, actor, device, &initial)
                }
                (None, Expected::Either(_)) => {
                    let device = device_write::create(input, device_id, tx.now(), random.as_ref())?;
                    insert(tx, &hub, actor, device, &InitialTwin::default())
                }
                (Some(stored), Expected::Device(seen) | Expected::Either(seen)) => {
                    if !seen.admits(&stored.etag) {
                        return Err(HubError::PreconditionFailed);
                    }
                    let device = device_write::replace(input, &stored, tx.now(), random.as_ref())?;
                    update(tx, &hub, actor, &stored, device)
                }
            })
            .await?;
        if written.affects_sessions {
            self.recheck_device(caller.hub(), id).await;
        }
        Ok(written.device)
    }

    pub(crate) async fn remove_device(
        &self,
        caller: &ServiceCaller,
        id: &DeviceId,
        if_match: IfMatch,
    ) -> Result<(), HubError> {
        let (hub, actor, device_id) = (caller.hub().clone(), caller.actor(), id.clone());
        self.store()
            .write(move |tx| {
                let stored = tx.device(&hub, &device_id)?.ok_or(HubError::DeviceNotFound)?;
                if !if_match.admits(&stored.etag) {
                    return Err(HubError::PreconditionFailed);
                }
                tx.delete_device(&hub, &device_id)?;
                announce(&tx, &hub, &device_id)?;
                let event = event(actor, Action::Delete, &hub, &device_id).with_before(facts(&stored));
                Ok(tx.record(&event, ())?)
            })
            .await?;
        self.recheck_device(caller.hub(), id).await;
        self.activity().forget(caller.hub(), id);
        Ok(())
    }
}
