//! The audit log: who did what to which thing, in the order of commits, each event chained to the one
//! before it. Nothing here changes or removes an event, and the database refuses to.

mod chain;
mod keeping;
mod origin;

use provost_model::{AuditEvent, AuditFacts, AuditOrigin, DpsName, EnrollmentKind, Timestamp};

pub(crate) use self::chain::Facts;
pub use self::chain::{AuditChain, AuditHash, BrokenChain};
pub(crate) use self::keeping::keep;
pub(crate) use self::origin::current as current_origin;
pub use self::origin::{in_same_origin, with_origin, with_tracking_id};
use crate::engine::Engine;
use crate::sql::{Param, Row, params};
use crate::{ReadTx, StoreError};

const COLUMNS: &str = "number, at, actor, action, kind, scope, item, detail, address, tracking_id, was, \
                       became, result, hash";

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
    /// From where; empty for what the program does by itself.
    pub origin: AuditOrigin,
    /// JSON of what stood before; empty when nothing was told.
    pub before: String,
    /// JSON of what stands now; empty when nothing was told.
    pub after: String,
    /// How it ended; empty in events of older programs.
    pub result: String,
    /// The hash of this event and everything before it.
    pub hash: Option<AuditHash>,
}

impl StoredAuditEvent {
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            number: self.number,
            at: self.at.as_micros(),
            texts: [
                &self.actor,
                &self.action,
                &self.kind,
                &self.scope,
                &self.key,
                &self.detail,
                &self.origin.address,
                &self.origin.tracking_id,
                &self.before,
                &self.after,
                &self.result,
            ],
        }
    }
}

/// Writes an event behind the one whose hash is `head`; returns its own.
pub(crate) fn insert(
    engine: Engine<'_>,
    number: i64,
    now: Timestamp,
    event: &AuditEvent,
    surroundings: Option<&AuditOrigin>,
    head: &AuditHash,
) -> Result<AuditHash, StoreError> {
    let sql = "INSERT INTO audit_event (number, at, actor, action, kind, scope, item, detail, address, \
               tracking_id, was, became, result, hash) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    let actor = event.actor.to_string();
    let subject = &event.subject;
    let (address, tracking_id) = event
        .origin
        .as_ref()
        .or(surroundings)
        .map_or(("", ""), |origin| (&origin.address, &origin.tracking_id));
    let text = |facts: &Option<AuditFacts>| facts.as_ref().map(AuditFacts::to_string).unwrap_or_default();
    let (before, after) = (text(&event.before), text(&event.after));
    let facts = Facts {
        number,
        at: now.as_micros(),
        texts: [
            &actor,
            event.action.as_str(),
            subject.kind,
            &subject.scope,
            &subject.key,
            &event.detail,
            address,
            tracking_id,
            &before,
            &after,
            &event.result,
        ],
    };
    let hash = facts.hash(head);
    let mut params: Vec<Param<'_>> = vec![number.into(), facts.at.into()];
    params.extend(facts.texts.map(Param::from));
    params.push(hash.as_bytes().into());
    engine.execute(sql, &params)?;
    Ok(hash)
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

    /// The hash of the last event, as the writers know it.
    pub fn audit_head(&self) -> Result<AuditHash, StoreError> {
        let sql = "SELECT head FROM counter WHERE name = 'number'";
        let found = self.find(sql, &[], |row| row.opt_blob(0))?.flatten();
        head(found)
    }
}

/// Reads the head from the row of numbers.
pub(crate) fn head(found: Option<Vec<u8>>) -> Result<AuditHash, StoreError> {
    let Some(bytes) = found else {
        return Ok(AuditHash::START);
    };
    AuditHash::from_bytes(&bytes).ok_or_else(|| StoreError::Inconsistent {
        table: "counter",
        column: "head",
        key: "number".into(),
    })
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
        origin: AuditOrigin {
            address: row.text(8)?,
            tracking_id: row.text(9)?,
        },
        before: row.text(10)?,
        after: row.text(11)?,
        result: row.text(12)?,
        hash: row.opt_blob(13)?.as_deref().and_then(AuditHash::from_bytes),
    })
}
