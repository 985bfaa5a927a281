use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::query::leaves;

fn tag_path(name: &str) -> Path {
    Path::new("tags", name.split('.').map(str::to_owned).collect())
}

fn tag_is(name: &str, value: Value) -> Expression {
    compare(Comparison::Equal, name, value)
}

fn compare(comparison: Comparison, name: &str, value: Value) -> Expression {
    Expression::Compare(
        comparison,
        Box::new(Expression::Attribute(tag_path(name))),
        Box::new(Expression::Literal(value)),
    )
}

fn plan(expression: Expression) -> Plan {
    Condition::of(expression).plan()
}

fn of(name: &str) -> Expression {
    Expression::Attribute(Path::new(name, Vec::new()))
}

#[test]
fn each_condition_has_its_way() {
    let equal = plan(tag_is("site", json!("north")));
    let leaf = |path: &str, key: &str| Leaf {
        path: path.to_owned(),
        key: key.to_owned(),
    };
    assert_eq!(equal.probes, [Probe::Leaves([leaf("site", "snorth")].into())]);
    assert!(equal.is_exact);
    assert!(!plan(tag_is("site", json!("x".repeat(300)))).is_exact);
    let either = Expression::Any(vec![
        tag_is("site", json!("a")),
        Expression::All(vec![
            tag_is("place.floor", json!(true)),
            compare(Comparison::NotEqual, "x", json!(1)),
        ]),
    ]);
    let expected = [leaf("site", "sa"), leaf("place.floor", "b1")];
    assert_eq!(plan(either).probes, [Probe::Leaves(expected.into())]);
    let ids = Expression::In(Box::new(of("deviceId")), vec![json!("b"), json!("a"), json!(7)]);
    assert_eq!(
        plan(ids).probes,
        [Probe::Ids(["a".to_owned(), "b".to_owned()].into())]
    );
    let state = |value: &str| {
        let literal = Box::new(Expression::Literal(json!(value)));
        plan(Expression::Compare(
            Comparison::Equal,
            Box::new(of("connectionState")),
            literal,
        ))
        .probes
    };
    assert_eq!(state("Connected"), [Probe::Connected]);
    assert_eq!(state("Disconnected"), []);
    assert_eq!(Condition::everything().plan(), Plan::default());
}

#[test]
fn ids_are_bounded_from_both_sides() {
    let id = |comparison, value: &str| {
        Expression::Compare(
            comparison,
            Box::new(of("deviceId")),
            Box::new(Expression::Literal(json!(value))),
        )
    };
    let both = plan(Expression::All(vec![
        id(Comparison::Greater, "a"),
        id(Comparison::GreaterOrEqual, "b"),
        id(Comparison::Less, "y"),
        id(Comparison::LessOrEqual, "x"),
    ]));
    assert_eq!(
        (both.first_id.as_deref(), both.last_id.as_deref()),
        (Some("b"), Some("x"))
    );
    assert_eq!(both.probes, []);
}

/// Whether a plan leads to a device with these tags.
fn leads_to(plan: &Plan, tags: &Map<String, Value>) -> bool {
    let entries = leaves(tags);
    plan.probes.iter().all(|probe| match probe {
        Probe::Leaves(wanted) => !wanted.is_disjoint(&entries),
        Probe::Between {
            path,
            least,
            greatest,
        } => entries
            .iter()
            .any(|leaf| leaf.path == *path && *least <= leaf.key && leaf.key <= *greatest),
        Probe::Ids(_) | Probe::Connected | Probe::Disabled | Probe::Edge => false,
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        (-3.0_f64..3.0).prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
        "[ab\0]{199,202}".prop_map(Value::from),
        Just(json!([1, "a"])),
    ]
}

fn tags() -> impl Strategy<Value = Map<String, Value>> {
    let inner = prop::collection::btree_map("[a-c]", value(), 0..3);
    (prop::collection::btree_map("[a-c]", value(), 0..3), inner).prop_map(|(outer, inner)| {
        let mut tags: Map<String, Value> = outer.into_iter().collect();
        tags.insert("d".to_owned(), Value::Object(inner.into_iter().collect()));
        tags
    })
}

fn condition() -> impl Strategy<Value = Expression> {
    let path = "[a-d]|d\\.[a-c]";
    let comparison = prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ]);
    let leaf = prop_oneof![
        (comparison.clone(), path, value()).prop_map(|(by, path, value)| compare(by, &path, value)),
        (comparison, path, value()).prop_map(|(by, path, value)| Expression::Compare(
            by,
            Box::new(Expression::Literal(value)),
            Box::new(Expression::Attribute(tag_path(&path))),
        )),
        (path, prop::collection::vec(value(), 0..4)).prop_map(|(path, values)| {
            Expression::In(Box::new(Expression::Attribute(tag_path(&path))), values)
        }),
        path.prop_map(|path| Expression::Attribute(tag_path(&path))),
        path.prop_map(|path| {
            Expression::Call(Function::IsDefined, vec![Expression::Attribute(tag_path(&path))])
        }),
        (path, "[a-c]{0,2}|[ab\0]{199,202}").prop_map(|(path, text)| Expression::Call(
            Function::StartsWith,
            vec![
                Expression::Attribute(tag_path(&path)),
                Expression::Literal(Value::from(text)),
            ]
        )),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            many.clone().prop_map(Expression::All),
            many.prop_map(Expression::Any),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_way_leads_past_a_device(tags in tags(), condition in condition()) {
        let row = json!({ "tags": tags });
        let condition = Condition::of(condition);
        let plan = condition.plan();
        let found = leads_to(&plan, &tags);
        if condition.matches(&row) {
            prop_assert!(found, "{:?}", plan);
        } else if plan.is_exact {
            prop_assert!(!found, "{:?}", plan);
        }
    }
}
