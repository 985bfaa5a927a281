//! The keys and certificates that answer, over their life: intended, signed, written down, replaced,
//! destroyed. Several nodes may look after one store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use provost_keys::KeyProviderError;
use provost_model::registry::{Ca, CaId, DelegatedResponder, ResponderState};
use provost_model::{Action, Actor, AuditEvent, AuditFacts, CertificateDer, Clock, Random, Timestamp};
use provost_pki::Certificate;
use provost_store::{AppendTx, ReadTx, Store, StoreError};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::due::{Due, due, last_due, served};
use crate::delegate::{DelegateOrder, sign_delegate};
use crate::{CaError, CaKeys, new_serial};

/// It begins to be valid so long before now, for clocks that are slow.
const BACKDATE: Duration = Duration::from_mins(1);
/// How long what was intended may wait to be completed before others try.
const INTENT_LIFE: Duration = Duration::from_mins(1);
/// After a failure a CA is left alone for so long.
const PAUSE: Duration = Duration::from_mins(1);
/// How often it looks though nobody woke it.
const LOOK: Duration = Duration::from_mins(1);
/// The least time between two looks: devices change all the time.
const REST: Duration = Duration::from_millis(500);
/// What is told of in the audit log.
const SUBJECT: &str = "ocspResponder";

/// Looks after delegated responders. Cheap to clone.
#[derive(Clone)]
pub struct OcspDelegates {
    store: Store,
    keys: CaKeys,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    is_on: bool,
    /// Until when CAs are left alone whose responder could not be made.
    pauses: Arc<Mutex<HashMap<CaId, Timestamp>>>,
}

/// Why a responder was not made or ended.
#[derive(Debug, thiserror::Error)]
pub enum DelegateError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// Its key or its certificate could not be made.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// Somebody else is making it.
    #[error("another node is making the OCSP responder")]
    NotYet,
    /// The work stopped in a way that should not be possible.
    #[error("the making of an OCSP responder stopped unexpectedly")]
    Stopped,
}

impl OcspDelegates {
    /// What looks after the responders in this store. Switched off it makes none, and still ends what an
    /// earlier run left.
    pub fn new(
        store: Store,
        keys: CaKeys,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        is_on: bool,
    ) -> Self {
        Self {
            store,
            keys,
            clock,
            random,
            is_on,
            pauses: Arc::default(),
        }
    }

    /// Works for ever.
    pub async fn run(self) {
        if let Err(error) = self.end_lost().await {
            tell(&error);
        }
        let mut changed = self.store.changed();
        loop {
            for outcome in [self.make_due().await, self.end_served().await] {
                if let Err(error) = outcome {
                    tell(&error);
                }
            }
            if !self.wait(&mut changed).await {
                return;
            }
        }
    }

    /// Waits for the next look: a while, or until a CA that signs has no responder. `false` when the store is
    /// closed.
    async fn wait(&self, changed: &mut watch::Receiver<u64>) -> bool {
        let next = tokio::time::sleep(LOOK);
        tokio::pin!(next);
        loop {
            tokio::time::sleep(REST).await;
            tokio::select! {
                woken = changed.changed(), if self.is_on => {
                    if woken.is_err() {
                        return false;
                    }
                }
                () = &mut next => return true,
            }
            let now = self.clock.now();
            let lacks: Result<bool, StoreError> =
                self.store.read(move |tx| tx.is_responder_missing(now)).await;
            if lacks.unwrap_or(true) {
                return true;
            }
        }
    }

    /// Ends responders whose keys are not here: the keys were restored from an older backup than the rows.
    /// Others are made for them.
    ///
    /// # Errors
    /// [`DelegateError`].
    pub async fn end_lost(&self) -> Result<(), DelegateError> {
        let read = |tx: &ReadTx<'_>| tx.ocsp_responders_in_state(ResponderState::Active);
        let active: Vec<DelegatedResponder> = self.store.scan(read).await?;
        for responder in active {
            let (keys, key) = (self.keys.clone(), responder.key.clone());
            let found = blocking(move || keys.signer(&key)).await;
            if let Err(DelegateError::Ca(CaError::Keys(KeyProviderError::NotFound(_)))) = found {
                warn!(ca = %responder.ca, "the key of an OCSP responder is not here; another one is made");
                self.end(responder).await?;
            }
        }
        Ok(())
    }

