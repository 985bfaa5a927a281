use provost_model::query::{
    Arithmetic, Collection, Column, ColumnValue, Comparison, Condition, Expression, Path, Query, Selection,
};
use serde_json::Value;

use super::names;
use super::token::{is_word, is_word_start};

/// The text of a condition; [`super::parse_condition`] reads it back.
pub fn print_condition(condition: &Condition) -> String {
    condition
        .expression()
        .map_or_else(|| "*".to_owned(), |expression| print(expression, false))
}

/// The text of a query; [`super::parse_query`] reads it back.
pub fn print_query(query: &Query) -> String {
    let mut text = query
        .top
        .map_or_else(|| "SELECT ".to_owned(), |top| format!("SELECT TOP {top} "));
    match &query.selection {
        Selection::Everything => text.push('*'),
        Selection::Columns(columns) => text += &joined(columns, column),
    }
    text += match query.collection {
        Collection::Devices => " FROM devices",
        Collection::Modules => " FROM devices.modules",
        Collection::Jobs => " FROM devices.jobs",
    };
    if let Some(expression) = query.condition.expression() {
        text += " WHERE ";
        text += &print(expression, false);
    }
    if !query.group_by.is_empty() {
        text += " GROUP BY ";
        text += &joined(&query.group_by, path);
    }
    text
}

fn column(column: &Column) -> String {
    let value = match &column.value {
        ColumnValue::Each(expression) => print(expression, true),
        ColumnValue::Aggregate(aggregate, inner) => {
            let inner = inner
                .as_ref()
                .map_or_else(String::new, |inner| print(inner, false));
            format!("{}({inner})", names::aggregate_name(*aggregate))
        }
    };
    format!("{value} AS {}", name(&column.name))
}

/// `is_inner` puts what has parts into round brackets.
fn print(expression: &Expression, is_inner: bool) -> String {
    let text = match expression {
        Expression::Literal(value) => return literal(value),
        Expression::Attribute(attribute) => return path(attribute),
        Expression::Call(function, arguments) => {
            let arguments = joined(arguments, |argument| print(argument, false));
            return format!("{}({arguments})", names::function_name(*function));
        }
        Expression::All(inner) => chain(inner, " AND "),
        Expression::Any(inner) => chain(inner, " OR "),
        Expression::Not(inner) => format!("NOT {}", print(inner, true)),
        Expression::Negate(inner) => format!("-{}", print(inner, true)),
        Expression::Compare(comparison, left, right) => {
            format!(
                "{} {} {}",
                print(left, true),
                symbol(*comparison),
                print(right, true)
            )
        }
        Expression::Calculate(operator, left, right) => {
            let operator = arithmetic(*operator);
            format!("{} {operator} {}", print(left, true), print(right, true))
        }
        Expression::In(inner, values) => {
            format!("{} IN [{}]", print(inner, true), joined(values, literal))
        }
    };
    if is_inner { format!("({text})") } else { text }
}

fn chain(inner: &[Expression], keyword: &str) -> String {
    let links: Vec<_> = inner.iter().map(|link| print(link, true)).collect();
    links.join(keyword)
}

fn joined<T>(items: &[T], print: impl Fn(&T) -> String) -> String {
    let items: Vec<_> = items.iter().map(print).collect();
    items.join(", ")
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Value::Array(values) => format!("[{}]", joined(values, literal)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn path(path: &Path) -> String {
    let names: Vec<_> = path.names().map(name).collect();
    names.join(".")
}

/// In brackets when it is no word, or a word that means something.
fn name(name: &str) -> String {
    let mut characters = name.chars();
    let is_plain = characters.next().is_some_and(is_word_start) && characters.all(is_word);
    if is_plain && !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name)) {
        name.to_owned()
    } else if name.contains("]]") || name.ends_with(']') || name.is_empty() {
        literal(&Value::from(name))
    } else {
        format!("[[{name}]]")
    }
}

const RESERVED: [&str; 17] = [
    "SELECT", "TOP", "FROM", "WHERE", "GROUP", "BY", "AS", "AND", "OR", "NOT", "IN", "NIN", "TRUE", "FALSE",
    "NULL", "ORDER", "DEVICES",
];

fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn arithmetic(operator: Arithmetic) -> &'static str {
    match operator {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
        Arithmetic::Remainder => "%",
    }
}
