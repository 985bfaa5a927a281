//! What Azure has no address for: everything under `/provost/`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /provost/health` | [`Health`] |
//! | `GET /provost/metrics` | counters, in OpenMetrics text |
//! | `POST /provost/adminTokens` | the token, shown once |
//! | `GET /provost/adminTokens`, `DELETE …/{name}` | [`AdminTokenSummary`]s |
//! | `GET`, `PUT`, `DELETE /provost/{hubs|dps}/{name}/namespace` | the link to a namespace |
//! | `/provost/namespaces/{namespace}/…` | see [`registry`] |
//! | `GET /provost/audit[?after=N&limit=N]` | [`AuditPageView`] |
//! | `POST /provost/explain` | [`Explanation`] |
//! | `GET /provost/hubs`, `POST /provost/hubs` | [`HubView`]s, one |
//! | `GET`, `DELETE /provost/hubs/{hub}[?force=true]` | [`HubSummaryView`] |
//! | `GET /provost/dps`, `POST /provost/dps` | [`OwnInstanceView`]s, one |
//! | `GET`, `DELETE /provost/dps/{dps}[?force=true]` | one |
//! | `GET /provost/{dps|hubs}/{name}/policies` | policies with their keys, as the management plane shows them |
//! | `PUT`, `DELETE …/policies/{policy}`, `POST …/policies/{policy}/renewKey` | one |
//! | `/provost/hubs/{hub}/telemetry…`, `/provost/hubs/{hub}/consumerGroups…` | see [`TelemetryOperation`] |
//! | `/provost/hubs/{hub}/fleet/reprovisions…` | [`ReprovisionView`]s, see `fleet` |
//! | `GET /provost/dps/{dps}/registrations/{id}/allocation` | [`AllocationCallView`] |
//! | `GET /provost/dps/{dps}/linkedHubs` | [`LinkedHubView`]s |
//! | `GET`, `PUT`, `DELETE /provost/dps/{dps}/linkedHubs/{hub}` | one |
//! | `GET /provost/dps/{dps}/quota` | [`QuotaView`]s |
//! | `POST /provost/dps/{dps}/registrations/query` | [`RecordPage`] |
//! | `POST /provost/dps/{dps}/registrations/delete` | [`DeletedView`] |
//! | `POST /provost/dps/{dps}/blastRadius` | [`BlastRadiusView`] |
//! | `POST /provost/dps/{dps}/disenroll` | [`DisenrollView`] |

mod admin_token;
mod allocation;
mod audit;
mod disenroll;
mod explain;
mod fleet;
mod hubs;
mod instances;
mod quota;
mod records;
pub mod registry;
mod route;
mod telemetry;

pub use admin_token::{AdminTokenInput, AdminTokenSummary, AdminTokenView};
pub use allocation::AllocationCallView;
pub use audit::{AuditEventView, AuditPageView, AuditQuery, MAX_AUDIT_EVENTS};
pub use disenroll::{
    BelowView, BlastRadiusInput, BlastRadiusView, DisenrollInput, DisenrollTarget, DisenrollView,
    StillAdmittedView, TouchedEntryView, TouchedView,
};
pub use explain::{
    ExplainInput, ExplainedEntry, ExplainedOutcome, Explanation, LastChange, RecentRefusal, ToldError,
};
pub use fleet::{
    DevicesQuery, FleetOperation, ForecastView, ReprovisionCountsView, ReprovisionDeviceView,
    ReprovisionDevicesView, ReprovisionInput, ReprovisionView, ResumeInput,
};
pub use hubs::{
    HubHealthView, HubInput, HubSummaryView, HubView, LinkedHubInput, LinkedHubView, MAX_WEIGHT,
    RemoteHubInput, RemoteHubView,
};
pub use instances::{AccessPolicyInput, InstanceInput, OwnInstanceView, RenewKeyInput};
pub use quota::QuotaView;
pub use records::{DeletedView, RecordDelete, RecordPage, RecordQuery, RecordSelection, RecordView};
pub use route::{OwnOperation, parse_route};
pub use telemetry::{
    COMMENT, CheckpointInput, CheckpointView, ConsumerGroupView, EVENT_STREAM, LostView, MAX_WAIT,
    PartitionView, TelemetryItem, TelemetryOperation, TelemetryPageView, TelemetryQuery, format_cursor,
    lost_event, message_event, parse_cursor,
};

use serde::{Deserialize, Serialize};

/// `{"status":"ok"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`, or what is wrong in a word.
    pub status: String,
}

/// `{"value":[…]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing<T> {
    /// The items.
    pub value: Vec<T>,
}
