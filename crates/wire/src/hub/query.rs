//! The text of the hub's query language (iot-hub-service-api.md 8.2).
//!
//! `SELECT [TOP n] <*|columns> FROM <devices|devices.modules|devices.jobs> [WHERE ..] [GROUP BY ..]`,
//! keywords in any case. What a query means is the business of `provost_model::query`.

mod alias;
mod continuation;
mod error;
mod expression;
mod names;
mod print;
mod select;
mod times;
mod token;
mod tokens;

use provost_model::query::{Collection, Condition, Expression, Query, Selection};

pub use self::continuation::Position;
pub use self::error::QueryError;
pub use self::print::{print_condition, print_query};
use self::tokens::Tokens;

/// Longest query in characters.
pub const MAX_QUERY: usize = 8192;

/// Reads a query.
///
/// # Errors
/// [`QueryError`], which names the place.
pub fn parse_query(text: &str) -> Result<Query, QueryError> {
    let mut tokens = Tokens::read(text)?;
    let mut query = select::query(&mut tokens)?;
    tokens.end()?;
    each_expression(&mut query, times::canonical);
    Ok(query)
}

/// Reads which devices a job is for: `*`, a bare condition, with or without `WHERE`, or a whole
/// `SELECT … FROM devices …` of older callers (iot-hub-service-api.md 10.1).
///
/// # Errors
/// [`QueryError`], which names the place.
pub fn parse_condition(text: &str) -> Result<Condition, QueryError> {
    let mut tokens = Tokens::read(text)?;
    if tokens.take_symbol("*") {
        tokens.end()?;
        return Ok(Condition::everything());
    }
    if tokens.is_keyword("SELECT") {
        return of_devices(parse_query(text)?);
    }
    tokens.take_keyword("WHERE");
    let mut expression = expression::condition(&mut tokens)?;
    tokens.end()?;
    alias::resolve(&mut expression, None, Collection::Devices);
    times::canonical(&mut expression);
    Ok(Condition::of(expression))
}

fn of_devices(query: Query) -> Result<Condition, QueryError> {
    let is_plain = query.collection == Collection::Devices && query.top.is_none() && !query.is_grouped();
    if is_plain {
        Ok(query.condition)
    } else {
        Err(QueryError::new("a condition is made of devices one by one", 1))
    }
}

fn each_expression(query: &mut Query, change: fn(&mut Expression)) {
    if let Some(expression) = query.condition.expression() {
        let mut expression = expression.clone();
        change(&mut expression);
        query.condition = Condition::of(expression);
    }
    if let Selection::Columns(columns) = &mut query.selection {
        for column in columns {
            column.value.expression_mut().map(change);
        }
    }
}

#[cfg(test)]
mod tests;
