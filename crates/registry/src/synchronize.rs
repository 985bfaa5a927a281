use std::sync::Arc;

use provost_access::{AdminCaller, Permission};
use provost_model::registry::RegistryOperation;
use provost_model::{Action, AuditFacts, NamespaceName};

use crate::credentials::view;
use crate::hub_trust::{trust, trusted_cas};
use crate::operations::done;
use crate::service::event;
use crate::{RegistryError, RegistryService};

impl RegistryService {
    /// Makes every hub linked to the namespace trust the issuing CAs of its policies; one that waits for
    /// its customer is passed over. Doing it again changes nothing (certificate-management.md 3.11).
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn synchronize(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
    ) -> Result<RegistryOperation, RegistryError> {
        caller.require(Permission::CredentialsWrite, Some(namespace))?;
        let operation = self.begin(namespace, "synchronize", "credentials/default".to_owned());
        let (namespace, caller, random) = (namespace.clone(), caller.clone(), self.shared_random());
        self.store()
            .write(move |tx| {
                view(&tx, &namespace)?;
                let mut made = 0;
                let hubs = tx.linked_registry_hubs(&namespace)?;
                for policy in tx.credential_policies(&namespace)? {
                    let cas = trusted_cas(&tx, &policy)?;
                    for (hub, ca) in hubs.iter().flat_map(|hub| cas.iter().map(move |ca| (hub, ca))) {
                        made += i64::from(trust(&tx, hub, &policy, ca, &*Arc::clone(&random))?);
                    }
                }
                let facts = AuditFacts::new().with("added", made).with("hubs", hubs.clone());
                let operation = done(operation, tx.now());
                tx.put_registry_operation(&operation)?;
                let event = event(&caller, Action::Synchronize, "credential", &namespace, "default")
                    .with_detail(format!("{made} CA certificates to {} hubs", hubs.len()))
                    .with_after(facts);
                Ok(tx.record(&event, operation)?)
            })
            .await
    }
}
