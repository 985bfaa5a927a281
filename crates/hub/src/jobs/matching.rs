//! The devices a condition names, in steps.

use provost_model::query::Condition;
use provost_model::{DeviceId, HubName};
use provost_wire::hub::query::parse_condition;

use crate::HubError;
use crate::service::HubService;

/// Devices found in one step at most.
const FOUND: usize = 500;
/// Looks of one step at most: where few devices match, not every look is worth a write.
const LOOKS: usize = 20;

/// Devices found in one step, and where to go on.
pub(crate) struct Found {
    pub(crate) devices: Vec<DeviceId>,
    /// `None` when there are no more.
    pub(crate) next: Option<DeviceId>,
}

/// Refuses what is no condition.
pub(crate) fn check(condition: &str) -> Result<Condition, HubError> {
    parse_condition(condition)
        .map_err(|error| HubError::ArgumentInvalid(format!("the condition is not valid: {error}")))
}

/// One bounded step through the devices of a condition.
pub(crate) async fn step(
    service: &HubService,
    hub: &HubName,
    condition: &Condition,
    after: Option<DeviceId>,
) -> Result<Found, HubError> {
    let mut found = Found {
        devices: Vec::new(),
        next: after,
    };
    for _ in 0..LOOKS {
        let left = FOUND - found.devices.len();
        let page = service
            .matching_devices(hub, condition, found.next.as_ref(), left)
            .await?;
        found.devices.extend(page.ids);
        found.next = page.next;
        if found.next.is_none() || found.devices.len() >= FOUND {
            break;
        }
    }
    Ok(found)
}
