//! Deleting by force, and what that orphans: certificates that go on at the hubs until they expire,
//! which nothing here issues, renews or revokes by their policy any more.

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{CaId, IssuedCertificate};
use provost_model::{Action, AuditEvent, AuditFacts, CredentialPolicyName, NamespaceName};
use provost_store::{Audited, ReadTx, WriteTx};

use crate::credentials::{self, close_root};
use crate::hub_trust::trusted_cas;
use crate::policies::{self, close_policy};
use crate::service::event;
use crate::standing_count::StandingCount;
use crate::{PolicyView, RegistryError, RegistryService, facts};

/// How often it is counted anew because something changed meanwhile.
const ATTEMPTS: usize = 4;
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

/// What is deleted.
#[derive(Debug, Clone)]
pub(crate) enum Deletion {
    /// A policy, an external one only when nothing of it stands.
    Policy(CredentialPolicyName),
    /// A policy, whatever stands of it.
    PolicyByForce(CredentialPolicyName),
    /// A credential with its policies, whatever stands of them.
    CredentialByForce,
}

impl Deletion {
    fn policies(&self, tx: &ReadTx<'_>, namespace: &NamespaceName) -> Result<Vec<PolicyView>, RegistryError> {
        match self {
            Self::Policy(name) | Self::PolicyByForce(name) => Ok(vec![policies::view(tx, namespace, name)?]),
            Self::CredentialByForce => {
                credentials::view(tx, namespace)?;
                let all = tx.credential_policies(namespace)?;
                all.into_iter().map(|policy| policies::of(tx, policy)).collect()
            }
        }
    }
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
        let (count, names) = self
            .count_for(namespace, &Deletion::PolicyByForce(name.clone()))
            .await?;
        Ok(count.into_orphans(names))
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
        let (count, names) = self.count_for(namespace, &Deletion::CredentialByForce).await?;
        Ok(count.into_orphans(names))
    }

    /// Deletes a policy though certificates of it stand, and answers which. Takes as long as it takes to
    /// count them; others wait for a moment of it only.
    ///
    /// # Errors
    /// [`RegistryError`]; `PolicyChanged` when its CAs were replaced again and again meanwhile.
    pub async fn force_delete_policy(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Result<Orphans, RegistryError> {
        caller.require(Permission::PoliciesWrite, Some(namespace))?;
        let what = Deletion::PolicyByForce(name.clone());
        self.delete_counted(caller, namespace, what).await
    }

    /// Deletes a credential with its policies in one act, though certificates of them stand, and answers
    /// which.
    ///
    /// # Errors
    /// [`RegistryError`]; `PolicyChanged` when CAs were replaced again and again meanwhile.
    pub async fn force_delete_credential(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
    ) -> Result<Orphans, RegistryError> {
        may_delete_all(caller, namespace)?;
        self.delete_counted(caller, namespace, Deletion::CredentialByForce)
            .await
    }

    /// Deletes what the caller may delete: counts, and then acts in one transaction, in which the CAs are the
    /// counted ones and what was issued meanwhile is added. After it nothing is issued by them any more.
    pub(crate) async fn delete_counted(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        what: Deletion,
    ) -> Result<Orphans, RegistryError> {
        for attempt in 1..=ATTEMPTS {
            let (mut count, _) = self.count_for(namespace, &what).await?;
            let (by, of, what, is_last) = (
                caller.clone(),
                namespace.clone(),
                what.clone(),
                attempt == ATTEMPTS,
            );
            let act = move |tx: WriteTx<'_>| {
                let deleted = what.policies(&tx, &of)?;
                let cas = all_trusted(&tx, &deleted)?;
                if !count.is_of(&cas) || !count.catch_up(&tx, is_last)? {
                    return Ok(tx.unchanged(None));
                }
                match &what {
                    Deletion::Policy(name) => plain_policy(tx, (&by, &of), name, &deleted, count),
                    Deletion::PolicyByForce(name) => force_policy(tx, (&by, &of), name, &deleted, count),
                    Deletion::CredentialByForce => force_credential(tx, (&by, &of), &deleted, count),
                }
            };
            let done: Result<Option<Orphans>, RegistryError> = self.store().write(act).await;
            if let Some(left) = done? {
                return Ok(left);
            }
        }
        Err(RegistryError::conflict(
            "PolicyChanged",
            "the issuing CAs were replaced while their certificates were counted; try again",
        ))
    }

    async fn count_for(
        &self,
        namespace: &NamespaceName,
        what: &Deletion,
    ) -> Result<(StandingCount, Vec<CredentialPolicyName>), RegistryError> {
        let (of, what) = (namespace.clone(), what.clone());
        let read = move |tx: &ReadTx<'_>| {
            let deleted = what.policies(tx, &of)?;
            Ok::<_, RegistryError>((all_trusted(tx, &deleted)?, names(&deleted)))
        };
        let (cas, names) = self.store().scan(read).await?;
        Ok((self.count_standing(namespace.clone(), cas).await?, names))
    }
}

