use provost_model::query::{Collection, Column, ColumnValue, Query, Row, Selection};
use provost_model::{AccessRight, HubName, IdentityId, PageSize};
use provost_store::TwinParts;
use provost_wire::hub::query::Position;
use provost_wire::hub::service::TwinRow;
use serde_json::{Map, Value};

use super::documents::Documents;
use super::matching::enough;
use super::walk::{Walk, parts_of};
use crate::service::HubService;
use crate::{HubError, ServiceCaller};

/// What a query gives.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryItems {
    /// Whole twins.
    Twins(Vec<Value>),
    /// What jobs did to devices.
    DeviceJobs(Vec<Value>),
    /// Objects of the columns asked for.
    Rows(Vec<Value>),
}

/// A page of it.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryPage {
    /// The items; there may be none although more follow.
    pub items: QueryItems,
    /// Where to go on, `None` when there is nothing more.
    pub next: Option<Position>,
}

/// Rows one request looks at.
pub(super) const LOOKED_AT: usize = 10_000;

impl HubService {
    /// A page of a query. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`] for a position of another query and
    /// for groups without bounds, [`HubError::Store`].
    pub async fn query(
        &self,
        caller: &ServiceCaller,
        query: Query,
        size: PageSize,
        position: Option<Position>,
    ) -> Result<QueryPage, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        if query.is_grouped() {
            return self.query_groups(caller.hub(), query, size, position).await;
        }
        let position = position.unwrap_or_default();
        let left = query
            .top
            .map_or(u64::MAX, |top| top.saturating_sub(position.seen));
        let size = size.get().min(usize::try_from(left).unwrap_or(usize::MAX));
        if size == 0 {
            return Ok(page(&query, Vec::new(), None));
        }
        let seen = position.seen;
        let (found, next) = match query.collection {
            Collection::Devices => self.device_rows(caller.hub(), &query, size, position).await?,
            Collection::Modules | Collection::Jobs => {
                self.document_rows(caller.hub(), &query, size, position).await?
            }
        };
        let seen = seen.saturating_add(found.len() as u64);
        let next = next.filter(|_| query.top.is_none_or(|top| seen < top));
        let next = next.map(|next| Position { seen, ..next });
        Ok(page(&query, found, next))
    }

    async fn device_rows(
        &self,
        hub: &HubName,
        query: &Query,
        size: usize,
        position: Position,
    ) -> Result<(Vec<Value>, Option<Position>), HubError> {
        let (service, hub, query) = (self.clone(), hub.clone(), query.clone());
        let after = position.after.map(|after| after.device_id);
        let found = self.store().scan(move |tx| {
            let walk = Walk {
                service: &service,
                hub: &hub,
                condition: &query.condition,
                parts: parts_of(query.condition.expression()),
                budget: LOOKED_AT,
            };
            let mut ids = Vec::new();
            let next = walk.run(tx, after.as_ref(), |row| {
                ids.push(row.device_id().clone());
                enough(ids.len() >= size)
            })?;
            let rows = tx.twins_of(&hub, &ids, selected_parts(&query.selection))?;
            let rows = rows.into_iter().map(|(identity, twin)| {
                let device = service.view(&hub, identity);
                let row = TwinRow::new(&device.identity, &twin, device.presence());
                match &query.selection {
                    Selection::Everything => row.document(),
                    Selection::Columns(columns) => select(columns, &row),
                }
            });
            let next = next.map(|next| Position {
                after: Some(IdentityId::device(next)),
                ..Position::default()
            });
            Ok::<_, HubError>((rows.collect(), next))
        });
        found.await
    }

    async fn document_rows(
        &self,
        hub: &HubName,
        query: &Query,
        size: usize,
        position: Position,
    ) -> Result<(Vec<Value>, Option<Position>), HubError> {
        let (service, hub, query) = (self.clone(), hub.clone(), query.clone());
        let found = self.store().scan(move |tx| {
            let documents = Documents {
                service: &service,
                hub: &hub,
                collection: query.collection,
                condition: &query.condition,
                budget: LOOKED_AT,
            };
            let mut rows = Vec::new();
            let next = documents.run(tx, position, |document| {
                rows.push(match &query.selection {
                    Selection::Everything => document,
                    Selection::Columns(columns) => select(columns, &document),
                });
                enough(rows.len() >= size)
            })?;
            Ok::<_, HubError>((rows, next))
        });
        found.await
    }
}

fn page(query: &Query, found: Vec<Value>, next: Option<Position>) -> QueryPage {
    let items = match (&query.selection, query.collection) {
        (Selection::Everything, Collection::Devices | Collection::Modules) => QueryItems::Twins(found),
        (Selection::Everything, Collection::Jobs) => QueryItems::DeviceJobs(found),
        (Selection::Columns(_), _) => QueryItems::Rows(found),
    };
    QueryPage { items, next }
}

fn selected_parts(selection: &Selection) -> TwinParts {
    match selection {
        Selection::Everything => TwinParts::ALL,
        Selection::Columns(columns) => {
            parts_of(columns.iter().filter_map(|column| column.value.expression()))
        }
    }
}

/// What is given of a row.
fn select(columns: &[Column], row: &dyn Row) -> Value {
    let value = |column: &Column| match &column.value {
        ColumnValue::Each(expression) => Some((column.name.clone(), expression.evaluate(row)?.into_owned())),
        ColumnValue::Aggregate(..) => None,
    };
    Value::Object(columns.iter().filter_map(value).collect::<Map<_, _>>())
}
