//! The store: SQL, both engines, transactions, migrations and the change feed.
//!
//! Knows columns; knows neither JSON names of the wire nor rules. Reads and writes are synchronous
//! closures over a transaction, run by [`Store::read`], [`Store::write`] and [`Store::append`]:
//!
//! - on SQLite reads run where they are asked for (a point read costs microseconds) and writes are
//!   queued to one writer that commits many of them with one fsync;
//! - on PostgreSQL the same closures run on blocking threads, with the same single writer per node,
//!   which holds the number row, so that commits of all nodes are numbered in their order.
//!
//! A [`WriteTx`] can end only in [`WriteTx::record`], which writes the audit event, or in
//! [`WriteTx::unchanged`], which rolls back: a commit without an audit event does not compile.

mod admin;
mod allocation_call;
mod audit;
mod authority;
mod backup;
mod blast_radius;
mod certificate_renewal;
mod convert;
mod credential;
mod device;
mod device_message;
mod disabled_anchor;
mod dropping;
mod engine;
mod enrollment;
mod enrollment_anchor;
mod enrollment_row;
mod entry_count;
mod error;
mod feed;
mod hub;
mod identity_row;
mod instance;
mod job;
mod kept_session;
mod message_feedback;
mod migrate;
mod module;
mod pending;
mod policy;
mod refusal;
mod registration;
mod registration_list;
mod registry;
mod remote_hub;
mod removal;
mod reprovision;
mod sql;
mod store;
mod tag_leaf;
mod telemetry;
mod twin;
mod twin_query;
mod tx;
mod writer;

pub use admin::AdminTokenRow;
pub use audit::{
    AuditChain, AuditHash, BrokenChain, StoredAuditEvent, in_same_origin, with_origin, with_tracking_id,
};
pub use authority::CertificateIndex;
pub use backup::{
    AuditMark, DatabaseFacts, Reapplied, StoredKeyRef, check_sqlite, copy_sqlite, database_facts,
    finish_restore, keys_in_use, stored_key_refs,
};
pub use blast_radius::{CertificateHolder, Holding};
pub use certificate_renewal::{CertificateRenewal, RenewalError, RenewalState};
pub use credential::Credential;
pub use device_message::MessageQueues;
pub use disabled_anchor::DisabledHolder;
pub use enrollment_anchor::{AnchorIndex, GroupAnchor, Slot};
pub use entry_count::Counted;
pub use error::StoreError;
pub use job::DeviceJobFilter;
pub use kept_session::KeptSession;
pub use pending::Claim;
pub use refusal::StoredRefusal;
pub use registration_list::{Looked, RegistrationFilter};
pub use registry::{
    CaOfNamespace, CrlPart, CrlWork, GivenUpKey, HolderCounts, Holders, IssuedAfter, KnownIssuers,
    LeafStanding, LeafStatus, NewCrl, NewIntent, RegistryIdentity, RegistryVersion, RevokedLeaves,
    StandingOf, StandingPage, StoredCrl,
};
pub use reprovision::ReprovisionNote;
pub use store::{CommitCounts, Store, StoreAddress, StoreOptions};
pub use telemetry::{TelemetryAppended, TelemetryCut};
pub use twin::TwinParts;
pub use twin_query::IdSpan;
pub use tx::{AppendTx, Audited, ReadTx, WriteTx};
