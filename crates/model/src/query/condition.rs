use super::{Expression, Row};

/// Which rows are meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Option<Expression>);

impl Condition {
    /// Every row.
    pub fn everything() -> Self {
        Self(None)
    }

    /// The rows of which the expression is true.
    pub fn of(expression: Expression) -> Self {
        Self(Some(expression))
    }

    /// The expression, `None` when every row is meant.
    pub fn expression(&self) -> Option<&Expression> {
        self.0.as_ref()
    }

    /// Whether a row is meant.
    pub fn matches(&self, row: &dyn Row) -> bool {
        self.0.as_ref().is_none_or(|expression| expression.is_true(row))
    }
}