    /// Makes responders for CAs that have none, or one that is past half of its life.
    ///
    /// # Errors
    /// [`DelegateError::Store`]. A responder that cannot be made is told in the log and tried again in a
    /// minute; the one before it answers meanwhile.
    pub async fn make_due(&self) -> Result<(), DelegateError> {
        if !self.is_on {
            return Ok(());
        }
        let now = self.clock.now();
        for due in self.store.scan(move |tx| due(tx, now)).await? {
            if self.is_paused(&due.ca.id, now) {
                continue;
            }
            let id = due.ca.id.clone();
            if let Err(error) = self.make(due).await {
                warn!(
                    ca = %id,
                    error = &error as &dyn std::error::Error,
                    "an OCSP responder could not be made; it is tried again in a minute"
                );
                self.pauses().insert(id, now.after(PAUSE));
            }
        }
        Ok(())
    }

    /// Sees to it that a closed CA has a responder for everything it signed, before its key is destroyed;
    /// does nothing when it is switched off, or has one.
    ///
    /// # Errors
    /// [`DelegateError`]: the key is to stay until this succeeds.
    pub(crate) async fn make_last(&self, ca: &CaId) -> Result<(), DelegateError> {
        if !self.is_on {
            return Ok(());
        }
        let Some(due) = self.last_due(ca).await? else {
            return Ok(());
        };
        self.make(due).await?;
        match self.last_due(ca).await? {
            None => Ok(()),
            Some(_) => Err(DelegateError::NotYet),
        }
    }

    async fn last_due(&self, ca: &CaId) -> Result<Option<Due>, StoreError> {
        let (now, id) = (self.clock.now(), ca.clone());
        self.store.scan(move |tx| last_due(tx, &id, now)).await
    }

    /// Destroys the keys of responders that answer no more, and of those that were never completed.
    ///
    /// # Errors
    /// [`DelegateError`]: what is left is done the next time.
    pub async fn end_served(&self) -> Result<(), DelegateError> {
        let now = self.clock.now();
        let read = move |tx: &ReadTx<'_>| served(tx, now);
        for responder in self.store.scan(read).await? {
            self.end(responder).await?;
        }
        let is_one_ended = |tx: &ReadTx<'_>| tx.ocsp_responders_in_state(ResponderState::Ended);
        let ended: Vec<DelegatedResponder> = self.store.scan(is_one_ended).await?;
        if ended.iter().any(|ended| ended.not_after < now) {
            let prune: Result<u64, StoreError> =
                self.store.append(move |tx| tx.prune_ended_responders(now)).await;
            prune?;
        }
        Ok(())
    }

    /// Intent, key, signature, record. Whoever comes second, of several nodes, leaves it to the first.
    async fn make(&self, due: Due) -> Result<(), DelegateError> {
        let now = self.clock.now();
        let serial = new_serial(&*self.random);
        let label = format!("ocsp-{}-{}", due.ca.id, self.random.hex(4));
        let place = {
            let (keys, label) = (self.keys.clone(), label.clone());
            blocking(move || keys.reserve_p256(&label)).await?
        };
        let intended = DelegatedResponder {
            ca: due.ca.id.clone(),
            serial: serial.clone(),
            key: place.clone(),
            state: ResponderState::Intended,
            certificate: None,
            not_before: now.before(BACKDATE),
            not_after: due.not_after,
            created_at: now,
        };
        let follows = due.follows.as_ref().map(|before| before.serial.clone());
        let intend: Result<bool, StoreError> = {
            let intended = intended.clone();
            let since = now.before(INTENT_LIFE);
            let append = move |tx: &AppendTx<'_>| tx.intend_responder(&intended, follows.as_ref(), since);
            self.store.append(append).await
        };
        if !intend? {
            debug!(ca = %due.ca.id, "another node makes the OCSP responder");
            return Ok(());
        }
        let order = DelegateOrder {
            common_name: format!("ocsp-{}", due.ca.id),
            serial,
            not_before: intended.not_before,
            not_after: intended.not_after,
        };
        let (keys, ca) = (self.keys.clone(), due.ca.clone());
        let certificate = blocking(move || {
            let key = keys.make_reserved_p256(&place, &label)?;
            let issuer = Certificate::from_der(&due.certificate.0)?;
            sign_delegate(&order, &key, &issuer, &keys.signer(&ca.key)?)
        });
        self.write_down(&due.ca, intended, certificate.await?).await
    }

