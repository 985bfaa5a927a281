//! What a revocation would touch, before it is done.

use std::collections::HashSet;

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{NamespaceLink, RegistryDevice};
use provost_model::{
    Assignment, CredentialPolicyName, DpsName, EnrollmentSettings, NamespaceName, PageSize,
    ProvisioningStatus, RegistrationId, RegistryDeviceName,
};
use provost_store::{ReadTx, StoreError};

use crate::devices::{found, places};
use crate::{RegistryError, RegistryService};

/// Devices read at a time.
const PAGE: usize = 1000;

/// How many devices a revocation would touch, and how they would come through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlastRadius {
    /// Devices that would lose their certificates.
    pub devices: u64,
    /// Certificates that are issued to them, not revoked and not expired.
    pub certificates: u64,
    /// Those of the devices that are connected to this node now.
    pub connected: u64,
    /// Those that come back by themselves: an enabled entry of a linked provisioning service lets them in
    /// and names their policy.
    pub renewable: u64,
    /// The others: somebody has to see to them.
    pub stranded: u64,
}

impl RegistryService {
    /// What revoking these devices would touch; names that are not there are passed over.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn preview_device_revocation(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        names: Vec<RegistryDeviceName>,
        disable: bool,
    ) -> Result<BlastRadius, RegistryError> {
        caller.require(Permission::DevicesRead, Some(namespace))?;
        let (namespace, connected, now) = (namespace.clone(), self.live(), self.now());
        self.store()
            .scan(move |tx| {
                let mut count = Count::of(tx, &namespace, connected)?;
                for name in names {
                    match found(tx, &namespace, &name) {
                        Ok(device) => {
                            let leaves = tx.revocable_leaves(&namespace, &name, now)?;
                            count.add(tx, &device, leaves, !disable)?;
                        }
                        Err(RegistryError::NotFound { noun: "device", .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(count.radius)
            })
            .await
    }

    /// What revoking the issuer of a policy would touch.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn preview_issuer_revocation(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &CredentialPolicyName,
    ) -> Result<BlastRadius, RegistryError> {
        caller.require(Permission::PoliciesRead, Some(namespace))?;
        let (namespace, name, connected, now) = (namespace.clone(), name.clone(), self.live(), self.now());
        self.store()
            .scan(move |tx| {
                let view = crate::policies::view(tx, &namespace, &name)?;
                let mut count = Count::of(tx, &namespace, connected)?;
                for ca in crate::hub_trust::trusted_cas(tx, &view.policy)? {
                    let standing = tx.standing_leaves(&ca.id, now)?;
                    count.radius.certificates += u64::try_from(standing).unwrap_or(0);
                }
                let page = PageSize::clamp(Some(PAGE), PAGE, PAGE);
                let mut after = None;
                loop {
                    let devices = tx.registry_devices_of_policy(&namespace, &name, after.as_ref(), page)?;
                    for device in &devices {
                        count.add(tx, device, 0, true)?;
                    }
                    match devices.last() {
                        Some(last) if devices.len() == PAGE => after = Some(last.name.clone()),
                        _ => return Ok(count.radius),
                    }
                }
            })
            .await
    }

    fn live(&self) -> HashSet<(String, String)> {
        self.hubs().connected().iter().map(place_key).collect()
    }
}

fn place_key(place: &Assignment) -> (String, String) {
    (place.hub.key().to_owned(), place.device_id.to_string())
}

struct Count {
    radius: BlastRadius,
    connected: HashSet<(String, String)>,
    services: Vec<DpsName>,
}

impl Count {
    fn of(
        tx: &ReadTx<'_>,
        namespace: &NamespaceName,
        connected: HashSet<(String, String)>,
    ) -> Result<Self, StoreError> {
        let dps = |link| match link {
            NamespaceLink::Dps(dps) => Some(dps),
            NamespaceLink::Hub(_) => None,
        };
        Ok(Self {
            radius: BlastRadius::default(),
            connected,
            services: tx
                .namespace_links(namespace)?
                .into_iter()
                .filter_map(dps)
                .collect(),
        })
    }

    fn add(
        &mut self,
        tx: &ReadTx<'_>,
        device: &RegistryDevice,
        certificates: i64,
        may_return: bool,
    ) -> Result<(), StoreError> {
        self.radius.devices += 1;
        self.radius.certificates += u64::try_from(certificates).unwrap_or(0);
        let places = places(tx, device)?;
        let is_connected = places
            .iter()
            .any(|place| self.connected.contains(&place_key(place)));
        self.radius.connected += u64::from(is_connected);
        let returns = may_return && device.enabled && self.is_let_in(tx, device)?;
        if returns {
            self.radius.renewable += 1;
        } else {
            self.radius.stranded += 1;
        }
        Ok(())
    }

    /// Whether an entry that is enabled and names the device's policy would let it register: its own, or
    /// the group it came by last.
    fn is_let_in(&self, tx: &ReadTx<'_>, device: &RegistryDevice) -> Result<bool, StoreError> {
        let (Ok(id), Some(policy)) = (RegistrationId::parse(device.name.as_str()), &device.policy) else {
            return Ok(false);
        };
        let fits = |settings: &EnrollmentSettings| {
            settings.status == ProvisioningStatus::Enabled
                && settings.credential_policy.as_ref() == Some(policy)
        };
        for dps in &self.services {
            if let Some(entry) = tx.individual_enrollment(dps, &id)? {
                if fits(&entry.settings) {
                    return Ok(true);
                }
                // Its own entry decides alone.
                continue;
            }
            let group = tx.registration(dps, &id)?.and_then(|record| record.group);
            let group = group
                .map(|group| tx.enrollment_group(dps, &group))
                .transpose()?
                .flatten();
            if group.is_some_and(|group| fits(&group.settings)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
