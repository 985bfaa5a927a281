//! What is found by its own name alone.

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{IssuedCertificate, RegistryOperation};
use provost_model::{NamespaceName, PageSize};

use crate::namespaces::known;
use crate::{RegistryError, RegistryService};

impl RegistryService {
    /// One operation by its name, which is all that the address a poller follows tells. Whoever may see
    /// something of its namespace may see it: those who may begin one need not see the namespace itself.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn operation_named(
        &self,
        caller: &AdminCaller,
        id: &str,
    ) -> Result<RegistryOperation, RegistryError> {
        let asked = id.to_owned();
        let found = self.store().read(move |tx| tx.registry_operation(&asked)).await?;
        let found = found.filter(|operation| may_see(caller, &operation.namespace).is_ok());
        found.ok_or_else(|| RegistryError::not_found("operation", id.to_string()))
    }

    /// The latest operations of a namespace, newest first.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn operations(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        page: PageSize,
    ) -> Result<Vec<RegistryOperation>, RegistryError> {
        may_see(caller, namespace)?;
        let namespace = namespace.clone();
        self.store()
            .scan(move |tx| {
                known(tx, &namespace)?;
                Ok(tx.registry_operations(&namespace, page)?)
            })
            .await
    }

    /// One issued certificate by its number.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn certificate(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        number: i64,
    ) -> Result<IssuedCertificate, RegistryError> {
        caller.require(Permission::DevicesRead, Some(namespace))?;
        let namespace = namespace.clone();
        self.store()
            .read(move |tx| {
                known(tx, &namespace)?;
                let found = tx.issued_certificate(number)?;
                found
                    .filter(|certificate| certificate.namespace == namespace)
                    .ok_or_else(|| RegistryError::not_found("certificate", number.to_string()))
            })
            .await
    }
}

fn may_see(caller: &AdminCaller, namespace: &NamespaceName) -> Result<(), RegistryError> {
    let ways = [Permission::CredentialsRead, Permission::DevicesRead];
    let sees = |permission: &Permission| caller.require(*permission, Some(namespace)).is_ok();
    if ways.iter().any(sees) {
        return Ok(());
    }
    Ok(caller.require(Permission::NamespacesRead, Some(namespace))?)
}
