//! The linked hub: who may connect to it, what it knows of its devices, what it tells them.
//!
//! One [`HubService`] serves every hub of the program. It knows neither sockets nor JSON names nor
//! SQL: the transport hands it what was read off the wire, the store keeps what it decides.
//!
//! - A device connects ([`HubService::connect`]) and acts through its [`DeviceSession`]; one that only
//!   asks now and then proves itself each time ([`HubService::authenticate_device`]).
//! - A back end proves itself ([`HubService::authenticate_service`]) and acts as a [`ServiceCaller`]:
//!   registry, twins, methods, jobs, telemetry, statistics. Each method checks the right it needs.
//! - Provisioning writes identities inside its own transaction ([`provision_identity`]).
//!
//! A refusal is never late: a connecting session enters the session table before its device is
//! read, and whoever changes a device looks through the table after the commit.

mod activity;
mod audience;
mod auth;
mod cloud_to_device;
mod device_locks;
mod error;
mod fleet;
mod follow;
mod identity;
mod jobs;
mod join;
mod methods;
mod query;
mod registry;
mod renewal;
mod service;
mod service_auth;
mod session;
mod set_up;
mod telemetry;
mod twins;

pub use auth::{ConnectRefusal, ConnectRequest, DeviceCaller, RefusalReason};
pub use cloud_to_device::{FeedbackBatch, SentMessage, Taken};
pub use error::HubError;
pub use fleet::{ReprovisionForecast, ReprovisionPage};
pub use identity::{
    NewIdentity, ProvisionedIdentity, provision_identity, remove_identity, shut_out_identity,
    switch_identity, twin_to_carry,
};
pub use jobs::{DeviceJobPage, JobOptions, JobPage};
pub use methods::MethodAnswer;
pub use query::{MatchPage, QueryItems, QueryPage};
pub use registry::{DeviceStatistics, DeviceView, ModuleView};
pub use renewal::{CertificateIssuer, IssuerFuture, RenewalReply, RenewalStep};
pub use service::{HubOptions, HubService};
pub use service_auth::ServiceCaller;
pub use session::{CloseReason, DeviceSession, Feature, Granted, IncomingMethod, SessionEvent};
pub use set_up::{HubSummary, create_hub};
pub use telemetry::{
    ConsumerGroupView, MAX_CONSUMER_GROUPS, MAX_WAIT, TelemetryCounts, TelemetryPage, TelemetryRead,
    TelemetryTicket,
};
pub use twins::{ModuleTwinView, TwinView};
