//! Rows of a condition, one after the other.

use std::ops::ControlFlow;

use provost_model::query::{Condition, Expression, Path};
use provost_model::{DeviceId, HubName};
use provost_store::{ReadTx, StoreError, TwinParts};
use provost_wire::hub::service::TwinRow;

use super::candidates::Candidates;
use crate::service::HubService;

/// Rows read at a time.
const STEP: usize = 200;

/// A way through the devices of a condition.
pub(super) struct Walk<'a> {
    pub(super) service: &'a HubService,
    pub(super) hub: &'a HubName,
    pub(super) condition: &'a Condition,
    /// What is read of each twin; at least what the condition looks at.
    pub(super) parts: TwinParts,
    /// Most rows to look at.
    pub(super) budget: usize,
}

impl Walk<'_> {
    /// Shows the rows behind `after` of which the condition is true, in order of their IDs, until
    /// there is none, the budget is spent or `visit` has enough. Gives the ID to go on behind, `None`
    /// at the end.
    pub(super) fn run(
        &self,
        tx: &ReadTx<'_>,
        after: Option<&DeviceId>,
        mut visit: impl FnMut(&TwinRow<'_>) -> ControlFlow<()>,
    ) -> Result<Option<DeviceId>, StoreError> {
        let candidates = Candidates::choose(self.service, tx, self.hub, self.condition)?;
        let mut last = after.cloned();
        let mut looked_at = 0;
        while looked_at < self.budget {
            let step = STEP.min(self.budget - looked_at);
            let (rows, end) = if let Some(ids) = candidates.next(tx, self.hub, last.as_ref(), step)? {
                let end = ids.last().filter(|_| ids.len() == step).cloned();
                (tx.twins_of(self.hub, &ids, self.parts)?, end)
            } else {
                let span = candidates.span(last.as_ref(), step);
                let rows = tx.twins_within(self.hub, span, self.parts)?;
                let end = rows.last().filter(|_| rows.len() == step);
                let end = end.map(|(identity, _)| identity.device_id.clone());
                (rows, end)
            };
            looked_at += step;
            for (identity, twin) in rows {
                let device = self.service.view(self.hub, identity);
                let row = TwinRow::new(&device.identity, &twin, device.presence());
                if self.condition.matches(&row) && visit(&row).is_break() {
                    return Ok(Some(device.identity.device_id));
                }
            }
            match end {
                Some(end) => last = Some(end),
                None => return Ok(None),
            }
        }
        Ok(last)
    }
}

/// What has to be read of a twin to compute these expressions.
pub(super) fn parts_of<'a>(expressions: impl IntoIterator<Item = &'a Expression>) -> TwinParts {
    let mut parts = TwinParts::default();
    for expression in expressions {
        expression.each_path(&mut |path| add_part(&mut parts, path));
    }
    parts
}

pub(super) fn add_part(parts: &mut TwinParts, path: &Path) {
    let section = path.rest().first().map(String::as_str);
    match (path.first(), section) {
        ("tags", _) => parts.tags = true,
        ("properties", Some("desired")) => parts.desired = true,
        ("properties", Some("reported")) => parts.reported = true,
        ("properties", None) => (parts.desired, parts.reported) = (true, true),
        _ => {}
    }
}
