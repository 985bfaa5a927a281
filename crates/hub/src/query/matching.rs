use provost_model::query::Condition;
use provost_model::{DeviceId, HubName, PageSize};
use provost_wire::hub::service::TwinRow;

use crate::HubError;
use crate::service::HubService;

/// Devices a condition holds of, in order of their IDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchPage {
    /// The devices; there may be few or none although more follow.
    pub ids: Vec<DeviceId>,
    /// Where to go on, `None` when there is nothing more.
    pub next: Option<DeviceId>,
}

/// Devices looked at in one call.
const LOOKED_AT: usize = 200;

impl HubService {
    /// The next devices after `after` a condition holds of, at most `limit`. The work of one call is
    /// bounded, so a page may be empty and yet have a next one. Checks no right: for work that was
    /// allowed when it was ordered.
    ///
    /// # Errors
    /// [`HubError::Store`].
    pub async fn matching_devices(
        &self,
        hub: &HubName,
        condition: &Condition,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<MatchPage, HubError> {
        let (name, begin) = (hub.clone(), after.cloned());
        let size = PageSize::clamp(Some(LOOKED_AT), LOOKED_AT, LOOKED_AT);
        let rows = self
            .store()
            .scan(move |tx| tx.devices_with_twins(&name, begin.as_ref(), size))
            .await?;
        let is_last = rows.len() < size.get();
        let mut page = MatchPage {
            ids: Vec::new(),
            next: None,
        };
        for (identity, twin) in rows {
            let device = self.view(hub, identity);
            if condition.matches(&TwinRow::new(&device.identity, &twin, device.presence())) {
                page.ids.push(device.identity.device_id.clone());
            }
            page.next = Some(device.identity.device_id);
            if page.ids.len() >= limit.max(1) {
                return Ok(page);
            }
        }
        if is_last {
            page.next = None;
        }
        Ok(page)
    }
}
