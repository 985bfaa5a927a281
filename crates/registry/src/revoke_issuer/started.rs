//! What the row of an operation keeps of it, and what is to be done while it still holds.

use provost_model::registry::{Ca, CaId, CaState, CredentialPolicy, RegistryOperation};
use provost_model::{CredentialPolicyName, NamespaceName};
use provost_store::ReadTx;
use serde_json::{Value, json};

use super::outcome::Outcome;
use crate::RegistryError;
use crate::policies::view;

/// What the work needs, read anew at each step.
pub(super) struct Work {
    pub(super) policy: CredentialPolicy,
    /// Signs the replacement; `None` for a policy under a customer's root.
    pub(super) root: Option<Ca>,
}

/// How an operation that goes on finds its policy.
pub(super) enum Found {
    /// The CA is there to be replaced.
    Work(Box<Work>),
    /// Another request revoked the CA, and what took its place is no part of what was asked for.
    Done(Outcome),
}

/// What the operation row keeps.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(super) policy: CredentialPolicyName,
    /// The CA that signed when it was asked: when another one does, it was done already.
    pub(super) old: String,
    pub(super) by: String,
}

impl Started {
    pub(super) fn text(&self) -> String {
        json!({"policy": self.policy.as_str(), "ca": self.old, "by": self.by}).to_string()
    }

    /// The same, with how it ended.
    pub(crate) fn ended(&self, outcome: Outcome) -> String {
        let (policy, result) = (self.policy.as_str(), outcome.as_str());
        json!({"policy": policy, "ca": self.old, "by": self.by, "result": result}).to_string()
    }

    pub(super) fn read(operation: &RegistryOperation) -> Result<Self, RegistryError> {
        let wrong = || RegistryError::conflict("OperationLost", "what the operation was about is not known");
        let kept: Value = serde_json::from_str(&operation.progress).map_err(|_| wrong())?;
        let text = |member: &str| kept.get(member).and_then(Value::as_str).ok_or_else(wrong);
        Ok(Self {
            policy: CredentialPolicyName::parse(text("policy")?).map_err(|_| wrong())?,
            old: text("ca")?.to_owned(),
            by: text("by")?.to_owned(),
        })
    }

    /// The policy while the CA that is to be revoked is trusted, though a renewal may have put another one in
    /// its place meanwhile: whatever the policy has then is replaced with it.
    pub(super) fn work(&self, tx: &ReadTx<'_>, namespace: &NamespaceName) -> Result<Found, RegistryError> {
        let policy = view(tx, namespace, &self.policy)?.policy;
        let old = CaId::parse(&self.old).map(|id| tx.ca(&id)).transpose()?.flatten();
        // The one the policy has may have ended already: a backup knew nothing of the one after it.
        let is_replaced = |ca: &Ca| match ca.state {
            CaState::Active | CaState::Retired => true,
            CaState::Revoked | CaState::Closed => policy.issuing.as_ref() == Some(&ca.id),
            CaState::Pending | CaState::Spare => false,
        };
        if old
            .as_ref()
            .is_some_and(|ca| ca.state == CaState::Revoked && !is_replaced(ca))
        {
            return Ok(Found::Done(Outcome::at_once(policy.is_external)));
        }
        if !old.as_ref().is_some_and(is_replaced) {
            return Err(RegistryError::conflict(
                "IssuerChanged",
                format!(
                    "the issuing CA of the policy {} was closed meanwhile",
                    self.policy
                ),
            ));
        }
        let root = (!policy.is_external).then(|| crate::credentials::view(tx, namespace));
        let root = root.transpose()?.map(|credential| credential.root);
        Ok(Found::Work(Box::new(Work { policy, root })))
    }
}
