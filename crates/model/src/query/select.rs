use super::{Aggregate, Condition, Expression, Path};

/// A whole query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Of what.
    pub collection: Collection,
    /// Most rows to give, over all pages.
    pub top: Option<u64>,
    /// What is given of each row or group.
    pub selection: Selection,
    /// Which rows are looked at.
    pub condition: Condition,
    /// The attributes rows are grouped by; a group may lack some.
    pub group_by: Vec<Path>,
}

/// What is queried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// `devices`: the twins of devices.
    Devices,
    /// `devices.modules`: the twins of modules.
    Modules,
    /// `devices.jobs`: what jobs did to each device.
    Jobs,
}

/// What is given of each row or group.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// `*`.
    Everything,
    /// Members of a result object; at least one.
    Columns(Vec<Column>),
}

/// A member of a result object.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its value; left out when undefined.
    pub value: ColumnValue,
}

/// Where a member comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnValue {
    /// From each row.
    Each(Expression),
    /// From all rows of a group. Only a count may be of nothing: it counts rows.
    Aggregate(Aggregate, Option<Expression>),
}

impl Query {
    /// Whether rows are put together, so that all of them have to be seen before the first result.
    pub fn is_grouped(&self) -> bool {
        let aggregate = |column: &Column| matches!(column.value, ColumnValue::Aggregate(..));
        !self.group_by.is_empty()
            || match &self.selection {
                Selection::Everything => false,
                Selection::Columns(columns) => columns.iter().any(aggregate),
            }
    }
}

impl ColumnValue {
    /// What is computed of each row for it.
    pub fn expression(&self) -> Option<&Expression> {
        match self {
            Self::Each(expression) => Some(expression),
            Self::Aggregate(_, expression) => expression.as_ref(),
        }
    }

    /// The same, to change it.
    pub fn expression_mut(&mut self) -> Option<&mut Expression> {
        match self {
            Self::Each(expression) => Some(expression),
            Self::Aggregate(_, expression) => expression.as_mut(),
        }
    }
}
