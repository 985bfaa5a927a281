use super::{Comparison, Expression, Row};

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

    /// The text an attribute of this name has in every row that is meant, when the condition says so
    /// by itself: `name = 'text' AND …`.
    pub fn equal_text(&self, name: &str) -> Option<&str> {
        let parts = match self.expression()? {
            Expression::All(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        parts.iter().find_map(|part| {
            let Expression::Compare(Comparison::Equal, left, right) = part else {
                return None;
            };
            match (&**left, &**right) {
                (Expression::Attribute(path), Expression::Literal(value))
                | (Expression::Literal(value), Expression::Attribute(path))
                    if path.rest().is_empty() && path.first() == name =>
                {
                    value.as_str()
                }
                _ => None,
            }
        })
    }

    /// Whether a row is meant.
    pub fn matches(&self, row: &dyn Row) -> bool {
        self.0.as_ref().is_none_or(|expression| expression.is_true(row))
    }
}
