use provost_model::query::Expression;
use serde_json::Value;

use crate::time;

/// Attributes that are instants in one spelling.
const TIMES: [&str; 3] = [
    "lastActivityTime",
    "statusUpdateTime",
    "connectionStateUpdatedTime",
];

/// Brings instants that are compared with such an attribute into its spelling, so that texts sort
/// as instants: `2026-01-01T00:00:00Z` would come after `2026-01-01T00:00:00.0000000Z`.
pub(super) fn canonical(expression: &mut Expression) {
    match expression {
        Expression::Literal(_) | Expression::Attribute(_) => {}
        Expression::All(inner) | Expression::Any(inner) | Expression::Call(_, inner) => {
            inner.iter_mut().for_each(canonical);
        }
        Expression::Not(inner) | Expression::Negate(inner) => canonical(inner),
        Expression::In(inner, values) => {
            if is_time(inner) {
                values.iter_mut().for_each(respell);
            }
        }
        Expression::Compare(_, left, right) | Expression::Calculate(_, left, right) => {
            respell_beside(left, right);
            respell_beside(right, left);
            canonical(left);
            canonical(right);
        }
    }
}

fn respell_beside(literal: &mut Expression, other: &Expression) {
    if let Expression::Literal(value) = literal
        && is_time(other)
    {
        respell(value);
    }
}

fn is_time(expression: &Expression) -> bool {
    matches!(expression, Expression::Attribute(path) if path.rest().is_empty() && TIMES.contains(&path.first()))
}

fn respell(value: &mut Value) {
    if let Some(instant) = value.as_str().and_then(time::parse_iso) {
        let is_never = time::parse_iso(time::NEVER) == Some(instant);
        *value = Value::from(time::iso_or_never((!is_never).then_some(instant)));
    }
}
