//! What a root that is kept offline has to sign: each policy has the requests out that it needs, one for the CA
//! that is to sign and one for a spare.

use provost_model::registry::{Ca, CaId, CaRole, CaState, CredentialPolicy, KeyIntent};
use provost_model::{Action, Actor, AuditEvent, CredentialPolicyName, NamespaceName, Timestamp};
use provost_store::{Audited, ReadTx, StoreError, WriteTx};
use tracing::warn;

use crate::hub_trust::trust;
use crate::new_ca::{WantedCa, write_down};
use crate::policies::{SUBJECT, mark_all_parts, view};
use crate::{RegistryError, RegistryService};

/// What an issuing CA that waits for its certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestPurpose {
    /// The policy issues nothing before.
    Issuing,
    /// It follows one that ends soon.
    Renewal,
    /// It takes the place of one that is revoked.
    Spare,
}

impl RequestPurpose {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issuing => "issuing",
            Self::Renewal => "renewal",
            Self::Spare => "spare",
        }
    }
}

/// The CAs of a policy under a root that is kept offline, without those that ended.
pub(crate) struct Stock {
    pub(crate) signing: Option<Ca>,
    pub(crate) pending: Option<Ca>,
    /// Signed in advance and not ended, the one that lasts longest first.
    pub(crate) spares: Vec<Ca>,
    /// Requests for spares.
    pub(crate) asked: Vec<Ca>,
}

impl Stock {
    pub(crate) fn of(tx: &ReadTx<'_>, policy: &CredentialPolicy, now: Timestamp) -> Result<Self, StoreError> {
        let mut all = tx.cas(&policy.namespace)?;
        all.retain(|ca| ca.policy.as_ref() == Some(&policy.name) && ca.created_at >= policy.created_at);
        let mut stock = Self {
            signing: None,
            pending: None,
            spares: Vec::new(),
            asked: Vec::new(),
        };
        for ca in all {
            let is = |id: &Option<CaId>| id.as_ref() == Some(&ca.id);
            match ca.state {
                CaState::Active if is(&policy.issuing) => stock.signing = Some(ca),
                CaState::Pending if is(&policy.pending) => stock.pending = Some(ca),
                CaState::Pending => stock.asked.push(ca),
                CaState::Spare if ca.not_after.is_some_and(|end| end > now) => stock.spares.push(ca),
                _ => {}
            }
        }
        stock.spares.sort_by_key(|ca| std::cmp::Reverse(ca.not_after));
        Ok(stock)
    }

    /// What one of its requests is for.
    pub(crate) fn purpose(&self, request: &CaId) -> RequestPurpose {
        match (&self.pending, &self.signing) {
            (Some(pending), None) if pending.id == *request => RequestPurpose::Issuing,
            (Some(pending), Some(_)) if pending.id == *request => RequestPurpose::Renewal,
            _ => RequestPurpose::Spare,
        }
    }

    /// What is to be done for the policy to have what it needs.
    fn lack(&self, root: &Ca, now: Timestamp, with_spares: bool) -> Option<Lack> {
        if self.signing.is_none() {
            // After a restore: the one that signed was revoked since, and is so again.
            if !self.spares.is_empty() {
                return Some(Lack::SpareInUse);
            }
            if self.pending.is_none() {
                return Some(Lack::Pending);
            }
        }
        let renews = self.signing.as_ref().is_some_and(|ca| is_due(ca, root, now));
        if renews && self.pending.is_none() {
            return Some(Lack::Pending);
        }
        let has_spare = self.spares.iter().any(|ca| !is_due(ca, root, now));
        (with_spares && !has_spare && self.asked.is_empty()).then_some(Lack::Spare)
    }
}

/// What a policy lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// A request for the CA that is to sign.
    Pending,
    /// A request for a spare.
    Spare,
    /// The spare has to sign.
    SpareInUse,
}

/// A third of its life is left, and the root lasts longer.
fn is_due(ca: &Ca, root: &Ca, now: Timestamp) -> bool {
    let (Some(begins), Some(ends)) = (ca.not_before, ca.not_after) else {
        return false;
    };
    ends.since(now) < ends.since(begins) / 3 && root.not_after.is_some_and(|end| end > ends)
}

/// Whether a policy hangs under a root that is kept offline, and which.
pub(crate) fn is_under_offline_root(
    tx: &ReadTx<'_>,
    policy: &CredentialPolicy,
) -> Result<Option<Ca>, StoreError> {
    if policy.is_external {
        return Ok(None);
    }
    let Some(credential) = tx.registry_credential(&policy.namespace)? else {
        return Ok(None);
    };
    Ok(tx.ca(&credential.root)?.filter(|root| root.key.is_offline()))
}

type Named = (NamespaceName, CredentialPolicyName);

impl RegistryService {
    /// Gives every policy under a root that is kept offline the requests it needs, and ends spares that ended.
    pub(crate) async fn supply_requests(&self) -> Result<(), RegistryError> {
        self.close_ended_spares().await?;
        let all = self.store().scan(|tx| {
            let mut named: Vec<Named> = Vec::new();
            for policy in tx.all_credential_policies()? {
                if is_under_offline_root(tx, &policy)?.is_some() {
                    named.push((policy.namespace, policy.name));
                }
            }
            Ok::<_, RegistryError>(named)
        });
        for (namespace, name) in all.await? {
            self.supply(&namespace, &name).await;
        }
        Ok(())
    }

