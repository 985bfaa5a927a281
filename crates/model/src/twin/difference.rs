use serde_json::{Map, Value};

/// The merge patch (RFC 7396) that makes `after` of `before`: what somebody has to be told who knew
/// `before`. Documents hold no null, so that null always means "gone".
pub fn difference(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    let mut patch: Map<String, Value> = gone.map(|key| (key.clone(), Value::Null)).collect();
    for (key, now) in after {
        let change = match (before.get(key), now) {
            (Some(then), now) if then == now => continue,
            (Some(Value::Object(then)), Value::Object(now)) => Value::Object(difference(then, now)),
            (_, now) => now.clone(),
        };
        patch.insert(key.clone(), change);
    }
    patch
}

/// Notes in what somebody knows that a change from `then` to `now` may or may not have reached
/// them: what it touched becomes null, so that [`difference`] tells it whatever it is by then.
pub fn unsettle(known: &mut Map<String, Value>, then: &Map<String, Value>, now: &Map<String, Value>) {
    for key in then.keys().chain(now.keys()) {
        let (then, now) = (then.get(key), now.get(key));
        if then == now {
            continue;
        }
        if let (Some(Value::Object(then)), Some(Value::Object(now))) = (then, now) {
            let inner = known.entry(key).or_insert(Value::Null);
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                unsettle(inner, then, now);
            }
        } else {
            let all = [known.get(key), then, now];
            let blurred = blur(&all.map(|value| value.cloned().unwrap_or_default()));
            known.insert(key.clone(), blurred);
        }
    }
}

/// Every name that is in any of the values, with null in the place of what is no object.
fn blur(values: &[Value]) -> Value {
    let objects: Vec<_> = values.iter().filter_map(Value::as_object).collect();
    let mut names = Map::new();
    for name in objects.iter().flat_map(|object| object.keys()) {
        let of_name: Vec<_> = objects
            .iter()
            .filter_map(|object| object.get(name).cloned())
            .collect();
        names.entry(name).or_insert_with(|| blur(&of_name));
    }
    if names.is_empty() {
        // An empty object would be one that is known.
        return Value::Null;
    }
    Value::Object(names)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::twin::merge::merge_plain;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn only_what_changed_is_told_and_what_went_is_null() {
        let before = object(
            json!({"same": [1], "gone": 1, "in": {"a": 1, "b": {"c": 2}}, "flat": 1, "deep": {"x": 1}}),
        );
        let after = object(
            json!({"same": [1], "in": {"a": 2, "b": {}}, "flat": {"x": 1}, "deep": 5, "new": {"y": 1}}),
        );
        assert_eq!(
            Value::Object(difference(&before, &after)),
            json!({"gone": null, "in": {"a": 2, "b": {"c": null}}, "flat": {"x": 1}, "deep": 5, "new": {"y": 1}})
        );
        assert!(difference(&after, &after).is_empty());
    }

    /// Removed and made anew in between: what was below it before is gone.
    #[test]
    fn object_made_anew_loses_what_it_held() {
        let before = object(json!({"in": {"old": 1}}));
        let after = object(json!({"in": {"new": 1}}));
        assert_eq!(
            Value::Object(difference(&before, &after)),
            json!({"in": {"old": null, "new": 1}})
        );
    }

    fn document() -> impl Strategy<Value = Map<String, Value>> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), (0..3).prop_map(Value::from)];
        let tree = leaf.prop_recursive(3, 24, 4, |inner| {
            prop::collection::btree_map("[a-c]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        });
        prop::collection::btree_map("[a-c]", tree, 0..4).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        /// Somebody was told of some of the changes, nobody knows of how many.
        #[test]
        fn whoever_was_told_a_part_ends_with_the_whole(
            documents in proptest::collection::vec(document(), 2..6),
            told in 0_usize..6,
        ) {
            let mut known = documents[0].clone();
            for (number, pair) in documents.windows(2).enumerate() {
                if number > 0 {
                    unsettle(&mut known, &pair[0], &pair[1]);
                }
            }
            let newest = documents.last().unwrap();
            let mut theirs = documents[told.min(documents.len() - 1)].clone();
            merge_plain(&mut theirs, &difference(&known, newest));
            prop_assert_eq!(&theirs, newest);
        }

        #[test]
        fn merged_into_before_it_makes_after(before in document(), after in document()) {
            let mut merged = before.clone();
            merge_plain(&mut merged, &difference(&before, &after));
            prop_assert_eq!(merged, after);
        }
    }
}
