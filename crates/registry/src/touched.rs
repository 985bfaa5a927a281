//! What a revocation touches, before it is done: who holds certificates, who is connected, and who can
//! help himself afterwards. A fleet is counted page by page, each on a snapshot of its own, so that neither
//! memory nor the log of the store grows with it; what changes meanwhile may be counted either way.

use std::collections::HashSet;
use std::sync::Arc;

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{CaId, NamespaceLink, RegistryDevice};
use provost_model::{
    Assignment, CredentialPolicyName, DpsName, HubName, NamespaceName, RegistryDeviceName, Timestamp,
};
use provost_store::{HolderCounts, Holders, ReadTx, StoreError};

use crate::devices::found;
use crate::hub_trust::trusted_cas;
use crate::policies::view;
use crate::{IssuerRevoked, RegistryError, RegistryService};

/// Devices that are counted at a time.
const PAGE: usize = 10_000;
/// Connected devices that are looked up at a time.
const PLACES: usize = 1_000;

/// What is to be revoked.
#[derive(Debug, Clone)]
pub enum RevocationTarget {
    /// What these devices hold.
    Devices {
        /// Their names.
        names: Vec<RegistryDeviceName>,
        /// They are disabled, too: none of them gets another certificate by itself.
        disable: bool,
    },
    /// The issuing CA of a policy.
    Issuer(CredentialPolicyName),
}

/// Counts of a revocation that was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Touched {
    /// Devices that hold certificates which stand.
    pub devices: u64,
    /// Those certificates.
    pub certificates: u64,
    /// Those devices that are connected to this node.
    pub connected: u64,
    /// Those for which an enabled enrollment of a linked provisioning service names a policy: they get
    /// another certificate by registering again.
    pub can_renew: u64,
    /// The others: somebody has to do something before they come back.
    pub stranded: u64,
    /// What would stand in the place of the issuing CA; `None` when it is not that which is revoked.
    pub replacement: Option<IssuerRevoked>,
}

/// What is looked up once.
struct Surroundings {
    namespace: NamespaceName,
    services: Vec<DpsName>,
    hubs: Vec<HubName>,
    now: Timestamp,
}

impl RegistryService {
    /// Counts whom a revocation would touch; changes nothing.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn touched(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        target: RevocationTarget,
    ) -> Result<Touched, RegistryError> {
        let permission = match target {
            RevocationTarget::Devices { .. } => Permission::DevicesRead,
            RevocationTarget::Issuer(_) => Permission::PoliciesRead,
        };
        caller.require(permission, Some(namespace))?;
        let connected = self.hubs().connected();
        match target {
            RevocationTarget::Devices { names, disable } => {
                let (namespace, now) = (namespace.clone(), self.now());
                let count = move |tx: &ReadTx<'_>| {
                    let around = Surroundings::of(tx, &namespace, now)?;
                    of_devices(tx, &around, &names, disable, &connected)
                };
                self.store().scan(count).await
            }
            RevocationTarget::Issuer(policy) => self.of_issuer(namespace, policy, connected).await,
        }
    }

    async fn of_issuer(
        &self,
        namespace: &NamespaceName,
        policy: CredentialPolicyName,
        connected: Vec<Assignment>,
    ) -> Result<Touched, RegistryError> {
        let (namespace, now) = (namespace.clone(), self.now());
        let begin = move |tx: &ReadTx<'_>| {
            let policy = view(tx, &namespace, &policy)?.policy;
            let cas = trusted_cas(tx, &policy)?.into_iter().map(|ca| ca.id);
            let cas: Vec<CaId> = cas.collect();
            let replacement = crate::offline::replacement(tx, &policy, now)?;
            let around = Surroundings::of(tx, &namespace, now)?;
            Ok::<_, RegistryError>((Arc::new((around, cas)), replacement))
        };
        let (ground, replacement) = self.store().read(begin).await?;
        let mut touched = Touched {
            replacement: Some(replacement),
            ..Touched::default()
        };
        let mut after = None;
        loop {
            let (ground, from) = (Arc::clone(&ground), after.take());
            let page = self.store().scan(move |tx| {
                let (around, cas) = &*ground;
                let (after, limit) = (from.as_deref(), PAGE);
                around.counts(tx, Holders::Of { cas, after, limit })
            });
            let counts = page.await?;
            touched.add(&counts, true);
            match counts.last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        for places in connected.chunks(PLACES) {
            let (ground, places) = (Arc::clone(&ground), places.to_vec());
            let page = self.store().scan(move |tx| {
                let (around, cas) = &*ground;
                around.connected_holders(tx, cas, &places)
            });
            touched.connected += page.await?;
        }
        Ok(touched)
    }
}

