use serde_json::Value;

use super::Function;

/// Most levels of an expression; what evaluates or drops one goes as deep.
pub const MAX_HEIGHT: usize = 64;

/// Names an attribute of a row, from its root: `tags`, `site`. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    first: String,
    rest: Vec<String>,
}

/// Compares two primitives of one JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`.
    Equal,
    /// `!=` and `<>`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

/// Makes a number of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Remainder,
}

/// What is computed of a row, at most [`MAX_HEIGHT`] levels high.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// `null`, a boolean, a number, a text or a list of such.
    Literal(Value),
    /// An attribute of the row.
    Attribute(Path),
    /// True when every one is: `AND`.
    All(Vec<Expression>),
    /// True when one is: `OR`.
    Any(Vec<Expression>),
    /// `NOT`.
    Not(Box<Expression>),
    /// A comparison.
    Compare(Comparison, Box<Expression>, Box<Expression>),
    /// Equal to one of the listed primitives: `IN [..]`, and `NIN [..]` under a [`Self::Not`].
    In(Box<Expression>, Vec<Value>),
    /// A calculation.
    Calculate(Arithmetic, Box<Expression>, Box<Expression>),
    /// The number with the other sign.
    Negate(Box<Expression>),
    /// A function of the arguments; their number fits it.
    Call(Function, Vec<Expression>),
}

impl Path {
    /// A path of at least one name.
    pub fn new(first: impl Into<String>, rest: Vec<String>) -> Self {
        Self {
            first: first.into(),
            rest,
        }
    }

    /// The first name.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// The names after the first.
    pub fn rest(&self) -> &[String] {
        &self.rest
    }

    /// The last name.
    pub fn last(&self) -> &str {
        self.rest.last().unwrap_or(&self.first)
    }

    /// All names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.first.as_str()).chain(self.rest.iter().map(String::as_str))
    }

    /// The path without its first name; `None` when there is only that one.
    pub fn without_first(&self) -> Option<Self> {
        let (first, rest) = self.rest.split_first()?;
        Some(Self::new(first.clone(), rest.to_vec()))
    }

    /// What the names after the first lead to in a document.
    pub fn within<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        descend(document, &self.rest)
    }
}

/// Follows names into a document.
pub(super) fn descend<'a>(document: &'a Value, names: &[String]) -> Option<&'a Value> {
    names
        .iter()
        .try_fold(document, |value, name| value.as_object()?.get(name))
}

impl Expression {
    /// Calls `visit` with every path in it.
    pub fn each_path(&self, visit: &mut dyn FnMut(&Path)) {
        match self {
            Self::Literal(_) => {}
            Self::Attribute(path) => visit(path),
            Self::All(inner) | Self::Any(inner) | Self::Call(_, inner) => {
                for expression in inner {
                    expression.each_path(visit);
                }
            }
            Self::Not(inner) | Self::Negate(inner) | Self::In(inner, _) => inner.each_path(visit),
            Self::Compare(_, left, right) | Self::Calculate(_, left, right) => {
                left.each_path(visit);
                right.each_path(visit);
            }
        }
    }

    /// The same, to change them.
    pub fn each_path_mut(&mut self, visit: &mut dyn FnMut(&mut Path)) {
        match self {
            Self::Literal(_) => {}
            Self::Attribute(path) => visit(path),
            Self::All(inner) | Self::Any(inner) | Self::Call(_, inner) => {
                for expression in inner {
                    expression.each_path_mut(visit);
                }
            }
            Self::Not(inner) | Self::Negate(inner) | Self::In(inner, _) => inner.each_path_mut(visit),
            Self::Compare(_, left, right) | Self::Calculate(_, left, right) => {
                left.each_path_mut(visit);
                right.each_path_mut(visit);
            }
        }
    }
}
