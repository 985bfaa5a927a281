//! What a revocation touches, before it is done: who holds certificates, who is connected, and who can
//! help himself afterwards.

use std::collections::HashSet;

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{NamespaceLink, RegistryDevice};
use provost_model::{
    CredentialPolicyName, DeviceId, DpsName, EnrollmentSettings, HubName, MAX_PAGE_SIZE, NamespaceName,
    PageSize, ProvisioningStatus, RegistrationId, RegistryDeviceName, Timestamp,
};
use provost_store::{ReadTx, StoreError};

use crate::devices::found;
use crate::policies::view;
use crate::{IssuerRevoked, RegistryError, RegistryService};

/// What is to be revoked.
#[derive(Debug, Clone)]
pub enum RevocationTarget {
    /// What these devices hold.
    Devices(Vec<RegistryDeviceName>),
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
    services: Vec<DpsName>,
    connected: HashSet<(HubName, DeviceId)>,
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
            RevocationTarget::Devices(_) => Permission::DevicesRead,
            RevocationTarget::Issuer(_) => Permission::PoliciesRead,
        };
        caller.require(permission, Some(namespace))?;
        let (namespace, now) = (namespace.clone(), self.now());
        let live = self.hubs().connected().into_iter();
        let connected = live.map(|place| (place.hub, place.device_id)).collect();
        self.store()
            .scan(move |tx| {
                let around = Surroundings {
                    services: services(tx, &namespace)?,
                    connected,
                    now,
                };
                let mut touched = Touched::default();
                match target {
                    RevocationTarget::Devices(names) => {
                        let mut seen = HashSet::new();
                        for name in names.iter().filter(|name| seen.insert(name.key().to_owned())) {
                            touched.add(tx, &around, &found(tx, &namespace, name)?)?;
                        }
                    }
                    RevocationTarget::Issuer(policy) => {
                        let view = view(tx, &namespace, &policy)?;
                        touched.replacement = Some(crate::offline::replacement(tx, &view.policy, now)?);
                        touched.add_policy(tx, &around, &namespace, &policy)?;
                    }
                }
                Ok(touched)
            })
            .await
    }
}

impl Touched {
    fn add_policy(
        &mut self,
        tx: &ReadTx<'_>,
        around: &Surroundings,
        namespace: &NamespaceName,
        policy: &CredentialPolicyName,
    ) -> Result<(), RegistryError> {
        let page = PageSize::clamp(None, MAX_PAGE_SIZE, MAX_PAGE_SIZE);
        let mut after: Option<RegistryDeviceName> = None;
        loop {
            let devices = tx.registry_devices_of_policy(namespace, policy, after.as_ref(), page)?;
            for device in &devices {
                self.add(tx, around, device)?;
            }
            match devices.into_iter().last() {
                Some(last) => after = Some(last.name),
                None => return Ok(()),
            }
        }
    }

    fn add(
        &mut self,
        tx: &ReadTx<'_>,
        around: &Surroundings,
        device: &RegistryDevice,
    ) -> Result<(), RegistryError> {
        let standing = tx.revocable_leaves(&device.namespace, &device.name, around.now)?;
        let standing = u64::try_from(standing).unwrap_or(0);
        if standing == 0 {
            return Ok(());
        }
        self.devices += 1;
        self.certificates += standing;
        self.connected += u64::from(around.has_connected(device));
        if device.enabled && around.lets_in(tx, device)? {
            self.can_renew += 1;
        } else {
            self.stranded += 1;
        }
        Ok(())
    }
}

impl Surroundings {
    fn has_connected(&self, device: &RegistryDevice) -> bool {
        device.hub.as_ref().is_some_and(|hub| {
            let place = (hub.clone(), device.external_device_id.clone());
            self.connected.contains(&place)
        })
    }

    /// Whether an enabled enrollment would let the device in and names a policy: its own decides alone when
    /// there is one, else the group that let it in the last time.
    fn lets_in(&self, tx: &ReadTx<'_>, device: &RegistryDevice) -> Result<bool, StoreError> {
        let Ok(id) = RegistrationId::parse(device.name.as_str()) else {
            return Ok(false);
        };
        for dps in &self.services {
            let own = tx.individual_enrollment(dps, &id)?;
            let settings = match own {
                Some(enrollment) => Some(enrollment.settings),
                None => match tx.registration(dps, &id)?.and_then(|record| record.group) {
                    Some(group) => tx.enrollment_group(dps, &group)?.map(|group| group.settings),
                    None => None,
                },
            };
            if settings.is_some_and(|settings| issues(&settings)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn issues(settings: &EnrollmentSettings) -> bool {
    settings.status == ProvisioningStatus::Enabled && settings.credential_policy.is_some()
}

fn services(tx: &ReadTx<'_>, namespace: &NamespaceName) -> Result<Vec<DpsName>, StoreError> {
    let links = tx.namespace_links(namespace)?.into_iter();
    let services = links.filter_map(|link| match link {
        NamespaceLink::Dps(dps) => Some(dps),
        NamespaceLink::Hub(_) => None,
    });
    Ok(services.collect())
}