fn of_devices(
    tx: &ReadTx<'_>,
    around: &Surroundings,
    names: &[RegistryDeviceName],
    disable: bool,
    connected: &[Assignment],
) -> Result<Touched, RegistryError> {
    let connected: HashSet<(&str, String)> = connected
        .iter()
        .map(|place| (place.hub.key(), place.device_id.caseless()))
        .collect();
    let (mut touched, mut seen) = (Touched::default(), HashSet::new());
    for name in names.iter().filter(|name| seen.insert(name.key())) {
        let device = found(tx, &around.namespace, name)?;
        let counts = around.counts(tx, Holders::Device(&device.name))?;
        touched.add(&counts, !disable);
        let mut hubs = around.hubs.iter().chain(&device.hub);
        let external = device.external_device_id.caseless();
        let is_connected = hubs.any(|hub| connected.contains(&(hub.key(), external.clone())));
        touched.connected += u64::from(counts.devices > 0 && is_connected);
    }
    Ok(touched)
}

impl Touched {
    fn add(&mut self, counts: &HolderCounts, may_return: bool) {
        let whole = |count: i64| u64::try_from(count).unwrap_or(0);
        let devices = whole(counts.devices);
        let can_renew = if may_return { whole(counts.can_renew) } else { 0 };
        self.devices += devices;
        self.certificates += whole(counts.certificates);
        self.can_renew += can_renew;
        self.stranded += devices.saturating_sub(can_renew);
    }
}

impl Surroundings {
    fn of(tx: &ReadTx<'_>, namespace: &NamespaceName, now: Timestamp) -> Result<Self, RegistryError> {
        let (mut services, mut hubs) = (Vec::new(), Vec::new());
        for link in tx.namespace_links(namespace)? {
            match link {
                NamespaceLink::Dps(dps) => services.push(dps),
                NamespaceLink::Hub(hub) => hubs.push(hub),
            }
        }
        Ok(Self {
            namespace: namespace.clone(),
            services,
            hubs,
            now,
        })
    }

    fn counts(&self, tx: &ReadTx<'_>, holders: Holders<'_>) -> Result<HolderCounts, StoreError> {
        tx.certificate_holder_counts(&self.namespace, holders, &self.services, self.now)
    }

    /// How many of these devices hold certificates of these CAs.
    fn connected_holders(
        &self,
        tx: &ReadTx<'_>,
        cas: &[CaId],
        places: &[Assignment],
    ) -> Result<u64, StoreError> {
        let mut count = 0;
        let mut seen = HashSet::new();
        for place in places {
            let device = tx.registry_device_by_external(&self.namespace, &place.device_id)?;
            let Some(device) = device.filter(|device| self.has_its_place(device, place)) else {
                continue;
            };
            let named = (&self.namespace, &device.name);
            if tx.standing_leaves_of_device(named, cas, self.now)? > 0 {
                count += u64::from(seen.insert(device.name.key().to_owned()));
            }
        }
        Ok(count)
    }

    fn has_its_place(&self, device: &RegistryDevice, place: &Assignment) -> bool {
        device.hub.as_ref() == Some(&place.hub) || self.hubs.contains(&place.hub)
    }
}
