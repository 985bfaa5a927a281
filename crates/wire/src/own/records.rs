//! Registration records of an instance, many at a time.

use provost_model::{EnrollmentGroupId, HostName, RegistrationRecord, Timestamp};
use serde::{Deserialize, Serialize};

use crate::dps::device::RegistrationStateView;
use crate::json::{self, BodyError, Members};
use crate::time;

/// Which records: `{"enrollmentGroupId","updatedBefore","orphansOnly"}`, each narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordSelection {
    /// Those that came in through this group, whether or not it still exists.
    pub group: Option<EnrollmentGroupId>,
    /// Those whose latest run was before this.
    pub updated_before: Option<Timestamp>,
    /// Those whose group, or individual enrollment, no longer exists.
    pub orphans_only: bool,
}

impl RecordSelection {
    fn read(members: &Members<'_>) -> Result<Self, BodyError> {
        let not_a_time = "a time is written as 2026-01-31T12:00:00Z";
        Ok(Self {
            group: members.parsed("enrollmentGroupId", EnrollmentGroupId::parse)?,
            updated_before: members
                .parsed("updatedBefore", |text| time::parse_iso(text).ok_or(not_a_time))?,
            orphans_only: members.flag("orphansOnly")?.unwrap_or_default(),
        })
    }

    fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// The body of `POST …/registrations/query`: a selection with `"top"` and `"continuation"`; may be
/// empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordQuery {
    /// Which.
    pub selection: RecordSelection,
    /// At most so many in one page, up to 1000; 100 when absent.
    pub top: Option<usize>,
    /// Where the page before ended.
    pub continuation: Option<String>,
}

impl RecordQuery {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        if value.is_null() {
            return Ok(Self::default());
        }
        let members = Members::root(&value)?;
        let top = members.integer("top")?;
        Ok(Self {
            selection: RecordSelection::read(&members)?,
            top: top.map(|top| usize::try_from(top).unwrap_or(0)),
            continuation: members.text("continuation")?.map(str::to_owned),
        })
    }
}

/// The body of `POST …/registrations/delete`: a selection with `"all"`, `"dryRun"` and
/// `"continuation"`. Without anything that narrows, `"all": true` has to say that it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordDelete {
    /// Which.
    pub selection: RecordSelection,
    /// Only counted.
    pub dry_run: bool,
    /// Where the batch before ended.
    pub continuation: Option<String>,
}

impl RecordDelete {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let selection = RecordSelection::read(&members)?;
        if selection.is_everything() && !members.flag("all")?.unwrap_or_default() {
            return Err(members.shape("all", "must be true to select every record"));
        }
        Ok(Self {
            selection,
            dry_run: members.flag("dryRun")?.unwrap_or_default(),
            continuation: members.text("continuation")?.map(str::to_owned),
        })
    }
}

/// A page: `{"value":[…],"continuation"}`. It may be empty and name a continuation all the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordPage {
    /// The records.
    pub value: Vec<RecordView>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation: Option<String>,
}

/// A record as the service API shows it, with the group the device came in through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordView {
    /// The members of the service API.
    #[serde(flatten)]
    pub state: RegistrationStateView,
    /// Absent when an individual enrollment admitted the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrollment_group_id: Option<String>,
}

impl RecordView {
    /// The record, with the host name of its hub.
    pub fn new(record: &RegistrationRecord, hub: Option<&HostName>) -> Self {
        Self {
            state: RegistrationStateView::for_service(record, hub),
            enrollment_group_id: record.group.as_ref().map(ToString::to_string),
        }
    }
}

/// What a bulk delete did, or would: `{"count","dryRun","continuation"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedView {
    /// How many records this batch deleted; in a dry run how many there are in all.
    pub count: usize,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// To be sent with the next request; absent when nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn everything_must_be_said() {
        for body in ["{}", r#"{"all":false}"#, r#"{"orphansOnly":false}"#] {
            let error = RecordDelete::parse(body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "`all` must be true to select every record");
        }
        for body in [
            r#"{"all":true}"#,
            r#"{"orphansOnly":true}"#,
            r#"{"enrollmentGroupId":"line-1"}"#,
            r#"{"updatedBefore":"2026-01-31T12:00:00Z"}"#,
        ] {
            assert!(RecordDelete::parse(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn a_query_may_say_nothing() {
        for body in ["", "{}", "null"] {
            assert_eq!(RecordQuery::parse(body.as_bytes()), Ok(RecordQuery::default()));
        }
        let told = RecordQuery::parse(br#"{"updatedBefore":"1970-01-01T00:00:01Z","top":7}"#).unwrap();
        assert_eq!(
            told.selection.updated_before,
            Some(Timestamp::from_unix_seconds(1))
        );
        assert_eq!(told.top, Some(7));
        assert!(RecordQuery::parse(br#"{"updatedBefore":"yesterday"}"#).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = RecordQuery::parse(&bytes);
            let _ = RecordDelete::parse(&bytes);
        }
    }
}
