use serde_json::json;

use super::*;

fn format(at: Timestamp) -> String {
    format!("t{}", at.unix_seconds())
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn fresh(desired: Value) -> Twin {
    let initial = InitialTwin {
        tags: Map::new(),
        desired: map(desired),
    };
    Twin::new(&initial, at(1), format)
}

fn desired(value: Value) -> TwinWrite {
    TwinWrite {
        tags: None,
        desired: Some(map(value)),
    }
}

#[test]
fn new_twin_has_the_first_versions() {
    let twin = fresh(json!({"rate": 5}));
    assert_eq!(
        (twin.version, twin.desired.version, twin.reported.version),
        (2, 1, 1)
    );
    assert_eq!(
        twin.desired.metadata["rate"],
        json!({"$lastUpdated": "t1", "$lastUpdatedVersion": 1})
    );
}

#[test]
fn patch_merges_and_null_removes() {
    let mut twin = fresh(json!({"a": {"x": 1, "y": 2}, "b": 3}));
    let told = twin
        .patch(
            &desired(json!({"a": {"x": null, "z": 4}, "b": null})),
            at(2),
            format,
        )
        .unwrap();
    assert_eq!(
        Value::Object(twin.desired.value.clone()),
        json!({"a": {"y": 2, "z": 4}})
    );
    assert_eq!(twin.desired.version, 2);
    let told = told.unwrap();
    assert_eq!(told.version, 2);
    assert_eq!(
        Value::Object(told.patch),
        json!({"a": {"x": null, "z": 4}, "b": null})
    );
    assert!(twin.desired.metadata["a"].get("x").is_none());
    assert_eq!(twin.desired.metadata["a"]["z"]["$lastUpdatedVersion"], 2);
    assert_eq!(twin.desired.metadata["a"]["y"]["$lastUpdatedVersion"], 1);
}

#[test]
fn replace_tells_the_removed_members() {
    let mut twin = fresh(json!({"a": 1, "b": 2}));
    let told = twin
        .replace(&desired(json!({"b": 3})), at(2), format)
        .unwrap()
        .unwrap();
    assert_eq!(Value::Object(twin.desired.value), json!({"b": 3}));
    assert_eq!(Value::Object(told.patch), json!({"b": 3, "a": null}));
}

#[test]
fn tags_alone_do_not_touch_desired_but_move_the_etag() {
    let mut twin = fresh(json!({}));
    let etag = twin.etag();
    let write = TwinWrite {
        tags: Some(map(json!({"site": "a"}))),
        desired: None,
    };
    assert_eq!(twin.patch(&write, at(2), format).unwrap(), None);
    assert_eq!((twin.desired.version, twin.version), (1, 3));
    assert_ne!(twin.etag(), etag);
}

#[test]
fn reported_patch_moves_version_but_not_etag() {
    let mut twin = fresh(json!({}));
    let etag = twin.etag();
    let patch = map(json!({"fw": "1.0", "$version": 9}));
    assert_eq!(twin.patch_reported(&patch, None, at(3), format), Ok(2));
    assert_eq!(twin.etag(), etag);
    assert_eq!(Value::Object(twin.reported.value.clone()), json!({"fw": "1.0"}));
    assert_eq!(
        twin.patch_reported(&patch, Some(1), at(3), format),
        Err(TwinError::Version { current: 2 })
    );
}

#[test]
fn a_broken_limit_changes_nothing() {
    let mut twin = fresh(json!({"a": 1}));
    let before = twin.clone();
    let mut deep = json!(1);
    for _ in 0..11 {
        deep = json!({ "d": deep });
    }
    for bad in [
        json!({"a.b": 1}),
        json!({"$x": 1}),
        json!({"a b": 1}),
        json!({"n": 4_503_599_627_370_497_i64}),
        json!({"s": "x".repeat(4097)}),
        json!({"l": [1, null]}),
        deep,
        json!({"s": vec!["x".repeat(4096); 9]}),
    ] {
        assert!(twin.patch(&desired(bad.clone()), at(2), format).is_err(), "{bad}");
        assert!(
            twin.patch_reported(&map(bad.clone()), None, at(2), format)
                .is_err(),
            "{bad}"
        );
        assert_eq!(twin, before);
    }
}

#[test]
fn ten_levels_and_big_but_legal_values_pass() {
    let mut twin = fresh(json!({}));
    let mut deep = json!(1);
    for _ in 0..10 {
        deep = json!({ "d": deep });
    }
    twin.patch(&desired(deep), at(2), format).unwrap();
    twin.patch(
        &desired(json!({"n": 4_503_599_627_370_496_i64, "f": 1e300})),
        at(2),
        format,
    )
    .unwrap();
}

#[test]
fn an_initial_twin_keeps_the_limits_of_a_patch() {
    let initial = |tags: Value, desired: Value| InitialTwin {
        tags: map(tags),
        desired: map(desired),
    };
    assert_eq!(
        check_initial(&initial(json!({"a": 1}), json!({"b": null, "$version": 3}))),
        Ok(())
    );
    for bad in [
        initial(json!({"a b": 1}), json!({})),
        initial(json!({}), json!({"$x": 1})),
        initial(json!({"s": vec!["x".repeat(4096); 3]}), json!({})),
    ] {
        assert!(check_initial(&bad).is_err(), "{bad:?}");
    }
}
