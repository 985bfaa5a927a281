//! Deleting by force, and what that orphans: certificates that go on at the hubs until they expire,
//! which nothing here issues, renews or revokes by their policy any more.

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{CaId, IssuedCertificate};
use provost_model::{Action, AuditFacts, CredentialPolicyName, NamespaceName, PageSize, Timestamp};
use provost_store::{Audited, ReadTx, WriteTx};

use crate::credentials::{self, close_root};
use crate::hub_trust::trusted_cas;
use crate::policies::{self, close_policy};
use crate::service::event;
use crate::{PolicyView, RegistryError, RegistryService, facts};

/// Certificates that are named; how the others are read is told beside them.
const FIRST: usize = 100;
/// Those that the audit event names.
const IN_EVENT: usize = 20;

/// What a deletion leaves without its policy: certificates that are neither revoked nor expired.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Orphans {
    /// The policies that are deleted.
    pub policies: Vec<CredentialPolicyName>,
    /// The CAs that signed them: the rest is found by these ([`crate::CertificateFilter::Standing`]).
    pub authorities: Vec<CaId>,
    /// How many certificates.
    pub certificates: u64,
    /// How many devices hold them.
    pub devices: u64,
    /// The first of them, at most 100, by CA and then the soonest to expire.
    pub first: Vec<IssuedCertificate>,
}

impl RegistryService {
    /// What deleting a policy would orphan; nothing is done.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn preview_policy_deletion(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Result<Orphans, RegistryError> {
        caller.require(Permission::PoliciesWrite, Some(namespace))?;
        let (namespace, name, now) = (namespace.clone(), name.clone(), self.now());
        self.store()
            .scan(move |tx| {
                let view = policies::view(tx, &namespace, &name)?;
                orphans(tx, &namespace, std::slice::from_ref(&view), now)
            })
            .await
    }

    /// What deleting a credential with its policies would orphan; nothing is done.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn preview_credential_deletion(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
    ) -> Result<Orphans, RegistryError> {
        may_delete_all(caller, namespace)?;
        let (namespace, now) = (namespace.clone(), self.now());
        self.store()
            .scan(move |tx| orphans(tx, &namespace, &all_policies(tx, &namespace)?, now))
            .await
    }

    /// Deletes a policy though certificates of it stand, and answers which. Takes as long as it takes to
    /// count them.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn force_delete_policy(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Result<Orphans, RegistryError> {
        caller.require(Permission::PoliciesWrite, Some(namespace))?;
        let (namespace, name, caller) = (namespace.clone(), name.clone(), caller.clone());
        self.store()
            .write(move |tx| force_policy(tx, &caller, &namespace, &name))
            .await
    }

    /// Deletes a credential with its policies in one act, though certificates of them stand, and answers
    /// which.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn force_delete_credential(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
    ) -> Result<Orphans, RegistryError> {
        may_delete_all(caller, namespace)?;
        let (namespace, caller) = (namespace.clone(), caller.clone());
        self.store()
            .write(move |tx| force_credential(tx, &caller, &namespace))
            .await
    }
}

fn may_delete_all(caller: &AdminCaller, namespace: &NamespaceName) -> Result<(), RegistryError> {
    caller.require(Permission::CredentialsWrite, Some(namespace))?;
    Ok(caller.require(Permission::PoliciesWrite, Some(namespace))?)
}

fn force_policy(
    tx: WriteTx<'_>,
    caller: &AdminCaller,
    namespace: &NamespaceName,
    name: &CredentialPolicyName,
) -> Result<Audited<Orphans>, RegistryError> {
    let view = policies::view(&tx, namespace, name)?;
    let left = orphans(&tx, namespace, std::slice::from_ref(&view), tx.now())?;
    let was = facts::of_policy(&view).and(in_event(&left));
    close_policy(&tx, &view, &trusted_cas(&tx, &view.policy)?)?;
    let event = event(
        caller,
        Action::Delete,
        policies::SUBJECT,
        namespace,
        name.as_str(),
    )
    .with_detail(in_words(&left))
    .with_before(was);
    Ok(tx.record(&event, left)?)
}

fn force_credential(
    tx: WriteTx<'_>,
    caller: &AdminCaller,
    namespace: &NamespaceName,
) -> Result<Audited<Orphans>, RegistryError> {
    let view = credentials::view(&tx, namespace)?;
    let policies = all_policies(&tx, namespace)?;
    let left = orphans(&tx, namespace, &policies, tx.now())?;
    let was = facts::of_ca(&view.root).and(in_event(&left));
    for policy in &policies {
        close_policy(&tx, policy, &trusted_cas(&tx, &policy.policy)?)?;
    }
    close_root(&tx, &view)?;
    let event = event(caller, Action::Delete, credentials::SUBJECT, namespace, "default")
        .with_detail(in_words(&left))
        .with_before(was);
    Ok(tx.record(&event, left)?)
}

fn all_policies(tx: &ReadTx<'_>, namespace: &NamespaceName) -> Result<Vec<PolicyView>, RegistryError> {
    credentials::view(tx, namespace)?;
    let all = tx.credential_policies(namespace)?;
    all.into_iter().map(|policy| policies::of(tx, policy)).collect()
}

/// What stands of these policies.
fn orphans(
    tx: &ReadTx<'_>,
    namespace: &NamespaceName,
    deleted: &[PolicyView],
    now: Timestamp,
) -> Result<Orphans, RegistryError> {
    let mut left = Orphans::default();
    for view in deleted {
        left.policies.push(view.policy.name.clone());
        for ca in trusted_cas(tx, &view.policy)? {
            let standing = u64::try_from(tx.standing_leaves(&ca.id, now)?).unwrap_or(0);
            left.certificates += standing;
            let free = FIRST.saturating_sub(left.first.len());
            if standing > 0 && free > 0 {
                let page = PageSize::clamp(Some(free), free, free);
                left.first.extend(tx.standing_of_ca(&ca.id, now, None, page)?);
            }
            left.authorities.push(ca.id);
        }
    }
    left.devices = tx.devices_with_standing(namespace, &left.authorities, now)?;
    Ok(left)
}

fn in_event(left: &Orphans) -> AuditFacts {
    let named = || left.first.iter().take(IN_EVENT);
    AuditFacts::new()
        .with("cas", left.authorities.clone())
        .with("devices", left.devices)
        .with("named", named().map(facts::of_leaf).collect::<Vec<_>>())
        .with("policies", left.policies.clone())
        .with("standing", left.certificates)
}

fn in_words(left: &Orphans) -> String {
    format!(
        "by force: {} certificates of {} devices stand",
        left.certificates, left.devices
    )
}
