use provost_model::{AuditEvent, DpsName, EnrollmentKind, Timestamp};

use crate::engine::Engine;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError};

const COLUMNS: &str = "number, at, actor, action, kind, scope, item, detail";

/// An audit event as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAuditEvent {
    /// Its place in the order of commits.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who, e.g. `policy:provisioningserviceowner`.
    pub actor: String,
    /// What, e.g. `update`.
    pub action: String,
    /// The kind of thing, e.g. `enrollment`.
    pub kind: String,
    /// The instance or hub.
    pub scope: String,
    /// The thing.
    pub key: String,
    /// The remark.
    pub detail: String,
}

pub(crate) fn insert(
    engine: Engine<'_>,
    number: i64,
    now: Timestamp,
    event: &AuditEvent,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit_event (number, at, actor, action, kind, scope, item, detail) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let actor = event.actor.to_string();
    let subject = &event.subject;
    let params = params![
        number,
        now.as_micros(),
        &actor,
        event.action.as_str(),
        subject.kind,
        &subject.scope,
        &subject.key,
        &event.detail,
    ];
    engine.execute(sql, params).map(|_| ())
}

impl ReadTx<'_> {
    /// The last change of an individual enrollment or a group; deleted ones are found too.
    pub fn last_entry_change(
        &self,
        dps: &DpsName,
        kind: EnrollmentKind,
        entry_key: &str,
    ) -> Result<Option<StoredAuditEvent>, StoreError> {
        // Both in the text, or SQLite does not see that the index over the kinds of entries serves.
        let kind = match kind {
            EnrollmentKind::Individual => "enrollment",
            EnrollmentKind::Group => "enrollmentGroup",
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_event WHERE kind IN ('enrollment', 'enrollmentGroup', 'caCertificate') \
             AND kind = '{kind}' AND scope = ?1 AND lower(item) = ?2 \
             AND action <> 'reveal' ORDER BY number DESC LIMIT 1"
        );
        self.find(&sql, params![dps.as_str(), entry_key], event)
    }

    /// Audit events after the one numbered `after`, oldest first, at most `limit`.
    pub fn audit_events_after(&self, after: i64, limit: usize) -> Result<Vec<StoredAuditEvent>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM audit_event WHERE number > ?1 ORDER BY number LIMIT ?2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.query(&sql, params![after, limit], event)
    }
}

fn event(row: &Row<'_>) -> Result<StoredAuditEvent, StoreError> {
    Ok(StoredAuditEvent {
        number: row.int(0)?,
        at: Timestamp::from_micros(row.int(1)?),
        actor: row.text(2)?,
        action: row.text(3)?,
        kind: row.text(4)?,
        scope: row.text(5)?,
        key: row.text(6)?,
        detail: row.text(7)?,
    })
}
