//! Registration records page by page, of an instance that may have a million of them.

use provost_model::{DpsName, EnrollmentGroupId, PageSize, RegistrationRecord, Timestamp};

use crate::registration::{COLUMNS, record};
use crate::sql::Param;
use crate::{ReadTx, StoreError};

/// Rows a page looks at, at most: a filter that matches little does not make one request long.
const MAX_LOOKED_AT: i64 = 10_000;

/// No entry admits the device any more: neither the group it came by nor, when it came by none, an
/// enrollment of its own exists.
const IS_ORPHAN: &str = "NOT EXISTS (SELECT 1 FROM enrollment e WHERE e.dps = r.dps \
    AND e.kind = CASE WHEN r.group_key IS NULL THEN 'individual' ELSE 'group' END \
    AND e.entry_key = COALESCE(r.group_key, r.registration_key))";

/// Which records; each member that is set narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrationFilter {
    /// Those that came in through this group, whether or not it still exists.
    pub group: Option<EnrollmentGroupId>,
    /// Those whose latest run was before this.
    pub updated_before: Option<Timestamp>,
    /// Those whose group, or individual enrollment, no longer exists.
    pub orphans_only: bool,
}

impl RegistrationFilter {
    /// Every record of a group.
    pub fn of_group(group: EnrollmentGroupId) -> Self {
        Self {
            group: Some(group),
            ..Self::default()
        }
    }
}

/// What a look at some of the records found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked<T> {
    /// What matched, in order of IDs; may be empty although there is more.
    pub found: T,
    /// The lower-case ID up to which was looked; `None` when nothing is left.
    pub until: Option<String>,
}

impl ReadTx<'_> {
    /// Records in order of their IDs, beginning after the lower-case ID `after`.
    pub fn registrations(
        &self,
        dps: &DpsName,
        filter: &RegistrationFilter,
        after: Option<&str>,
        page: PageSize,
    ) -> Result<Vec<RegistrationRecord>, StoreError> {
        let (condition, mut params) = condition(dps, filter, after);
        let limit = placeholder(&mut params, Param::Int(limit(page)));
        let sql = format!(
            "SELECT {COLUMNS} FROM registration r WHERE {condition} ORDER BY registration_key LIMIT {limit}"
        );
        self.query(&sql, &params, record)
    }

    /// As [`Self::registrations`], looking at a bounded number of records.
    pub fn look_at_registrations(
        &self,
        dps: &DpsName,
        filter: &RegistrationFilter,
        after: Option<&str>,
        page: PageSize,
    ) -> Result<Looked<Vec<RegistrationRecord>>, StoreError> {
        let until = self.end_of_look(dps, filter, after)?;
        let (condition, mut params) = condition(dps, filter, after);
        let end = match &until {
            Some(until) => {
                let end = placeholder(&mut params, Param::Text(until));
                format!("AND registration_key <= {end} ")
            }
            None => String::new(),
        };
        let limit = placeholder(&mut params, Param::Int(limit(page)));
        let sql = format!(
            "SELECT {COLUMNS} FROM registration r WHERE {condition} {end}ORDER BY registration_key LIMIT {limit}"
        );
        let found = self.query(&sql, &params, record)?;
        let is_full = found.len() >= page.get();
        let last = found.last().filter(|_| is_full);
        let until = last
            .map(|record| record.registration_id.key().to_owned())
            .or(until);
        Ok(Looked { found, until })
    }

    /// How many records of an instance match; looks at each that its group, if any, leaves.
    pub fn count_registrations(&self, dps: &DpsName, filter: &RegistrationFilter) -> Result<i64, StoreError> {
        let (condition, params) = condition(dps, filter, None);
        self.count(
            &format!("SELECT COUNT(*) FROM registration r WHERE {condition}"),
            &params,
        )
    }

    /// The last key of the next stretch of records, or `None` when the rest is shorter.
    fn end_of_look(
        &self,
        dps: &DpsName,
        filter: &RegistrationFilter,
        after: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let everything_there = RegistrationFilter {
            group: filter.group.clone(),
            ..RegistrationFilter::default()
        };
        let (condition, mut params) = condition(dps, &everything_there, after);
        let skipped = placeholder(&mut params, Param::Int(MAX_LOOKED_AT - 1));
        let sql = format!(
            "SELECT registration_key FROM registration r WHERE {condition} \
             ORDER BY registration_key LIMIT 1 OFFSET {skipped}"
        );
        self.find(&sql, &params, |row| row.text(0))
    }
}

/// The condition on a row `r`, and what it is asked with.
fn condition<'a>(
    dps: &'a DpsName,
    filter: &'a RegistrationFilter,
    after: Option<&'a str>,
) -> (String, Vec<Param<'a>>) {
    let mut params = vec![Param::Text(dps.key())];
    let mut terms = vec!["r.dps = ?1".to_owned()];
    if let Some(group) = &filter.group {
        let group = placeholder(&mut params, Param::Text(group.key()));
        terms.push(format!("r.group_key = {group}"));
    }
    if let Some(after) = after {
        let after = placeholder(&mut params, Param::Text(after));
        terms.push(format!("r.registration_key > {after}"));
    }
    if let Some(before) = filter.updated_before {
        let before = placeholder(&mut params, Param::Int(before.as_micros()));
        terms.push(format!("r.updated_at < {before}"));
    }
    if filter.orphans_only {
        terms.push(IS_ORPHAN.to_owned());
    }
    (terms.join(" AND "), params)
}

fn placeholder<'a>(params: &mut Vec<Param<'a>>, value: Param<'a>) -> String {
    params.push(value);
    format!("?{}", params.len())
}

fn limit(page: PageSize) -> i64 {
    i64::try_from(page.get()).unwrap_or(i64::MAX)
}
