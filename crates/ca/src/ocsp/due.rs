use std::time::Duration;

use provost_model::registry::{Ca, CaId, CaState, DelegatedResponder, ResponderState};
use provost_model::{CertificateDer, Timestamp};
use provost_store::{ReadTx, StoreError};

const DAY: Duration = Duration::from_hours(24);
/// How long a responder's certificate is valid: nobody can revoke it (`id-pkix-ocsp-nocheck`).
const LIFETIME: Duration = Duration::from_hours(24 * 7);
/// How long the key of one that was replaced stays: a request that read its row may be signing.
const GRACE: Duration = Duration::from_mins(5);

/// A responder that is to be made.
pub(super) struct Due {
    pub(super) ca: Ca,
    pub(super) certificate: CertificateDer,
    /// The one it takes the place of.
    pub(super) follows: Option<DelegatedResponder>,
    pub(super) not_after: Timestamp,
}

/// What is to be made now for CAs that have a key, closed ones included while something they signed is valid.
pub(super) fn due(tx: &ReadTx<'_>, now: Timestamp) -> Result<Vec<Due>, StoreError> {
    let mut due = Vec::new();
    for state in [CaState::Spare, CaState::Active, CaState::Retired, CaState::Closed] {
        for ca in tx.cas_in_state(state)? {
            if !may_sign(tx, &ca, now)? {
                continue;
            }
            let Some((certificate, end)) = ca.certificate.clone().zip(ca.not_after) else {
                continue;
            };
            let follows = tx.ocsp_responder(&ca.id)?;
            let is_due = follows.as_ref().is_none_or(|before| {
                let life = before.not_after.since(before.not_before);
                now >= before.not_before.after(life / 2) && before.not_after < end
            });
            if is_due && now < end {
                due.push(Due {
                    ca,
                    certificate,
                    follows,
                    not_after: now.after(LIFETIME).min(end),
                });
            }
        }
    }
    Ok(due)
}

/// Whether the key of a CA is here, and somebody may still ask about what it signed.
fn may_sign(tx: &ReadTx<'_>, ca: &Ca, now: Timestamp) -> Result<bool, StoreError> {
    if ca.key.is_offline() {
        return Ok(false);
    }
    if ca.state != CaState::Closed {
        return Ok(true);
    }
    let is_asked_about = tx.last_expiry_under(&ca.id)?.is_some_and(|end| now < end);
    Ok(is_asked_about && tx.key_destroyed_at(&ca.id)?.is_none())
}

/// The last one of a closed CA, when the one that answers does not last for everything the CA signed.
pub(super) fn last_due(tx: &ReadTx<'_>, id: &CaId, now: Timestamp) -> Result<Option<Due>, StoreError> {
    let Some(ca) = tx.ca(id)? else {
        return Ok(None);
    };
    let Some((certificate, end)) = ca.certificate.clone().zip(ca.not_after) else {
        return Ok(None);
    };
    let follows = tx.ocsp_responder(id)?;
    let last_expiry = tx.last_expiry_under(id)?.unwrap_or(now);
    // A day more: an answer is to be had until the very end.
    let not_after = last_expiry.after(DAY).min(end);
    let lasts = follows
        .as_ref()
        .is_some_and(|before| before.not_after >= not_after);
    if ca.state != CaState::Closed || ca.key.is_offline() || lasts || not_after <= now || last_expiry <= now {
        return Ok(None);
    }
    Ok(Some(Due {
        ca,
        certificate,
        follows,
        not_after,
    }))
}

/// Those whose keys are of no more use: replaced a while ago, expired, of a CA that was revoked, or intended
/// and never completed.
pub(super) fn served(tx: &ReadTx<'_>, now: Timestamp) -> Result<Vec<DelegatedResponder>, StoreError> {
    let mut served = tx.ocsp_responders_in_state(ResponderState::Intended)?;
    served.retain(|intended| intended.created_at < now.before(GRACE));
    for responder in tx.ocsp_responders_in_state(ResponderState::Active)? {
        let answering = tx.ocsp_responder(&responder.ca)?;
        let is_replaced = answering.is_some_and(|answering| {
            answering.serial != responder.serial && answering.created_at < now.before(GRACE)
        });
        let is_over = responder.not_after < now;
        let is_revoked = || -> Result<bool, StoreError> {
            let ca = tx.ca(&responder.ca)?;
            Ok(ca.is_none_or(|ca| ca.state == CaState::Revoked))
        };
        if is_replaced || is_over || is_revoked()? {
            served.push(responder);
        }
    }
    Ok(served)
}
