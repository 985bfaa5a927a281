//! What all resources have: location, tags, and members that are kept as they came.

use serde_json::{Map, Value};

use crate::json::{BodyError, Members};

const MAX_LOCATION: usize = 64;
const MAX_TAGS: usize = 50;
const MAX_TAG_NAME: usize = 512;
const MAX_TAG_VALUE: usize = 256;
/// Most bytes of JSON that are kept of one resource.
const MAX_KEPT: usize = 64 * 1024;

/// `location`: any short text, kept and echoed.
pub(super) fn location(members: &Members<'_>) -> Result<Option<String>, BodyError> {
    Ok(members.remark("location", MAX_LOCATION)?.map(str::to_owned))
}

/// `tags`, an object of texts.
pub(super) fn tags(members: &Members<'_>) -> Result<Option<Map<String, Value>>, BodyError> {
    let Some(tags) = members.map("tags")? else {
        return Ok(None);
    };
    if tags.len() > MAX_TAGS {
        return Err(members.invalid("tags", format!("must be at most {MAX_TAGS}")));
    }
    for (name, value) in tags {
        let Some(text) = value.as_str() else {
            return Err(members.shape("tags", format!("must hold strings only, unlike `{name:.64}`")));
        };
        if name.chars().count() > MAX_TAG_NAME || text.chars().count() > MAX_TAG_VALUE {
            let reason = format!(
                "must have names of at most {MAX_TAG_NAME} and values of at most {MAX_TAG_VALUE} characters"
            );
            return Err(members.invalid("tags", reason));
        }
    }
    Ok(Some(tags.clone()))
}

/// Copies the named members as they are; null counts as absent.
pub(super) fn keep(members: &Members<'_>, names: &[&str]) -> Map<String, Value> {
    let named = names.iter().filter_map(|name| {
        let value = members.value(name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    named.collect()
}

/// Copies the named members with their nulls, for a merge.
pub(super) fn keep_patch(map: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let named = names.iter().filter_map(|name| {
        let value = map.get(*name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    named.collect()
}

/// Refuses a document that would be too large to keep.
pub(super) fn bounded(document: Map<String, Value>) -> Result<Map<String, Value>, BodyError> {
    let value = Value::Object(document);
    let size = value.to_string().len();
    match value {
        Value::Object(document) if size <= MAX_KEPT => Ok(document),
        _ => Err(BodyError::Value {
            path: "body".to_owned(),
            reason: format!("must have at most {MAX_KEPT} bytes"),
        }),
    }
}

/// A merge patch (RFC 7396): null removes, objects are merged, everything else replaces.
pub(super) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, change) in patch {
        match change {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(change) => {
                let entry = target
                    .entry(name.clone())
                    .or_insert_with(|| Value::Object(Map::new()));
                if !entry.is_object() {
                    *entry = Value::Object(Map::new());
                }
                if let Value::Object(inner) = entry {
                    merge(inner, change);
                }
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merge_removes_replaces_and_goes_down() {
        let mut target = json!({"a": {"x": 1, "y": 2}, "b": 3, "c": 4});
        let patch = json!({"a": {"x": null, "z": 5}, "b": {"n": 1}, "c": null});
        let (Value::Object(map), Value::Object(patch)) = (&mut target, &patch) else {
            panic!("not objects");
        };
        merge(map, patch);
        assert_eq!(target, json!({"a": {"y": 2, "z": 5}, "b": {"n": 1}}));
    }

    #[test]
    fn tags_are_texts() {
        let read = |value: Value| tags(&Members::root(&value).unwrap());
        assert_eq!(read(json!({})).unwrap(), None);
        assert!(read(json!({"tags": {"hall": "7"}})).unwrap().is_some());
        assert!(read(json!({"tags": {"hall": 7}})).is_err());
        assert!(read(json!({"tags": {"hall": "x".repeat(257)}})).is_err());
    }
}
