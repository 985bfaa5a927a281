//! Making CAs: what is to be made is written down, then come key and certificate; whoever has a use for the CA
//! writes it down in the place of the intent, and otherwise its key goes (`unused_keys.rs`).

use provost_ca::{CaError, CaSigner, IssuingOrder, RootOrder, new_serial, sign_issuing_ca, sign_root};
use provost_model::registry::{Ca, CaId, CaRole, CaState, KeyIntent, KeyRef, SerialNumber};
use provost_model::{CredentialPolicyName, NamespaceName, Timestamp};
use provost_pki::issue::Publication;
use provost_store::{AppendTx, StoreError, WriteTx};

use crate::{RegistryError, RegistryOptions, RegistryService};

/// Which CA is wanted.
#[derive(Debug, Clone)]
pub(crate) enum WantedCa {
    /// A root that signs itself.
    Root,
    /// An issuing CA, signed by the namespace's root.
    Issuing {
        policy: CredentialPolicyName,
        root: Box<Ca>,
    },
    /// An issuing CA that waits for the customer to sign its request.
    External(CredentialPolicyName),
    /// An issuing CA that waits for a root that is kept offline, which publishes where we do.
    UnderOfflineRoot {
        policy: CredentialPolicyName,
        root: CaId,
    },
}

impl WantedCa {
    fn role(&self) -> CaRole {
        match self {
            Self::Root => CaRole::Root,
            _ => CaRole::Issuing,
        }
    }

    fn policy(&self) -> Option<&CredentialPolicyName> {
        match self {
            Self::Root => None,
            Self::Issuing { policy, .. } | Self::External(policy) | Self::UnderOfflineRoot { policy, .. } => {
                Some(policy)
            }
        }
    }

    /// What it is called, which is what its key is called, too.
    fn common_name(&self, id: &CaId) -> String {
        match self.role() {
            CaRole::Root => format!("rootca-{id}"),
            CaRole::Issuing => format!("ica-{id}"),
        }
    }

    /// Whether its certificate is signed here.
    fn is_signed_here(&self) -> bool {
        matches!(self, Self::Root | Self::Issuing { .. })
    }
}

/// One that is being made; its intent is written down.
struct NewCa {
    service: RegistryService,
    id: CaId,
    key: KeyRef,
    serial: SerialNumber,
    namespace: NamespaceName,
    now: Timestamp,
}

impl RegistryService {
    /// Makes a CA, with its key, that is in no use yet. [`write_down`] it, or give it up.
    pub(crate) async fn make_ca(
        &self,
        namespace: NamespaceName,
        wanted: WantedCa,
    ) -> Result<Ca, RegistryError> {
        let (keys, id) = (self.keys().clone(), CaId::generate(self.random()));
        let name = wanted.common_name(&id);
        let label = name.clone();
        let key = self.blocking(move || keys.reserve(&label)).await?;
        let new = NewCa {
            service: self.clone(),
            id,
            key,
            serial: new_serial(self.random()),
            namespace,
            now: self.now(),
        };
        let intent = KeyIntent {
            key: new.key.clone(),
            owner: wanted.role().into(),
            ca: new.id.clone(),
            namespace: new.namespace.clone(),
            policy: wanted.policy().cloned(),
            serial: wanted.is_signed_here().then(|| new.serial.clone()),
            created_at: new.now,
        };
        let intended = intent.clone();
        let intend = move |tx: &AppendTx<'_>| tx.intend_key(&intended);
        let written: Result<(), StoreError> = self.store().append(intend).await;
        written?;
        let made = self.blocking(move || new.make(&name, &wanted)).await;
        if made.is_err() {
            self.give_up_key(intent).await;
        }
        made
    }
}

impl NewCa {
    fn make(&self, name: &str, wanted: &WantedCa) -> Result<Ca, CaError> {
        let signer = self.service.keys().make_reserved(&self.key, name)?;
        let blank = self.blank(wanted);
        match wanted {
            WantedCa::Root => self.root(name, &signer, blank),
            WantedCa::Issuing { root, .. } => self.issuing(name, &signer, root, blank),
            WantedCa::External(_) => waiting(name, &signer, Publication::default(), blank),
            // Such a root has no OCSP responder: nobody could sign for it.
            WantedCa::UnderOfflineRoot { root, .. } => {
                let publication = offline_publication(self.service.options(), root);
                waiting(name, &signer, publication, blank)
            }
        }
    }

    fn root(&self, name: &str, signer: &CaSigner, blank: Ca) -> Result<Ca, CaError> {
        let options = self.service.options();
        let order = RootOrder {
            common_name: name.to_owned(),
            serial: self.serial.clone(),
            not_before: self.now.before(options.backdate),
            not_after: self.now.after(options.root_validity),
        };
        let signed = sign_root(&order, signer)?;
        Ok(Ca {
            state: CaState::Active,
            subject: signed.subject,
            certificate: Some(signed.certificate),
            not_before: Some(signed.not_before),
            not_after: Some(signed.not_after),
            shards: 1,
            ..blank
        })
    }

    fn issuing(&self, name: &str, signer: &CaSigner, root: &Ca, blank: Ca) -> Result<Ca, CaError> {
        let options = self.service.options();
        let order = IssuingOrder {
            common_name: name.to_owned(),
            serial: self.serial.clone(),
            not_before: self.now.before(options.backdate),
            not_after: self.now.after(options.issuing_validity),
            publication: options.publication.publication(&root.id, 0),
        };
        let root_signer = self.service.keys().signer(&root.key)?;
        let signed = sign_issuing_ca(&order, signer, root, &root_signer)?;
        Ok(Ca {
            parent: Some(root.id.clone()),
            state: CaState::Active,
            subject: signed.subject,
            certificate: Some(signed.certificate),
            issuers: root.certificate.iter().cloned().collect(),
            not_before: Some(signed.not_before),
            not_after: Some(signed.not_after),
            ..blank
        })
    }

    fn blank(&self, wanted: &WantedCa) -> Ca {
        Ca {
            id: self.id.clone(),
            namespace: self.namespace.clone(),
            policy: wanted.policy().cloned(),
            role: wanted.role(),
            parent: None,
            state: CaState::Pending,
            key: self.key.clone(),
            subject: String::new(),
            signing_request: None,
            certificate: None,
            issuers: Vec::new(),
            not_before: None,
            not_after: None,
            shards: self.service.options().shards.max(1),
            created_at: self.now,
            changed_at: self.now,
        }
    }
}

fn waiting(name: &str, signer: &CaSigner, publication: Publication, blank: Ca) -> Result<Ca, CaError> {
    Ok(Ca {
        subject: format!("CN={name}"),
        signing_request: Some(provost_ca::request_for_ca(name, signer, publication)?),
        ..blank
    })
}

/// Writes down a CA that was made, in the place of its intent.
///
/// Fails when that was given up meanwhile, since it took too long: its key may be gone. Another one can be made.
pub(crate) fn write_down(tx: &WriteTx<'_>, ca: &Ca) -> Result<(), RegistryError> {
    if tx.complete_ca(ca)? {
        return Ok(());
    }
    Err(RegistryError::KeyGivenUp(ca.id.clone()))
}

/// Where a root that is kept offline publishes: here, all but OCSP answers.
pub(crate) fn offline_publication(options: &RegistryOptions, root: &CaId) -> Publication {
    Publication {
        ocsp: Vec::new(),
        ..options.publication.publication(root, 0)
    }
}
