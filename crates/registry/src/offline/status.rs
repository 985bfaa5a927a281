//! How it stands with a root that is kept offline: what waits for it, what its CRL has to tell, and what to warn of.

use std::time::Duration;

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{Ca, CaRole, CaState, RevokedEntry, SerialNumber};
use provost_model::{CredentialPolicyName, NamespaceName, Timestamp};
use provost_pki::issue::Publication;
use provost_store::{ReadTx, StoreError, StoredCrl};
use tracing::warn;

use super::crl::{missing, part_of, revoked};
use super::offline_credential;
use super::requests::{RequestPurpose, Stock};
use crate::new_ca::offline_publication;
use crate::{RegistryError, RegistryService};

/// From when on the end of a root's CRL is warned of, at most: a third of its life before.
const WARN_BEFORE: Duration = Duration::from_hours(24 * 14);

/// A root that is kept offline, with everything somebody has to take to it.
#[derive(Debug, Clone)]
pub struct OfflineRoot {
    /// The root; it has no certificate before that was brought.
    pub root: Ca,
    /// What it has to sign, by policy, the one that is to sign before the spare.
    pub requests: Vec<OfflineRequest>,
    /// What its CRL has to list.
    pub revoked: Vec<RevokedEntry>,
    /// What is revoked and not on the CRL that is out.
    pub missing: Vec<SerialNumber>,
    /// The CRL that is out.
    pub crl: Option<StoredCrl>,
    /// Where CRL and certificate of the root are published.
    pub publication: Publication,
    /// What somebody ought to do something about, in words.
    pub warnings: Vec<String>,
}

/// A signing request that waits.
#[derive(Debug, Clone)]
pub struct OfflineRequest {
    /// The CA it is of; its request is there.
    pub ca: Ca,
    /// Its policy.
    pub policy: CredentialPolicyName,
    /// What it is for.
    pub purpose: RequestPurpose,
}

/// The numbers of a root that is kept offline, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineNumbers {
    /// Whose.
    pub namespace: NamespaceName,
    /// The root.
    pub root: Ca,
    /// When its CRL wants to be followed by another; `None` while there is none.
    pub next_update: Option<Timestamp>,
    /// Revocations its CRL does not tell.
    pub untold: usize,
    /// Requests that wait for it.
    pub waiting: usize,
}

impl RegistryService {
    /// What waits for the root of a namespace that is kept offline.
    ///
    /// # Errors
    /// [`RegistryError`]; `RootNotOffline` when the root is kept here.
    pub async fn offline_root(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
    ) -> Result<OfflineRoot, RegistryError> {
        caller.require(Permission::CredentialsRead, Some(namespace))?;
        let (service, namespace) = (self.clone(), namespace.clone());
        self.store()
            .scan(move |tx| {
                let root = offline_credential(tx, &namespace)?.root;
                service.status(tx, root)
            })
            .await
    }

    /// The numbers of every root that is kept offline and has its credential.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn offline_numbers(&self) -> Result<Vec<OfflineNumbers>, RegistryError> {
        let of = |status: OfflineRoot| OfflineNumbers {
            namespace: status.root.namespace.clone(),
            next_update: status.crl.as_ref().and_then(|crl| crl.next_update),
            untold: status.missing.len(),
            waiting: status.requests.len(),
            root: status.root,
        };
        Ok(self.offline_roots().await?.into_iter().map(of).collect())
    }

    /// Warns of what waits at roots that are kept offline.
    pub(crate) async fn warn_of_offline_roots(&self) -> Result<(), RegistryError> {
        for status in self.offline_roots().await? {
            for reason in &status.warnings {
                warn!(namespace = %status.root.namespace, ca = %status.root.id, reason, "a root kept offline is needed");
            }
        }
        Ok(())
    }

    async fn offline_roots(&self) -> Result<Vec<OfflineRoot>, RegistryError> {
        let service = self.clone();
        self.store()
            .scan(move |tx| {
                let stands = |ca: &Ca| ca.key.is_offline() && ca.state != CaState::Closed;
                let roots = tx.root_cas()?.into_iter().filter(stands);
                roots.map(|root| service.status(tx, root)).collect()
            })
            .await
    }

    fn status(&self, tx: &ReadTx<'_>, root: Ca) -> Result<OfflineRoot, RegistryError> {
        let now = self.now();
        let crl = tx.crl(&part_of(&root))?;
        let revoked = revoked(tx, &root)?;
        let missing = missing(&revoked, crl.as_ref().and_then(|crl| crl.der.as_deref()));
        let mut status = OfflineRoot {
            publication: offline_publication(self.options(), &root.id),
            requests: requests(tx, &root, now)?,
            crl: crl.filter(|crl| crl.der.is_some()),
            warnings: Vec::new(),
            revoked,
            missing,
            root,
        };
        status.warnings = warnings(&status, now);
        Ok(status)
    }
}

