use provost_access::{AdminCaller, Permission};
use provost_model::registry::{Ca, CaState, Credential, KeyIntent};
use provost_model::{Action, NamespaceName};
use provost_store::{Audited, ReadTx, WriteTx};
use serde_json::{Map, Value};

use crate::devices::{changed, replaced_by};
use crate::namespaces::known;
use crate::new_ca::{WantedCa, write_down};
use crate::service::event;
use crate::{DocumentChange, Made, RegistryError, RegistryService, facts};

pub(crate) const SUBJECT: &str = "credential";

/// A credential as a client writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialInput {
    /// Free text, echoed.
    pub location: String,
    /// Free, echoed.
    pub tags: Map<String, Value>,
}

/// A credential with its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialView {
    /// The record.
    pub credential: Credential,
    /// Its root CA.
    pub root: Ca,
}

impl CredentialView {
    /// Nothing can be issued yet: the root is kept offline, and its certificate was not brought.
    pub fn is_waiting(&self) -> bool {
        self.root.certificate.is_none()
    }
}

impl RegistryService {
    /// The credential of a namespace.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn credential(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
    ) -> Result<CredentialView, RegistryError> {
        caller.require(Permission::CredentialsRead, Some(namespace))?;
        let namespace = namespace.clone();
        self.store().read(move |tx| view(tx, &namespace)).await
    }

    /// Makes the credential of a namespace: a root key and a root that signed itself. One that is there
    /// keeps its root, and only what is free is replaced.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn put_credential(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        input: CredentialInput,
    ) -> Result<Made<CredentialView>, RegistryError> {
        caller.require(Permission::CredentialsWrite, Some(namespace))?;
        let asked = namespace.clone();
        let there = self.store().read(move |tx| {
            known(tx, &asked)?;
            Ok::<_, RegistryError>(tx.registry_credential(&asked)?.is_some())
        });
        if there.await? {
            let tags = replaced_by(input.tags);
            let view = self.change_credential(caller, namespace, Some(input.location), Some(tags));
            return Ok(Made {
                value: view.await?,
                is_new: false,
            });
        }
        let (service, caller, namespace) = (self.clone(), caller.clone(), namespace.clone());
        self.to_the_end(async move { service.make_credential(caller, namespace, input).await })
            .await
    }

    async fn make_credential(
        &self,
        caller: AdminCaller,
        namespace: NamespaceName,
        input: CredentialInput,
    ) -> Result<Made<CredentialView>, RegistryError> {
        let of = namespace.clone();
        let root = self.make_ca(namespace, WantedCa::Root).await?;
        let made = KeyIntent::of(&root);
        let now = self.now();
        let written = self.store().write(move |tx| {
            known(&tx, &of)?;
            if let Some(credential) = tx.registry_credential(&of)? {
                // Somebody else was quicker: his root stands.
                let view = root_of(&tx, credential)?;
                return Ok(tx.unchanged((view, false)));
            }
            let credential = Credential {
                namespace: of.clone(),
                location: input.location,
                tags: input.tags,
                root: root.id.clone(),
                created_at: now,
                updated_at: now,
            };
            write_down(&tx, &root)?;
            tx.put_registry_credential(&credential)?;
            tx.mark_crl_dirty(&root.id, 0)?;
            let event = event(&caller, Action::Create, SUBJECT, &of, "default")
                .with_detail(format!("root {}", root.subject))
                .with_after(facts::of_ca(&root));
            Ok(tx.record(&event, (CredentialView { credential, root }, true))?)
        });
        let written: Result<_, RegistryError> = written.await;
        if !matches!(&written, Ok((_, true))) {
            self.give_up_key(made).await;
        }
        let (value, is_new) = written?;
        Ok(Made { value, is_new })
    }

    /// Replaces what is free of a credential.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn change_credential(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        location: Option<String>,
        tags: Option<DocumentChange>,
    ) -> Result<CredentialView, RegistryError> {
        caller.require(Permission::CredentialsWrite, Some(namespace))?;
        let (namespace, caller, now) = (namespace.clone(), caller.clone(), self.now());
        self.store()
            .write(move |tx| {
                let mut view = view(&tx, &namespace)?;
                let credential = &mut view.credential;
                credential.location = location.unwrap_or(std::mem::take(&mut credential.location));
                credential.tags = changed(tags, &credential.tags)?;
                credential.updated_at = now;
                tx.put_registry_credential(credential)?;
                let event = event(&caller, Action::Update, SUBJECT, &namespace, "default");
                Ok(tx.record(&event, view)?)
            })
            .await
    }

    /// Removes a credential for ever: nothing is issued in the namespace any more, and a new credential is
    /// another root (certificate-management.md 3.10). What was issued goes on at the hubs.
    ///
    /// # Errors
    /// [`RegistryError`]; `CredentialHasPolicies` while a policy is there;
    /// [`Self::force_delete_credential`] deletes these with it.
    pub async fn delete_credential(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
    ) -> Result<(), RegistryError> {
        caller.require(Permission::CredentialsWrite, Some(namespace))?;
        let (namespace, caller) = (namespace.clone(), caller.clone());
        self.store()
            .write(move |tx| delete(tx, &caller, &namespace))
            .await
    }
}

fn delete(
    tx: WriteTx<'_>,
    caller: &AdminCaller,
    namespace: &NamespaceName,
) -> Result<Audited<()>, RegistryError> {
    let view = view(&tx, namespace)?;
    let policies = tx.credential_policies(namespace)?;
    if !policies.is_empty() {
        let names: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
        return Err(RegistryError::conflict(
            "CredentialHasPolicies",
            format!(
                "the credential of {namespace} has policies, which are to be deleted first, or with it by force: {}",
                names.join(", ")
            ),
        ));
    }
    close_root(&tx, &view)?;
    let event = event(caller, Action::Delete, SUBJECT, namespace, "default")
        .with_detail(format!("root {}", view.root.subject))
        .with_before(facts::of_ca(&view.root));
    Ok(tx.record(&event, ())?)
}

/// Takes a credential away; its root signs no more.
pub(crate) fn close_root(tx: &WriteTx<'_>, view: &CredentialView) -> Result<(), RegistryError> {
    tx.set_ca_state(&view.root.id, CaState::Closed, tx.now())?;
    tx.mark_crl_dirty(&view.root.id, 0)?;
    tx.delete_registry_credential(&view.credential.namespace)?;
    Ok(())
}

pub(crate) fn view(tx: &ReadTx<'_>, namespace: &NamespaceName) -> Result<CredentialView, RegistryError> {
    known(tx, namespace)?;
    let found = tx.registry_credential(namespace)?;
    let credential = found.ok_or_else(|| RegistryError::not_found("credential", "default"))?;
    root_of(tx, credential)
}

pub(crate) fn root_of(tx: &ReadTx<'_>, credential: Credential) -> Result<CredentialView, RegistryError> {
    let root = tx.ca(&credential.root)?;
    let root = root.ok_or_else(|| RegistryError::not_found("CA", credential.root.to_string()))?;
    Ok(CredentialView { credential, root })
}
