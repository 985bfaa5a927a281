use serde::Serialize;

use super::enrollment_input::{EnrollmentInput, GroupInput};
use crate::json::{self, BodyError, Members};

/// What a bulk request does with its items (dps-service-api.md 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkMode {
    /// Fails per item when the id exists.
    Create,
    /// Without a look at etags.
    Update,
    /// With each item's `etag`.
    UpdateIfMatchEtag,
    /// Only ids are needed.
    Delete,
}

/// A bulk request: items that are done each on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkInput<T> {
    /// What to do.
    pub mode: BulkMode,
    /// With what.
    pub items: Vec<T>,
}

const MODES: [(&str, BulkMode); 4] = [
    ("create", BulkMode::Create),
    ("update", BulkMode::Update),
    ("updateIfMatchETag", BulkMode::UpdateIfMatchEtag),
    ("delete", BulkMode::Delete),
];

/// Reads `{"mode","enrollments":[…]}` with one to `max` items.
pub fn parse_bulk_enrollments(body: &[u8], max: usize) -> Result<BulkInput<EnrollmentInput>, BodyError> {
    read(body, max, "enrollments", EnrollmentInput::read)
}

/// Reads `{"mode","enrollmentGroups":[…]}` with one to `max` items.
pub fn parse_bulk_groups(body: &[u8], max: usize) -> Result<BulkInput<GroupInput>, BodyError> {
    read(body, max, "enrollmentGroups", GroupInput::read)
}

fn read<T>(
    body: &[u8],
    max: usize,
    name: &str,
    item: fn(&Members<'_>) -> Result<T, BodyError>,
) -> Result<BulkInput<T>, BodyError> {
    let value = json::parse(body)?;
    let members = Members::root(&value)?;
    let mode = members
        .word("mode", &MODES)?
        .ok_or_else(|| members.shape("mode", "is required"))?;
    let list = members
        .list(name)?
        .ok_or_else(|| members.shape(name, "is required"))?;
    if list.is_empty() || list.len() > max {
        return Err(members.invalid(name, format!("must have 1 to {max} items")));
    }
    let items = list
        .iter()
        .enumerate()
        .map(|(position, value)| item(&Members::of(&format!("{name}[{position}]"), value)?))
        .collect::<Result<_, _>>()?;
    Ok(BulkInput { mode, items })
}

/// The answer: HTTP 200 even with failed items, of which it lists nothing but those.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkResult {
    is_successful: bool,
    errors: Vec<BulkError>,
}

/// One failed item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkError {
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrollment_group_id: Option<String>,
    error_code: u32,
    error_status: String,
}

impl BulkError {
    /// An individual enrollment's.
    pub fn enrollment(registration_id: &str, code: u32, status: impl Into<String>) -> Self {
        Self {
            registration_id: Some(registration_id.to_owned()),
            enrollment_group_id: None,
            error_code: code,
            error_status: status.into(),
        }
    }

    /// A group's.
    pub fn group(id: &str, code: u32, status: impl Into<String>) -> Self {
        Self {
            registration_id: None,
            enrollment_group_id: Some(id.to_owned()),
            error_code: code,
            error_status: status.into(),
        }
    }
}

impl BulkResult {
    /// Successful when no item failed.
    pub fn new(errors: Vec<BulkError>) -> Self {
        Self {
            is_successful: errors.is_empty(),
            errors,
        }
    }

    /// The bytes to send.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn modes_have_no_case() {
        for (word, mode) in [
            ("create", BulkMode::Create),
            ("Update", BulkMode::Update),
            ("updateIfMatchETag", BulkMode::UpdateIfMatchEtag),
            // Node's typings spell it so.
            ("updateIfMatchEtag", BulkMode::UpdateIfMatchEtag),
            ("DELETE", BulkMode::Delete),
        ] {
            let body = format!(r#"{{"mode":"{word}","enrollmentGroups":[{{"enrollmentGroupId":"g1"}}]}}"#);
            let input = parse_bulk_groups(body.as_bytes(), 10).unwrap();
            assert_eq!((input.mode, input.items.len()), (mode, 1));
        }
    }

    #[test]
    fn one_to_ten_items() {
        let body = |count: usize| {
            let items = vec![r#"{"registrationId":"a"}"#; count].join(",");
            format!(r#"{{"mode":"create","enrollments":[{items}]}}"#)
        };
        for (count, ok) in [(0, false), (1, true), (10, true), (11, false)] {
            assert_eq!(
                parse_bulk_enrollments(body(count).as_bytes(), 10).is_ok(),
                ok,
                "{count}"
            );
        }
    }

    #[test]
    fn errors_name_the_item() {
        let body = br#"{"mode":"create","enrollments":[{"registrationId":"a"},{"registrationId":5}]}"#;
        let error = parse_bulk_enrollments(body, 10).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`enrollments[1].registrationId` must be a string"
        );
    }

    #[test]
    fn result_shapes() {
        assert_eq!(
            String::from_utf8(BulkResult::new(Vec::new()).to_json()).unwrap(),
            r#"{"isSuccessful":true,"errors":[]}"#
        );
        let errors = vec![
            BulkError::enrollment("a", 409_201, "exists"),
            BulkError::group("g", 404_204, "gone"),
        ];
        assert_eq!(
            String::from_utf8(BulkResult::new(errors).to_json()).unwrap(),
            concat!(
                r#"{"isSuccessful":false,"errors":[{"registrationId":"a","errorCode":409201,"errorStatus":"exists"},"#,
                r#"{"enrollmentGroupId":"g","errorCode":404204,"errorStatus":"gone"}]}"#
            )
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_bulk_enrollments(&bytes, 10);
            let _ = parse_bulk_groups(&bytes, 10);
        }
    }
}
