//! The Device Registry with everything it is plugged into.

use std::sync::Arc;

use provost_ca::CaKeys;
use provost_hub::{HubError, HubService, switch_identity};
use provost_model::{Assignment, Change, DeviceId, DeviceStatus, HubName, Random, Uuid};
use provost_registry::{LinkedHubs, PortFuture, RegistryParts, RegistryService};
use provost_store::{Store, StoreError, WriteTx};
use tracing::error;

use super::Ambient;
use crate::config::Config;

/// Puts it together as configured.
pub(super) fn service(
    config: &Config,
    store: &Store,
    keys: &CaKeys,
    hub: &HubService,
    ambient: &Ambient,
) -> RegistryService {
    RegistryService::new(RegistryParts {
        store: store.clone(),
        keys: keys.clone(),
        hubs: Arc::new(BuiltInHubs {
            random: Arc::clone(&ambient.random),
            hubs: hub.clone(),
        }),
        clock: Arc::clone(&ambient.clock),
        random: Arc::clone(&ambient.random),
        options: config.registry.clone(),
    })
}

/// Why a hub's device is disabled that the registry disabled.
const DISABLED: &str = "disabled in the device registry";

fn is_disabled_by_registry(tx: &WriteTx<'_>, hub: &HubName, device: &DeviceId) -> Result<bool, StoreError> {
    let identity = tx.device(hub, device)?;
    Ok(identity.is_some_and(|identity| identity.status_reason.as_deref() == Some(DISABLED)))
}

/// The hubs of this program.
struct BuiltInHubs {
    random: Arc<dyn Random>,
    hubs: HubService,
}

impl LinkedHubs for BuiltInHubs {
    fn set_enabled(
        &self,
        tx: &WriteTx<'_>,
        hub: &HubName,
        device: &DeviceId,
        enabled: bool,
    ) -> Result<bool, StoreError> {
        if enabled && !is_disabled_by_registry(tx, hub, device)? {
            // Whoever disabled it at its hub, or shut it out, has the last word there.
            self.announce(tx, hub, device)?;
            return Ok(tx.device(hub, device)?.is_some());
        }
        let status = if enabled {
            (DeviceStatus::Enabled, None)
        } else {
            (DeviceStatus::Disabled, Some(DISABLED))
        };
        match switch_identity(tx, hub, device, status, &*self.random) {
            Ok(before) => Ok(before.is_some()),
            Err(HubError::Store(error)) => Err(error),
            // Switching a status asks nothing but the store.
            Err(_) => Err(StoreError::Stopped),
        }
    }

    fn announce(&self, tx: &WriteTx<'_>, hub: &HubName, device: &DeviceId) -> Result<(), StoreError> {
        tx.announce(&Change::Device {
            hub: hub.clone(),
            device_id: device.clone(),
        })
    }

    fn settle<'a>(&'a self, devices: &'a [Assignment]) -> PortFuture<'a> {
        Box::pin(async move {
            for device in devices {
                self.hubs.recheck_device(&device.hub, &device.device_id).await;
            }
        })
    }

    fn settle_leaves(&self, device: Uuid) -> PortFuture<'_> {
        Box::pin(self.hubs.recheck_leaves(device))
    }

    fn settle_authorities(&self) -> PortFuture<'_> {
        Box::pin(async move {
            if let Err(error) = self.hubs.recheck_configuration().await {
                // The change feed looks again, until the store answers.
                error!(
                    error = &error as &dyn std::error::Error,
                    "sessions are looked at when the store answers"
                );
            }
        })
    }

    fn connected(&self) -> Vec<Assignment> {
        self.hubs.live_devices()
    }
}
