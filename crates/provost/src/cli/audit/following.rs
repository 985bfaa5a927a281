use anyhow::{Result, anyhow};
use provost_model::AuditOrigin;
use provost_store::{AuditChain, AuditHash, StoredAuditEvent};
use provost_wire::own::AuditEventView;
use provost_wire::time;
use serde_json::Value;

use super::{not_held, told};

/// A log that is followed event by event, and a hash it must hold.
pub(super) struct Following {
    chain: AuditChain,
    wanted: Option<AuditHash>,
    is_held: bool,
}

impl Following {
    pub(super) fn new(from: Option<AuditHash>, wanted: Option<AuditHash>) -> Self {
        Self {
            chain: from.map_or_else(AuditChain::new, AuditChain::after),
            is_held: wanted.is_none() || wanted == from,
            wanted,
        }
    }

    /// Takes the next event.
    pub(super) fn follow(&mut self, event: &AuditEventView) -> Result<()> {
        self.chain.follow(&stored(event)?)?;
        self.is_held |= self.wanted == Some(self.chain.head());
        Ok(())
    }

    /// The hash of the last event taken.
    pub(super) fn head(&self) -> AuditHash {
        self.chain.head()
    }

    /// What to tell of a log that is whole.
    pub(super) fn end(self) -> Result<Value> {
        match self.wanted {
            Some(head) if !self.is_held => not_held(head)?,
            _ => {}
        }
        Ok(told(self.chain.count(), self.chain.last(), self.chain.head()))
    }
}

/// The event as it was hashed.
fn stored(event: &AuditEventView) -> Result<StoredAuditEvent> {
    let at = time::parse_iso(&event.at);
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    Ok(StoredAuditEvent {
        number: event.number,
        at: at.ok_or_else(|| anyhow!("event {} has no time that can be read", event.number))?,
        actor: event.actor.clone(),
        action: event.action.clone(),
        kind: event.kind.clone(),
        scope: event.scope.clone(),
        key: event.key.clone(),
        detail: event.detail.clone(),
        origin: AuditOrigin {
            address: event.address.clone(),
            tracking_id: event.tracking_id.clone(),
        },
        before: text(&event.before),
        after: text(&event.after),
        result: event.result.clone(),
        hash: AuditHash::parse(&event.hash),
    })
}
