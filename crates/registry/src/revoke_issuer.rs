//! Revoking the issuing CA of a policy (certificate-management.md 3.7): operation row, new CA, one
//! transaction. A process that ends in between left the row, and the next one goes on from it; hubs trust
//! the old CA or the new one at every moment, never none.

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{
    Ca, CaId, CaState, CredentialPolicy, KeyIntent, OperationState, RegistryOperation, Revocation,
    RevocationReason, RevokedEntry,
};
use provost_model::{Action, Actor, AuditEvent, Change, CredentialPolicyName, ErrorKind, NamespaceName};
use provost_pki::Certificate;
use provost_store::{Audited, CrlPart, ReadTx, StoreError, WriteTx};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::hub_trust::{distrust, trust, trusted_cas};
use crate::new_ca::{WantedCa, write_down};
use crate::offline::{at_once, is_under_offline_root};
use crate::operations::{done, failed};
use crate::policies::{SUBJECT, mark_all_parts, view};
use crate::service::event;
use crate::{ByorRevoke, RegistryError, RegistryService, facts};

pub(crate) const KIND: &str = "revokeIssuer";

/// The operation as it ended, and the CAs that were revoked with it; `None` when it had ended before.
type Replaced = (RegistryOperation, Option<Vec<Ca>>);

/// What the work needs, read anew at each step.
struct Work {
    policy: CredentialPolicy,
    /// Signs the replacement; `None` for a policy under a customer's root.
    root: Option<Ca>,
}

impl RegistryService {
    /// Revokes the issuing CA of a policy and replaces it by a new one on all linked hubs; what the old one
    /// signed stops working, and its sessions are closed when this returns. It cannot be undone.
    ///
    /// # Errors
    /// [`RegistryError`]; `ExternalIssuerNotRevocable` for a policy under a customer's root, unless
    /// [`ByorRevoke::Rotate`]; `PolicyPendingActivation` when there is no issuing CA.
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
        let work = self.store().read(move |tx| asked.work(tx, &namespace)).await?;
        let policy = work.policy.name;
        let wanted = match work.root.map(Box::new) {
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

    /// The one transaction: new before old on every hub, the old ones revoked, the operation done. Answers what
    /// was revoked; `None` when the operation had ended before, and the new one is not needed.
    fn put_in_place(
        &self,
        tx: WriteTx<'_>,
        operation: RegistryOperation,
        started: &Started,
        new: &Ca,
    ) -> Result<Audited<Replaced>, RegistryError> {
        let namespace = operation.namespace.clone();
        if let Some(ended) = ended(&tx, &operation)? {
            return Ok(tx.unchanged((ended, None)));
        }
        let mut policy = started.work(&tx, &namespace)?.policy;
        let old = trusted_cas(&tx, &policy)?;
        let ids: Vec<_> = old.iter().map(|ca| ca.id.clone()).collect();
        write_down(&tx, new)?;
        let is_external = policy.is_external;
        if let Some(pending) = policy.pending.take() {
            tx.set_ca_state(&pending, CaState::Closed, tx.now())?;
        }
        policy.issuing = (!is_external).then(|| new.id.clone());
        policy.pending = is_external.then(|| new.id.clone());
        policy.updated_at = tx.now();
        tx.put_credential_policy(&policy)?;
        for hub in tx.linked_registry_hubs(&namespace)? {
            trust(&tx, &hub, &policy, new, self.random())?;
        }
        // Hubs that were unlinked meanwhile keep what was synchronized to them: it leaves these, too.
        for hub in tx.hubs()? {
            distrust(&tx, &hub.name, &ids)?;
        }
        for ca in &old {
            revoke_ca(&tx, ca)?;
        }
        if !is_external {
            mark_all_parts(&tx, new)?;
        }
        let mut operation = done(operation, tx.now());
        operation.progress = started.ended(if is_external {
            Outcome::WaitsForExternalCa
        } else {
            Outcome::Replaced
        });
        tx.put_registry_operation(&operation)?;
        let detail = format!(
            "issuing CA {} -> {}{}",
            old.iter().map(thumbprint).collect::<Vec<_>>().join(", "),
            thumbprint(new),
            if is_external { EXTERNAL_NOTE } else { "" },
        );
        let now_stands = facts::of_ca(new).with("state", new.state);
        let actor = Actor::Admin(started.by.clone());
        let event = AuditEvent::new(
            actor,
            Action::Revoke,
            SUBJECT,
            namespace.as_str(),
            policy.name.as_str(),
        )
        .with_detail(detail)
        .with_before(facts::of_cas(&old))
        .with_after(now_stands);
        Ok(tx.record(&event, (operation, Some(old)))?)
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

/// what we do not do.
const EXTERNAL_NOTE: &str = "; the CRL of the external root is its owner's to publish";

/// What stands in the place of an issuing CA that was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new one, made at once.
    Replaced,
    /// The spare, which a root kept offline had signed in advance.
    SpareTookOver,
    /// Nothing: a signing request waits for the root that is kept offline.
    WaitsForOfflineRoot,
    /// Nothing: a signing request waits for the customer.
    WaitsForExternalCa,
}

impl Outcome {
    /// The word an operation ends with.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::SpareTookOver => "spareTookOver",
            Self::WaitsForOfflineRoot => "waitsForOfflineRoot",
            Self::WaitsForExternalCa => "waitsForExternalCa",
        }
    }
}

