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
    check_tags(members, tags, PatchForm::Replace)?;
    Ok(Some(tags.clone()))
}

/// What `tags` in a PATCH means, which its content type says: merged as by RFC 7396, or all of them from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchForm {
    /// `application/json`: the tags from now on, as the management plane always had it.
    Replace,
    /// `application/merge-patch+json`: null removes one, others stay.
    Merge,
}

impl PatchForm {
    /// Reads `Content-Type`; everything that is not a merge patch replaces.
    pub fn of(content_type: Option<&str>) -> Self {
        let kind = content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default();
        if kind.trim().eq_ignore_ascii_case("application/merge-patch+json") {
            Self::Merge
        } else {
            Self::Replace
        }
    }
}

/// The tags of a PATCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagsPatch {
    tags: Map<String, Value>,
    form: PatchForm,
}

impl TagsPatch {
    pub(super) fn read(members: &Members<'_>, form: PatchForm) -> Result<Option<Self>, BodyError> {
        let Some(tags) = members.map("tags")? else {
            return Ok(None);
        };
        check_tags(members, tags, form)?;
        Ok(Some(Self {
            tags: tags.clone(),
            form,
        }))
    }

    /// What becomes of the tags of a resource.
    ///
    /// # Errors
    /// They would be too many.
    pub fn apply(&self, before: &Map<String, Value>) -> Result<Map<String, Value>, BodyError> {
        if self.form == PatchForm::Replace {
            return Ok(self.tags.clone());
        }
        let mut tags = before.clone();
        merge(&mut tags, &self.tags);
        if tags.len() > MAX_TAGS {
            return Err(BodyError::Value {
                path: "tags".to_owned(),
                reason: format!("must be at most {MAX_TAGS}"),
            });
        }
        Ok(tags)
    }
}

fn check_tags(members: &Members<'_>, tags: &Map<String, Value>, form: PatchForm) -> Result<(), BodyError> {
    if tags.len() > MAX_TAGS {
        return Err(members.invalid("tags", format!("must be at most {MAX_TAGS}")));
    }
    for (name, value) in tags {
        if value.is_null() && form == PatchForm::Merge {
            continue;
        }
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
    Ok(())
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
    fn tags_are_replaced_or_merged_as_the_content_type_says() {
        let before = Map::from_iter([("hall".to_owned(), json!("7")), ("line".to_owned(), json!("a"))]);
        let read = |body: &Value, kind| TagsPatch::read(&Members::root(body).unwrap(), PatchForm::of(kind));
        let change = json!({ "tags": { "line": "b" } });
        for (kind, after) in [
            (None, json!({ "line": "b" })),
            (Some("application/json"), json!({ "line": "b" })),
            (
                Some("Application/Merge-Patch+JSON; charset=utf-8"),
                json!({ "hall": "7", "line": "b" }),
            ),
        ] {
            let patch = read(&change, kind).unwrap().unwrap();
            assert_eq!(Value::Object(patch.apply(&before).unwrap()), after, "{kind:?}");
        }
        let removes = json!({ "tags": { "hall": null } });
        let merge = Some("application/merge-patch+json");
        let patch = read(&removes, merge).unwrap().unwrap();
        assert_eq!(
            Value::Object(patch.apply(&before).unwrap()),
            json!({ "line": "a" })
        );
        assert!(read(&removes, None).is_err());
        let many: Map<_, _> = (0..50).map(|n| (format!("t{n}"), json!("x"))).collect();
        let patch = read(&json!({ "tags": many }), merge).unwrap().unwrap();
        assert!(patch.apply(&before).is_err());
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
