use provost_model::query::{Arithmetic, Comparison, Expression, Function, MAX_HEIGHT, Path};
use serde_json::{Number, Value};

use super::token::Token;
use super::tokens::{Tokens, is_keyword};
use super::{QueryError, names};

/// An expression and how many levels it has.
struct Tall {
    expression: Expression,
    height: usize,
}

/// Reads a condition or another expression.
pub(super) fn condition(tokens: &mut Tokens) -> Result<Expression, QueryError> {
    any(tokens).map(|tall| tall.expression)
}

/// Reads the dotted name of an attribute.
pub(super) fn path(tokens: &mut Tokens) -> Result<Path, QueryError> {
    let first = match tokens.peek() {
        Some(Token::Word(word) | Token::Bracketed(word)) => word.clone(),
        _ => return Err(tokens.expected("an attribute")),
    };
    tokens.advance();
    let mut rest = Vec::new();
    while let Some(name) = next_name(tokens)? {
        rest.push(name);
    }
    Ok(Path::new(first, rest))
}

/// `.name`, `."name"`, `.[[name]]`, `[[name]]` or `['name']` behind a name.
fn next_name(tokens: &mut Tokens) -> Result<Option<String>, QueryError> {
    let is_dotted = tokens.take_symbol(".");
    match (tokens.peek(), tokens.ahead(1), tokens.ahead(2)) {
        (Some(Token::Bracketed(name)), ..) => {
            let name = name.clone();
            tokens.advance();
            Ok(Some(name))
        }
        (Some(Token::Symbol("[")), Some(Token::Text(name)), Some(Token::Symbol("]"))) => {
            let name = name.clone();
            (0..3).for_each(|_| tokens.advance());
            Ok(Some(name))
        }
        (Some(Token::Word(name) | Token::Text(name)), ..) if is_dotted => {
            let name = name.clone();
            tokens.advance();
            Ok(Some(name))
        }
        _ if is_dotted => Err(tokens.expected("a name")),
        _ => Ok(None),
    }
}

fn any(tokens: &mut Tokens) -> Result<Tall, QueryError> {
    chain(tokens, "OR", all, Expression::Any)
}

fn all(tokens: &mut Tokens) -> Result<Tall, QueryError> {
    chain(tokens, "AND", negation, Expression::All)
}

/// Conditions joined by one keyword: one level however many there are.
fn chain(
    tokens: &mut Tokens,
    keyword: &str,
    link: fn(&mut Tokens) -> Result<Tall, QueryError>,
    join: fn(Vec<Expression>) -> Expression,
) -> Result<Tall, QueryError> {
    let first = link(tokens)?;
    if !tokens.is_keyword(keyword) {
        return Ok(first);
    }
    let mut height = first.height;
    let mut links = vec![first.expression];
    while tokens.take_keyword(keyword) {
        let next = link(tokens)?;
        height = height.max(next.height);
        links.push(next.expression);
    }
    above(tokens, height, join(links))
}

fn negation(tokens: &mut Tokens) -> Result<Tall, QueryError> {
    if tokens.take_keyword("NOT") {
        let inner = tokens.nested(negation)?;
        return above(tokens, inner.height, Expression::Not(Box::new(inner.expression)));
    }
    comparison(tokens)
}

fn comparison(tokens: &mut Tokens) -> Result<Tall, QueryError> {
    let left = sum(tokens)?;
    if let Some(comparison) = comparison_symbol(tokens.peek()) {
        tokens.advance();
        let right = sum(tokens)?;
        let height = left.height.max(right.height);
        let expression =
            Expression::Compare(comparison, Box::new(left.expression), Box::new(right.expression));
        return above(tokens, height, expression);
    }
    let is_not_in = tokens.is_keyword("NOT") && is_keyword(tokens.ahead(1), "IN");
    if is_not_in {
        tokens.advance();
    }
    let is_negated = is_not_in || tokens.is_keyword("NIN");
    if tokens.take_keyword("IN") || tokens.take_keyword("NIN") {
        let values = list(tokens)?;
        let inside = above(
            tokens,
            left.height,
            Expression::In(Box::new(left.expression), values),
        )?;
        return if is_negated {
            above(
                tokens,
                inside.height,
                Expression::Not(Box::new(inside.expression)),
            )
        } else {
            Ok(inside)
        };
    }
    Ok(left)
}

fn sum(tokens: &mut Tokens) -> Result<Tall, QueryError> {
    let operators = [("+", Arithmetic::Add), ("-", Arithmetic::Subtract)];
    calculation(tokens, &operators, product)
}

fn product(tokens: &mut Tokens) -> Result<Tall, QueryError> {
    let operators = [
        ("*", Arithmetic::Multiply),
        ("/", Arithmetic::Divide),
        ("%", Arithmetic::Remainder),
    ];
    calculation(tokens, &operators, signed)
}

/// Calculations from left to right, each a level on top of the last.
fn calculation(
    tokens: &mut Tokens,
    operators: &[(&str, Arithmetic)],
    operand: fn(&mut Tokens) -> Result<Tall, QueryError>,
) -> Result<Tall, QueryError> {
    let mut left = operand(tokens)?;
    while let Some((_, operator)) = operators.iter().find(|(symbol, _)| tokens.take_symbol(symbol)) {
        let right = operand(tokens)?;
        let height = left.height.max(right.height);
        let expression =
            Expression::Calculate(*operator, Box::new(left.expression), Box::new(right.expression));
        left = above(tokens, height, expression)?;
    }
    Ok(left)
}

