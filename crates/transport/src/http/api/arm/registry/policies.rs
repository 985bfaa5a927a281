use provost_model::{CredentialPolicyName, NamespaceName};
use provost_registry::{PolicyInput, PolicyView as View};
use provost_wire::arm::registry::{ActivateInput, PolicyPatch, PolicyView, RegistryPolicyInput, policy};
use serde_json::Value;

use super::{Answered, RegistryRequest, gone, made, shown};

impl RegistryRequest<'_> {
    fn shown_policy(&self, view: &View) -> Value {
        policy(&PolicyView {
            scope: self.scope,
            version: self.version,
            policy: &view.policy,
            issuing: view.issuing.as_ref(),
            pending: view.pending.as_ref(),
            thumbprint: view.issuing_thumbprint().as_deref(),
        })
    }

    pub(super) async fn policies(&self, namespace: &NamespaceName) -> Answered {
        let found = self.registry().policies(self.admin, namespace).await?;
        let items = found.iter().map(|view| self.shown_policy(view)).collect();
        Ok(self.page(items, None))
    }

    pub(super) async fn policy(&self, namespace: &NamespaceName, name: &CredentialPolicyName) -> Answered {
        let view = self.registry().policy(self.admin, namespace, name).await?;
        Ok(shown(&self.shown_policy(&view)))
    }

    pub(super) async fn put_policy(
        &self,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Answered {
        let input = RegistryPolicyInput::parse(&self.call.body, self.version)?;
        // DEVIATION: the first generation lets clients choose a subject; ours are unique by themselves.
        let input = PolicyInput {
            validity_days: input.validity_days,
            is_external: input.is_external,
        };
        let put = self
            .registry()
            .put_policy(self.admin, namespace, name, input)
            .await?;
        Ok(made(&self.shown_policy(&put.value), put.is_new))
    }

    pub(super) async fn patch_policy(
        &self,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Answered {
        let patch = PolicyPatch::parse(&self.call.body)?;
        let registry = self.registry();
        let days = match patch.validity_days {
            Some(days) => days,
            // Whoever changes nothing has to be allowed to change something all the same.
            None => {
                registry
                    .policy(self.admin, namespace, name)
                    .await?
                    .policy
                    .validity_days
            }
        };
        let view = registry.patch_policy(self.admin, namespace, name, days).await?;
        Ok(shown(&self.shown_policy(&view)))
    }

    pub(super) async fn delete_policy(
        &self,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Answered {
        let deleted = self.registry().delete_policy(self.admin, namespace, name);
        gone(deleted.await, "policy")
    }

    pub(super) async fn revoke_issuer(
        &self,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Answered {
        let operation = self.registry().revoke_issuer(self.admin, namespace, name).await?;
        Ok(self.accepted(&operation))
    }

    pub(super) async fn activate(&self, namespace: &NamespaceName, name: &CredentialPolicyName) -> Answered {
        let ActivateInput { certificate_chain } = ActivateInput::parse(&self.call.body)?;
        let operation = self
            .registry()
            .activate(self.admin, namespace, name, &certificate_chain)
            .await?;
        Ok(self.accepted(&operation))
    }
}
