use provost_model::{Reprovision, ReprovisionCounts, ReprovisionDevice};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReprovisionView {
    /// Its name.
    pub id: String,
    /// `running`, `paused`, `completed` or `cancelled`.
    pub status: String,
    /// Why it paused by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What became of its devices.
    pub devices: ReprovisionCountsView,
    /// Which devices.
    pub query: String,
    /// The method they are called.
    pub method: String,
    /// Its payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// Seconds a device may take to answer.
    pub response_timeout_in_seconds: u64,
    /// How often one is called.
    pub pace: String,
    /// When it pauses by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_on_failure: Option<String>,
    /// Seconds from its answer until a device must be back.
    pub return_within_seconds: u64,
    /// Seconds a device is waited for that is not there.
    pub connect_within_seconds: u64,
    /// Devices that may be away at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most_away: Option<u32>,
    /// Whether the certificate a device had is enough.
    pub accept_same_credential: bool,
    /// When it began.
    pub created_time_utc: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_time_utc: Option<String>,
}

/// `{"total","pending","called","left","returned","failed","notReturned","skipped"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReprovisionCountsView {
    /// All of them.
    pub total: u64,
    /// Not called yet.
    pub pending: u64,
    /// Called and still there.
    pub called: u64,
    /// Gone to register.
    pub left: u64,
    /// Back.
    pub returned: u64,
    /// Did not do what they were asked.
    pub failed: u64,
    /// Did not come back in time.
    pub not_returned: u64,
    /// Never there to be called.
    pub skipped: u64,
}

/// `{"dryRun","devices","connected"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastView {
    /// Always `true`.
    pub dry_run: bool,
    /// Devices the run would call.
    pub devices: u64,
    /// Those of them that are connected now.
    pub connected: u64,
}

/// One device of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReprovisionDeviceView {
    /// The device.
    pub device_id: String,
    /// Where it stands.
    pub state: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_time_utc: Option<String>,
    /// When it was seen to be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_time_utc: Option<String>,
    /// When it was back or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_time_utc: Option<String>,
}

/// `{"value","next"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReprovisionDevicesView {
    /// The devices, in the order of their IDs.
    pub value: Vec<ReprovisionDeviceView>,
    /// What `after` is for the next page, when there may be one.
    pub next: Option<String>,
}

impl From<&Reprovision> for ReprovisionView {
    fn from(run: &Reprovision) -> Self {
        let plan = &run.plan;
        Self {
            id: run.id.as_str().to_owned(),
            status: run.status.as_str().to_owned(),
            reason: run.reason.clone(),
            devices: run.counts.into(),
            query: plan.condition.clone(),
            method: plan.method.clone(),
            payload: plan.payload.clone(),
            response_timeout_in_seconds: plan.response_timeout.as_secs(),
            pace: plan.pace.to_string(),
            pause_on_failure: plan.pause_on.map(|limit| limit.to_string()),
            return_within_seconds: plan.return_within.as_secs(),
            connect_within_seconds: plan.connect_within.as_secs(),
            at_most_away: plan.at_most_away,
            accept_same_credential: plan.accept_same_credential,
            created_time_utc: time::iso(run.created_at),
            ended_time_utc: run.ended_at.map(time::iso),
        }
    }
}

impl From<ReprovisionCounts> for ReprovisionCountsView {
    fn from(counts: ReprovisionCounts) -> Self {
        Self {
            total: counts.devices,
            pending: counts.pending,
            called: counts.called,
            left: counts.left,
            returned: counts.returned,
            failed: counts.failed,
            not_returned: counts.not_returned,
            skipped: counts.skipped,
        }
    }
}

impl From<&ReprovisionDevice> for ReprovisionDeviceView {
    fn from(row: &ReprovisionDevice) -> Self {
        Self {
            device_id: row.device_id.as_str().to_owned(),
            state: row.state.as_str().to_owned(),
            reason: row.reason.clone(),
            called_time_utc: row.called_at.map(time::iso),
            left_time_utc: row.left_at.map(time::iso),
            ended_time_utc: row.ended_at.map(time::iso),
        }
    }
}
