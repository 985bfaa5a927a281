use provost_access::{AdminCaller, Permission};
use provost_model::registry::{Ca, CaState, CredentialPolicy, KeyIntent};
use provost_model::{Action, CredentialPolicyName, NamespaceName, Uuid};
use provost_pki::Sha1Thumbprint;
use provost_store::{Audited, ReadTx, WriteTx};

use crate::credentials::view as credential;
use crate::new_ca::{WantedCa, write_down};
use crate::orphans::Deletion;
use crate::service::event;
use crate::{Made, RegistryError, RegistryService, facts};

pub(crate) const SUBJECT: &str = "credentialPolicy";

/// A policy as a client makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyInput {
    /// Days its leaves are valid.
    pub validity_days: u32,
    /// Its issuing CA hangs under the customer's root; never changes.
    pub is_external: bool,
}

/// A policy with its CAs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyView {
    /// The record.
    pub policy: CredentialPolicy,
    /// The CA that signs now.
    pub issuing: Option<Ca>,
    /// The one whose signing request waits for the customer, or for a root that is kept offline.
    pub pending: Option<Ca>,
}

impl PolicyView {
    /// SHA-1 over the issuing CA's certificate, 40 upper-case digits (certificate-management.md U-16).
    pub fn issuing_thumbprint(&self) -> Option<String> {
        let certificate = self.issuing.as_ref()?.certificate.as_ref()?;
        Some(Sha1Thumbprint::of(&certificate.0).to_string())
    }
}