    /// Gives one policy what it lacks. What fails now is tried again when the registry looks around.
    pub(crate) async fn supply(&self, namespace: &NamespaceName, name: &CredentialPolicyName) {
        // One thing after the other: each of them changes what is lacking.
        for _ in 0..3 {
            match self.supply_one((namespace.clone(), name.clone())).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        %namespace,
                        policy = %name,
                        "what a root kept offline has to sign could not be prepared; it is tried again"
                    );
                    return;
                }
            }
        }
    }

    async fn supply_one(&self, named: Named) -> Result<bool, RegistryError> {
        let (service, of) = (self.clone(), named.clone());
        let lack = self.store().read(move |tx| service.lack(tx, &of)).await?;
        let Some((lack, root)) = lack else {
            return Ok(false);
        };
        let mut made = None;
        let mut new = None;
        let reuses = lack == Lack::SpareInUse || self.has_request(&named).await?;
        if !reuses {
            let (policy, root) = (named.1.clone(), root.id.clone());
            let wanted = WantedCa::UnderOfflineRoot { policy, root };
            let ca = self.make_ca(named.0.clone(), wanted).await?;
            made = Some(KeyIntent::of(&ca));
            new = Some(ca);
        }
        let service = self.clone();
        let written: Result<bool, RegistryError> = self
            .store()
            .write(move |tx| service.put_supply(tx, &named, lack, new))
            .await;
        if let (Some(made), false) = (made, matches!(written, Ok(true))) {
            self.give_up_key(made).await;
        }
        written
    }

    fn lack(&self, tx: &ReadTx<'_>, (namespace, name): &Named) -> Result<Option<(Lack, Ca)>, RegistryError> {
        let policy = view(tx, namespace, name)?.policy;
        let Some(root) = is_under_offline_root(tx, &policy)? else {
            return Ok(None);
        };
        let stock = Stock::of(tx, &policy, self.now())?;
        let lack = stock.lack(&root, self.now(), self.options().offline_spares);
        Ok(lack.map(|lack| (lack, root)))
    }

    /// Whether a request for a spare is out that can become the one for the CA that is to sign.
    async fn has_request(&self, (namespace, name): &Named) -> Result<bool, RegistryError> {
        let (namespace, name, now) = (namespace.clone(), name.clone(), self.now());
        let stock = move |tx: &ReadTx<'_>| {
            let policy = view(tx, &namespace, &name)?.policy;
            Ok::<_, RegistryError>(!Stock::of(tx, &policy, now)?.asked.is_empty())
        };
        self.store().read(stock).await
    }

    fn put_supply(
        &self,
        tx: WriteTx<'_>,
        named: &Named,
        wanted: Lack,
        new: Option<Ca>,
    ) -> Result<Audited<bool>, RegistryError> {
        if self.lack(&tx, named)?.map(|(lack, _)| lack) != Some(wanted) {
            return Ok(tx.unchanged(false));
        }
        let mut policy = view(&tx, &named.0, &named.1)?.policy;
        let stock = Stock::of(&tx, &policy, self.now())?;
        let detail = match wanted {
            Lack::SpareInUse => {
                let Some(spare) = stock.spares.into_iter().next() else {
                    return Ok(tx.unchanged(false));
                };
                self.put_in_use(&tx, &mut policy, &spare)?;
                format!("the spare {} signs", spare.subject)
            }
            Lack::Pending | Lack::Spare => {
                let ca = match (new, stock.asked.into_iter().next()) {
                    (Some(new), _) => {
                        write_down(&tx, &new)?;
                        new
                    }
                    (None, Some(asked)) => asked,
                    (None, None) => return Ok(tx.unchanged(false)),
                };
                if wanted == Lack::Pending {
                    policy.pending = Some(ca.id.clone());
                }
                let purpose = Stock::of(&tx, &policy, self.now())?.purpose(&ca.id);
                format!(
                    "{} waits for the root kept offline: {}",
                    ca.subject,
                    purpose.as_str()
                )
            }
        };
        policy.updated_at = tx.now();
        tx.put_credential_policy(&policy)?;
        let (scope, key) = (policy.namespace.as_str(), policy.name.as_str());
        let event = AuditEvent::new(Actor::System, Action::Update, SUBJECT, scope, key).with_detail(detail);
        Ok(tx.record(&event, true)?)
    }

    /// Lets a CA that has its certificate sign for a policy, which is not written here; hubs trust it from now on.
    pub(super) fn put_in_use(
        &self,
        tx: &WriteTx<'_>,
        policy: &mut CredentialPolicy,
        ca: &Ca,
    ) -> Result<(), RegistryError> {
        tx.set_ca_state(&ca.id, CaState::Active, tx.now())?;
        policy.issuing = Some(ca.id.clone());
        mark_all_parts(tx, ca)?;
        for hub in tx.linked_registry_hubs(&policy.namespace)? {
            trust(tx, &hub, policy, ca, self.random())?;
        }
        Ok(())
    }

    async fn close_ended_spares(&self) -> Result<(), RegistryError> {
        let now = self.now();
        let ended = |tx: &ReadTx<'_>| Ok::<_, RegistryError>(tx.cas_in_state(CaState::Spare)?);
        for ca in self.store().read(ended).await? {
            if ca.not_after.is_none_or(|end| end > now) || ca.role != CaRole::Issuing {
                continue;
            }
            let close = move |tx: WriteTx<'_>| {
                if !tx.set_ca_state(&ca.id, CaState::Closed, now)? {
                    return Ok(tx.unchanged(()));
                }
                let (scope, key) = (ca.namespace.as_str(), ca.id.as_str());
                let event = AuditEvent::new(Actor::System, Action::Delete, "ca", scope, key)
                    .with_detail(format!("the spare {} ended unused", ca.subject));
                Ok::<_, RegistryError>(tx.record(&event, ())?)
            };
            self.store().write(close).await?;
        }
        Ok(())
    }
}
