//! The Device Provisioning Service: who gets in, and to which hub.
//!
//! Owns enrollments, enrollment groups, CA certificates, registration records and the run of a
//! device through provisioning. Knows no socket, no JSON name and no SQL: requests come as the typed
//! inputs of `provost-wire`, data through the transactions of `provost-store`, and the linked hubs
//! are reached through the port [`HubDirectory`].
//!
//! - [`decide()`] is the heart: one function from a snapshot and a claim to a [`Decision`] and the
//!   [`Trace`] of how it came about. Everything that admits or refuses a device goes through it.
//! - [`ProvisioningService`] holds the rest: a registration is one write transaction, and so is each
//!   change of the service API; every one ends in its audit event.
//! - Callers are proofs: [`RegistrationCaller`], [`ServiceCaller`] and [`AdminCaller`] are made by the
//!   authenticators alone, and rights are checked inside the methods.

mod admin;
mod administration;
mod allocate;
mod attestation;
mod audit_log;
mod authorities;
mod authority_verification;
mod blast_radius;
mod bulk;
mod caller;
mod credential;
mod decide;
mod device_name;
mod disenroll;
mod entries;
mod entry_id;
mod error;
mod explain;
#[cfg(test)]
mod fixture;
mod group_tree;
mod instances;
mod issuing;
mod listing;
mod lookup;
mod operation;
mod options;
mod outcome;
mod pending;
mod plan;
mod policies;
mod port;
mod quota;
mod record_bulk;
mod records;
mod refusals;
mod registration;
mod remote_hubs;
mod removal;
mod service;
mod service_auth;
mod settings;
mod tokens;
mod turns;
mod webhook;
mod write_rule;

pub use authorities::{AuthorityUpload, ShownAuthority};
pub use caller::{RegistrationCaller, RegistrationProof, ServiceCaller};
pub use decide::{
    AnchorKind, Claim, Decision, Entry, Judgement, Match, Proof, Refusal, Rules, Snapshot, Step, Trace,
    decide,
};
pub use disenroll::Disenroller;
pub use entries::{ShownEnrollment, ShownEntry, ShownGroup};
pub use entry_id::EntryId;
pub use error::{Noun, ProvisioningError};
pub use instances::{InstanceSummary, NewInstance, create_instance, link_hub};
pub use listing::{Page, PageRequest};
pub use lookup::StoredEntries;
pub use options::{OutboundOptions, ProvisioningOptions};
pub use policies::PolicyInput;
pub use port::{
    CertificateIssuer, HubDirectory, HubPortError, IdentityChange, NewIdentity, PortFuture, Provisioned,
    RemoteHubError, RemoteHubs, WebhookAnswer, WebhookError, Webhooks,
};
pub use provost_access::AdminCaller;
pub use quota::{QuotaUse, Quotas};
pub use record_bulk::DeletedRecords;
pub use records::RegistrationOutcome;
pub use refusals::{RefusalRetention, Refused};
pub use registration::Run;
pub use removal::remove_elsewhere;
pub use service::{ProvisioningParts, ProvisioningService};
pub use service_auth::ServiceCredential;
