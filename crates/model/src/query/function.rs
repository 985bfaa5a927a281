use std::borrow::Cow;

use serde_json::{Number, Value};

use super::evaluate::order;

/// A function of the language (iot-hub-service-api.md 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Whether the argument is there.
    IsDefined,
    /// Whether a list has a primitive as element.
    ArrayContains,
    /// Whether a text begins with another.
    StartsWith,
    /// Whether a text ends with another.
    EndsWith,
    /// Whether a text holds another.
    Contains,
    /// The characters from a place on, or so many of them.
    Substring,
    /// How many characters a text has.
    Length,
    /// Texts one behind the other.
    Concat,
    /// A text in lower case.
    Lower,
    /// A text in upper case.
    Upper,
    /// The place where a text holds another, -1 when it does not.
    IndexOf,
    /// Is it a list.
    IsArray,
    /// Is it a boolean.
    IsBool,
    /// Is it `null`.
    IsNull,
    /// Is it a number.
    IsNumber,
    /// Is it an object.
    IsObject,
    /// Is it neither list nor object.
    IsPrimitive,
    /// Is it a text.
    IsString,
    /// The number without its sign.
    Abs,
    /// The next integer above.
    Ceiling,
    /// e to the power of the number.
    Exp,
    /// The next integer below.
    Floor,
    /// A number to the power of another.
    Power,
    /// -1, 0 or 1.
    Sign,
    /// The square root.
    Sqrt,
    /// The number times itself.
    Square,
}

/// Longest text `CONCAT` makes, in bytes: the longest value of a twin many times over.
const MAX_TEXT: usize = 64 * 1024;

type Argument<'a> = Option<Cow<'a, Value>>;

impl Function {
    /// Every function.
    pub const ALL: [Self; 26] = [
        Self::IsDefined,
        Self::ArrayContains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Contains,
        Self::Substring,
        Self::Length,
        Self::Concat,
        Self::Lower,
        Self::Upper,
        Self::IndexOf,
        Self::IsArray,
        Self::IsBool,
        Self::IsNull,
        Self::IsNumber,
        Self::IsObject,
        Self::IsPrimitive,
        Self::IsString,
        Self::Abs,
        Self::Ceiling,
        Self::Exp,
        Self::Floor,
        Self::Power,
        Self::Sign,
        Self::Sqrt,
        Self::Square,
    ];

    /// Whether it takes that many arguments.
    pub fn takes(self, count: usize) -> bool {
        match self {
            Self::Concat => count >= 1,
            Self::Substring => count == 2 || count == 3,
            Self::ArrayContains
            | Self::StartsWith
            | Self::EndsWith
            | Self::Contains
            | Self::IndexOf
            | Self::Power => count == 2,
            Self::IsDefined
            | Self::Length
            | Self::Lower
            | Self::Upper
            | Self::IsArray
            | Self::IsBool
            | Self::IsNull
            | Self::IsNumber
            | Self::IsObject
            | Self::IsPrimitive
            | Self::IsString
            | Self::Abs
            | Self::Ceiling
            | Self::Exp
            | Self::Floor
            | Self::Sign
            | Self::Sqrt
            | Self::Square => count == 1,
        }
    }