impl RegistryService {
    /// One policy.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn policy(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Result<PolicyView, RegistryError> {
        caller.require(Permission::PoliciesRead, Some(namespace))?;
        let (namespace, name) = (namespace.clone(), name.clone());
        self.store().read(move |tx| view(tx, &namespace, &name)).await
    }

    /// Every policy of a namespace's credential, by name.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn policies(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
    ) -> Result<Vec<PolicyView>, RegistryError> {
        caller.require(Permission::PoliciesRead, Some(namespace))?;
        let namespace = namespace.clone();
        self.store()
            .scan(move |tx| {
                credential(tx, &namespace)?;
                let policies = tx.credential_policies(&namespace)?;
                policies.into_iter().map(|policy| of(tx, policy)).collect()
            })
            .await
    }

    /// Makes a policy with its issuing CA, or with a signing request for the customer's. Of one that is
    /// there the validity of leaves changes, and nothing else may differ.
    ///
    /// # Errors
    /// [`RegistryError`]; `PolicyLimitExceeded`, `ValidityOutOfRange`, `PolicyImmutable`.
    pub async fn put_policy(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
        input: PolicyInput,
    ) -> Result<Made<PolicyView>, RegistryError> {
        caller.require(Permission::PoliciesWrite, Some(namespace))?;
        self.check_validity(input.validity_days)?;
        let (of, asked, limit) = (
            namespace.clone(),
            name.clone(),
            self.options().policies_per_credential,
        );
        let there = self.store().read(move |tx| before(tx, &of, &asked, input, limit));
        if there.await? {
            let view = self
                .patch_policy(caller, namespace, name, input.validity_days)
                .await?;
            return Ok(Made {
                value: view,
                is_new: false,
            });
        }
        let (service, caller) = (self.clone(), caller.clone());
        let (namespace, name) = (namespace.clone(), name.clone());
        self.to_the_end(async move { service.make_policy(caller, namespace, name, input).await })
            .await
    }

    async fn make_policy(
        &self,
        caller: AdminCaller,
        namespace: NamespaceName,
        name: CredentialPolicyName,
        input: PolicyInput,
    ) -> Result<Made<PolicyView>, RegistryError> {
        let of = namespace.clone();
        let root = self.store().read(move |tx| credential(tx, &of)).await?.root;
        let root_id = root.id.clone();
        let is_offline = root.key.is_offline() && !input.is_external;
        let waits = is_offline || input.is_external;
        let (of_policy, under) = (name.clone(), namespace.clone());
        let policy = name.clone();
        let wanted = if input.is_external {
            WantedCa::External(policy)
        } else if is_offline {
            let root = root.id;
            WantedCa::UnderOfflineRoot { policy, root }
        } else {
            let root = Box::new(root);
            WantedCa::Issuing { policy, root }
        };
        let ca = self.make_ca(namespace.clone(), wanted).await?;
        let made = KeyIntent::of(&ca);
        let uuid = Uuid::generate(self.random());
        let limit = self.options().policies_per_credential;
        let written = self.store().write(move |tx| {
            if before(&tx, &namespace, &name, input, limit)? {
                let view = view(&tx, &namespace, &name)?;
                return Ok(tx.unchanged((view, false)));
            }
            if credential(&tx, &namespace)?.root.id != root_id {
                return Err(RegistryError::conflict(
                    "CredentialChanged",
                    "the credential was replaced meanwhile; try again",
                ));
            }
            let policy = CredentialPolicy {
                namespace: namespace.clone(),
                name: name.clone(),
                uuid,
                validity_days: input.validity_days,
                is_external: input.is_external,
                issuing: (!waits).then(|| ca.id.clone()),
                pending: waits.then(|| ca.id.clone()),
                created_at: ca.created_at,
                updated_at: ca.created_at,
            };
            insert(tx, &caller, policy, &ca)
        });
        let written: Result<_, RegistryError> = written.await;
        if !matches!(&written, Ok((_, true))) {
            self.give_up_key(made).await;
        }
        let (value, is_new) = written?;
        if is_offline {
            self.supply(&under, &of_policy).await;
        }
        Ok(Made { value, is_new })
    }

    /// Changes how many days leaves are valid: of those issued from now on.
    ///
    /// # Errors
    /// [`RegistryError`]; `ValidityOutOfRange`.
    pub async fn patch_policy(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
        validity_days: u32,
    ) -> Result<PolicyView, RegistryError> {
        caller.require(Permission::PoliciesWrite, Some(namespace))?;
        self.check_validity(validity_days)?;
        let (namespace, name, caller) = (namespace.clone(), name.clone(), caller.clone());
        self.store()
            .write(move |tx| {
                let mut view = view(&tx, &namespace, &name)?;
                if view.policy.validity_days == validity_days {
                    return Ok(tx.unchanged(view));
                }
                let was = facts::of_policy(&view);
                let before = view.policy.validity_days;
                view.policy.validity_days = validity_days;
                view.policy.updated_at = tx.now();
                tx.put_credential_policy(&view.policy)?;
                let event = event(&caller, Action::Update, SUBJECT, &namespace, name.as_str())
                    .with_detail(format!("validity {before} -> {validity_days} days"))
                    .with_before(was)
                    .with_after(facts::of_policy(&view));
                Ok(tx.record(&event, view)?)
            })
            .await
    }

    /// Removes a policy for ever: its CAs sign CRLs and nothing else, and their keys go when the last leaf has
    /// expired. What they signed goes on at the hubs (certificate-management.md 3.9).
    ///
    /// # Errors
    /// [`RegistryError`]; `CertificatesNotRevoked` for an external one with certificates that stand;
    /// [`Self::force_delete_policy`] deletes it all the same.
    pub async fn delete_policy(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Result<(), RegistryError> {
        caller.require(Permission::PoliciesWrite, Some(namespace))?;
        let what = Deletion::Policy(name.clone());
        self.delete_counted(caller, namespace, what).await.map(|_| ())
    }

    fn check_validity(&self, days: u32) -> Result<(), RegistryError> {
        let allowed = &self.options().validity_days;
        if allowed.contains(&days) {
            return Ok(());
        }
        Err(RegistryError::invalid(
            "ValidityOutOfRange",
            format!(
                "validityPeriodInDays is {days}; it must be {} to {}",
                allowed.start(),
                allowed.end()
            ),
        ))
    }
}

