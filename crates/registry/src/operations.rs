//! Long-running operations (certificate-management.md 1.6). What can be done in one transaction is done
//! when its operation is first seen; it is kept, so that its address goes on answering.

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{OperationFailure, OperationState, RegistryOperation};
use provost_model::{NamespaceName, Timestamp};

use crate::{RegistryError, RegistryService};

impl RegistryService {
    /// One operation of a namespace, for whoever may see the namespace.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn operation(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        id: &str,
    ) -> Result<RegistryOperation, RegistryError> {
        caller.require(Permission::NamespacesRead, Some(namespace))?;
        let (asked, namespace) = (id.to_owned(), namespace.clone());
        let found: Option<RegistryOperation> = self
            .store()
            .read(move |tx| Ok::<_, RegistryError>(tx.registry_operation(&asked)?))
            .await?;
        found
            .filter(|operation| operation.namespace == namespace)
            .ok_or_else(|| RegistryError::not_found("operation", id.to_string()))
    }

    /// An operation that begins now.
    pub(crate) fn begin(&self, namespace: &NamespaceName, kind: &str, resource: String) -> RegistryOperation {
        RegistryOperation {
            id: self.random().uuid(),
            namespace: namespace.clone(),
            kind: kind.to_owned(),
            resource,
            state: OperationState::Running,
            progress: String::new(),
            started_at: self.now(),
            ended_at: None,
        }
    }
}

/// The same operation, done; a transaction's instant may be a little older than the operation.
pub(crate) fn done(operation: RegistryOperation, now: Timestamp) -> RegistryOperation {
    RegistryOperation {
        state: OperationState::Succeeded,
        ended_at: Some(now.max(operation.started_at)),
        ..operation
    }
}

/// The same operation, given up.
pub(crate) fn failed(
    operation: RegistryOperation,
    error: &RegistryError,
    now: Timestamp,
) -> RegistryOperation {
    RegistryOperation {
        state: OperationState::Failed(OperationFailure {
            code: error.code().to_owned(),
            message: error.public_message(),
        }),
        ended_at: Some(now.max(operation.started_at)),
        ..operation
    }
}
