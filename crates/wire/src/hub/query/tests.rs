use proptest::prelude::*;
use provost_model::query::{Aggregate, ColumnValue, Path};
use serde_json::{Value, json};

use super::*;

fn condition(text: &str) -> Condition {
    parse_condition(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn matches(text: &str, row: &Value) -> bool {
    condition(text).matches(row)
}

fn fault(text: &str) -> (String, usize) {
    let error = parse_query(text).unwrap_err();
    (error.message, error.position)
}

fn row() -> Value {
    json!({
        "deviceId": "press-1", "status": "enabled", "statusReason": null, "version": 7,
        "lastActivityTime": "2026-01-02T00:00:00.0000000Z",
        "capabilities": {"iotEdge": true}, "parentScopes": ["s1", "s2"],
        "tags": {"site": "north", "floor": 3, "load": 1.5, "in": {"a-b": "odd"}, "quote": "it's", "flag": true},
        "properties": {"desired": {"period": 10}, "reported": {"firmware": {"version": "1.2.0"}}},
    })
}

#[test]
fn conditions_hold_of_what_they_say() {
    for text in [
        "*",
        "deviceId IN ['a','press-1']",
        "where deviceId in (\"press-1\")",
        "tags.site = 'north'",
        "devices.tags.site = \"north\"",
        "SELECT * FROM devices AS c WHERE c.tags.site = 'north'",
        "select deviceId from devices d where d.tags.floor >= 3",
        "is_defined(tags.site) AND NOT is_defined(tags.nowhere)",
        "array_contains(parentScopes, 's2')",
        "capabilities.iotEdge = true",
        "capabilities.iotEdge",
        "tags.flag AND tags.floor + 1 = 4 and tags.load*2 = 3",
        "tags.floor NIN [1, 2, -3] AND tags.floor NOT IN [4]",
        "tags.floor % 2 = 1 AND 7 / 2 = 3.5 AND - tags.floor = -3 AND 1 - -1 = 2",
        "tags.in.[[a-b]] = 'odd' AND tags.in['a-b'] = 'odd' AND [[tags]].in.\"a-b\" = 'odd'",
        "tags.quote = 'it''s' AND tags.quote = 'it\\'s' AND tags.quote = \"it's\"",
        "properties.reported.firmware.version <> '1.1.0'",
        "statusReason = null AND IS_NULL(statusReason)",
        "lastActivityTime > '2026-01-01' AND lastActivityTime = '2026-01-02T00:00:00Z'",
        "STARTSWITH(deviceId, 'press') AND starts_with(deviceId, 'p') AND ENDSWITH(deviceId, '-1')",
        "CONTAINS(tags.site, 'ort') AND INDEX_OF(tags.site, 'r') = 2 AND LENGTH(tags.site) = 5",
        "UPPER(tags.site) = 'NORTH' AND LOWER('ÄB') = 'äb' AND SUBSTRING(tags.site, 1, 2) = 'or'",
        "CONCAT(deviceId, '/', tags.site) = 'press-1/north' AND SUBSTRING(tags.site, 3) = 'th'",
        "IS_NUMBER(tags.floor) AND IS_STRING(tags.site) AND IS_BOOL(tags.flag) AND IS_OBJECT(tags)",
        "IS_ARRAY(parentScopes) AND IS_PRIMITIVE(tags.site) AND NOT IS_PRIMITIVE(tags)",
        "ABS(-2) = 2 AND POWER(2, 3) = 8 AND SQUARE(3) = 9 AND SQRT(9) = 3 AND SIGN(-0.5) = -1",
        "CEILING(tags.load) = 2 AND FLOOR(tags.load) = 1 AND EXP(0) = 1",
    ] {
        assert!(matches(text, &row()), "{text}");
    }
}

#[test]
fn what_is_undefined_matches_nothing_and_neither_does_its_negation() {
    for text in [
        "tags.nowhere = 'x'",
        "tags.nowhere != 'x'",
        "NOT tags.nowhere = 'x'",
        "tags.nowhere NIN ['x']",
        "tags.nowhere",
        "NOT tags.nowhere",
        "tags.site.deeper = 1",
        "tags.nowhere = 'x' AND tags.site = 'north'",
        "LENGTH(tags.nowhere) < 5",
        "NOT (tags.nowhere = 1 OR tags.site = 'south')",
        "tags.floor / 0 = 1",
    ] {
        assert!(!matches(text, &row()), "{text}");
    }
    assert!(matches("tags.nowhere = 'x' OR tags.site = 'north'", &row()));
    assert!(matches(
        "NOT (tags.nowhere = 'x' AND tags.site = 'south')",
        &row()
    ));
}

#[test]
fn different_types_and_documents_compare_false() {
    for text in [
        "tags.floor = '3'",
        "tags.floor != '3'",
        "tags.site > 3",
        "tags = tags",
        "parentScopes != parentScopes",
        "statusReason != 'x'",
        "tags.flag = 1",
        "tags.site = 'North'",
    ] {
        assert!(!matches(text, &row()), "{text}");
    }
    assert!(matches("tags.floor = 3.0 AND tags.load < 2", &row()));
}

#[test]
fn queries_of_the_tools() {
    for text in [
        "select * from devices",
        "select * from devices where capabilities.iotEdge = true",
        "SELECT deviceId FROM devices",
        "SELECT deviceId, deviceScope FROM devices",
        "select deviceId from devices where array_contains(parentScopes, '..')",
        "select * from devices.modules where devices.deviceId = 'x'",
        "SELECT * FROM devices.modules",
        "SELECT * FROM devices.jobs",
        "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'j' AND devices.jobs.status = 'failed'",
        "SELECT properties.reported.fw AS fw, COUNT() AS n FROM devices GROUP BY properties.reported.fw",
        "SELECT TOP 3 * FROM devices",
        "SELECT COUNT(*) AS n, AVG(tags.x) AS a, MIN(tags.x) AS b FROM devices",
    ] {
        parse_query(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn parts_of_a_query() {
    let text = "SELECT TOP 5 d.tags.site AS s, d.version, COUNT() FROM devices AS d WHERE d.status = 'x' \
                GROUP BY d.tags.site, version";
    let query = parse_query(text).unwrap();
    assert_eq!(query.top, Some(5));
    let site = Path::new("tags", vec!["site".to_owned()]);
    assert_eq!(query.group_by, [site.clone(), Path::new("version", Vec::new())]);
    let Selection::Columns(columns) = &query.selection else {
        panic!()
    };
    let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["s", "version", "$3"]);
    assert_eq!(columns[0].value, ColumnValue::Each(Expression::Attribute(site)));
    assert_eq!(columns[2].value, ColumnValue::Aggregate(Aggregate::Count, None));
    let modules = parse_query("SELECT * FROM devices.modules WHERE devices.modules.moduleId = 'm'").unwrap();
    let row = json!({"moduleId": "m"});
    assert_eq!(modules.collection, Collection::Modules);
    assert!(modules.condition.matches(&row));
}

/// A wrong query, what is wrong with it and where.
const FAULTS: [(&str, &str, usize); 16] = [
    ("", "SELECT is expected", 1),
    (
        "SELECT * FROM things",
        "devices, devices.modules or devices.jobs is expected",
        15,
    ),
    ("SELECT * FROM devices WHERE", "an attribute is expected", 28),
    ("SELECT * FROM devices WHERE a = ", "an attribute is expected", 33),
    ("SELECT * FROM devices ORDER BY a", "the end is expected", 23),
    (
        "SELECT * FROM devices WHERE a = 'b",
        "there is a text without an end",
        33,
    ),
    (
        "SELECT * FROM devices WHERE a ? 1",
        "there is an unexpected character",
        31,
    ),
    ("SELECT * FROM devices WHERE a IN 1", "a list is expected", 34),
    (
        "SELECT * FROM devices WHERE f(a)",
        "a known function is expected",
        29,
    ),
    (
        "SELECT * FROM devices WHERE LOWER(a, b) = ''",
        "LOWER does not take 2 arguments",
        29,
    ),
    (
        "SELECT * FROM devices WHERE a = 1x",
        "there is something that is no number",
        33,
    ),
    (
        "SELECT deviceId, COUNT() AS n FROM devices",
        "deviceId is neither grouped nor aggregated",
        8,
    ),
    ("SELECT * FROM devices GROUP BY a", "'*' cannot be grouped", 8),
    (
        "SELECT a, b AS a FROM devices",
        "there are two results named a",
        11,
    ),
    (
        "SELECT * FROM devices WHERE [[a = 1",
        "there is a name in brackets without an end",
        29,
    ),
    ("SELECT * FROM devices WHERE a = 1 = 2", "the end is expected", 35),
];

#[test]
fn faults_name_the_place() {
    for (text, message, position) in FAULTS {
        assert_eq!(fault(text), (message.to_owned(), position), "{text}");
    }
    let error = parse_condition("tags.x == 1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "an attribute is expected at position 9 of the query"
    );
    assert!(parse_condition("").is_err());
    assert!(parse_condition("SELECT * FROM devices.jobs").is_err());
    assert!(parse_condition("SELECT COUNT() AS n FROM devices").is_err());
}

/// PostgreSQL takes none in a text.
#[test]
fn nul_is_nowhere_in_a_query() {
    for text in ["deviceId = 'a\0'", "tags.[[\0]] = 1", "a\0"] {
        let error = parse_condition(text).unwrap_err();
        assert!(error.to_string().contains("NUL"), "{text:?}: {error}");
    }
}

#[test]
fn neither_length_nor_depth_is_without_end() {
    let deep =
        |open: &str, close: &str, count: usize| format!("{}a{}", open.repeat(count), close.repeat(count));
    for text in [
        deep("(", ")", 4000),
        deep("NOT ", "", 2000),
        deep("- ", "", 4000),
        deep("+", "", 8000),
        deep("LOWER(", ")", 1000),
        format!("1{} = 1", "+1".repeat(4000)),
        "a".repeat(MAX_QUERY + 1),
    ] {
        assert!(parse_condition(&text).is_err());
    }
    let links = format!("a = 1{}", " OR a = 1".repeat(900));
    assert!(matches(&links, &json!({"a": 1})));
    assert!(matches(&deep("(", ")", 60), &json!({"a": true})));
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>()
            .prop_filter("has a positive twin", |n| *n != i64::MIN)
            .prop_map(Value::from),
        any::<f64>()
            .prop_filter("is finite", |n| n.is_finite())
            .prop_map(Value::from),
        "[^\\x00\n]{0,8}".prop_map(Value::from),
        "['\"\\\\]{0,4}".prop_map(Value::from),
    ]
}

fn path() -> impl Strategy<Value = Path> {
    let rest = prop::collection::vec("[a-zA-Z_$][a-zA-Z0-9_$]{0,5}|[^\\]\\x00]{1,5}|and|in|x]]y", 0..3);
    ("tags|properties|status|not|x-y", rest).prop_map(|(first, rest)| Path::new(first, rest))
}

fn expression() -> impl Strategy<Value = Expression> {
    use provost_model::query::{Arithmetic, Comparison, Function};
    let comparison = prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ]);
    let operator = prop::sample::select(vec![
        Arithmetic::Add,
        Arithmetic::Subtract,
        Arithmetic::Multiply,
        Arithmetic::Divide,
        Arithmetic::Remainder,
    ]);
    let function = prop::sample::select(Function::ALL.to_vec());
    let leaf = prop_oneof![
        value().prop_map(Expression::Literal),
        prop::collection::vec(value(), 0..3).prop_map(|list| Expression::Literal(Value::Array(list))),
        path().prop_map(Expression::Attribute),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        let many = prop::collection::vec(inner.clone(), 2..4);
        let arguments = prop::collection::vec(inner.clone(), 3);
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            many.clone().prop_map(Expression::All),
            many.prop_map(Expression::Any),
            boxed.clone().prop_map(Expression::Not),
            (comparison.clone(), boxed.clone(), boxed.clone())
                .prop_map(|(by, left, right)| Expression::Compare(by, left, right)),
            (operator.clone(), boxed.clone(), boxed.clone())
                .prop_map(|(by, left, right)| Expression::Calculate(by, left, right)),
            (boxed.clone(), prop::collection::vec(value(), 0..4))
                .prop_map(|(inner, list)| Expression::In(inner, list)),
            path().prop_map(|path| Expression::Negate(Box::new(Expression::Attribute(path)))),
            (function.clone(), arguments).prop_map(|(function, mut arguments)| {
                while !function.takes(arguments.len()) {
                    arguments.pop();
                }
                Expression::Call(function, arguments)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(expression in expression()) {
        let condition = Condition::of(expression);
        let text = print_condition(&condition);
        prop_assert_eq!(parse_condition(&text), Ok(condition), "{}", text);
    }

    #[test]
    fn whole_queries_are_read_back(
        columns in prop::collection::vec(expression(), 1..4),
        condition in expression(),
        top in proptest::option::of(0..1000_u64),
    ) {
        let column = |(number, value): (usize, Expression)| provost_model::query::Column {
            name: format!("c {number}"),
            value: ColumnValue::Each(value),
        };
        let query = Query {
            collection: Collection::Devices,
            top,
            selection: Selection::Columns(columns.into_iter().enumerate().map(column).collect()),
            condition: Condition::of(condition),
            group_by: Vec::new(),
        };
        let text = print_query(&query);
        prop_assert_eq!(parse_query(&text), Ok(query), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), row in expression()) {
        let _ = parse_query(&text);
        let _ = parse_query(&format!("SELECT * FROM devices WHERE {text}"));
        let _ = Condition::of(row).matches(&json!({"tags": {"x": 1}}));
    }

    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(
        prop::sample::select(vec![
            "SELECT", "TOP", "*", "FROM", "devices", ".", "modules", "WHERE", "AND", "OR", "NOT", "IN", "NIN", "[", "]",
            "[[a]]", "(", ")", "'a'", "1", "-", "+", "=", "<", "COUNT", "GROUP", "BY", "AS", "a", ",", "LOWER", "true",
        ]), 0..40)) {
        let text = words.join(" ");
        let _ = parse_condition(&text);
        if let Ok(query) = parse_query(&text) {
            let printed = print_query(&query);
            prop_assert_eq!(parse_query(&printed), Ok(query), "{}", printed);
        }
    }
}