/// A CA's certificate for the audit log, or what it is to be called.
pub(crate) fn thumbprint(ca: &Ca) -> String {
    let der = ca.certificate.as_ref();
    der.map_or_else(
        || ca.subject.clone(),
        |der| provost_pki::Sha1Thumbprint::of(&der.0).to_string(),
    )
}

/// What the operation row keeps.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    policy: CredentialPolicyName,
    /// The CA that signed when it was asked: when another one does, it was done already.
    old: String,
    by: String,
}

impl Started {
    fn text(&self) -> String {
        json!({"policy": self.policy.as_str(), "ca": self.old, "by": self.by}).to_string()
    }

    /// The same, with how it ended.
    pub(crate) fn ended(&self, outcome: Outcome) -> String {
        let (policy, result) = (self.policy.as_str(), outcome.as_str());
        json!({"policy": policy, "ca": self.old, "by": self.by, "result": result}).to_string()
    }

    fn read(operation: &RegistryOperation) -> Result<Self, RegistryError> {
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
    fn work(&self, tx: &ReadTx<'_>, namespace: &NamespaceName) -> Result<Work, RegistryError> {
        let policy = view(tx, namespace, &self.policy)?.policy;
        let old = CaId::parse(&self.old).map(|id| tx.ca(&id)).transpose()?.flatten();
        // The one the policy has may be revoked already: a backup knew nothing of the one after it.
        let is_replaced = |ca: &Ca| match ca.state {
            CaState::Active | CaState::Retired => true,
            CaState::Revoked => policy.issuing.as_ref() == Some(&ca.id),
            CaState::Pending | CaState::Spare | CaState::Closed => false,
        };
        if !old.as_ref().is_some_and(is_replaced) {
            return Err(RegistryError::conflict(
                "IssuerChanged",
                format!(
                    "the issuing CA of the policy {} was revoked or closed meanwhile",
                    self.policy
                ),
            ));
        }
        let root = if policy.is_external {
            None
        } else {
            Some(crate::credentials::view(tx, namespace)?.root)
        };
        Ok(Work { policy, root })
    }
}

/// Writes down what is to be done; under a root kept offline it is done right here, for nothing has to be signed.
fn begin(
    service: &RegistryService,
    tx: WriteTx<'_>,
    caller: &AdminCaller,
    (namespace, name): (&NamespaceName, &CredentialPolicyName),
    mut operation: RegistryOperation,
) -> Result<Audited<(RegistryOperation, Vec<Ca>)>, RegistryError> {
    let view = view(&tx, namespace, name)?;
    if view.policy.is_external && service.options().byor_revoke == ByorRevoke::Refuse {
        return Err(RegistryError::invalid(
            "ExternalIssuerNotRevocable",
            format!(
                "the issuing CA of the policy {name} hangs under an external root; revoke it there, on the \
                 CRL of its owner"
            ),
        ));
    }
    let facts = facts::of_policy(&view);
    let Some(issuing) = &view.policy.issuing else {
        let what = if view.policy.is_external {
            "external certificate authority"
        } else {
            "root, which is kept offline"
        };
        return Err(RegistryError::conflict(
            "PolicyPendingActivation",
            format!("the policy {name} has no issuing CA; it waits for its {what}"),
        ));
    };
    let started = Started {
        policy: name.clone(),
        old: issuing.to_string(),
        by: caller.name().to_owned(),
    };
    if is_under_offline_root(&tx, &view.policy)?.is_some() {
        return at_once(service, tx, caller, view, operation, &started);
    }
    operation.progress = started.text();
    tx.put_registry_operation(&operation)?;
    let event = event(caller, Action::Revoke, SUBJECT, namespace, name.as_str())
        .with_detail(format!("begun as operation {}", operation.id))
        .with_before(facts);
    Ok(tx.record(&event, (operation, Vec::new()))?)
}

/// Revokes a CA, and puts it on the CRL of our root when one of ours signed it.
pub(crate) fn revoke_ca(tx: &WriteTx<'_>, ca: &Ca) -> Result<(), RegistryError> {
    let now = tx.now();
    // Sessions may rest on what it signed also where no hub had it from here.
    tx.announce(&Change::Configuration)?;
    tx.set_ca_state(&ca.id, CaState::Revoked, now)?;
    let (Some(root), Some(der)) = (&ca.parent, &ca.certificate) else {
        return Ok(());
    };
    let Some((serial, not_after)) = serial_of(&der.0) else {
        return Ok(());
    };
    let part = CrlPart {
        ca: root.clone(),
        shard: 0,
    };
    let entry = RevokedEntry {
        serial,
        revocation: Revocation {
            at: now,
            reason: RevocationReason::CaCompromise,
        },
        not_after,
    };
    tx.insert_revoked(&part, &entry)?;
    tx.mark_crl_dirty(root, 0)?;
    Ok(())
}

fn serial_of(der: &[u8]) -> Option<(provost_model::registry::SerialNumber, provost_model::Timestamp)> {
    let certificate = Certificate::from_der(der).ok()?;
    let serial = provost_model::registry::SerialNumber::parse(&certificate.serial_hex())?;
    Some((serial, certificate.not_after()))
}