    /// Its value; undefined for arguments of other types than it is made for.
    pub(super) fn apply(self, arguments: &[Argument<'_>]) -> Option<Value> {
        match self {
            Self::IsDefined
            | Self::IsArray
            | Self::IsBool
            | Self::IsNull
            | Self::IsNumber
            | Self::IsObject
            | Self::IsPrimitive
            | Self::IsString => Some(Value::Bool(self.is_type(value(arguments, 0)))),
            Self::ArrayContains => {
                let (list, wanted) = (value(arguments, 0)?.as_array()?, value(arguments, 1)?);
                let is_wanted = |element| order(element, wanted).is_some_and(std::cmp::Ordering::is_eq);
                Some(Value::Bool(list.iter().any(is_wanted)))
            }
            Self::StartsWith | Self::EndsWith | Self::Contains | Self::IndexOf => {
                self.search(text(arguments, 0)?, text(arguments, 1)?)
            }
            Self::Substring => substring(arguments),
            Self::Length => Some(Value::from(text(arguments, 0)?.chars().count())),
            Self::Lower => Some(Value::from(text(arguments, 0)?.to_lowercase())),
            Self::Upper => Some(Value::from(text(arguments, 0)?.to_uppercase())),
            Self::Concat => concat(arguments),
            Self::Abs
            | Self::Ceiling
            | Self::Exp
            | Self::Floor
            | Self::Power
            | Self::Sign
            | Self::Sqrt
            | Self::Square => self.compute(arguments).map(Value::Number),
        }
    }

    /// Something undefined is of no type.
    fn is_type(self, value: Option<&Value>) -> bool {
        value.is_some_and(|value| match self {
            Self::IsArray => value.is_array(),
            Self::IsBool => value.is_boolean(),
            Self::IsNull => value.is_null(),
            Self::IsNumber => value.is_number(),
            Self::IsObject => value.is_object(),
            Self::IsPrimitive => !value.is_array() && !value.is_object(),
            Self::IsString => value.is_string(),
            _ => true,
        })
    }

    fn search(self, text: &str, wanted: &str) -> Option<Value> {
        match self {
            Self::StartsWith => Some(Value::Bool(text.starts_with(wanted))),
            Self::EndsWith => Some(Value::Bool(text.ends_with(wanted))),
            Self::Contains => Some(Value::Bool(text.contains(wanted))),
            Self::IndexOf => Some(match text.find(wanted) {
                Some(at) => Value::from(text.get(..at)?.chars().count()),
                None => Value::from(-1),
            }),
            _ => None,
        }
    }

    fn compute(self, arguments: &[Argument<'_>]) -> Option<Number> {
        let exact = value(arguments, 0)?.as_number()?;
        let number = exact.as_f64()?;
        if let Some(integer) = exact.as_i64() {
            let same = match self {
                Self::Abs => integer.checked_abs(),
                Self::Ceiling | Self::Floor => Some(integer),
                Self::Sign => Some(integer.signum()),
                Self::Square => integer.checked_mul(integer),
                _ => None,
            };
            if let Some(same) = same {
                return Some(Number::from(same));
            }
        }
        Number::from_f64(match self {
            Self::Abs => number.abs(),
            Self::Ceiling => number.ceil(),
            Self::Exp => number.exp(),
            Self::Floor => number.floor(),
            Self::Power => number.powf(value(arguments, 1)?.as_f64()?),
            Self::Sign if number == 0.0 => 0.0,
            Self::Sign => number.signum(),
            Self::Sqrt => number.sqrt(),
            Self::Square => number * number,
            _ => return None,
        })
    }
}

fn value<'a>(arguments: &'a [Argument<'_>], at: usize) -> Option<&'a Value> {
    arguments.get(at)?.as_deref()
}

fn text<'a>(arguments: &'a [Argument<'_>], at: usize) -> Option<&'a str> {
    value(arguments, at)?.as_str()
}

fn substring(arguments: &[Argument<'_>]) -> Option<Value> {
    let place = |at| usize::try_from(value(arguments, at)?.as_i64()?).ok();
    let rest = text(arguments, 0)?.chars().skip(place(1)?);
    Some(Value::from(match arguments.len() {
        2 => rest.collect::<String>(),
        _ => rest.take(place(2)?).collect::<String>(),
    }))
}

fn concat(arguments: &[Argument<'_>]) -> Option<Value> {
    let mut whole = String::new();
    for at in 0..arguments.len() {
        let part = text(arguments, at)?;
        if whole.len() + part.len() > MAX_TEXT {
            return None;
        }
        whole.push_str(part);
    }
    Some(Value::from(whole))
}