fn may_delete_all(caller: &AdminCaller, namespace: &NamespaceName) -> Result<(), RegistryError> {
    caller.require(Permission::CredentialsWrite, Some(namespace))?;
    Ok(caller.require(Permission::PoliciesWrite, Some(namespace))?)
}

fn names(deleted: &[PolicyView]) -> Vec<CredentialPolicyName> {
    deleted.iter().map(|view| view.policy.name.clone()).collect()
}

/// The CAs of these policies that hubs trust, which are those whose leaves count.
fn all_trusted(tx: &ReadTx<'_>, deleted: &[PolicyView]) -> Result<Vec<CaId>, RegistryError> {
    let mut cas = Vec::new();
    for view in deleted {
        cas.extend(trusted_cas(tx, &view.policy)?.into_iter().map(|ca| ca.id));
    }
    Ok(cas)
}

type By<'a> = (&'a AdminCaller, &'a NamespaceName);

fn policy_deletion((caller, namespace): By<'_>, name: &CredentialPolicyName) -> AuditEvent {
    event(
        caller,
        Action::Delete,
        policies::SUBJECT,
        namespace,
        name.as_str(),
    )
}

fn plain_policy(
    tx: WriteTx<'_>,
    by: By<'_>,
    name: &CredentialPolicyName,
    deleted: &[PolicyView],
    count: StandingCount,
) -> Result<Audited<Option<Orphans>>, RegistryError> {
    let Some(view) = deleted.first() else {
        return Ok(tx.unchanged(None));
    };
    let standing = count.certificates();
    if view.policy.is_external && standing > 0 {
        return Err(RegistryError::conflict(
            "CertificatesNotRevoked",
            format!(
                "{standing} certificates of the policy {name} are neither revoked nor expired; revoke \
                 their devices first, or delete it by force, which orphans them"
            ),
        ));
    }
    let cas = trusted_cas(&tx, &view.policy)?;
    close_policy(&tx, view, &cas)?;
    let was = facts::of_policy(view)
        .and(facts::of_cas(&cas))
        .with("standing", standing);
    let subject = view.issuing.as_ref().map_or("", |ca| ca.subject.as_str());
    let event = policy_deletion(by, name)
        .with_detail(format!("issuing CA {subject}, {standing} certificates stand"))
        .with_before(was);
    Ok(tx.record(&event, Some(count.into_orphans(names(deleted))))?)
}

fn force_policy(
    tx: WriteTx<'_>,
    by: By<'_>,
    name: &CredentialPolicyName,
    deleted: &[PolicyView],
    count: StandingCount,
) -> Result<Audited<Option<Orphans>>, RegistryError> {
    let Some(view) = deleted.first() else {
        return Ok(tx.unchanged(None));
    };
    let left = count.into_orphans(names(deleted));
    let was = facts::of_policy(view).and(in_event(&left));
    close_policy(&tx, view, &trusted_cas(&tx, &view.policy)?)?;
    let event = policy_deletion(by, name)
        .with_detail(in_words(&left))
        .with_before(was);
    Ok(tx.record(&event, Some(left))?)
}

fn force_credential(
    tx: WriteTx<'_>,
    (caller, namespace): By<'_>,
    deleted: &[PolicyView],
    count: StandingCount,
) -> Result<Audited<Option<Orphans>>, RegistryError> {
    let view = credentials::view(&tx, namespace)?;
    let left = count.into_orphans(names(deleted));
    let was = facts::of_ca(&view.root).and(in_event(&left));
    for policy in deleted {
        close_policy(&tx, policy, &trusted_cas(&tx, &policy.policy)?)?;
    }
    close_root(&tx, &view)?;
    let event = event(caller, Action::Delete, credentials::SUBJECT, namespace, "default")
        .with_detail(in_words(&left))
        .with_before(was);
    Ok(tx.record(&event, Some(left))?)
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
