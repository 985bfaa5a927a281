//! Aggregates: every row is seen before the first result.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use provost_model::query::{
    Aggregate, Collection, Column, ColumnValue, Expression, Plan, Probe, Query, Row, Selection, Totals,
};
use provost_model::{HubName, IdentityId, PageSize};
use provost_store::{StoreError, TwinParts};
use provost_wire::hub::query::Position;
use serde_json::{Map, Value};

use super::documents::Documents;
use super::page::{LOOKED_AT, QueryItems, QueryPage};
use super::walk::{Walk, add_part, parts_of};
use crate::HubError;
use crate::service::HubService;

/// Most groups of one query.
const MAX_GROUPS: usize = 1000;
/// Longest time to look at rows.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(30);

/// Rows put together, in the order of what they have in common.
#[derive(Debug)]
struct Groups {
    query: Query,
    groups: BTreeMap<String, Group>,
}

#[derive(Debug)]
struct Group {
    common: Vec<Option<Value>>,
    totals: Vec<Totals>,
}

/// There are more groups than one query may have.
#[derive(Debug, Clone, Copy)]
struct TooMany;

impl HubService {
    pub(super) async fn query_groups(
        &self,
        hub: &HubName,
        query: Query,
        size: PageSize,
        position: Option<Position>,
    ) -> Result<QueryPage, HubError> {
        let skip = position.map_or(0, |position| position.group);
        let counted = if let Some(counted) = self.counted(hub, &query).await? {
            counted
        } else {
            let gathered = tokio::time::timeout(MAX_TIME, self.gather(hub, query));
            gathered.await.map_err(|_| too_long())??.results()
        };
        let begin = usize::try_from(skip).unwrap_or(usize::MAX).min(counted.len());
        let page: Vec<_> = counted.iter().skip(begin).take(size.get()).cloned().collect();
        let seen = begin + page.len();
        let next = (seen < counted.len()).then(|| Position {
            group: seen as u64,
            ..Position::default()
        });
        Ok(QueryPage {
            items: QueryItems::Rows(page),
            next,
        })
    }

