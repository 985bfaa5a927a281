use serde_json::{Map, Value};

/// What a change leaves in `$metadata`.
pub(super) struct Stamp {
    /// The instant in the wire's spelling.
    pub(super) at: String,
    /// The section's new version; desired only.
    pub(super) version: Option<i64>,
}

/// A way to bring a document into a section: value, metadata, document, mark.
pub(super) type Apply = fn(&mut Map<String, Value>, &mut Map<String, Value>, &Map<String, Value>, &Stamp);

/// Marks one level of metadata.
pub(super) fn stamp(metadata: &mut Map<String, Value>, stamp: &Stamp) {
    metadata.insert("$lastUpdated".into(), Value::String(stamp.at.clone()));
    if let Some(version) = stamp.version {
        metadata.insert("$lastUpdatedVersion".into(), version.into());
    }
}

/// RFC 7396 merge that keeps the metadata tree beside the value in step.
pub(super) fn merge(
    value: &mut Map<String, Value>,
    metadata: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    mark: &Stamp,
) {
    for (key, change) in patch {
        match change {
            Value::Null => {
                value.remove(key);
                metadata.remove(key);
            }
            Value::Object(inner) => {
                if !matches!(value.get(key), Some(Value::Object(_))) {
                    value.insert(key.clone(), Value::Object(Map::new()));
                    metadata.insert(key.clone(), Value::Object(Map::new()));
                }
                let below = metadata
                    .entry(key.clone())
                    .or_insert_with(|| Value::Object(Map::new()));
                if let (Some(Value::Object(value)), Value::Object(metadata)) = (value.get_mut(key), below) {
                    merge(value, metadata, inner, mark);
                    stamp(metadata, mark);
                }
            }
            other => {
                value.insert(key.clone(), other.clone());
                let mut level = Map::new();
                stamp(&mut level, mark);
                metadata.insert(key.clone(), Value::Object(level));
            }
        }
    }
}

/// Starts the section anew.
pub(super) fn replace(
    value: &mut Map<String, Value>,
    metadata: &mut Map<String, Value>,
    document: &Map<String, Value>,
    mark: &Stamp,
) {
    value.clear();
    metadata.clear();
    merge(value, metadata, document, mark);
}

/// RFC 7396 merge without metadata, for tags.
pub(super) fn merge_plain(value: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, change) in patch {
        match (change, value.get_mut(key)) {
            (Value::Null, _) => {
                value.remove(key);
            }
            (Value::Object(inner), Some(Value::Object(old))) => merge_plain(old, inner),
            (Value::Object(inner), _) => {
                value.insert(key.clone(), Value::Object(without_nulls(inner)));
            }
            (other, _) => {
                value.insert(key.clone(), other.clone());
            }
        }
    }
}

/// A document as it reads once its nulls are gone.
pub(super) fn without_nulls(document: &Map<String, Value>) -> Map<String, Value> {
    let mut clean = Map::new();
    merge_plain(&mut clean, document);
    clean
}
