//! Plugs the built-in hubs into provisioning.

use std::pin::Pin;
use std::sync::Arc;

use provost_hub::{
    HubError, HubService, provision_identity, remove_identity, shut_out_identity, twin_to_carry,
};
use provost_model::{Assignment, DeviceId, DeviceStatus, HubName, InitialTwin, Random, ShutOut};
use provost_provisioning::{HubDirectory, HubPortError, IdentityChange, NewIdentity, Provisioned};
use provost_store::{ReadTx, WriteTx};

/// The hubs of this program, reached inside the registration's own transaction.
pub(super) struct BuiltInHubs {
    random: Arc<dyn Random>,
    hubs: HubService,
}

impl BuiltInHubs {
    pub(super) fn new(random: Arc<dyn Random>, hubs: HubService) -> Self {
        Self { random, hubs }
    }
}

impl HubDirectory for BuiltInHubs {
    fn provision(
        &self,
        tx: &WriteTx<'_>,
        hub: &HubName,
        identity: &NewIdentity,
    ) -> Result<Provisioned, HubPortError> {
        check_hub(tx, hub)?;
        let identity = provost_hub::NewIdentity {
            device_id: identity.device_id.clone(),
            auth: identity.auth.clone(),
            iot_edge: identity.iot_edge,
            initial_twin: identity.initial_twin.clone(),
        };
        let provisioned = provision_identity(tx, hub, &identity, &*self.random).map_err(refused)?;
        Ok(if provisioned.created {
            Provisioned::Created
        } else {
            Provisioned::Updated
        })
    }

    fn twin(
        &self,
        tx: &ReadTx<'_>,
        hub: &HubName,
        device: &DeviceId,
    ) -> Result<Option<InitialTwin>, HubPortError> {
        twin_to_carry(tx, hub, device).map_err(refused)
    }

    fn spellings(
        &self,
        tx: &ReadTx<'_>,
        hub: &HubName,
        key: &str,
    ) -> Result<Vec<(DeviceId, DeviceStatus)>, HubPortError> {
        Ok(tx.devices_spelt(hub, key)?)
    }

    fn remove(&self, tx: &WriteTx<'_>, hub: &HubName, device: &DeviceId) -> Result<bool, HubPortError> {
        remove_identity(tx, hub, device).map_err(refused)
    }

    fn shut_out(
        &self,
        tx: &WriteTx<'_>,
        hub: &HubName,
        device: &DeviceId,
        act: ShutOut,
    ) -> Result<Option<IdentityChange>, HubPortError> {
        check_hub(tx, hub)?;
        let before = shut_out_identity(tx, hub, device, act, &*self.random).map_err(refused)?;
        let after = match act {
            ShutOut::Disable => Some(DeviceStatus::Disabled),
            ShutOut::Delete => None,
        };
        Ok(before.map(|before| IdentityChange { before, after }))
    }

    fn settle<'a>(&'a self, devices: &'a [Assignment]) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            for device in devices {
                self.hubs.recheck_device(&device.hub, &device.device_id).await;
            }
        })
    }

    fn connected(&self) -> Vec<Assignment> {
        self.hubs.live_devices()
    }
}

fn check_hub(tx: &ReadTx<'_>, hub: &HubName) -> Result<(), HubPortError> {
    match tx.hub(hub)? {
        Some(hub) if !hub.is_remote => Ok(()),
        _ => Err(HubPortError::UnknownHub),
    }
}

fn refused(error: HubError) -> HubPortError {
    match error {
        HubError::Store(error) => HubPortError::Store(error),
        other => HubPortError::Refused(other.to_string()),
    }
}
