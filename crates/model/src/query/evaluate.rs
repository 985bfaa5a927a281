use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{Arithmetic, Comparison, Expression, Path};

/// Something with attributes.
pub trait Row {
    /// The attribute, `None` when the row does not have it.
    fn attribute(&self, path: &Path) -> Option<Cow<'_, Value>>;
}

/// A document is a row of its members.
impl Row for Value {
    fn attribute(&self, path: &Path) -> Option<Cow<'_, Value>> {
        let first = self.as_object()?.get(path.first())?;
        path.within(first).map(Cow::Borrowed)
    }
}

impl Expression {
    /// Whether the expression is true of a row: neither false, nor undefined, nor something else.
    pub fn is_true(&self, row: &dyn Row) -> bool {
        self.truth(row) == Some(true)
    }

    /// The value of the expression, `None` when it is undefined.
    pub fn evaluate<'a>(&'a self, row: &'a dyn Row) -> Option<Cow<'a, Value>> {
        match self {
            Self::Literal(value) => Some(Cow::Borrowed(value)),
            Self::Attribute(path) => row.attribute(path),
            Self::All(_) | Self::Any(_) | Self::Not(_) | Self::Compare(..) | Self::In(..) => {
                self.truth(row).map(|truth| Cow::Owned(Value::Bool(truth)))
            }
            Self::Calculate(operator, left, right) => {
                let (left, right) = (left.evaluate(row)?, right.evaluate(row)?);
                let number = calculate(*operator, left.as_number()?, right.as_number()?)?;
                Some(Cow::Owned(Value::Number(number)))
            }
            Self::Negate(inner) => {
                let inner = inner.evaluate(row)?;
                let number = calculate(Arithmetic::Subtract, &Number::from(0), inner.as_number()?)?;
                Some(Cow::Owned(Value::Number(number)))
            }
            Self::Call(function, arguments) => {
                let arguments: Vec<_> = arguments.iter().map(|argument| argument.evaluate(row)).collect();
                function.apply(&arguments).map(Cow::Owned)
            }
        }
    }

    /// Three-valued: with something undefined in it, a condition is true or false only when that
    /// could not have changed it.
    fn truth(&self, row: &dyn Row) -> Option<bool> {
        match self {
            Self::All(inner) => one_decides(inner, row, false),
            Self::Any(inner) => one_decides(inner, row, true),
            Self::Not(inner) => inner.truth(row).map(|truth| !truth),
            Self::Compare(comparison, left, right) => {
                let (left, right) = (left.evaluate(row)?, right.evaluate(row)?);
                Some(order(&left, &right).is_some_and(|order| comparison.admits(order)))
            }
            Self::In(inner, values) => {
                let value = inner.evaluate(row)?;
                let is_equal = |other| order(&value, other) == Some(Ordering::Equal);
                Some(values.iter().any(is_equal))
            }
            Self::Literal(_)
            | Self::Attribute(_)
            | Self::Calculate(..)
            | Self::Negate(_)
            | Self::Call(..) => self.evaluate(row)?.as_bool(),
        }
    }
}

impl Comparison {
    fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// `decisive` when one is, undefined when one of the others is, else the opposite.
fn one_decides(inner: &[Expression], row: &dyn Row, decisive: bool) -> Option<bool> {
    let mut outcome = Some(!decisive);
    for expression in inner {
        match expression.truth(row) {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => outcome = None,
        }
    }
    outcome
}

/// The order of two primitives of one JSON type; `None` for anything else.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Integers stay integers where the result is one; what is no finite number is undefined.
fn calculate(operator: Arithmetic, left: &Number, right: &Number) -> Option<Number> {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        let exact = match operator {
            Arithmetic::Add => left.checked_add(right),
            Arithmetic::Subtract => left.checked_sub(right),
            Arithmetic::Multiply => left.checked_mul(right),
            Arithmetic::Divide if left.checked_rem(right) == Some(0) => left.checked_div(right),
            Arithmetic::Divide => None,
            Arithmetic::Remainder => left.checked_rem(right),
        };
        if let Some(exact) = exact {
            return Some(Number::from(exact));
        }
    }
    let (left, right) = (left.as_f64()?, right.as_f64()?);
    Number::from_f64(match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Remainder => left % right,
    })
}

#[cfg(test)]
mod tests;
