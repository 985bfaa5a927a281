//! What the registry does by itself: taking up what a crash left, renewing issuing CAs in time.

use std::time::Duration;

use provost_model::registry::{Ca, CaState, CredentialPolicy, KeyIntent, KeyRef};
use provost_model::{Action, Actor, AuditEvent, AuditOrigin};
use provost_store::{ReadTx, StoreError, WriteTx, with_origin};
use tracing::{info, warn};

use crate::hub_trust::{distrust, trust};
use crate::new_ca::{WantedCa, write_down};
use crate::offline::is_under_offline_root;
use crate::policies::{SUBJECT, mark_all_parts, view};
use crate::{RegistryError, RegistryService, facts, revoke_issuer};

/// After a start, keys that were given up are destroyed again: the signer of a server that was killed lives on for two
/// seconds, and makes what was asked of it.
const AFTER_START: Duration = Duration::from_secs(5);
/// How often the registry looks around.
const EVERY: Duration = Duration::from_mins(1);
/// How long what was intended may wait to be completed; longer than any registration takes, and than a token
/// takes to make a key and to sign with another.
pub(crate) const INTENT_LIFE: Duration = Duration::from_mins(15);
/// How long an operation is in the hands of the request that began it.
const IN_HAND: Duration = Duration::from_secs(30);
/// How long ended operations can still be asked about.
const OPERATIONS_KEPT: Duration = Duration::from_hours(24 * 7);