    async fn write_down(
        &self,
        ca: &Ca,
        intended: DelegatedResponder,
        certificate: CertificateDer,
    ) -> Result<(), DelegateError> {
        let namespace = ca.namespace.clone();
        let DelegatedResponder { ca, serial, .. } = intended;
        let shown = (ca.clone(), serial.clone());
        let written: Result<bool, StoreError> = self
            .store
            .write(move |tx| {
                if !tx.complete_responder(&ca, &serial, &certificate)? {
                    return Ok(tx.unchanged(false));
                }
                let scope = namespace.as_str();
                let event = AuditEvent::new(Actor::System, Action::Create, SUBJECT, scope, ca.as_str())
                    .with_after(AuditFacts::new().with("serial", &serial));
                tx.record(&event, true)
            })
            .await;
        if written? {
            info!(ca = %shown.0, serial = %shown.1, "an OCSP responder was made");
        }
        Ok(())
    }

    async fn end(&self, responder: DelegatedResponder) -> Result<(), DelegateError> {
        if responder.state == ResponderState::Intended {
            return self.give_up(responder).await;
        }
        let DelegatedResponder { ca, serial, key, .. } = responder;
        let keys = self.keys.clone();
        blocking(move || keys.destroy(&key)).await?;
        debug!(%ca, %serial, "the key of an OCSP responder was destroyed");
        let ended: Result<(), StoreError> = self
            .store
            .write(move |tx| {
                if !tx.end_responder(&ca, &serial)? {
                    return Ok(tx.unchanged(()));
                }
                let scope = tx.ca(&ca)?.map(|ca| ca.namespace);
                let scope = scope.as_ref().map_or("", |namespace| namespace.as_str());
                let event = AuditEvent::new(Actor::System, Action::Delete, SUBJECT, scope, ca.as_str())
                    .with_before(AuditFacts::new().with("serial", &serial));
                tx.record(&event, ())
            })
            .await;
        Ok(ended?)
    }

    /// Gives up one that was never completed: first its row, for whoever is at it may complete it this very
    /// moment. That its key is to be destroyed stands in the store then, should this be cut off.
    async fn give_up(&self, intended: DelegatedResponder) -> Result<(), DelegateError> {
        let (key, now) = (intended.key.clone(), self.clock.now());
        let give_up = move |tx: &AppendTx<'_>| tx.give_up_responder(&intended, now);
        let given_up: Result<bool, StoreError> = self.store.append(give_up).await;
        if given_up? {
            let keys = self.keys.clone();
            blocking(move || keys.destroy(&key)).await?;
        }
        Ok(())
    }

    fn is_paused(&self, ca: &CaId, now: Timestamp) -> bool {
        let mut pauses = self.pauses();
        pauses.retain(|_, until| now < *until);
        pauses.contains_key(ca)
    }

    fn pauses(&self) -> std::sync::MutexGuard<'_, HashMap<CaId, Timestamp>> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(error: &DelegateError) {
    warn!(
        error = error as &dyn std::error::Error,
        "OCSP responders cannot be looked after now"
    );
}

/// Runs what may wait for a disk or a token.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CaError> + Send + 'static,
) -> Result<T, DelegateError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| DelegateError::Stopped)??)
}
