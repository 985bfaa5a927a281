//! What every certificate rests on and what seldom changes: who is linked to which namespace, its policies, their
//! CAs. Kept as it was read until any of it changes, on any node: see [`RegistryVersion`](provost_store::RegistryVersion).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use provost_model::registry::{Ca, CaId, CaState, CredentialPolicy, NamespaceLink};
use provost_model::{CredentialPolicyName, NamespaceName};
use provost_pki::{Certificate, Sha256Thumbprint};
use provost_store::{AppendTx, ReadTx, StoreError, WriteTx};

/// Things of one kind that are kept; with more all of them are read again.
const CAPACITY: usize = 4096;

/// A policy with the CA that signs by it.
#[derive(Debug)]
pub(crate) struct PolicyGround {
    pub(crate) policy: CredentialPolicy,
    pub(crate) ca: Option<Ca>,
    /// SHA-256 over the public keys of that CA and of those above it.
    keys: Vec<[u8; 32]>,
}

impl PolicyGround {
    /// Whether a public key, by its hash, is that of the CA or of one above it.
    pub(crate) fn has_key(&self, key_sha256: &[u8; 32]) -> bool {
        self.keys.contains(key_sha256)
    }
}

/// What is kept, of one version.
#[derive(Default)]
struct Kept {
    version: Option<i64>,
    links: HashMap<NamespaceLink, NamespaceName>,
    policies: HashMap<(NamespaceName, CredentialPolicyName), Arc<PolicyGround>>,
    states: HashMap<CaId, CaState>,
    locations: HashMap<NamespaceName, String>,
}

/// What was read last.
#[derive(Default)]
pub(crate) struct Configuration {
    kept: Mutex<Kept>,
}

impl Configuration {
    /// As it stands in a transaction.
    pub(crate) fn in_append<'a>(&'a self, tx: &AppendTx<'a>) -> Current<'a> {
        Current {
            version: tx.registry_version(),
            tx: tx.read(),
            kept: &self.kept,
        }
    }

    /// The same.
    pub(crate) fn in_write<'a>(&'a self, tx: &'a WriteTx<'_>) -> Current<'a> {
        Current {
            version: tx.registry_version(),
            tx: tx.reader(),
            kept: &self.kept,
        }
    }
}

/// The configuration as one transaction sees it. What is not there is looked for each time: nobody fills the memory
/// with names.
pub(crate) struct Current<'a> {
    /// `None` while this commit changes it: then everything is read, and nothing kept.
    version: Option<i64>,
    tx: ReadTx<'a>,
    kept: &'a Mutex<Kept>,
}

impl Current<'_> {
    /// For everything else that is read.
    pub(crate) fn tx(&self) -> &ReadTx<'_> {
        &self.tx
    }

    /// The namespace somebody is linked to.
    pub(crate) fn linked(&self, link: &NamespaceLink) -> Result<Option<NamespaceName>, StoreError> {
        self.find(|kept| &mut kept.links, link, || self.tx.linked_namespace(link))
    }

    /// A policy with its CA.
    pub(crate) fn policy(
        &self,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Result<Option<Arc<PolicyGround>>, StoreError> {
        let key = (namespace.clone(), name.clone());
        self.find(
            |kept| &mut kept.policies,
            &key,
            || {
                let policy = self.tx.credential_policy(namespace, name)?;
                policy.map(|policy| self.ground(policy)).transpose()
            },
        )
    }

    /// What a CA may do.
    pub(crate) fn ca_state(&self, id: &CaId) -> Result<Option<CaState>, StoreError> {
        self.find(|kept| &mut kept.states, id, || self.tx.ca_state(id))
    }

    /// Where a namespace says it is.
    pub(crate) fn location(&self, namespace: &NamespaceName) -> Result<Option<String>, StoreError> {
        self.find(
            |kept| &mut kept.locations,
            namespace,
            || Ok(self.tx.namespace(namespace)?.map(|found| found.location)),
        )
    }

    fn ground(&self, policy: CredentialPolicy) -> Result<Arc<PolicyGround>, StoreError> {
        let ca = match &policy.issuing {
            Some(id) => self.tx.ca(id)?,
            None => None,
        };
        let chain = ca.iter().flat_map(|ca| ca.certificate.iter().chain(&ca.issuers));
        // One that cannot be read does not sign either: whoever wants its signature is told so.
        let keys = chain.filter_map(|der| Certificate::from_der(&der.0).ok());
        let keys = keys.map(|certificate| *Sha256Thumbprint::of(certificate.spki_der()).as_bytes());
        Ok(Arc::new(PolicyGround {
            keys: keys.collect(),
            policy,
            ca,
        }))
    }

    fn find<K: Hash + Eq + Clone, V: Clone>(
        &self,
        of: fn(&mut Kept) -> &mut HashMap<K, V>,
        key: &K,
        read: impl FnOnce() -> Result<Option<V>, StoreError>,
    ) -> Result<Option<V>, StoreError> {
        let Some(version) = self.version else {
            return read();
        };
        if let Some(found) = of(&mut self.at(version)).get(key) {
            return Ok(Some(found.clone()));
        }
        let found = read()?;
        if let Some(found) = &found {
            let mut kept = self.at(version);
            let all = of(&mut kept);
            if all.len() >= CAPACITY {
                all.clear();
            }
            all.insert(key.clone(), found.clone());
        }
        Ok(found)
    }

    /// What is kept of this version; what is of another one is forgotten.
    fn at(&self, version: i64) -> MutexGuard<'_, Kept> {
        // Nothing that may panic runs under the lock.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version != Some(version) {
            *kept = Kept {
                version: Some(version),
                ..Kept::default()
            };
        }
        kept
    }
}