fn signed(tokens: &mut Tokens) -> Result<Tall, QueryError> {
    if tokens.take_symbol("-") {
        let inner = tokens.nested(signed)?;
        return match negative(&inner.expression) {
            Some(literal) => Ok(flat(Expression::Literal(literal))),
            None => above(
                tokens,
                inner.height,
                Expression::Negate(Box::new(inner.expression)),
            ),
        };
    }
    if tokens.take_symbol("+") {
        return tokens.nested(signed);
    }
    primary(tokens)
}

/// `-5` is a number, not a calculation.
fn negative(expression: &Expression) -> Option<Value> {
    let Expression::Literal(Value::Number(number)) = expression else {
        return None;
    };
    match number.as_i64() {
        Some(integer) => integer.checked_neg().map(Value::from),
        None => Number::from_f64(-number.as_f64()?).map(Value::Number),
    }
}

fn primary(tokens: &mut Tokens) -> Result<Tall, QueryError> {
    if tokens.take_symbol("(") {
        let inner = tokens.nested(any)?;
        tokens.symbol(")")?;
        return Ok(inner);
    }
    if matches!(tokens.peek(), Some(Token::Symbol("["))) {
        return list(tokens).map(|values| flat(Expression::Literal(Value::Array(values))));
    }
    if let Some(literal) = literal(tokens) {
        return Ok(flat(Expression::Literal(literal)));
    }
    if let (Some(Token::Word(word)), Some(Token::Symbol("("))) = (tokens.peek(), tokens.ahead(1)) {
        let function = names::function(word);
        return match function {
            Some(function) => call(tokens, function),
            None => Err(tokens.expected("a known function")),
        };
    }
    path(tokens).map(|path| flat(Expression::Attribute(path)))
}

fn call(tokens: &mut Tokens, function: Function) -> Result<Tall, QueryError> {
    let position = tokens.position();
    tokens.advance();
    tokens.symbol("(")?;
    let (mut arguments, mut height) = (Vec::new(), 0);
    if !tokens.take_symbol(")") {
        loop {
            let argument = tokens.nested(any)?;
            height = height.max(argument.height);
            arguments.push(argument.expression);
            if !tokens.take_symbol(",") {
                break;
            }
        }
        tokens.symbol(")")?;
    }
    if !function.takes(arguments.len()) {
        let message = format!(
            "{} does not take {} arguments",
            names::function_name(function),
            arguments.len()
        );
        return Err(QueryError::new(message, position));
    }
    above(tokens, height, Expression::Call(function, arguments))
}

/// `[a, b]`; also in round brackets, as in other languages of the kind.
fn list(tokens: &mut Tokens) -> Result<Vec<Value>, QueryError> {
    let end = match tokens.peek() {
        Some(Token::Symbol("[")) => "]",
        Some(Token::Symbol("(")) => ")",
        _ => return Err(tokens.expected("a list")),
    };
    tokens.advance();
    let mut values = Vec::new();
    if tokens.take_symbol(end) {
        return Ok(values);
    }
    loop {
        let is_negative = tokens.take_symbol("-");
        let value = literal(tokens).ok_or_else(|| tokens.expected("a value"))?;
        values.push(if is_negative {
            negative(&Expression::Literal(value)).ok_or_else(|| tokens.expected("a number"))?
        } else {
            value
        });
        if !tokens.take_symbol(",") {
            tokens.symbol(end)?;
            return Ok(values);
        }
    }
}

fn literal(tokens: &mut Tokens) -> Option<Value> {
    // `true.x` is no attribute anybody has, `true(` no function.
    let value = match tokens.peek()? {
        Token::Text(text) => Value::from(text.as_str()),
        Token::Number(number) => number.clone(),
        Token::Word(word) if word.eq_ignore_ascii_case("true") => Value::Bool(true),
        Token::Word(word) if word.eq_ignore_ascii_case("false") => Value::Bool(false),
        Token::Word(word) if word.eq_ignore_ascii_case("null") => Value::Null,
        Token::Word(_) | Token::Bracketed(_) | Token::Symbol(_) => return None,
    };
    tokens.advance();
    Some(value)
}

fn comparison_symbol(token: Option<&Token>) -> Option<Comparison> {
    match token? {
        Token::Symbol("=") => Some(Comparison::Equal),
        Token::Symbol("!=" | "<>") => Some(Comparison::NotEqual),
        Token::Symbol("<") => Some(Comparison::Less),
        Token::Symbol("<=") => Some(Comparison::LessOrEqual),
        Token::Symbol(">") => Some(Comparison::Greater),
        Token::Symbol(">=") => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}

fn flat(expression: Expression) -> Tall {
    Tall {
        expression,
        height: 1,
    }
}

fn above(tokens: &Tokens, height: usize, expression: Expression) -> Result<Tall, QueryError> {
    if height >= MAX_HEIGHT {
        return Err(tokens.too_deep());
    }
    Ok(Tall {
        expression,
        height: height + 1,
    })
}
