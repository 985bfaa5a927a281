use std::ops::ControlFlow;

use provost_model::query::Condition;
use provost_model::{DeviceId, HubName};

use super::walk::{Walk, parts_of};
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
const LOOKED_AT: usize = 5_000;

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
        let (service, hub, condition) = (self.clone(), hub.clone(), condition.clone());
        let (after, limit) = (after.cloned(), limit.max(1));
        let matching = self.store().scan(move |tx| {
            let walk = Walk {
                service: &service,
                hub: &hub,
                condition: &condition,
                parts: parts_of(condition.expression()),
                budget: LOOKED_AT,
            };
            let mut ids = Vec::new();
            let next = walk.run(tx, after.as_ref(), |row| {
                ids.push(row.device_id().clone());
                enough(ids.len() >= limit)
            })?;
            Ok::<_, HubError>(MatchPage { ids, next })
        });
        matching.await
    }
}

pub(super) fn enough(is_enough: bool) -> ControlFlow<()> {
    if is_enough {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}
