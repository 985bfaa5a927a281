//! CRLs, made in the background: whoever revokes marks a part in the transaction, and what is out is
//! replaced here a moment later. No hub reads a CRL to decide (certificate-management.md 3.2): they are
//! for whoever else trusts our CAs.

mod crl;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use provost_model::registry::CaId;
use provost_model::{Action, Actor, AuditEvent, Clock, Timestamp};
use provost_store::{CrlPart, Store, StoreError};
use tracing::{info, warn};

use crate::{CaError, CaKeys, DelegateError, OcspDelegates, PublicAddresses};

/// How long CRLs are promised to stand and how often they are made though nothing changed
/// (certificate-management.md 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrlSchedule {
    /// From one CRL of an issuing CA to the promised next.
    pub lifetime: Duration,
    /// The same of a root.
    pub root_lifetime: Duration,
    /// The age at which a CRL is made anew.
    pub reissue: Duration,
}

impl Default for CrlSchedule {
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            lifetime: 7 * DAY,
            root_lifetime: 90 * DAY,
            reissue: DAY,
        }
    }
}

/// How long one who took a part may be at it before others try.
const LEASE: Duration = Duration::from_mins(1);
/// Keys looked at in one go; those that cannot be destroyed are among them again the next time.
const KEYS: usize = 1_000;
/// Parts taken at a time.
const PARTS: usize = 16;
/// How often it looks though nobody woke it: work of other nodes, CRLs that grow old.
const LOOK: Duration = Duration::from_secs(1);
/// How often it looks after CAs that end.
const ENDING_LOOK: Duration = Duration::from_secs(10);

/// Makes CRLs, and ends the keys of CAs that sign no more. Cheap to clone.
#[derive(Clone)]
pub struct CrlPublisher {
    store: Store,
    keys: CaKeys,
    clock: Arc<dyn Clock>,
    addresses: PublicAddresses,
    schedule: CrlSchedule,
    responders: Option<OcspDelegates>,
}

/// Why a CRL was not made.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// It could not be signed.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// A CA that should sign a CRL is not there or has no certificate.
    #[error("the CA {0} cannot sign a CRL: it has no certificate")]
    NoCertificate(CaId),
    /// The work stopped in a way that should not be possible.
    #[error("the making of a CRL stopped unexpectedly")]
    Stopped,
}

impl CrlPublisher {
    /// What makes CRLs of the CAs in this store.
    pub fn new(
        store: Store,
        keys: CaKeys,
        clock: Arc<dyn Clock>,
        addresses: PublicAddresses,
        schedule: CrlSchedule,
    ) -> Self {
        Self {
            store,
            keys,
            clock,
            addresses,
            schedule,
            responders: None,
        }
    }

    /// The same, and no key of a closed CA is destroyed before the CA has a last OCSP responder from these.
    #[must_use]
    pub fn with_responders(mut self, responders: OcspDelegates) -> Self {
        self.responders = Some(responders);
        self
    }

    /// Works for ever; several nodes may do so on one store.
    pub async fn run(self) {
        let mut changed = self.store.changed();
        let mut looked_at_ending: Option<Timestamp> = None;
        loop {
            let now = self.clock.now();
            if looked_at_ending.is_none_or(|at| now.since(at) >= ENDING_LOOK) {
                looked_at_ending = Some(now);
                report(self.end_closed().await);
            }
            match self.publish_due().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => report(Err(error)),
            }
            tokio::select! {
                woken = changed.changed() => {
                    if woken.is_err() {
                        return;
                    }
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Makes the CRLs that are due; returns how many parts were looked at.
    ///
    /// # Errors
    /// [`PublishError::Store`]. A CRL that cannot be made is told in the log and tried again in a minute.
    pub async fn publish_due(&self) -> Result<usize, PublishError> {
        let now = self.clock.now();
        let is_due = self.store.read(move |tx| tx.is_crl_due(now)).await?;
        if !is_due {
            return Ok(0);
        }
        let lease: Result<Vec<CrlPart>, StoreError> = self
            .store
            .append(move |tx| tx.lease_crls(now, now.after(LEASE), PARTS))
            .await;
        let parts = lease?;
        for part in &parts {
            if let Err(error) = self.publish(part.clone()).await {
                warn!(
                    ca = %part.ca,
                    part = part.shard,
                    error = &error as &dyn std::error::Error,
                    "a CRL could not be made; the one before it stays out"
                );
            }
        }
        Ok(parts.len())
    }

    /// Sees to it that closed CAs get their last CRLs, and destroys the keys of those that have them.
    ///
    /// # Errors
    /// [`PublishError`]: what is left is done the next time.
    pub async fn end_closed(&self) -> Result<(), PublishError> {
        let now = self.clock.now();
        let hasten: Result<u64, StoreError> = self.store.append(move |tx| tx.hasten_last_crls(now)).await;
        hasten?;
        self.publish_due().await?;
        let ended = self.store.scan(|tx| tx.keys_to_destroy(KEYS)).await?;
        for (ca, key) in ended {
            if let Err(error) = self.make_last_responder(&ca).await {
                warn!(
                    %ca,
                    error = &error as &dyn std::error::Error,
                    "a closed CA has no last OCSP responder yet; its key stays until then"
                );
                continue;
            }
            let keys = self.keys.clone();
            let destroyed = tokio::task::spawn_blocking(move || keys.destroy(&key))
                .await
                .map_err(|_| PublishError::Stopped)?;
            if let Err(error) = destroyed {
                warn!(
                    %ca,
                    error = &error as &dyn std::error::Error,
                    "the key of a CA that signs no more could not be destroyed; it is tried again"
                );
                continue;
            }
            let id = ca.clone();
            let noted: Result<bool, StoreError> = self
                .store
                .write(move |tx| {
                    if !tx.note_key_destroyed(&id)? {
                        return Ok(tx.unchanged(false));
                    }
                    let event = AuditEvent::new(Actor::System, Action::Delete, "caKey", "", id.as_str());
                    tx.record(&event, true)
                })
                .await;
            if noted? {
                info!(%ca, "the key of a CA that signs no more was destroyed");
            }
        }
        Ok(())
    }

    async fn make_last_responder(&self, ca: &CaId) -> Result<(), DelegateError> {
        match &self.responders {
            Some(responders) => responders.make_last(ca).await,
            None => Ok(()),
        }
    }
}

fn report(outcome: Result<(), PublishError>) {
    if let Err(error) = outcome {
        warn!(
            error = &error as &dyn std::error::Error,
            "CRLs cannot be looked after now"
        );
    }
}
