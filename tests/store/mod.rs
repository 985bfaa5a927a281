//! What every engine must do; run once on SQLite and once on PostgreSQL.

mod audit;
mod blast_radius;
mod certificate_holders;
mod certificate_renewals;
mod crls;
mod device_registry;
mod devices;
mod enrollments;
mod entry_counts;
mod jobs;
mod key_intents;
mod leaf_standing;
mod messages;
mod outbound;
mod registrations;
mod registry_version;
mod reprovisions;
mod responders;
mod standing_leaves;
mod tag_leaves;
mod telemetry;
mod transactions;

use provost_model::{Action, Actor, AuditEvent, DpsName, HubName};

pub(crate) fn event(key: &str) -> AuditEvent {
    AuditEvent::new(Actor::System, Action::Update, "test", "scope", key)
}

pub(crate) fn dps() -> DpsName {
    DpsName::parse("dps").unwrap()
}

pub(crate) fn hub() -> HubName {
    HubName::parse("hub").unwrap()
}