/// A new policy with its issuing CA, which has its certificate or waits for it.
fn insert(
    tx: WriteTx<'_>,
    caller: &AdminCaller,
    policy: CredentialPolicy,
    ca: &Ca,
) -> Result<Audited<(PolicyView, bool)>, RegistryError> {
    write_down(&tx, ca)?;
    tx.put_credential_policy(&policy)?;
    if policy.issuing.is_some() {
        mark_all_parts(&tx, ca)?;
    }
    let (namespace, key) = (&policy.namespace, policy.name.as_str());
    let event = event(caller, Action::Create, SUBJECT, namespace, key).with_detail(format!(
        "issuing CA {}, {} days",
        ca.subject, policy.validity_days
    ));
    let view = of(&tx, policy)?;
    let event = event.with_after(facts::of_policy(&view));
    Ok(tx.record(&event, (view, true))?)
}

/// Whether the policy is there already; what does not fit is refused.
fn before(
    tx: &ReadTx<'_>,
    namespace: &NamespaceName,
    name: &CredentialPolicyName,
    input: PolicyInput,
    limit: usize,
) -> Result<bool, RegistryError> {
    credential(tx, namespace)?;
    let policies = tx.credential_policies(namespace)?;
    if let Some(there) = policies.iter().find(|policy| policy.name == *name) {
        if there.is_external != input.is_external {
            return Err(RegistryError::invalid(
                "PolicyImmutable",
                format!("bringYourOwnRoot of the policy {name} cannot be changed"),
            ));
        }
        return Ok(true);
    }
    if policies.len() >= limit {
        return Err(RegistryError::invalid(
            "PolicyLimitExceeded",
            format!("a credential cannot have more than {limit} policies"),
        ));
    }
    Ok(false)
}

/// Takes a policy away; its CAs sign no more, and their keys go after a last CRL.
pub(crate) fn close_policy(tx: &WriteTx<'_>, view: &PolicyView, cas: &[Ca]) -> Result<(), RegistryError> {
    let now = tx.now();
    for ca in cas {
        tx.set_ca_state(&ca.id, CaState::Closed, now)?;
        mark_all_parts(tx, ca)?;
    }
    let (namespace, name) = (&view.policy.namespace, &view.policy.name);
    for ca in tx.cas(namespace)? {
        // Requests that wait, and spares.
        let is_unused = matches!(ca.state, CaState::Pending | CaState::Spare);
        if is_unused && ca.policy.as_ref() == Some(name) {
            tx.set_ca_state(&ca.id, CaState::Closed, now)?;
        }
    }
    tx.delete_credential_policy(namespace, name)?;
    Ok(())
}

/// Has every part of a CA's CRL made anew.
pub(crate) fn mark_all_parts(tx: &WriteTx<'_>, ca: &Ca) -> Result<(), RegistryError> {
    for shard in 0..ca.shards {
        tx.mark_crl_dirty(&ca.id, shard)?;
    }
    Ok(())
}

pub(crate) fn view(
    tx: &ReadTx<'_>,
    namespace: &NamespaceName,
    name: &CredentialPolicyName,
) -> Result<PolicyView, RegistryError> {
    crate::namespaces::known(tx, namespace)?;
    let found = tx.credential_policy(namespace, name)?;
    of(
        tx,
        found.ok_or_else(|| RegistryError::not_found("policy", name.to_string()))?,
    )
}

pub(crate) fn of(tx: &ReadTx<'_>, policy: CredentialPolicy) -> Result<PolicyView, RegistryError> {
    let ca = |id: &Option<_>| match id {
        Some(id) => tx.ca(id),
        None => Ok(None),
    };
    Ok(PolicyView {
        issuing: ca(&policy.issuing)?,
        pending: ca(&policy.pending)?,
        policy,
    })
}
