//! Keys of CAs that were never written down: they are given up in the store first and destroyed after it, so
//! that a process that ends anywhere in between leaves a row which says what is still to be done.

use provost_model::registry::KeyIntent;
use provost_model::{Action, Actor, AuditEvent, AuditFacts, Timestamp};
use provost_store::{AppendTx, GivenUpKey, ReadTx, StoreError, WriteTx};
use tracing::{info, warn};

use crate::maintenance::INTENT_LIFE;
use crate::{RegistryError, RegistryService};

impl RegistryService {
    /// Gives up the key of a CA that was not written down, and destroys it. A write whose answer was lost may
    /// stand all the same: then its key stays. When the store cannot say, the key is given up later, as one of a
    /// process that ended is.
    pub(crate) async fn give_up_key(&self, intent: KeyIntent) {
        let (ca, key, now) = (intent.ca.clone(), intent.key.clone(), self.now());
        let give_up = move |tx: &AppendTx<'_>| tx.give_up_key(&intent, now);
        let given_up: Result<bool, StoreError> = self.store().append(give_up).await;
        match given_up {
            Ok(true) => self.destroy_key(key).await,
            Ok(false) => warn!(%ca, "a CA stands though its writing was not answered"),
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                %ca,
                key = key.0,
                "a key stays for now, since nobody knows whether its CA was written down"
            ),
        }
    }

    /// Gives up keys that were intended before an instant and whose CAs were not written down, and destroys what
    /// was given up.
    pub(crate) async fn give_up_keys_intended(&self, before: Timestamp) -> Result<(), RegistryError> {
        let now = self.now();
        let given_up: Result<u64, StoreError> = self
            .store()
            .append(move |tx| tx.give_up_keys_intended(before, now))
            .await;
        let given_up = given_up?;
        if given_up > 0 {
            info!(
                keys = given_up,
                "CAs that were never completed are given up with their keys"
            );
        }
        let read = |tx: &ReadTx<'_>| Ok::<_, RegistryError>(tx.given_up_keys()?);
        for key in self.store().read(read).await? {
            self.end_given_up(key, now).await?;
        }
        Ok(())
    }

    /// Destroys a key that was given up, as often as we look: a signer or a token that was slow may have made it
    /// after it was destroyed. Its row goes when nothing can be on its way any more.
    async fn end_given_up(&self, key: GivenUpKey, now: Timestamp) -> Result<(), RegistryError> {
        let (keys, named) = (self.keys().clone(), key.intent.key.clone());
        if let Err(error) = self.blocking(move || keys.destroy(&named)).await {
            warn!(
                error = &error as &dyn std::error::Error,
                key = key.intent.key.0,
                "a key that nobody needs could not be destroyed; it is tried again"
            );
            return Ok(());
        }
        if now.since(key.since) < INTENT_LIFE {
            return Ok(());
        }
        let forget = move |tx: WriteTx<'_>| {
            let intent = &key.intent;
            if !tx.forget_given_up_key(&intent.key)? {
                return Ok(tx.unchanged(()));
            }
            let (scope, ca) = (intent.namespace.as_str(), intent.ca.as_str());
            let event = AuditEvent::new(Actor::System, Action::Delete, "caKey", scope, ca)
                .with_detail(format!("never completed: {}", intent.owner.as_str()))
                .with_before(AuditFacts::new().with("serial", &intent.serial));
            tx.record(&event, ())
        };
        let forgotten: Result<(), StoreError> = self.store().write(forget).await;
        Ok(forgotten?)
    }
}
