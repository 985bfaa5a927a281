use provost_access::{AdminCaller, Permission};
use provost_model::registry::Namespace;
use provost_model::{Action, NamespaceName, PageSize, Uuid};
use provost_store::ReadTx;
use serde_json::{Map, Value};

use crate::devices::changed;
use crate::service::event;
use crate::{DocumentChange, Made, RegistryError, RegistryService};

/// A namespace as a client writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceInput {
    /// Free text, echoed.
    pub location: String,
    /// Free, echoed.
    pub tags: Map<String, Value>,
    /// The rest of the resource, without what the server says itself.
    pub document: Map<String, Value>,
}

impl RegistryService {
    /// One namespace.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn namespace(
        &self,
        caller: &AdminCaller,
        name: &NamespaceName,
    ) -> Result<Namespace, RegistryError> {
        caller.require(Permission::NamespacesRead, Some(name))?;
        let name = name.clone();
        self.store().read(move |tx| known(tx, &name)).await
    }

    /// Namespaces in order of their names, beginning after `after`; a token that counts for one sees that
    /// one.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn namespaces(
        &self,
        caller: &AdminCaller,
        after: Option<&NamespaceName>,
        page: PageSize,
    ) -> Result<Vec<Namespace>, RegistryError> {
        caller.require(Permission::NamespacesRead, None)?;
        let (after, only) = (after.cloned(), caller.namespace().cloned());
        self.store()
            .scan(move |tx| match only {
                None => Ok(tx.namespaces(after.as_ref(), page)?),
                Some(only) => {
                    let is_after = after.is_none_or(|after| only.key() > after.key());
                    let found = if is_after { tx.namespace(&only)? } else { None };
                    Ok(found.into_iter().collect())
                }
            })
            .await
    }

    /// Makes a namespace, or replaces what is free in it; its UUID stays.
    ///
    /// # Errors
    /// [`RegistryError`]; `InvalidName` for a new one (certificate-management.md 1.4).
    pub async fn put_namespace(
        &self,
        caller: &AdminCaller,
        name: &NamespaceName,
        input: NamespaceInput,
    ) -> Result<Made<Namespace>, RegistryError> {
        caller.require(Permission::NamespacesWrite, Some(name))?;
        let name = name.clone();
        let (uuid, now) = (Uuid::generate(self.random()), self.now());
        let caller = caller.clone();
        self.store()
            .write(move |tx| {
                let before = tx.namespace(&name)?;
                if before.is_none() && !name.is_for_new() {
                    return Err(RegistryError::invalid(
                        "InvalidName",
                        format!(
                            "the name of a namespace has 3 to 63 lower-case letters, digits and hyphens, which {name} \
                             does not"
                        ),
                    ));
                }
                let namespace = Namespace {
                    name: before.as_ref().map_or(name, |before| before.name.clone()),
                    uuid: before.as_ref().map_or(uuid, |before| before.uuid),
                    location: input.location,
                    tags: input.tags,
                    document: input.document,
                    created_at: before.as_ref().map_or(now, |before| before.created_at),
                    updated_at: now,
                };
                tx.put_namespace(&namespace)?;
                let is_new = before.is_none();
                let action = if is_new { Action::Create } else { Action::Update };
                let event = event(&caller, action, "namespace", &namespace.name, "");
                Ok(tx.record(
                    &event,
                    Made {
                        value: namespace,
                        is_new,
                    },
                )?)
            })
            .await
    }

    /// Changes what is free of a namespace.
    ///
    /// # Errors
    /// [`RegistryError`]; `InvalidRequestContent` with the words of the change.
    pub async fn patch_namespace(
        &self,
        caller: &AdminCaller,
        name: &NamespaceName,
        tags: Option<DocumentChange>,
        document: Option<DocumentChange>,
    ) -> Result<Namespace, RegistryError> {
        caller.require(Permission::NamespacesWrite, Some(name))?;
        let (name, caller) = (name.clone(), caller.clone());
        self.store()
            .write(move |tx| {
                let mut namespace = known(&tx, &name)?;
                namespace.document = changed(document, &namespace.document)?;
                namespace.tags = changed(tags, &namespace.tags)?;
                namespace.updated_at = tx.now();
                tx.put_namespace(&namespace)?;
                let event = event(&caller, Action::Update, "namespace", &namespace.name, "");
                Ok(tx.record(&event, namespace)?)
            })
            .await
    }
}

pub(crate) fn known(tx: &ReadTx<'_>, name: &NamespaceName) -> Result<Namespace, RegistryError> {
    let found = tx.namespace(name)?;
    found.ok_or_else(|| RegistryError::not_found("namespace", name.to_string()))
}
