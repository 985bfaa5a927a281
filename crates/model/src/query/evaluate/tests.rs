//! Conditions against a second, naive reading of the rules: sets of possible truths.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::query::{Aggregate, Condition, Totals};

#[derive(Debug, Clone)]
enum Naive {
    Compare(Comparison, String, Value),
    In(String, Vec<Value>),
    All(Vec<Naive>),
    Any(Vec<Naive>),
    Not(Box<Naive>),
}

impl Naive {
    fn expression(&self) -> Expression {
        let attribute = |name: &String| Box::new(Expression::Attribute(Path::new(name.clone(), Vec::new())));
        match self {
            Self::Compare(by, name, value) => {
                let literal = Box::new(Expression::Literal(value.clone()));
                Expression::Compare(*by, attribute(name), literal)
            }
            Self::In(name, values) => Expression::In(attribute(name), values.clone()),
            Self::All(inner) => Expression::All(inner.iter().map(Self::expression).collect()),
            Self::Any(inner) => Expression::Any(inner.iter().map(Self::expression).collect()),
            Self::Not(inner) => Expression::Not(Box::new(inner.expression())),
        }
    }

    /// The truths it would have if everything undefined in it were true or false, each time anew.
    fn truths(&self, row: &Value) -> (bool, bool) {
        let both = (true, true);
        let one = |truth: bool| (truth, !truth);
        match self {
            Self::Compare(by, name, value) => row.get(name).map_or(both, |own| one(compare(*by, own, value))),
            Self::In(name, values) => row.get(name).map_or(both, |own| {
                one(values.iter().any(|value| compare(Comparison::Equal, own, value)))
            }),
            Self::All(inner) => {
                let truths: Vec<_> = inner.iter().map(|inner| inner.truths(row)).collect();
                (truths.iter().all(|t| t.0), truths.iter().any(|t| t.1))
            }
            Self::Any(inner) => {
                let truths: Vec<_> = inner.iter().map(|inner| inner.truths(row)).collect();
                (truths.iter().any(|t| t.0), truths.iter().all(|t| t.1))
            }
            Self::Not(inner) => {
                let (can_be, need_not) = inner.truths(row);
                (need_not, can_be)
            }
        }
    }
}

fn compare(by: Comparison, left: &Value, right: &Value) -> bool {
    let (less, equal) = match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => (!left & right, left == right),
        (Value::Number(left), Value::Number(right)) => {
            let (left, right) = (left.as_f64().unwrap(), right.as_f64().unwrap());
            (left < right, (left - right).abs() < f64::MIN_POSITIVE)
        }
        (Value::String(left), Value::String(right)) => (left < right, left == right),
        (Value::Null, Value::Null) => (false, true),
        _ => return false,
    };
    match by {
        Comparison::Equal => equal,
        Comparison::NotEqual => !equal,
        Comparison::Less => less,
        Comparison::LessOrEqual => less || equal,
        Comparison::Greater => !less && !equal,
        Comparison::GreaterOrEqual => !less,
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        prop::sample::select(vec![-1.0, 0.5, 1.0]).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
        Just(json!([1])),
    ]
}

fn condition() -> impl Strategy<Value = Naive> {
    let comparison = prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ]);
    let leaf = prop_oneof![
        (comparison, "[a-d]", value()).prop_map(|(by, name, value)| Naive::Compare(by, name, value)),
        ("[a-d]", prop::collection::vec(value(), 0..3)).prop_map(|(name, values)| Naive::In(name, values)),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            many.clone().prop_map(Naive::All),
            many.prop_map(Naive::Any),
            inner.prop_map(|inner| Naive::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_condition_holds_when_it_cannot_but_be_true(
        condition in condition(),
        row in prop::collection::btree_map("[a-c]", value(), 0..4),
    ) {
        let row = Value::Object(row.into_iter().collect());
        let (can_be, need_not) = condition.truths(&row);
        let holds = Condition::of(condition.expression()).matches(&row);
        prop_assert_eq!(holds, can_be && !need_not, "{:?}", condition);
    }
}

fn totals(values: &[Value]) -> Totals {
    let mut totals = Totals::default();
    for value in values {
        totals.add(value);
    }
    totals
}

#[test]
fn aggregates_are_of_numbers_and_of_texts_without_them() {
    let numbers = totals(&[json!("b"), json!(3), json!(1.5), json!(null), json!("a")]);
    for (aggregate, expected) in [
        (Aggregate::Count, json!(5)),
        (Aggregate::Sum, json!(4.5)),
        (Aggregate::Avg, json!(2.25)),
        (Aggregate::Min, json!(1.5)),
        (Aggregate::Max, json!(3)),
    ] {
        assert_eq!(numbers.result(aggregate), Some(expected));
    }
    let texts = totals(&[json!("b"), json!("a"), json!(true)]);
    assert_eq!(texts.result(Aggregate::Min), Some(json!("a")));
    assert_eq!(texts.result(Aggregate::Max), Some(json!("b")));
    assert_eq!(texts.result(Aggregate::Avg), None);
    assert_eq!(texts.result(Aggregate::Sum), Some(json!(0)));
    let integers = totals(&[json!(i64::MAX), json!(1)]);
    assert_eq!(
        integers.result(Aggregate::Sum),
        Some(json!(9_223_372_036_854_775_807.0_f64))
    );
    assert_eq!(
        totals(&[json!(2), json!(3)]).result(Aggregate::Sum),
        Some(json!(5))
    );
}
