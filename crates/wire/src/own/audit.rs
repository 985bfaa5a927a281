use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Query, RouteError};

/// The most events of one page.
pub const MAX_AUDIT_EVENTS: usize = 5_000;
const USUAL: usize = 1_000;

/// The query of `GET /provost/audit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditQuery {
    /// Events after this number; 0 is from the beginning.
    pub after: i64,
    /// At most so many.
    pub limit: usize,
}

impl AuditQuery {
    /// Reads `after` and `limit`.
    ///
    /// # Errors
    /// Names the parameter.
    pub(super) fn parse(query: Query<'_>) -> Result<Self, RouteError> {
        let number = |name: &'static str, usual: i64, least: i64| match query.get(name) {
            None => Ok(usual),
            Some(text) => {
                let number = text.parse().ok().filter(|number| *number >= least);
                number.ok_or(RouteError::Parameter(name))
            }
        };
        let limit = number("limit", i64::try_from(USUAL).unwrap_or(1), 1)?;
        Ok(Self {
            after: number("after", 0, 0)?,
            limit: usize::try_from(limit)
                .unwrap_or(MAX_AUDIT_EVENTS)
                .min(MAX_AUDIT_EVENTS),
        })
    }
}

/// A page of the audit log: `{"value":[…],"head"}`. An empty page is the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditPageView {
    /// Events in the order of their numbers.
    pub value: Vec<AuditEventView>,
    /// The hash of the last event of the whole log.
    pub head: String,
}

/// One event of the audit log; as one line it is what is exported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditEventView {
    /// Its place in the order of commits; numbers are left out, never used twice.
    pub number: i64,
    /// When, with microseconds.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// The kind of thing.
    pub kind: String,
    /// Where the thing is.
    pub scope: String,
    /// Which thing.
    pub key: String,
    /// The remark.
    pub detail: String,
    /// From where; empty for what the program does by itself.
    pub address: String,
    /// What the answer to the request carried.
    pub tracking_id: String,
    /// What stood before, when that is told.
    #[serde(default)]
    pub before: Option<Value>,
    /// What stands now, when that is told.
    #[serde(default)]
    pub after: Option<Value>,
    /// How it ended; empty in events of older programs.
    pub result: String,
    /// The hash of the event and of everything before it.
    pub hash: String,
}
