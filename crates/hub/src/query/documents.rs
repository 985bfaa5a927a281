//! Rows that are looked at as whole documents: modules, and what jobs did to devices.

use std::ops::ControlFlow;

use provost_model::query::{Collection, Condition};
use provost_model::{DeviceId, DeviceJobState, HubName, IdentityId, JobId, PageSize};
use provost_store::{DeviceJobFilter, ReadTx, StoreError};
use provost_wire::hub::query::Position;
use provost_wire::hub::service::{device_job, module_twin};
use serde_json::Value;

use crate::service::HubService;

/// Documents read at a time.
const STEP: usize = 200;

/// A way through documents.
pub(super) struct Documents<'a> {
    pub(super) service: &'a HubService,
    pub(super) hub: &'a HubName,
    pub(super) collection: Collection,
    pub(super) condition: &'a Condition,
    /// Most to look at.
    pub(super) budget: usize,
}

impl Documents<'_> {
    /// Shows the documents behind a position of which the condition is true, in order, until there is
    /// none, the budget is spent or `visit` has enough. Gives where to go on, `None` at the end.
    pub(super) fn run(
        &self,
        tx: &ReadTx<'_>,
        from: Position,
        mut visit: impl FnMut(Value) -> ControlFlow<()>,
    ) -> Result<Option<Position>, StoreError> {
        let filter = self.filter();
        let mut last = from;
        let mut looked_at = 0;
        while looked_at < self.budget {
            let step = match self.collection {
                Collection::Jobs => self.jobs(tx, &filter, &last)?,
                Collection::Modules | Collection::Devices => self.modules(tx, &last)?,
            };
            let is_end = step.len() < STEP;
            looked_at += STEP;
            for (document, position) in step {
                last = position;
                if self.condition.matches(&document) && visit(document).is_break() {
                    return Ok(Some(last));
                }
            }
            if is_end {
                return Ok(None);
            }
        }
        Ok(Some(last))
    }

    fn modules(&self, tx: &ReadTx<'_>, last: &Position) -> Result<Vec<(Value, Position)>, StoreError> {
        let page = PageSize::clamp(Some(STEP), STEP, STEP);
        let after = last.after.as_ref();
        let after = after.and_then(|after| Some((&after.device_id, after.module_id.as_ref()?)));
        let rows = tx.modules_with_twins(self.hub, after, page)?;
        let document = |(identity, twin)| {
            let view = self.service.module_view(self.hub, identity);
            let position = Position {
                after: Some(view.identity.id()),
                ..Position::default()
            };
            (module_twin(&view.identity, &twin, view.presence()), position)
        };
        Ok(rows.into_iter().map(document).collect())
    }

    fn jobs(
        &self,
        tx: &ReadTx<'_>,
        filter: &DeviceJobFilter,
        last: &Position,
    ) -> Result<Vec<(Value, Position)>, StoreError> {
        let number = last.job.as_deref().and_then(|number| number.parse().ok());
        let after = number.zip(last.after.as_ref().map(|after| &after.device_id));
        let rows = tx.device_jobs(self.hub, filter, after, STEP)?;
        let document = |row: provost_model::DeviceJob| {
            let position = Position {
                after: Some(IdentityId::device(row.device_id.clone())),
                job: Some(row.job.to_string()),
                ..Position::default()
            };
            (device_job(&row), position)
        };
        Ok(rows.iter().cloned().map(document).collect())
    }

    /// What the store can narrow down by itself.
    fn filter(&self) -> DeviceJobFilter {
        let named = |name| self.condition.equal_text(name);
        DeviceJobFilter {
            job_id: named("jobId").and_then(|id| JobId::parse(id).ok()),
            state: named("status").and_then(state),
            device_id: named("deviceId").and_then(|id| DeviceId::parse(id).ok()),
        }
    }
}

/// Words that one condition of the store stands for; the others are compared document by document, a
/// bounded number in each page. Who failed has two: its own lot, or that of its job.
fn state(word: &str) -> Option<DeviceJobState> {
    DeviceJobState::parse(word)
        .filter(|state| !matches!(state, DeviceJobState::Cancelled | DeviceJobState::Failed))
}
