use std::time::{Duration, Instant};

use provost_model::Timestamp;
use provost_model::registry::{Ca, CaRole, CaState, RevokedEntry};
use provost_pki::Certificate;
use provost_pki::crl::RevocationList;
use provost_store::{CrlPart, CrlWork, NewCrl, ReadTx, StoreError};
use tracing::{debug, info};

use super::{CrlPublisher, PublishError};
use crate::CaError;

/// Entries read at a time.
const PAGE: usize = 10_000;
/// A part rests so many times as long as its making took: at most a twentieth of one core.
const REST: u32 = 20;
/// The longest rest: a revocation stands on the CRL within a minute (certificate-management.md 6.7).
const LONGEST_REST: Duration = Duration::from_secs(45);

/// What a CRL is made from, read in one snapshot.
struct Material {
    ca: Ca,
    work: CrlWork,
    entries: Vec<RevokedEntry>,
    /// When the last of what the CA signed ends.
    last_expiry: Option<Timestamp>,
}

impl CrlPublisher {
    /// Makes the next CRL of a part that is leased.
    pub(super) async fn publish(&self, part: CrlPart) -> Result<(), PublishError> {
        let begun = Instant::now();
        let read = {
            let part = part.clone();
            move |tx: &ReadTx<'_>| material(tx, &part)
        };
        let Some(material) = self.store.scan(read).await? else {
            return Err(PublishError::NoCertificate(part.ca));
        };
        let now = self.clock.now();
        if !signs_crls(&material.ca, now) {
            debug!(ca = %part.ca, part = part.shard, "the CA signs nothing more: its last CRL stays");
            let end: Result<(), StoreError> = self.store.append(move |tx| tx.end_crl(&part)).await;
            return Ok(end?);
        }
        if material.ca.key.is_offline() {
            debug!(ca = %part.ca, "the CRL of a root kept offline is signed elsewhere");
            let wait: Result<(), StoreError> = self.store.append(move |tx| tx.await_crl(&part)).await;
            return Ok(wait?);
        }
        let publisher = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            let mut new = publisher.sign(&material, now)?;
            let rest = (begun.elapsed() * REST).min(LONGEST_REST);
            new.rests_until = now.after(rest);
            Ok::<_, PublishError>((material.work, new))
        });
        let (work, new) = made.await.map_err(|_| PublishError::Stopped)??;
        let (number, entries, is_last) = (new.number, new.entries, new.due_at.is_none());
        let replace: Result<bool, StoreError> =
            self.store.append(move |tx| tx.replace_crl(&work, &new)).await;
        if replace? {
            info!(ca = %part.ca, part = part.shard, number, entries, is_last, "a CRL was made");
        }
        Ok(())
    }

    fn sign(&self, material: &Material, now: Timestamp) -> Result<NewCrl, PublishError> {
        let Material { ca, work, .. } = material;
        let certificate = ca.certificate.as_ref();
        let certificate = certificate.ok_or_else(|| PublishError::NoCertificate(ca.id.clone()))?;
        let issuer = Certificate::from_der(&certificate.0).map_err(CaError::from)?;
        let lifetime = match ca.role {
            CaRole::Root => self.schedule.root_lifetime,
            CaRole::Issuing => self.schedule.lifetime,
        };
        let is_last = is_last(ca, material.last_expiry, now);
        let mut next_update = now.after(lifetime);
        if is_last {
            next_update = material
                .last_expiry
                .map_or(next_update, |end| end.max(next_update));
        }
        // Grows even when the store was put back to an earlier state: never two CRLs of one number. In
        // microseconds, so that no burst of revocations runs ahead of the clock.
        let number = now.as_micros().max(work.number.saturating_add(1));
        let part = (ca.shards > 1).then(|| self.part_address(&work.part));
        let list = RevocationList {
            issuer: &issuer,
            number: u64::try_from(number).unwrap_or(0),
            this_update: now,
            next_update,
            part: part.as_deref(),
        };
        let signer = self.keys.signer(&ca.key)?;
        let der = list
            .signed_with(&material.entries, &signer)
            .map_err(CaError::from)?;
        Ok(NewCrl {
            number,
            this_update: now,
            next_update,
            der,
            entries: i64::try_from(material.entries.len()).unwrap_or(i64::MAX),
            due_at: (!is_last).then(|| now.after(self.schedule.reissue.min(lifetime / 2))),
            rests_until: now,
        })
    }

    /// What a part calls itself: the first address in the certificates it is about, or a name nobody can
    /// ask when none is published.
    fn part_address(&self, part: &CrlPart) -> String {
        let addresses = self.addresses.crls(&part.ca, part.shard);
        let first = addresses.into_iter().next();
        first.unwrap_or_else(|| format!("urn:provost:crl:{}:{}", part.ca, part.shard))
    }
}

/// A revoked CA signs nothing more, one that expired is not believed any more, and one that ended with its key
/// elsewhere keeps what was brought last.
fn signs_crls(ca: &Ca, now: Timestamp) -> bool {
    let has_ended = ca.state == CaState::Closed && ca.key.is_offline();
    ca.state != CaState::Revoked && !has_ended && ca.not_after.is_none_or(|end| now <= end)
}

/// Whether nothing follows the CRL that is made now. Leaves of a policy that was deleted can still be revoked,
/// and stand on a CRL until the last of them has expired (certificate-management.md 3.9, 6.1); a root that was
/// closed has no issuing CA any more that could be.
fn is_last(ca: &Ca, last_expiry: Option<Timestamp>, now: Timestamp) -> bool {
    let is_over = ca.role == CaRole::Root || last_expiry.is_none_or(|end| end <= now);
    ca.state == CaState::Closed && is_over
}

fn material(tx: &ReadTx<'_>, part: &CrlPart) -> Result<Option<Material>, StoreError> {
    let (Some(ca), Some(work)) = (tx.ca(&part.ca)?, tx.crl_work(part)?) else {
        return Ok(None);
    };
    let mut entries: Vec<RevokedEntry> = Vec::new();
    loop {
        let after = entries.last().map(|entry| entry.serial.clone());
        let page = tx.revoked_entries(part, work.this_update, after.as_ref(), PAGE)?;
        let is_end = page.len() < PAGE;
        entries.extend(page);
        if is_end {
            break;
        }
    }
    let last_expiry = match ca.state {
        CaState::Closed => tx.last_expiry_under(&part.ca)?,
        _ => None,
    };
    Ok(Some(Material {
        ca,
        work,
        entries,
        last_expiry,
    }))
}