    /// The answer to a bare count that an index can give.
    async fn counted(&self, hub: &HubName, query: &Query) -> Result<Option<Vec<Value>>, HubError> {
        let Selection::Columns(columns) = &query.selection else {
            return Ok(None);
        };
        let [column] = columns.as_slice() else {
            return Ok(None);
        };
        let is_count = column.value == ColumnValue::Aggregate(Aggregate::Count, None);
        if !is_count || !query.group_by.is_empty() || query.collection != Collection::Devices {
            return Ok(None);
        }
        let (hub, plan) = (hub.clone(), query.condition.plan());
        let is_everyone = query.condition.expression().is_none();
        let count = self.store().scan(move |tx| match plan {
            _ if is_everyone => tx.device_counts(&hub).map(|(total, _)| Some(total)),
            Plan {
                probes,
                is_exact: true,
                ..
            } => match probes.as_slice() {
                [Probe::Leaves(leaves)] => {
                    let counts = leaves.iter().map(|leaf| tx.count_leaf(&hub, leaf, i64::MAX));
                    counts.sum::<Result<i64, StoreError>>().map(Some)
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        });
        let count = count.await.map_err(HubError::Store)?;
        let top = query.top.unwrap_or(u64::MAX);
        Ok(count.filter(|_| top > 0).map(|count| {
            let result = Map::from_iter([(column.name.clone(), Value::from(count))]);
            vec![Value::Object(result)]
        }))
    }

    /// Goes through all rows, a bounded number in each transaction.
    async fn gather(&self, hub: &HubName, query: Query) -> Result<Groups, HubError> {
        let (mut groups, mut next) = (Groups::new(query), Some(Position::default()));
        while let Some(from) = next {
            (groups, next) = self.gather_some(hub, groups, from).await?;
        }
        Ok(groups)
    }

    async fn gather_some(
        &self,
        hub: &HubName,
        mut groups: Groups,
        from: Position,
    ) -> Result<(Groups, Option<Position>), HubError> {
        let (service, hub) = (self.clone(), hub.clone());
        let gathered = self.store().scan(move |tx| {
            let condition = groups.query.condition.clone();
            let mut outcome = Ok(());
            let parts = groups.parts();
            let collection = groups.query.collection;
            let mut take = |row: &dyn Row| {
                outcome = groups.add(row);
                match outcome {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(TooMany) => ControlFlow::Break(()),
                }
            };
            let next = match collection {
                Collection::Devices => {
                    let walk = Walk {
                        service: &service,
                        hub: &hub,
                        condition: &condition,
                        parts,
                        budget: LOOKED_AT,
                    };
                    let after = from.after.map(|after| after.device_id);
                    let next = walk.run(tx, after.as_ref(), |row| take(row))?;
                    next.map(|next| Position {
                        after: Some(IdentityId::device(next)),
                        ..Position::default()
                    })
                }
                Collection::Modules | Collection::Jobs => {
                    let documents = Documents {
                        service: &service,
                        hub: &hub,
                        collection,
                        condition: &condition,
                        budget: LOOKED_AT,
                    };
                    documents.run(tx, from, |document| take(&document))?
                }
            };
            outcome?;
            Ok::<_, HubError>((groups, next))
        });
        gathered.await
    }
}

impl Groups {
    fn new(query: Query) -> Self {
        let mut groups = Self {
            query,
            groups: BTreeMap::new(),
        };
        // Without groups there is one result even of no rows.
        if groups.query.group_by.is_empty() {
            let group = groups.group(Vec::new());
            groups.groups.insert(String::new(), group);
        }
        groups
    }

    /// Takes in a row of which the condition is true.
    fn add(&mut self, row: &dyn Row) -> Result<(), TooMany> {
        let paths = &self.query.group_by;
        let common: Vec<_> = paths
            .iter()
            .map(|path| row.attribute(path).map(std::borrow::Cow::into_owned))
            .collect();
        // The text of a value names its type and value; what is not there has none.
        let key = common.iter().map(|value| match value {
            Some(value) => format!("{value}\n"),
            None => "\n".to_owned(),
        });
        let key: String = key.collect();
        if !self.groups.contains_key(&key) {
            if self.groups.len() >= MAX_GROUPS {
                return Err(TooMany);
            }
            let group = self.group(common);
            self.groups.insert(key.clone(), group);
        }
        let (Some(group), Selection::Columns(columns)) = (self.groups.get_mut(&key), &self.query.selection)
        else {
            return Ok(());
        };
        for (totals, column) in group.totals.iter_mut().zip(columns) {
            match &column.value {
                ColumnValue::Aggregate(_, None) => totals.count_row(),
                ColumnValue::Aggregate(_, Some(expression)) => {
                    if let Some(value) = expression.evaluate(row) {
                        totals.add(&value);
                    }
                }
                ColumnValue::Each(_) => {}
            }
        }
        Ok(())
    }

    fn group(&self, common: Vec<Option<Value>>) -> Group {
        let columns = match &self.query.selection {
            Selection::Everything => 0,
            Selection::Columns(columns) => columns.len(),
        };
        Group {
            common,
            totals: vec![Totals::default(); columns],
        }
    }

    fn parts(&self) -> TwinParts {
        let columns = match &self.query.selection {
            Selection::Everything => &[],
            Selection::Columns(columns) => columns.as_slice(),
        };
        let columns = columns.iter().filter_map(|column| column.value.expression());
        let mut parts = parts_of(columns.chain(self.query.condition.expression()));
        for path in &self.query.group_by {
            add_part(&mut parts, path);
        }
        parts
    }

    fn results(&self) -> Vec<Value> {
        let top = self.query.top.and_then(|top| usize::try_from(top).ok());
        let groups = self.groups.values().take(top.unwrap_or(usize::MAX));
        groups.map(|group| self.result(group)).collect()
    }

    fn result(&self, group: &Group) -> Value {
        let Selection::Columns(columns) = &self.query.selection else {
            return Value::Null;
        };
        let value = |(column, totals): (&Column, &Totals)| {
            let value = match &column.value {
                ColumnValue::Aggregate(aggregate, _) => totals.result(*aggregate),
                ColumnValue::Each(Expression::Attribute(path)) => {
                    let at = self.query.group_by.iter().position(|other| other == path)?;
                    group.common.get(at)?.clone()
                }
                ColumnValue::Each(Expression::Literal(value)) => Some(value.clone()),
                ColumnValue::Each(_) => None,
            };
            Some((column.name.clone(), value?))
        };
        Value::Object(
            columns
                .iter()
                .zip(&group.totals)
                .filter_map(value)
                .collect::<Map<_, _>>(),
        )
    }
}

impl From<TooMany> for HubError {
    fn from(_: TooMany) -> Self {
        Self::ArgumentInvalid(format!("the query makes more than {MAX_GROUPS} groups"))
    }
}

fn too_long() -> HubError {
    HubError::ArgumentInvalid(format!(
        "the rows of the query cannot be put together in {} seconds; narrow its condition",
        MAX_TIME.as_secs()
    ))
}
