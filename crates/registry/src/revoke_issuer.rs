//! Revoking the issuing CA of a policy (certificate-management.md 3.7): operation row, new CA, one
//! transaction. A process that ends in between left the row, and the next one goes on from it; hubs trust
//! the old CA or the new one at every moment, never none.

mod begin;
mod old_ca;
mod outcome;
mod replace;
mod started;

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{Ca, KeyIntent, OperationState, RegistryOperation};
use provost_model::{Action, Actor, AuditEvent, CredentialPolicyName, ErrorKind, NamespaceName};
use provost_store::{ReadTx, StoreError};
use tracing::{info, warn};

use crate::new_ca::WantedCa;
use crate::operations::failed;
use crate::{RegistryError, RegistryService};

use self::begin::begin;
pub(crate) use self::old_ca::{revoke_ca, thumbprint};
pub use self::outcome::Outcome;
use self::replace::end_done;
pub(crate) use self::started::Started;
use self::started::{Found, Work};

pub(crate) const KIND: &str = "revokeIssuer";

/// The operation as it ended, and the CAs that were revoked with it; `None` when it had ended before.
type Replaced = (RegistryOperation, Option<Vec<Ca>>);

impl RegistryService {
    /// Revokes the issuing CA of a policy and replaces it by a new one on all linked hubs; what the old one
    /// signed stops working, and its sessions are closed when this returns. It cannot be undone.
    ///
    /// # Errors
    /// [`RegistryError`]; `ExternalIssuerNotRevocable` for a policy under a customer's root, unless
    /// [`ByorRevoke::Rotate`](crate::ByorRevoke::Rotate); `PolicyPendingActivation` when there is no issuing CA.
    pub async fn revoke_issuer(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Result<RegistryOperation, RegistryError> {
        caller.require(Permission::PoliciesWrite, Some(namespace))?;
        let resource = format!("credentials/default/policies/{name}");
        let operation = self.begin(namespace, KIND, resource);
        let (of, asked, caller) = (namespace.clone(), name.clone(), caller.clone());
        let service = self.clone();
        let begun = self
            .store()
            .write(move |tx| begin(&service, tx, &caller, (&of, &asked), operation));
        let (operation, revoked) = begun.await?;
        let (service, namespace, name) = (self.clone(), namespace.clone(), name.clone());
        self.to_the_end(async move {
            if operation.state == OperationState::Running {
                return service.go_on_revoking(operation).await;
            }
            service.after_revoking(revoked).await;
            service.supply(&namespace, &name).await;
            Ok(operation)
        })
        .await
    }

    /// After the commit: sessions of what the CAs signed are closed when this returns, and their keys are gone.
    async fn after_revoking(&self, revoked: Vec<Ca>) {
        self.hubs().settle_authorities().await;
        for ca in revoked {
            info!(ca = %ca.id, "an issuing CA was revoked; its key is destroyed");
            self.destroy_key(ca.key).await;
        }
    }

    /// Goes on with one that was begun, to its end.
    pub(crate) async fn go_on_revoking(
        &self,
        operation: RegistryOperation,
    ) -> Result<RegistryOperation, RegistryError> {
        match self.replace_issuer(operation.clone()).await {
            Ok(operation) => Ok(operation),
            // Keys or store are away: the operation stays, and is taken up again.
            Err(error @ (RegistryError::Store(_) | RegistryError::Ca(_) | RegistryError::KeyGivenUp(_)))
                if passes(&error) =>
            {
                warn!(
                    error = &error as &dyn std::error::Error,
                    operation = operation.id,
                    "revoking an issuing CA is taken up again later"
                );
                Ok(operation)
            }
            Err(error) => self.end_failed(operation, error).await,
        }
    }

    async fn replace_issuer(&self, operation: RegistryOperation) -> Result<RegistryOperation, RegistryError> {
        let started = Started::read(&operation)?;
        let (asked, namespace) = (started.clone(), operation.namespace.clone());
        let found = self.store().read(move |tx| asked.work(tx, &namespace)).await?;
        let work = match found {
            Found::Work(work) => work,
            Found::Done(outcome) => return self.end_revoked(operation, started, outcome).await,
        };
        let Work { policy, root } = *work;
        let policy = policy.name;
        let wanted = match root.map(Box::new) {
            Some(root) => WantedCa::Issuing { policy, root },
            None => WantedCa::External(policy),
        };
        let new = self.make_ca(operation.namespace.clone(), wanted).await?;
        let made = KeyIntent::of(&new);
        let service = self.clone();
        let written = self
            .store()
            .write(move |tx| service.put_in_place(tx, operation, &started, &new));
        let written: Result<Replaced, RegistryError> = written.await;
        let (operation, revoked) = match written {
            Ok(written) => written,
            Err(error) => {
                self.give_up_key(made).await;
                return Err(error);
            }
        };
        if revoked.is_none() {
            // Another one was quicker.
            self.give_up_key(made).await;
        }
        self.after_revoking(revoked.unwrap_or_default()).await;
        Ok(operation)
    }

    /// Another request was quicker; sessions of what the CA signed are closed when this returns all the same.
    async fn end_revoked(
        &self,
        operation: RegistryOperation,
        started: Started,
        outcome: Outcome,
    ) -> Result<RegistryOperation, RegistryError> {
        let written = self
            .store()
            .write(move |tx| end_done(tx, operation, &started, outcome));
        let (operation, _): Replaced = written.await?;
        self.after_revoking(Vec::new()).await;
        Ok(operation)
    }

    async fn end_failed(
        &self,
        operation: RegistryOperation,
        error: RegistryError,
    ) -> Result<RegistryOperation, RegistryError> {
        let ended = failed(operation, &error, self.now());
        self.store()
            .write(move |tx| {
                if let Some(stands) = self::ended(&tx, &ended)? {
                    return Ok(tx.unchanged(stands));
                }
                tx.put_registry_operation(&ended)?;
                let event = AuditEvent::new(
                    Actor::System,
                    Action::Revoke,
                    "registryOperation",
                    ended.namespace.as_str(),
                    &ended.id,
                );
                let event = event.with_detail(format!("failed: {}", error.code()));
                Ok::<_, RegistryError>(tx.record(&event, ended)?)
            })
            .await
    }
}

/// Whether it is worth another try by itself: store or keys are away. A key that is lost or refused is for
/// the operator, who has to be told.
fn passes(error: &RegistryError) -> bool {
    match error {
        RegistryError::Ca(error) => error.kind() == ErrorKind::Unavailable,
        _ => true,
    }
}

/// The operation as it stands when it ended already, by another runner.
fn ended(tx: &ReadTx<'_>, operation: &RegistryOperation) -> Result<Option<RegistryOperation>, StoreError> {
    let stored = tx.registry_operation(&operation.id)?;
    Ok(stored.filter(|stored| stored.state != OperationState::Running))
}
