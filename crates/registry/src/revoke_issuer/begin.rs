//! What a request to revoke an issuing CA must find, and the row that holds it from then on.

use provost_access::AdminCaller;
use provost_model::registry::{Ca, CaId, RegistryOperation};
use provost_model::{Action, CredentialPolicyName, NamespaceName};
use provost_store::{Audited, WriteTx};

use super::started::Started;
use crate::offline::{at_once, is_under_offline_root};
use crate::policies::{PolicyView, SUBJECT, view};
use crate::service::event;
use crate::{ByorRevoke, RegistryError, RegistryService, facts};

/// Writes down what is to be done; under a root kept offline it is done right here, for nothing has to be signed.
pub(super) fn begin(
    service: &RegistryService,
    tx: WriteTx<'_>,
    caller: &AdminCaller,
    (namespace, name): (&NamespaceName, &CredentialPolicyName),
    mut operation: RegistryOperation,
) -> Result<Audited<(RegistryOperation, Vec<Ca>)>, RegistryError> {
    let view = view(&tx, namespace, name)?;
    let facts = facts::of_policy(&view);
    let issuing = revocable(&view, service.options().byor_revoke)?;
    let started = Started {
        policy: name.clone(),
        old: issuing.to_string(),
        by: caller.name().to_owned(),
    };
    if is_under_offline_root(&tx, &view.policy)?.is_some() {
        return at_once(service, tx, caller, view, operation, &started);
    }
    operation.progress = started.text();
    tx.put_registry_operation(&operation)?;
    let event = event(caller, Action::Revoke, SUBJECT, namespace, name.as_str())
        .with_detail(format!("begun as operation {}", operation.id))
        .with_before(facts);
    Ok(tx.record(&event, (operation, Vec::new()))?)
}

/// The CA that a policy signs with, when it is ours to revoke.
fn revocable(view: &PolicyView, of_external: ByorRevoke) -> Result<&CaId, RegistryError> {
    let (name, is_external) = (&view.policy.name, view.policy.is_external);
    // One that ended already has nothing more to be revoked: it is replaced.
    let has_ended = view.issuing.as_ref().is_some_and(|ca| ca.state.has_ended());
    if is_external && of_external == ByorRevoke::Refuse && !has_ended {
        return Err(RegistryError::invalid(
            "ExternalIssuerNotRevocable",
            format!(
                "the issuing CA of the policy {name} hangs under an external root; revoke it there, on the \
                 CRL of its owner"
            ),
        ));
    }
    view.policy.issuing.as_ref().ok_or_else(|| {
        let what = if is_external {
            "external certificate authority"
        } else {
            "root, which is kept offline"
        };
        RegistryError::conflict(
            "PolicyPendingActivation",
            format!("the policy {name} has no issuing CA; it waits for its {what}"),
        )
    })
}
