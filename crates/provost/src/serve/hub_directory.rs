//! Plugs the built-in hubs into provisioning.

use std::sync::Arc;

use provost_hub::{HubError, provision_identity, remove_identity, twin_to_carry};
use provost_model::{DeviceId, HubName, InitialTwin, Random};
use provost_provisioning::{HubDirectory, HubPortError, NewIdentity, Provisioned};
use provost_store::{ReadTx, WriteTx};

/// The hubs of this program, reached inside the registration's own transaction.
pub(super) struct BuiltInHubs {
    random: Arc<dyn Random>,
}

impl BuiltInHubs {
    pub(super) fn new(random: Arc<dyn Random>) -> Self {
        Self { random }
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

    fn remove(&self, tx: &WriteTx<'_>, hub: &HubName, device: &DeviceId) -> Result<bool, HubPortError> {
        remove_identity(tx, hub, device).map_err(refused)
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
