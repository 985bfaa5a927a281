use provost_model::twin::TwinWrite;
use serde_json::{Map, Value};

use crate::json::{self, BodyError, Members};

/// Reads the body of `PATCH /twins/{id}` (iot-hub-service-api.md 7.2): the parts to merge. A part
/// that is null changes nothing; nulls inside a part remove.
pub fn parse_twin_patch(body: &[u8]) -> Result<TwinWrite, BodyError> {
    let value = json::parse(body)?;
    read_patch(&Members::root(&value)?)
}

/// Reads the body of `PUT /twins/{id}`: the parts to replace. A part that is null becomes empty.
pub fn parse_twin_replacement(body: &[u8]) -> Result<TwinWrite, BodyError> {
    let value = json::parse(body)?;
    let twin = Members::root(&value)?;
    let desired = match twin.object("properties")? {
        Some(properties) => nullable(&properties, "desired")?,
        None => None,
    };
    Ok(TwinWrite {
        tags: nullable(&twin, "tags")?,
        desired,
    })
}

pub(super) fn read_patch(twin: &Members<'_>) -> Result<TwinWrite, BodyError> {
    let desired = match twin.object("properties")? {
        Some(properties) => properties.map("desired")?.cloned(),
        None => None,
    };
    Ok(TwinWrite {
        tags: twin.map("tags")?.cloned(),
        desired,
    })
}

fn nullable(members: &Members<'_>, name: &str) -> Result<Option<Map<String, Value>>, BodyError> {
    Ok(match members.map(name)? {
        Some(map) => Some(map.clone()),
        None => members.has(name).then(Map::new),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn null_part_clears_on_replace_only() {
        let body = br#"{"tags":null,"properties":{"desired":{"a":null}}}"#;
        let patch = parse_twin_patch(body).unwrap();
        assert_eq!(patch.tags, None);
        assert_eq!(Value::from(patch.desired.unwrap()), json!({"a": null}));
        let replacement = parse_twin_replacement(body).unwrap();
        assert_eq!(replacement.tags, Some(Map::new()));
        assert_eq!(parse_twin_replacement(b"{}").unwrap(), TwinWrite::default());
    }

    #[test]
    fn parts_are_objects() {
        let error = parse_twin_patch(br#"{"properties":{"desired":5}}"#).unwrap_err();
        assert_eq!(error.to_string(), "`properties.desired` must be an object");
        assert!(parse_twin_patch(b"").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_twin_patch(&bytes);
            let _ = parse_twin_replacement(&bytes);
        }
    }
}
