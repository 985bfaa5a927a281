//! Making CAs: key, certificate, row.

use provost_ca::{
    CaError, CaKeys, CaSigner, IssuingOrder, RootOrder, new_serial, sign_issuing_ca, sign_root,
};
use provost_model::registry::{Ca, CaId, CaRole, CaState};
use provost_model::{CredentialPolicyName, NamespaceName, Random, Timestamp};
use provost_pki::issue::Publication;

use crate::RegistryOptions;

/// What a CA is made with.
pub(crate) struct NewCa<'a> {
    pub(crate) keys: &'a CaKeys,
    pub(crate) options: &'a RegistryOptions,
    pub(crate) random: &'a dyn Random,
    pub(crate) now: Timestamp,
    pub(crate) namespace: NamespaceName,
}

impl NewCa<'_> {
    /// A root with a fresh key, signed by itself.
    pub(crate) fn root(&self) -> Result<Ca, CaError> {
        let id = CaId::generate(self.random);
        let common_name = format!("rootca-{id}");
        let signer = self.keys.make(&common_name)?;
        let order = RootOrder {
            common_name,
            serial: new_serial(self.random),
            not_before: self.now.before(self.options.backdate),
            not_after: self.now.after(self.options.root_validity),
        };
        let signed = sign_root(&order, &signer).inspect_err(|_| self.give_up(&signer))?;
        Ok(Ca {
            role: CaRole::Root,
            state: CaState::Active,
            subject: signed.subject,
            certificate: Some(signed.certificate),
            not_before: Some(signed.not_before),
            not_after: Some(signed.not_after),
            shards: 1,
            ..self.blank(id, &signer, None)
        })
    }

    /// An issuing CA with a fresh key, signed by the namespace's root.
    pub(crate) fn issuing(&self, policy: &CredentialPolicyName, root: &Ca) -> Result<Ca, CaError> {
        let id = CaId::generate(self.random);
        let common_name = format!("ica-{id}");
        let root_signer = self.keys.signer(&root.key)?;
        let signer = self.keys.make(&common_name)?;
        let order = IssuingOrder {
            common_name,
            serial: new_serial(self.random),
            not_before: self.now.before(self.options.backdate),
            not_after: self.now.after(self.options.issuing_validity),
            publication: self.options.publication.publication(&root.id, 0),
        };
        let signed = sign_issuing_ca(&order, &signer, root, &root_signer);
        let signed = signed.inspect_err(|_| self.give_up(&signer))?;
        Ok(Ca {
            parent: Some(root.id.clone()),
            state: CaState::Active,
            subject: signed.subject,
            certificate: Some(signed.certificate),
            issuers: root.certificate.iter().cloned().collect(),
            not_before: Some(signed.not_before),
            not_after: Some(signed.not_after),
            ..self.blank(id, &signer, Some(policy))
        })
    }

    /// An issuing CA that waits for the customer to sign its request.
    pub(crate) fn external(&self, policy: &CredentialPolicyName) -> Result<Ca, CaError> {
        self.waiting(policy, Publication::default())
    }

    /// An issuing CA that waits for a root that is kept offline, which publishes where we do. Such a root has
    /// no OCSP responder: nobody could sign for it.
    pub(crate) fn under_offline_root(
        &self,
        policy: &CredentialPolicyName,
        root: &CaId,
    ) -> Result<Ca, CaError> {
        self.waiting(policy, offline_publication(self.options, root))
    }

    fn waiting(&self, policy: &CredentialPolicyName, publication: Publication) -> Result<Ca, CaError> {
        let id = CaId::generate(self.random);
        let common_name = format!("ica-{id}");
        let signer = self.keys.make(&common_name)?;
        let request = provost_ca::request_for_ca(&common_name, &signer, publication);
        let request = request.inspect_err(|_| self.give_up(&signer))?;
        Ok(Ca {
            subject: format!("CN={common_name}"),
            signing_request: Some(request),
            ..self.blank(id, &signer, Some(policy))
        })
    }

    fn blank(&self, id: CaId, signer: &CaSigner, policy: Option<&CredentialPolicyName>) -> Ca {
        Ca {
            id,
            namespace: self.namespace.clone(),
            policy: policy.cloned(),
            role: CaRole::Issuing,
            parent: None,
            state: CaState::Pending,
            key: signer.key().clone(),
            subject: String::new(),
            signing_request: None,
            certificate: None,
            issuers: Vec::new(),
            not_before: None,
            not_after: None,
            shards: self.options.shards.max(1),
            created_at: self.now,
            changed_at: self.now,
        }
    }

    /// Destroys a key nothing was made of. One that cannot be destroyed stays, unused.
    fn give_up(&self, signer: &CaSigner) {
        let _ = self.keys.destroy(signer.key());
    }
}

/// Where a root that is kept offline publishes: here, all but OCSP answers.
pub(crate) fn offline_publication(options: &RegistryOptions, root: &CaId) -> Publication {
    Publication {
        ocsp: Vec::new(),
        ..options.publication.publication(root, 0)
    }
}