fn requests(tx: &ReadTx<'_>, root: &Ca, now: Timestamp) -> Result<Vec<OfflineRequest>, StoreError> {
    let mut requests = Vec::new();
    for policy in tx.credential_policies(&root.namespace)? {
        if policy.is_external {
            continue;
        }
        let stock = Stock::of(tx, &policy, now)?;
        for ca in stock.pending.iter().chain(&stock.asked) {
            requests.push(OfflineRequest {
                policy: policy.name.clone(),
                purpose: stock.purpose(&ca.id),
                ca: ca.clone(),
            });
        }
    }
    requests.retain(|request| request.ca.role == CaRole::Issuing && request.ca.signing_request.is_some());
    Ok(requests)
}

fn warnings(status: &OfflineRoot, now: Timestamp) -> Vec<String> {
    let mut warnings = Vec::new();
    if status.root.certificate.is_none() {
        warnings.push("the root's certificate was not brought yet: nothing can be issued".to_owned());
        return warnings;
    }
    for (purpose, reason) in [
        (
            RequestPurpose::Issuing,
            "issues nothing until its request is signed",
        ),
        (
            RequestPurpose::Renewal,
            "has an issuing CA that ends soon; the request for the next waits",
        ),
        (
            RequestPurpose::Spare,
            "has no spare issuing CA; the request for one waits",
        ),
    ] {
        let of = status
            .requests
            .iter()
            .filter(|request| request.purpose == purpose);
        warnings.extend(of.map(|request| format!("the policy {} {reason}", request.policy)));
    }
    if !status.missing.is_empty() {
        let count = status.missing.len();
        warnings.push(format!(
            "the root's CRL does not list {count} revoked issuing CAs: have one signed"
        ));
    }
    warnings.extend(end_of_crl(status.crl.as_ref(), now));
    warnings
}

fn end_of_crl(crl: Option<&StoredCrl>, now: Timestamp) -> Option<String> {
    let Some(crl) = crl else {
        return Some("the root has no CRL yet: have one signed".to_owned());
    };
    let (Some(begins), Some(ends)) = (crl.this_update, crl.next_update) else {
        return None;
    };
    if ends <= now {
        return Some("the root's CRL has expired: have one signed".to_owned());
    }
    let left = ends.since(now);
    let is_near = left < WARN_BEFORE.min(ends.since(begins) / 3);
    is_near.then(|| {
        format!(
            "the root's CRL ends in {} days: have one signed",
            left.as_secs() / 86_400
        )
    })
}

#[cfg(test)]
mod tests {
    use provost_model::registry::CaId;
    use provost_store::CrlPart;

    use super::*;

    fn crl(days: u32) -> StoredCrl {
        let at = |day: u32| Timestamp::from_unix_seconds(i64::from(day) * 86_400);
        StoredCrl {
            part: CrlPart {
                ca: CaId::parse(&"0a".repeat(16)).unwrap(),
                shard: 0,
            },
            number: 1,
            this_update: Some(at(0)),
            next_update: Some(at(days)),
            der: None,
            entries: 0,
            untold: 0,
            is_last: false,
        }
    }

    #[test]
    fn a_crl_is_warned_of_in_its_last_third_and_not_earlier_than_two_weeks() {
        let on =
            |day: i64, crl: &StoredCrl| end_of_crl(Some(crl), Timestamp::from_unix_seconds(day * 86_400));
        assert_eq!(on(75, &crl(90)), None);
        assert!(on(77, &crl(90)).unwrap().contains("in 13 days"));
        assert_eq!(on(19, &crl(30)), None);
        assert!(on(21, &crl(30)).is_some());
        assert!(on(30, &crl(30)).unwrap().contains("expired"));
        assert!(end_of_crl(None, Timestamp::default()).unwrap().contains("no CRL"));
    }
}
