//! Entries of the index over tags: a path and a key that sorts like the value.
//!
//! A key is a letter for the type and then the value: `b` with 0 or 1, `n` with the number in
//! hexadecimal digits that sort like it, `s` with the first characters of the text; `a` and `o` alone
//! for a list and an object. What is equal has equal keys and what is less has no greater one; the
//! other way round only as far as a text is short, so that what the index finds is looked at again.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// An entry of the index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    /// The names under `tags`, joined by dots: no name has one (iot-hub-service-api.md 7.2).
    pub path: String,
    /// The value's key.
    pub key: String,
}

/// Characters of a text in its key, and bytes of a path: both engines hold so much in one index row.
const MAX_TEXT: usize = 200;
const MAX_PATH: usize = 400;
/// Stands for a NUL and all that follows it.
const AFTER_NUL: char = '\u{1}';

/// The entries of a device's tags.
pub fn leaves(tags: &Map<String, Value>) -> BTreeSet<Leaf> {
    let mut found = BTreeSet::new();
    collect(tags, "", &mut found);
    found
}

fn collect(tags: &Map<String, Value>, prefix: &str, found: &mut BTreeSet<Leaf>) {
    for (name, value) in tags {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        if name.contains('.') || !is_kept(&path) {
            continue;
        }
        // Twins are ten levels deep at most.
        if let Value::Object(inner) = value {
            collect(inner, &path, found);
        }
        let key = match value {
            Value::Array(_) => "a".to_owned(),
            Value::Object(_) => "o".to_owned(),
            primitive => match key(primitive) {
                Some(key) => key,
                None => continue,
            },
        };
        found.insert(Leaf { path, key });
    }
}

/// The path of names under `tags`, `None` when the index does not hold it.
pub(super) fn path(names: &[String]) -> Option<String> {
    let has_dot = names.iter().any(|name| name.contains('.'));
    let path = names.join(".");
    (!path.is_empty() && !has_dot && is_kept(&path)).then_some(path)
}

fn is_kept(path: &str) -> bool {
    path.len() <= MAX_PATH && !path.contains('\0')
}

/// The key of a boolean, number or text.
pub(super) fn key(value: &Value) -> Option<String> {
    match value {
        Value::Bool(false) => Some("b0".to_owned()),
        Value::Bool(true) => Some("b1".to_owned()),
        Value::Number(number) => number.as_f64().map(number_key),
        Value::String(text) => Some(text_key(text)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a value is the only one with its key: what is longer or holds a NUL shares one with others.
pub(super) fn is_exact(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().count() < MAX_TEXT && !text.contains(['\0', AFTER_NUL]),
        Value::Bool(_) | Value::Number(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// PostgreSQL keeps no NUL in a text: a key ends at the first, with the character that follows it, so
/// that it is not the key of what stands before.
fn text_key(text: &str) -> String {
    let beginning = text.chars().take(MAX_TEXT);
    let mut key = String::from("s");
    for char in beginning {
        if char == '\0' {
            key.push(AFTER_NUL);
            break;
        }
        key.push(char);
    }
    key
}

/// The bits of a float sort like it once those of a negative one are turned round and the sign of
/// the others is set.
fn number_key(number: f64) -> String {
    // There is one zero.
    let bits = (number + 0.0).to_bits();
    let sign = 1 << 63;
    let sorted = if bits & sign == 0 { bits | sign } else { !bits };
    format!("n{sorted:016x}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::query::evaluate::order;

    #[test]
    fn tags_are_taken_apart() {
        let tags = json!({"site": "north", "place": {"floor": 3, "list": [1]}, "ok": true});
        let found: Vec<_> = leaves(tags.as_object().unwrap())
            .into_iter()
            .map(|leaf| (leaf.path, leaf.key))
            .collect();
        let expected = [
            ("ok", "b1"),
            ("place", "o"),
            ("place.floor", "nc008000000000000"),
            ("place.list", "a"),
            ("site", "snorth"),
        ];
        assert_eq!(
            found,
            expected.map(|(path, key)| (path.to_owned(), key.to_owned()))
        );
        let long = json!({"x".repeat(500): 1, "nul": "a\0b", "text": "y".repeat(4000)});
        let found = leaves(long.as_object().unwrap());
        assert!(
            found
                .iter()
                .all(|leaf| leaf.key.len() <= 201 && !leaf.key.contains('\0'))
        );
        assert_eq!(found.len(), 2);
    }

    fn primitive() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (-100_i64..100).prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<f64>()
                .prop_filter("is finite", |n| n.is_finite())
                .prop_map(Value::from),
            Just(Value::from(-0.0)),
            "[a-c\0\u{1}]{0,4}".prop_map(Value::from),
            ".{0,4}".prop_map(Value::from),
            "[ab]{199,202}".prop_map(Value::from),
            "[aé\u{10348}]{199,202}".prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn keys_sort_like_values(left in primitive(), right in primitive()) {
            let (one, other) = (key(&left).unwrap(), key(&right).unwrap());
            if let Some(order) = order(&left, &right) {
                let exact = is_exact(&left) && is_exact(&right);
                prop_assert!(one.cmp(&other) == order || (!exact && one == other), "{one} {other}");
                // An exact value shares its key with nothing, also not with one that is not exact.
                let one_is = is_exact(&left) || is_exact(&right);
                prop_assert!(!one_is || (one == other) == order.is_eq(), "{one} {other}");
            } else {
                prop_assert!(one.as_bytes()[0] != other.as_bytes()[0]);
            }
        }
    }
}
