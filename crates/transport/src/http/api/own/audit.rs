//! The audit log.

use provost_wire::own::{AuditEventView, AuditPageView, AuditQuery};
use provost_wire::time;

use super::super::ApiParts;
use super::super::call::Call;
use super::super::reply::Answer;
use super::{Failure, admin, shown};

pub(super) async fn page(parts: &ApiParts, call: &Call, query: AuditQuery) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let (events, head) = parts.dps.audit_events(&admin, query.after, query.limit).await?;
    // What is stored is JSON of our own writing, which reads back to the same text.
    let document = |text: &str| serde_json::from_str(text).ok();
    let value = events.into_iter().map(|event| AuditEventView {
        number: event.number,
        at: time::iso(event.at),
        before: document(&event.before),
        after: document(&event.after),
        actor: event.actor,
        action: event.action,
        kind: event.kind,
        scope: event.scope,
        key: event.key,
        detail: event.detail,
        address: event.origin.address,
        tracking_id: event.origin.tracking_id,
        result: event.result,
        hash: event.hash.map(|hash| hash.to_string()).unwrap_or_default(),
    });
    Ok(shown(&AuditPageView {
        value: value.collect(),
        head: head.to_string(),
    }))
}
