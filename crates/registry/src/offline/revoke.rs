//! Revoking an issuing CA whose root is kept offline: it needs no signature, so it is one transaction. A spare
//! that was signed in advance takes its place in the same one; without a spare the policy waits.

use provost_access::AdminCaller;
use provost_model::registry::{Ca, CredentialPolicy, RegistryOperation};
use provost_model::{Action, Timestamp};
use provost_store::{Audited, ReadTx, StoreError, WriteTx};

use super::requests::{Stock, is_under_offline_root};
use crate::hub_trust::{distrust, trusted_cas};
use crate::operations::done;
use crate::policies::{PolicyView, SUBJECT};
use crate::revoke_issuer::{Outcome, Started, revoke_ca, thumbprint};
use crate::service::event;
use crate::{RegistryError, RegistryService, facts};

/// Revokes what a policy has, all of it, and ends the operation. Answers the CAs whose keys are of no use any more.
pub(crate) fn at_once(
    service: &RegistryService,
    tx: WriteTx<'_>,
    caller: &AdminCaller,
    view: PolicyView,
    mut operation: RegistryOperation,
    started: &Started,
) -> Result<Audited<(RegistryOperation, Vec<Ca>)>, RegistryError> {
    let mut policy = view.policy;
    let namespace = policy.namespace.clone();
    let stock = Stock::of(&tx, &policy, service.now())?;
    let old = trusted_cas(&tx, &policy)?;
    let ids: Vec<_> = old.iter().map(|ca| ca.id.clone()).collect();
    policy.issuing = None;
    // New before old: no hub is without a CA when there is a spare.
    let spare = stock.spares.first();
    if let Some(spare) = spare {
        service.put_in_use(&tx, &mut policy, spare)?;
    } else if policy.pending.is_none() {
        policy.pending = stock.asked.first().map(|ca| ca.id.clone());
    }
    for hub in tx.hubs()? {
        distrust(&tx, &hub.name, &ids)?;
    }
    for ca in &old {
        revoke_ca(&tx, ca)?;
    }
    policy.updated_at = tx.now();
    tx.put_credential_policy(&policy)?;
    let outcome = if spare.is_some() {
        Outcome::SpareTookOver
    } else {
        Outcome::WaitsForOfflineRoot
    };
    operation.progress = started.ended(outcome);
    let operation = done(operation, tx.now());
    tx.put_registry_operation(&operation)?;
    let became = spare.map_or_else(|| outcome.as_str().to_owned(), thumbprint);
    let event = event(caller, Action::Revoke, SUBJECT, &namespace, policy.name.as_str())
        .with_detail(format!(
            "issuing CA {} -> {became}; the CRL of the root kept offline has to tell it",
            old.iter().map(thumbprint).collect::<Vec<_>>().join(", "),
        ))
        .with_before(facts::of_cas(&old))
        .with_after(spare.map(facts::of_ca).unwrap_or_default());
    Ok(tx.record(&event, (operation, old))?)
}

/// What would stand in the place of a policy's issuing CA if that was revoked now.
pub(crate) fn replacement(
    tx: &ReadTx<'_>,
    policy: &CredentialPolicy,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    if policy.is_external {
        return Ok(Outcome::WaitsForExternalCa);
    }
    if is_under_offline_root(tx, policy)?.is_none() {
        return Ok(Outcome::Replaced);
    }
    let has_spare = !Stock::of(tx, policy, now)?.spares.is_empty();
    Ok(if has_spare {
        Outcome::SpareTookOver
    } else {
        Outcome::WaitsForOfflineRoot
    })
}
