use std::time::Duration;

use provost_model::{ConsumerGroupName, DeviceId, PageSize, PartitionId, TelemetryStart};

use super::parse_cursor;
use crate::address::{Query, RouteError, Routed, id, is};
use crate::time;

/// Longest time a telemetry request waits for a message.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

/// An operation on a hub's telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelemetryOperation {
    /// Read a page.
    Read(TelemetryQuery),
    /// Follow as server-sent events.
    Follow(TelemetryQuery),
    /// What the partitions hold.
    Partitions,
    /// The consumer groups.
    ListGroups,
    /// One of them.
    GetGroup(ConsumerGroupName),
    /// Make one.
    PutGroup(ConsumerGroupName),
    /// Remove one.
    DeleteGroup(ConsumerGroupName),
    /// Remember how far one came.
    PutCheckpoint(ConsumerGroupName, PartitionId),
}

/// Which messages of a hub's buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryQuery {
    /// Where to begin; with what comes from now on when the caller does not say.
    pub start: TelemetryStart,
    /// One partition only.
    pub partition: Option<PartitionId>,
    /// One device only.
    pub device_id: Option<DeviceId>,
    /// At most so many; 100 when the caller names none.
    pub limit: PageSize,
    /// How long to wait when there is none yet, up to [`MAX_WAIT`]. For a page absent is no wait, for
    /// a stream it is no end.
    pub wait: Option<Duration>,
}

/// What is below `/provost/hubs/{hub}/telemetry`.
pub(in crate::own) fn of_telemetry(
    method: &str,
    path: &[&str],
    query: Query<'_>,
) -> Routed<TelemetryOperation> {
    let operation = match path {
        [] => telemetry(query).map(TelemetryOperation::Read),
        [what] if is(what, "events") => telemetry(query).map(TelemetryOperation::Follow),
        [what] if is(what, "partitions") => Ok(TelemetryOperation::Partitions),
        _ => return Routed::NotFound,
    };
    if method == "GET" {
        operation.into()
    } else {
        Routed::MethodNotAllowed
    }
}

/// What is below `/provost/hubs/{hub}/consumerGroups`.
pub(in crate::own) fn of_groups(method: &str, path: &[&str]) -> Routed<TelemetryOperation> {
    let group = |text: &str| id(text, ConsumerGroupName::parse);
    match (path, method) {
        ([], "GET") => Routed::To(TelemetryOperation::ListGroups),
        ([name], "GET") => group(name).map(TelemetryOperation::GetGroup).into(),
        ([name], "PUT") => group(name).map(TelemetryOperation::PutGroup).into(),
        ([name], "DELETE") => group(name).map(TelemetryOperation::DeleteGroup).into(),
        ([name, what, number, last], _) if is(what, "partitions") && is(last, "checkpoint") => {
            if method != "PUT" {
                return Routed::MethodNotAllowed;
            }
            let operation = || {
                let partition = PartitionId::parse(number).ok_or(RouteError::Parameter("partition"))?;
                Ok(TelemetryOperation::PutCheckpoint(group(name)?, partition))
            };
            operation().into()
        }
        ([] | [_], _) => Routed::MethodNotAllowed,
        _ => Routed::NotFound,
    }
}

fn telemetry(query: Query<'_>) -> Result<TelemetryQuery, RouteError> {
    let given = |name| query.get(name).filter(|text: &String| !text.is_empty());
    let partition = match given("partition") {
        Some(text) => Some(PartitionId::parse(&text).ok_or(RouteError::Parameter("partition"))?),
        None => None,
    };
    let device_id = match given("deviceId") {
        Some(text) => Some(DeviceId::parse(&text)?),
        None => None,
    };
    let limit = query
        .number("limit")?
        .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let wait = query.number("wait")?;
    Ok(TelemetryQuery {
        start: start(query)?,
        partition,
        device_id,
        limit: PageSize::clamp(limit, 100, 1000),
        wait: wait.map(|wait| Duration::from_secs(wait).min(MAX_WAIT)),
    })
}

/// `after` goes before `sequenceNumber`, that before `from`, and that before the checkpoints of a
/// group.
fn start(query: Query<'_>) -> Result<TelemetryStart, RouteError> {
    let given = |name| query.get(name).filter(|text: &String| !text.is_empty());
    let group = match given("consumerGroup") {
        Some(text) => Some(ConsumerGroupName::parse(&text)?),
        None => None,
    };
    if let Some(text) = given("after") {
        // What everything comes after.
        if text == "0" {
            return Ok(TelemetryStart::Earliest);
        }
        let cursor = parse_cursor(&text).ok_or(RouteError::Parameter("after"))?;
        return Ok(TelemetryStart::Cursor(cursor));
    }
    if let Some(number) = query.number("sequenceNumber")? {
        let number = i64::try_from(number).map_err(|_| RouteError::Parameter("sequenceNumber"))?;
        return Ok(TelemetryStart::Sequence(number));
    }
    let Some(from) = given("from") else {
        return Ok(group.map_or(TelemetryStart::Latest, TelemetryStart::Checkpoint));
    };
    match from.as_str() {
        "earliest" => Ok(TelemetryStart::Earliest),
        "latest" => Ok(TelemetryStart::Latest),
        "checkpoint" => match group {
            Some(group) => Ok(TelemetryStart::Checkpoint(group)),
            None => Ok(TelemetryStart::Checkpoint(ConsumerGroupName::parse("$Default")?)),
        },
        text => {
            let since = time::parse_iso(text).ok_or(RouteError::Parameter("from"))?;
            Ok(TelemetryStart::Since(since))
        }
    }
}
