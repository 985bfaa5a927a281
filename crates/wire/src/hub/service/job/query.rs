use provost_model::{JobKind, JobStatus};

use crate::address::{Query, RouteError};

/// What a listing is narrowed to in one respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought<T> {
    /// Everything.
    Any,
    /// These alone.
    Only(T),
    /// A word of the contract that nothing here is ever of.
    Nothing,
}

/// `GET /jobs/v2/query?jobType=&jobStatus=` (iot-hub-service-api.md 10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobQuery {
    /// Of which kind.
    pub kind: Sought<JobKind>,
    /// In which status.
    pub status: Sought<JobStatus>,
}

/// Words of the contract for kinds of jobs that are not made here (iot-hub-service-api.md 10.1).
const OTHER_TYPES: [&str; 12] = [
    "unknown",
    "export",
    "import",
    "readDeviceProperties",
    "writeDeviceProperties",
    "updateDeviceConfiguration",
    "rebootDevice",
    "factoryResetDevice",
    "firmwareUpdate",
    "backup",
    "restoreFromBackup",
    "failoverDataCopy",
];
const OTHER_STATUSES: [&str; 2] = ["unknown", "enqueued"];

impl JobQuery {
    pub(in crate::hub::service) fn read(query: Query<'_>) -> Result<Self, RouteError> {
        let kinds = [
            ("scheduleUpdateTwin", JobKind::UpdateTwin),
            ("scheduleTwinUpdate", JobKind::UpdateTwin),
            ("scheduleDeviceMethod", JobKind::DeviceMethod),
            ("scheduleDirectRequest", JobKind::DeviceMethod),
        ];
        let statuses = JobStatus::ALL.map(|status| (status.as_str(), status));
        Ok(Self {
            kind: sought(query, "jobType", &kinds, &OTHER_TYPES)?,
            status: sought(query, "jobStatus", &statuses, &OTHER_STATUSES)?,
        })
    }
}

fn sought<T: Copy>(
    query: Query<'_>,
    name: &'static str,
    words: &[(&str, T)],
    others: &[&str],
) -> Result<Sought<T>, RouteError> {
    let Some(text) = query.get(name).filter(|text| !text.is_empty()) else {
        return Ok(Sought::Any);
    };
    if let Some((_, meaning)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)) {
        return Ok(Sought::Only(*meaning));
    }
    let is_known = others.iter().any(|word| word.eq_ignore_ascii_case(&text));
    is_known
        .then_some(Sought::Nothing)
        .ok_or(RouteError::Parameter(name))
}

/// Where the next page of a listing begins, as clients carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobToken(pub i64);

impl JobToken {
    /// Reads the header; `None` for what was never given out.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix("jobs-")?;
        digits.parse().ok().filter(|number| *number > 0).map(Self)
    }

    /// The header.
    pub fn text(self) -> String {
        format!("jobs-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_narrow_the_listing() {
        let read = |text: &str| JobQuery::read(Query::new(text));
        let any = JobQuery {
            kind: Sought::Any,
            status: Sought::Any,
        };
        assert_eq!(read(""), Ok(any));
        assert_eq!(read("jobType=&jobStatus="), Ok(any));
        let narrowed = read("jobType=scheduledevicemethod&jobStatus=cancelled").unwrap();
        assert_eq!(
            narrowed,
            JobQuery {
                kind: Sought::Only(JobKind::DeviceMethod),
                status: Sought::Only(JobStatus::Cancelled)
            }
        );
        assert_eq!(read("jobType=export").unwrap().kind, Sought::Nothing);
        assert_eq!(read("jobStatus=over"), Err(RouteError::Parameter("jobStatus")));
    }

    #[test]
    fn tokens_read_back_and_others_are_none() {
        assert_eq!(JobToken::parse(&JobToken(12).text()), Some(JobToken(12)));
        for text in ["", "jobs-", "jobs--1", "12", "jobs-x"] {
            assert_eq!(JobToken::parse(text), None, "{text}");
        }
    }
}
