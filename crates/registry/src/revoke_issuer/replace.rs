//! The one transaction in which a new issuing CA takes the place of what a policy has.

use provost_model::registry::{Ca, CaState, CredentialPolicy, RegistryOperation};
use provost_model::{Action, Actor, AuditEvent};
use provost_store::{Audited, WriteTx};

use super::old_ca::{revoke_ca, thumbprint};
use super::outcome::Outcome;
use super::started::{Found, Started};
use super::{Replaced, ended};
use crate::hub_trust::{distrust, trust, trusted_cas};
use crate::new_ca::write_down;
use crate::operations::done;
use crate::policies::{SUBJECT, mark_all_parts};
use crate::{RegistryError, RegistryService, facts};

/// what we do not do.
const EXTERNAL_NOTE: &str = "; the CRL of the external root is its owner's to publish";

impl RegistryService {
    /// New before old on every hub, the old ones revoked, the operation done. Answers what was revoked; `None` when
    /// the operation had ended before, and the new one is not needed.
    pub(super) fn put_in_place(
        &self,
        tx: WriteTx<'_>,
        operation: RegistryOperation,
        started: &Started,
        new: &Ca,
    ) -> Result<Audited<Replaced>, RegistryError> {
        let namespace = operation.namespace.clone();
        if let Some(ended) = ended(&tx, &operation)? {
            return Ok(tx.unchanged((ended, None)));
        }
        let mut policy = match started.work(&tx, &namespace)? {
            Found::Work(work) => work.policy,
            Found::Done(outcome) => return end_done(tx, operation, started, outcome),
        };
        let old = trusted_cas(&tx, &policy)?;
        write_down(&tx, new)?;
        give_place(&tx, &mut policy, new)?;
        self.exchange_on_hubs(&tx, &policy, &old, new)?;
        for ca in &old {
            revoke_ca(&tx, ca)?;
        }
        if !policy.is_external {
            mark_all_parts(&tx, new)?;
        }
        let mut operation = done(operation, tx.now());
        operation.progress = started.ended(Outcome::at_once(policy.is_external));
        tx.put_registry_operation(&operation)?;
        let event = replaced(started, &policy, &old, new);
        Ok(tx.record(&event, (operation, Some(old)))?)
    }

    fn exchange_on_hubs(
        &self,
        tx: &WriteTx<'_>,
        policy: &CredentialPolicy,
        old: &[Ca],
        new: &Ca,
    ) -> Result<(), RegistryError> {
        for hub in tx.linked_registry_hubs(&policy.namespace)? {
            trust(tx, &hub, policy, new, self.random())?;
        }
        let old: Vec<_> = old.iter().map(|ca| ca.id.clone()).collect();
        // Hubs that were unlinked meanwhile keep what was synchronized to them: it leaves these, too.
        for hub in tx.hubs()? {
            distrust(tx, &hub.name, &old)?;
        }
        Ok(())
    }
}

/// Ends an operation whose CA another request revoked: what it asked for is done. The event of the revocation is
/// that request's.
pub(super) fn end_done(
    tx: WriteTx<'_>,
    operation: RegistryOperation,
    started: &Started,
    outcome: Outcome,
) -> Result<Audited<Replaced>, RegistryError> {
    if let Some(ended) = ended(&tx, &operation)? {
        return Ok(tx.unchanged((ended, None)));
    }
    let mut operation = done(operation, tx.now());
    operation.progress = started.ended(outcome);
    tx.put_registry_operation(&operation)?;
    let (namespace, id) = (operation.namespace.as_str(), &operation.id);
    let event = AuditEvent::new(Actor::System, Action::Update, "registryOperation", namespace, id);
    let event = event.with_detail("ended: the issuing CA was revoked by another request");
    Ok(tx.record(&event, (operation, None))?)
}

/// The policy signs with the new CA, or waits for it when a customer has to sign it first.
fn give_place(tx: &WriteTx<'_>, policy: &mut CredentialPolicy, new: &Ca) -> Result<(), RegistryError> {
    let is_external = policy.is_external;
    if let Some(pending) = policy.pending.take() {
        tx.set_ca_state(&pending, CaState::Closed, tx.now())?;
    }
    policy.issuing = (!is_external).then(|| new.id.clone());
    policy.pending = is_external.then(|| new.id.clone());
    policy.updated_at = tx.now();
    tx.put_credential_policy(policy)?;
    Ok(())
}

fn replaced(started: &Started, policy: &CredentialPolicy, old: &[Ca], new: &Ca) -> AuditEvent {
    let detail = format!(
        "issuing CA {} -> {}{}",
        old.iter().map(thumbprint).collect::<Vec<_>>().join(", "),
        thumbprint(new),
        if policy.is_external { EXTERNAL_NOTE } else { "" },
    );
    let actor = Actor::Admin(started.by.clone());
    let (namespace, name) = (policy.namespace.as_str(), policy.name.as_str());
    AuditEvent::new(actor, Action::Revoke, SUBJECT, namespace, name)
        .with_detail(detail)
        .with_before(facts::of_cas(old))
        .with_after(facts::of_ca(new).with("state", new.state))
}
