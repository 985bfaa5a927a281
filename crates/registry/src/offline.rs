//! A credential whose root is kept offline (certificate-management.md 7.5): the server never has the root's key.
//! What the root has to sign goes out as requests, and what it signed is brought back as answers.
//!
//! Its policies are managed as those of an online root are, but for the waiting: hubs trust a new issuing CA
//! by themselves, and revoking one takes effect at once.

mod answers;
mod checks;
mod crl;
mod requests;
mod revoke;
mod status;

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{Ca, CaId, CaRole, CaState, Credential, KeyRef};
use provost_model::{Action, NamespaceName};
use provost_store::{ReadTx, StoreError, WriteTx};

pub use answers::{AnswerOutcome, ImportedAnswer, OfflineAnswers};
pub use requests::RequestPurpose;
pub(crate) use requests::is_under_offline_root;
pub(crate) use revoke::{at_once, replacement};
pub use status::{OfflineNumbers, OfflineRequest, OfflineRoot};

use crate::credentials::{CredentialInput, CredentialView};
use crate::devices::replaced_by;
use crate::namespaces::known;
use crate::service::event;
use crate::{Made, RegistryError, RegistryService};

const SUBJECT: &str = "credential";

impl RegistryService {
    /// Makes the credential of a namespace with a root that is kept offline: nothing is issued before the root's
    /// certificate was brought ([`Self::import_answers`]). Of one that is there only what is free is replaced.
    ///
    /// # Errors
    /// [`RegistryError`]; `CredentialImmutable` when there is a credential whose root is kept here.
    pub async fn put_offline_credential(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        input: CredentialInput,
    ) -> Result<Made<CredentialView>, RegistryError> {
        caller.require(Permission::CredentialsWrite, Some(namespace))?;
        let root = self.blank_root(namespace);
        let (of, by, new) = (namespace.clone(), caller.clone(), input.clone());
        let made: Result<Option<CredentialView>, RegistryError> = self
            .store()
            .write(move |tx| {
                if is_there(&tx, &of)? {
                    return Ok(tx.unchanged(None));
                }
                let view = insert(&tx, &of, root, new)?;
                let detail = format!(
                    "root {} is kept offline and waits for its certificate",
                    view.root.id
                );
                let event = event(&by, Action::Create, SUBJECT, &of, "default").with_detail(detail);
                Ok(tx.record(&event, Some(view))?)
            })
            .await;
        if let Some(value) = made? {
            return Ok(Made { value, is_new: true });
        }
        let (location, tags) = (Some(input.location), Some(replaced_by(input.tags)));
        Ok(Made {
            value: self.change_credential(caller, namespace, location, tags).await?,
            is_new: false,
        })
    }

    /// A root nobody here has the key of, before its certificate came.
    fn blank_root(&self, namespace: &NamespaceName) -> Ca {
        let now = self.now();
        Ca {
            id: CaId::generate(self.random()),
            namespace: namespace.clone(),
            policy: None,
            role: CaRole::Root,
            parent: None,
            state: CaState::Pending,
            key: KeyRef::offline(),
            subject: String::new(),
            signing_request: None,
            certificate: None,
            issuers: Vec::new(),
            not_before: None,
            not_after: None,
            shards: 1,
            created_at: now,
            changed_at: now,
        }
    }
}

/// Whether the credential is there already; one whose root is kept here is refused.
fn is_there(tx: &ReadTx<'_>, namespace: &NamespaceName) -> Result<bool, RegistryError> {
    known(tx, namespace)?;
    let Some(credential) = tx.registry_credential(namespace)? else {
        return Ok(false);
    };
    if crate::credentials::root_of(tx, credential)?.root.key.is_offline() {
        return Ok(true);
    }
    Err(RegistryError::conflict(
        "CredentialImmutable",
        format!("the credential of {namespace} has its root here; one kept offline is another credential"),
    ))
}

fn insert(
    tx: &WriteTx<'_>,
    namespace: &NamespaceName,
    root: Ca,
    input: CredentialInput,
) -> Result<CredentialView, StoreError> {
    let credential = Credential {
        namespace: namespace.clone(),
        location: input.location,
        tags: input.tags,
        root: root.id.clone(),
        created_at: root.created_at,
        updated_at: root.created_at,
    };
    tx.insert_ca(&root)?;
    tx.put_registry_credential(&credential)?;
    Ok(CredentialView { credential, root })
}

/// The credential of a namespace, when its root is kept offline.
fn offline_credential(tx: &ReadTx<'_>, namespace: &NamespaceName) -> Result<CredentialView, RegistryError> {
    let view = crate::credentials::view(tx, namespace)?;
    if view.root.key.is_offline() {
        return Ok(view);
    }
    Err(RegistryError::invalid(
        "RootNotOffline",
        format!("the root of the credential of {namespace} is kept here; nothing of it is signed elsewhere"),
    ))
}
