use provost_model::query::{
    Aggregate, Collection, Column, ColumnValue, Condition, Expression, Path, Query, Selection,
};

use super::token::Token;
use super::tokens::{Tokens, is_keyword};
use super::{QueryError, alias, expression, names};

/// A column and where it was written.
struct Written {
    column: Column,
    position: usize,
}

/// Reads a whole query.
pub(super) fn query(tokens: &mut Tokens) -> Result<Query, QueryError> {
    tokens.keyword("SELECT")?;
    let top = top(tokens)?;
    let position = tokens.position();
    let mut columns = columns(tokens)?;
    tokens.keyword("FROM")?;
    let collection = collection(tokens)?;
    let alias = collection_alias(tokens)?;
    let alias = alias.as_deref();
    let mut condition = Condition::everything();
    if tokens.take_keyword("WHERE") {
        let mut found = expression::condition(tokens)?;
        alias::resolve(&mut found, alias, collection);
        condition = Condition::of(found);
    }
    let mut group_by = group_by(tokens)?;
    for path in &mut group_by {
        alias::resolve_path(path, alias, collection);
    }
    for column in columns.iter_mut().flatten() {
        if let Some(expression) = column.column.value.expression_mut() {
            alias::resolve(expression, alias, collection);
        }
    }
    check(columns.as_deref(), &group_by, position)?;
    Ok(Query {
        collection,
        top,
        selection: match columns {
            None => Selection::Everything,
            Some(columns) => Selection::Columns(columns.into_iter().map(|written| written.column).collect()),
        },
        condition,
        group_by,
    })
}

fn top(tokens: &mut Tokens) -> Result<Option<u64>, QueryError> {
    // Without a number behind it, it is an attribute of that name.
    if !tokens.is_keyword("TOP") || !matches!(tokens.ahead(1), Some(Token::Number(_) | Token::Symbol("-"))) {
        return Ok(None);
    }
    tokens.advance();
    let top = match tokens.peek() {
        Some(Token::Number(number)) => number.as_u64(),
        _ => None,
    };
    let top = top.ok_or_else(|| tokens.expected("a whole number"))?;
    tokens.advance();
    Ok(Some(top))
}

/// `None` for `*`.
fn columns(tokens: &mut Tokens) -> Result<Option<Vec<Written>>, QueryError> {
    if tokens.take_symbol("*") {
        return Ok(None);
    }
    let mut columns: Vec<Written> = Vec::new();
    loop {
        let position = tokens.position();
        let value = column_value(tokens)?;
        let name = match column_name(tokens)? {
            Some(name) => name,
            None => match &value {
                ColumnValue::Each(Expression::Attribute(path)) => path.last().to_owned(),
                ColumnValue::Each(_) | ColumnValue::Aggregate(..) => format!("${}", columns.len() + 1),
            },
        };
        if columns.iter().any(|other| other.column.name == name) {
            return Err(QueryError::new(
                format!("there are two results named {name}"),
                position,
            ));
        }
        columns.push(Written {
            column: Column { name, value },
            position,
        });
        if !tokens.take_symbol(",") {
            return Ok(Some(columns));
        }
    }
}

fn column_value(tokens: &mut Tokens) -> Result<ColumnValue, QueryError> {
    if let (Some(Token::Word(word)), Some(Token::Symbol("("))) = (tokens.peek(), tokens.ahead(1))
        && let Some(aggregate) = names::aggregate(word)
    {
        tokens.advance();
        tokens.advance();
        return aggregated(tokens, aggregate);
    }
    expression::condition(tokens).map(ColumnValue::Each)
}

/// `COUNT()` and `COUNT(*)` count rows.
fn aggregated(tokens: &mut Tokens, aggregate: Aggregate) -> Result<ColumnValue, QueryError> {
    let counts = aggregate == Aggregate::Count;
    if counts && tokens.take_symbol("*") {
        tokens.symbol(")")?;
        return Ok(ColumnValue::Aggregate(aggregate, None));
    }
    if counts && tokens.take_symbol(")") {
        return Ok(ColumnValue::Aggregate(aggregate, None));
    }
    let inner = expression::condition(tokens)?;
    tokens.symbol(")")?;
    Ok(ColumnValue::Aggregate(aggregate, Some(inner)))
}

fn column_name(tokens: &mut Tokens) -> Result<Option<String>, QueryError> {
    if !tokens.take_keyword("AS") {
        return Ok(None);
    }
    match tokens.peek() {
        Some(Token::Word(name) | Token::Bracketed(name) | Token::Text(name)) => {
            let name = name.clone();
            tokens.advance();
            Ok(Some(name))
        }
        _ => Err(tokens.expected("a name")),
    }
}

fn collection(tokens: &mut Tokens) -> Result<Collection, QueryError> {
    if !tokens.take_keyword("devices") {
        return Err(tokens.expected("devices, devices.modules or devices.jobs"));
    }
    if !tokens.take_symbol(".") {
        return Ok(Collection::Devices);
    }
    if tokens.take_keyword("modules") {
        Ok(Collection::Modules)
    } else if tokens.take_keyword("jobs") {
        Ok(Collection::Jobs)
    } else {
        Err(tokens.expected("modules or jobs"))
    }
}

/// `FROM devices AS d` or `FROM devices d`.
fn collection_alias(tokens: &mut Tokens) -> Result<Option<String>, QueryError> {
    let is_named = tokens.take_keyword("AS");
    match tokens.peek() {
        Some(Token::Word(name)) if is_named || !is_clause(tokens) => {
            let name = name.clone();
            tokens.advance();
            Ok(Some(name))
        }
        _ if is_named => Err(tokens.expected("a name")),
        _ => Ok(None),
    }
}

/// Words no alias is: what comes next, and what other languages of the kind have here.
fn is_clause(tokens: &Tokens) -> bool {
    ["WHERE", "GROUP", "ORDER", "HAVING", "JOIN", "OFFSET", "LIMIT"]
        .iter()
        .any(|word| is_keyword(tokens.peek(), word))
}

fn group_by(tokens: &mut Tokens) -> Result<Vec<Path>, QueryError> {
    let mut paths = Vec::new();
    if tokens.take_keyword("GROUP") {
        tokens.keyword("BY")?;
        loop {
            paths.push(expression::path(tokens)?);
            if !tokens.take_symbol(",") {
                break;
            }
        }
    }
    Ok(paths)
}

/// Beside an aggregate stands only what all rows of a group have in common.
fn check(columns: Option<&[Written]>, group_by: &[Path], position: usize) -> Result<(), QueryError> {
    let Some(columns) = columns else {
        return match group_by {
            [] => Ok(()),
            _ => Err(QueryError::new("'*' cannot be grouped", position)),
        };
    };
    let is_aggregate = |written: &Written| matches!(written.column.value, ColumnValue::Aggregate(..));
    if group_by.is_empty() && !columns.iter().any(is_aggregate) {
        return Ok(());
    }
    let is_common = |written: &Written| match &written.column.value {
        ColumnValue::Aggregate(..) | ColumnValue::Each(Expression::Literal(_)) => true,
        ColumnValue::Each(Expression::Attribute(path)) => group_by.contains(path),
        ColumnValue::Each(_) => false,
    };
    match columns.iter().find(|written| !is_common(written)) {
        None => Ok(()),
        Some(written) => {
            let message = format!("{} is neither grouped nor aggregated", written.column.name);
            Err(QueryError::new(message, written.position))
        }
    }
}
