//! The devices a condition names.

use provost_model::{DeviceId, HubName};

use crate::HubError;
use crate::service::HubService;

/// Devices looked for in one step.
const STEP: usize = 500;

/// Devices found in one step, and where to go on.
pub(super) struct Found {
    pub(super) devices: Vec<DeviceId>,
    /// `None` when there are no more.
    pub(super) next: Option<DeviceId>,
}

/// Refuses what is no condition.
pub(super) fn check(condition: &str) -> Result<(), HubError> {
    if condition == "*" {
        Ok(())
    } else {
        Err(HubError::ArgumentInvalid("only * for now".to_owned()))
    }
}

/// One bounded step through the devices of a condition.
pub(super) async fn step(
    service: &HubService,
    hub: &HubName,
    condition: &str,
    after: Option<&DeviceId>,
) -> Result<Found, HubError> {
    check(condition)?;
    let (hub, after) = (hub.clone(), after.cloned());
    let devices = service
        .store()
        .scan(move |tx| {
            tx.devices(
                &hub,
                after.as_ref(),
                provost_model::PageSize::clamp(Some(STEP), STEP, STEP),
            )
        })
        .await?;
    let devices: Vec<_> = devices.into_iter().map(|device| device.device_id).collect();
    let next = devices.last().filter(|_| devices.len() == STEP).cloned();
    Ok(Found { devices, next })
}