impl RegistryService {
    /// At the start, before anything is served: takes up operations that had not ended, and gives up
    /// certificates that were intended and nobody has. With a database that other nodes use, too, what
    /// they intend is left to them.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn resume(&self, is_alone: bool) -> Result<(), RegistryError> {
        let now = self.now();
        let before = if is_alone { now } else { now.before(INTENT_LIFE) };
        let orphans: Result<u64, StoreError> =
            self.store().append(move |tx| tx.orphan_intended(before)).await;
        let orphans = orphans?;
        if orphans > 0 {
            info!(orphans, "certificates that were never handed out are given up");
        }
        self.give_up_keys_intended(before).await?;
        self.take_up(if is_alone { Duration::ZERO } else { IN_HAND })
            .await
    }

    /// Looks around for ever. Spawned by the program.
    pub async fn maintain(self) {
        tokio::time::sleep(AFTER_START).await;
        let given_up = self.give_up_keys_intended(self.now().before(INTENT_LIFE));
        if let Err(error) = given_up.await {
            warn!(
                error = &error as &dyn std::error::Error,
                "keys that were given up cannot be destroyed now"
            );
        }
        loop {
            tokio::time::sleep(EVERY).await;
            self.look_around().await;
        }
    }

    /// One look; what fails is tried again at the next.
    pub async fn look_around(&self) {
        let now = self.now();
        let forget = self.store().append(move |tx| {
            tx.orphan_intended(now.before(INTENT_LIFE))?;
            tx.prune_orphaned(now.before(OPERATIONS_KEPT))?;
            tx.prune_registry_operations(now.before(OPERATIONS_KEPT))
        });
        let forget: Result<u64, StoreError> = forget.await;
        let outcomes = [
            forget.map(|_| ()).map_err(RegistryError::from),
            self.give_up_keys_intended(now.before(INTENT_LIFE)).await,
            self.take_up(IN_HAND).await,
            self.renew_issuers().await,
            self.supply_requests().await,
            self.close_retired().await,
            self.warn_of_ends().await,
            self.forget_expired().await,
        ];
        for error in outcomes.into_iter().filter_map(Result::err) {
            warn!(
                error = &error as &dyn std::error::Error,
                "the device registry cannot look after itself now"
            );
        }
    }

    /// Goes on with operations that have not ended and are older than this.
    async fn take_up(&self, older: Duration) -> Result<(), RegistryError> {
        let running = |tx: &ReadTx<'_>| Ok::<_, RegistryError>(tx.running_registry_operations()?);
        for operation in self.store().read(running).await? {
            let age = self.now().since(operation.started_at);
            if operation.kind == revoke_issuer::KIND && age >= older {
                info!(operation = operation.id, "an operation is taken up again");
                let origin = AuditOrigin::system(&operation.id);
                with_origin(origin, self.go_on_revoking(operation)).await?;
            }
        }
        Ok(())
    }

    /// Ends CAs that were replaced by renewal once nothing they signed is valid any more: they leave the
    /// hubs, and their keys go after a last CRL.
    async fn close_retired(&self) -> Result<(), RegistryError> {
        let now = self.now();
        let retired = |tx: &ReadTx<'_>| Ok::<_, RegistryError>(tx.cas_in_state(CaState::Retired)?);
        for ca in self.store().read(retired).await? {
            let work = move |tx: WriteTx<'_>| {
                let is_over =
                    ca.not_after.is_some_and(|end| end <= now) || !tx.has_unexpired_leaf(&ca.id, now)?;
                if !is_over || !tx.set_ca_state(&ca.id, CaState::Closed, now)? {
                    return Ok(tx.unchanged(()));
                }
                for hub in tx.hubs()? {
                    distrust(&tx, &hub.name, std::slice::from_ref(&ca.id))?;
                }
                mark_all_parts(&tx, &ca)?;
                let key = ca.id.as_str();
                let event = AuditEvent::new(Actor::System, Action::Delete, "ca", ca.namespace.as_str(), key)
                    .with_detail(format!("nothing {} signed is valid any more", ca.subject))
                    .with_before(facts::of_ca(&ca));
                Ok::<_, RegistryError>(tx.record(&event, ())?)
            };
            self.store().write(work).await?;
        }
        Ok(())
    }

    /// Gives policies whose issuing CA nears its end another one: of ours by itself, of the customer's a
    /// signing request (certificate-management.md U-12, U-13).
    async fn renew_issuers(&self) -> Result<(), RegistryError> {
        let service = self.clone();
        let due = self.store().scan(move |tx| service.due(tx)).await?;
        for (policy, root) in due {
            let (namespace, name) = (policy.namespace.clone(), policy.name.clone());
            // One whose keys are away must not keep the others from theirs.
            if let Err(error) = self.renew(policy, root).await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    %namespace,
                    policy = %name,
                    "an issuing CA could not be renewed; it is tried again"
                );
            }
        }
        Ok(())
    }

    fn due(&self, tx: &ReadTx<'_>) -> Result<Vec<(CredentialPolicy, Option<Ca>)>, RegistryError> {
        let mut due = Vec::new();
        for policy in tx.all_credential_policies()? {
            let issuing = policy.issuing.as_ref().map(|id| tx.ca(id)).transpose()?.flatten();
            // Only one that signs is renewed: with a database that was put back, it may have ended since.
            let issuing = issuing.filter(|ca| ca.state == CaState::Active);
            let Some((issuing, ends)) = issuing.and_then(|ca| ca.not_after.map(|ends| (ca, ends))) else {
                continue;
            };
            let left = ends.since(self.now());
            if policy.is_external {
                if policy.pending.is_none() && left < self.options().byor_renewal_window {
                    due.push((policy, None));
                }
                continue;
            }
            if is_under_offline_root(tx, &policy)?.is_some() {
                continue;
            }
            let whole = ends.since(issuing.not_before.unwrap_or(issuing.created_at));
            let root = crate::credentials::view(tx, &policy.namespace)?.root;
            // A new one would end when the old one does: the root is what has to be renewed.
            let is_longer = root.not_after.is_some_and(|end| end > ends);
            if left < whole / 3 && is_longer {
                due.push((policy, Some(root)));
            }
        }
        Ok(due)
    }

    async fn renew(&self, policy: CredentialPolicy, root: Option<Ca>) -> Result<(), RegistryError> {
        let name = policy.name.clone();
        let wanted = match root.map(Box::new) {
            Some(root) => WantedCa::Issuing { policy: name, root },
            None => WantedCa::External(name),
        };
        let new = self.make_ca(policy.namespace.clone(), wanted).await?;
        let made = KeyIntent::of(&new);
        let service = self.clone();
        let written: Result<bool, RegistryError> = self
            .store()
            .write(move |tx| {
                let now = view(&tx, &policy.namespace, &policy.name)?;
                let is_same = now.policy.issuing == policy.issuing && now.policy.pending == policy.pending;
                let (Some(old), true) = (now.issuing, is_same) else {
                    return Ok(tx.unchanged(false));
                };
                let mut policy = now.policy;
                write_down(&tx, &new)?;
                policy.updated_at = tx.now();
                if policy.is_external {
                    policy.pending = Some(new.id.clone());
                } else {
                    policy.issuing = Some(new.id.clone());
                    tx.set_ca_state(&old.id, CaState::Retired, tx.now())?;
                    mark_all_parts(&tx, &new)?;
                    for hub in tx.linked_registry_hubs(&policy.namespace)? {
                        trust(&tx, &hub, &policy, &new, service.random())?;
                    }
                }
                tx.put_credential_policy(&policy)?;
                let (scope, key) = (policy.namespace.as_str(), policy.name.as_str());
                let event = AuditEvent::new(Actor::System, Action::Update, SUBJECT, scope, key)
                    .with_detail(format!("renewal: {} -> {}", old.subject, new.subject))
                    .with_before(facts::of_ca(&old))
                    .with_after(facts::of_ca(&new).with("state", new.state));
                Ok(tx.record(&event, true)?)
            })
            .await;
        if !matches!(written, Ok(true)) {
            self.give_up_key(made).await;
        }
        written.map(|_| ())
    }

    /// Destroys the key of a CA that signs no more; one that cannot be destroyed now stays, unused.
    pub(crate) async fn destroy_key(&self, key: KeyRef) {
        let service = self.clone();
        let named = key.clone();
        let done = self.blocking(move || service.keys().destroy(&named)).await;
        if let Err(error) = done {
            warn!(
                error = &error as &dyn std::error::Error,
                key = key.0,
                "a key that is not needed any more could not be destroyed"
            );
        }
    }
}
