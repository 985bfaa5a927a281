use provost_access::{AdminCaller, Permission};
use provost_model::registry::{CaState, RegistryOperation};
use provost_model::{Action, CertificateDer, CredentialPolicyName, NamespaceName};
use provost_pki::activation::{self, ActivatedChain};
use provost_pki::{Certificate, Csr};
use provost_store::{Audited, WriteTx};

use crate::operations::done;
use crate::policies::{PolicyView, SUBJECT, mark_all_parts, view};
use crate::service::event;
use crate::{RegistryError, RegistryService, facts};

impl RegistryService {
    /// Takes what the customer's CA made of the signing request of a policy: from now on the policy issues
    /// by it. Hubs trust it after the next synchronization (certificate-management.md 3.8). The CA before
    /// it stays trusted for what it signed.
    ///
    /// # Errors
    /// [`RegistryError`]; `CertificateChainInvalid` with the rule that is broken, `NotExternal`,
    /// `NothingToActivate`. Nothing changes then.
    pub async fn activate(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
        chain_pem: &str,
    ) -> Result<RegistryOperation, RegistryError> {
        caller.require(Permission::PoliciesWrite, Some(namespace))?;
        let resource = format!("credentials/default/policies/{name}");
        let operation = self.begin(namespace, "activateBringYourOwnRoot", resource);
        let (namespace, name, caller) = (namespace.clone(), name.clone(), caller.clone());
        let (chain, rules, now) = (chain_pem.to_owned(), self.options().activation, self.now());
        self.store()
            .write(move |tx| {
                let view = view(&tx, &namespace, &name)?;
                let request = request(&view)?;
                let chain = activation::check(&request, &chain, &rules, now);
                let chain = chain.map_err(|error| {
                    RegistryError::invalid(
                        "CertificateChainInvalid",
                        format!("{} ({})", error.public_message(), error.code()),
                    )
                })?;
                put_in_place(tx, &caller, view, &chain, done(operation, now))
            })
            .await
    }
}

fn request(view: &PolicyView) -> Result<Csr, RegistryError> {
    let name = &view.policy.name;
    if !view.policy.is_external {
        return Err(RegistryError::invalid(
            "NotExternal",
            format!("the policy {name} hangs under the root of its namespace; there is nothing to activate"),
        ));
    }
    let waiting = view.pending.as_ref().and_then(|ca| ca.signing_request.as_deref());
    let Some(der) = waiting else {
        return Err(RegistryError::conflict(
            "NothingToActivate",
            format!("no certificate signing request of the policy {name} is waiting"),
        ));
    };
    Csr::from_der(der).map_err(|_| {
        RegistryError::conflict(
            "NothingToActivate",
            format!("the certificate signing request of the policy {name} cannot be read"),
        )
    })
}

fn put_in_place(
    tx: WriteTx<'_>,
    caller: &AdminCaller,
    view: PolicyView,
    chain: &ActivatedChain,
    operation: RegistryOperation,
) -> Result<Audited<RegistryOperation>, RegistryError> {
    let (Some(mut ca), mut policy) = (view.pending, view.policy) else {
        return Err(RegistryError::conflict("NothingToActivate", "nothing is waiting"));
    };
    let der = |certificate: &Certificate| CertificateDer(certificate.der().to_vec());
    ca.state = CaState::Active;
    ca.subject = chain.issuing().subject_display();
    ca.certificate = Some(der(chain.issuing()));
    ca.issuers = chain.issuers().iter().map(der).collect();
    ca.not_before = Some(chain.issuing().not_before());
    ca.not_after = Some(chain.issuing().not_after());
    ca.changed_at = tx.now();
    tx.update_ca(&ca)?;
    if let Some(before) = &view.issuing {
        tx.set_ca_state(&before.id, CaState::Retired, tx.now())?;
    }
    policy.issuing = Some(ca.id.clone());
    policy.pending = None;
    policy.updated_at = tx.now();
    tx.put_credential_policy(&policy)?;
    mark_all_parts(&tx, &ca)?;
    tx.put_registry_operation(&operation)?;
    let was = view.issuing.as_ref().map(facts::of_ca).unwrap_or_default();
    let before = view.issuing.as_ref().and_then(|ca| ca.certificate.as_ref());
    let before = before.map_or_else(
        || "none".to_owned(),
        |der| provost_pki::Sha1Thumbprint::of(&der.0).to_string(),
    );
    let event = event(
        caller,
        Action::Activate,
        SUBJECT,
        &policy.namespace,
        policy.name.as_str(),
    )
    .with_detail(format!(
        "issuing CA {before} -> {}",
        chain.issuing().sha1_thumbprint()
    ))
    .with_before(was)
    .with_after(facts::of_ca(&ca).with("state", ca.state));
    Ok(tx.record(&event, operation)?)
}
