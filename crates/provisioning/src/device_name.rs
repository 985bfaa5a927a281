//! Which device of a hub a registration stands for.
//!
//! Registration IDs are one whatever their case (dps-device-api.md 1.3), and a hub tells device IDs apart by it.
//! So the spelling a device comes with names it in its hub only the first time; from then on it keeps the name it
//! has, and whatever shuts that out shuts it out however it is spelt.

use provost_model::registry::{CertificateRefusal, NamespaceLink, RegistryDevice};
use provost_model::{DeviceId, DeviceStatus, DpsName, HubName, NamespaceName, RegistrationRecord};
use provost_store::{ReadTx, StoreError};

use crate::decide::Entry;
use crate::issuing::final_failure;
use crate::plan::NotAssigned;
use crate::{HubPortError, ProvisioningService, RegistrationCaller};

/// A device of a hub, as a registration finds it.
pub(crate) struct HubDevice {
    /// Its name in every hub.
    pub(crate) device_id: DeviceId,
    /// The hub where it is disabled, for a device that has no place on record.
    pub(crate) disabled_at: Option<HubName>,
    /// The namespace the provisioning service is linked to.
    pub(crate) namespace: Option<NamespaceName>,
}

/// An identity at a hub of this program.
struct Identity {
    hub: HubName,
    device_id: DeviceId,
    status: DeviceStatus,
}

impl Identity {
    fn is_disabled(&self) -> bool {
        self.status == DeviceStatus::Disabled
    }
}

impl ProvisioningService {
    /// The device of a hub that a registration is for: the one an enrollment names. Otherwise the one of its
    /// record, of a disabled identity at a linked hub, of the Device Registry, of any identity at a linked hub;
    /// and the registration ID as it is spelt when there is none of these.
    ///
    /// # Errors
    /// [`NotAssigned::Failed`] with 400212 when the registry has it disabled (certificate-management.md 3.6).
    pub(crate) fn hub_device(
        &self,
        tx: &ReadTx<'_>,
        caller: &RegistrationCaller,
        before: Option<&RegistrationRecord>,
    ) -> Result<HubDevice, NotAssigned> {
        let (dps, id) = (&caller.instance().name, caller.registration_id());
        let named = match &caller.found().entry {
            Entry::Individual(enrollment) => enrollment.device_id.clone(),
            Entry::Group(_) => None,
        };
        let namespace = tx.linked_namespace(&NamespaceLink::Dps(dps.clone()))?;
        let registered = match &namespace {
            Some(namespace) => enabled_device(tx, namespace, caller, named.as_ref())?,
            None => None,
        };
        let recorded = before
            .and_then(RegistrationRecord::last_assignment)
            .map(|assignment| assignment.device_id)
            .filter(|recorded| match &named {
                Some(named) => recorded == named,
                None => recorded.spells(id),
            });
        if let Some(device_id) = recorded {
            return Ok(HubDevice {
                device_id,
                disabled_at: None,
                namespace,
            });
        }
        let key = named
            .as_ref()
            .map_or_else(|| id.key().to_owned(), DeviceId::caseless);
        let there = self.identities(tx, dps, &key)?;
        let device_id = named.unwrap_or_else(|| {
            let disabled = there.iter().find(|identity| identity.is_disabled());
            let first = || there.first().map(|identity| identity.device_id.clone());
            disabled
                .map(|identity| identity.device_id.clone())
                .or_else(|| registered.map(|device| device.external_device_id))
                .or_else(first)
                .unwrap_or_else(|| caller.found().entry.first_device_id(id))
        });
        let disabled_at = there
            .into_iter()
            .find(|identity| identity.is_disabled() && identity.device_id == device_id)
            .map(|identity| identity.hub);
        Ok(HubDevice {
            device_id,
            disabled_at,
            namespace,
        })
    }

    /// Whether a hub of this program has the device, and has it disabled.
    pub(crate) fn is_disabled_at(
        &self,
        tx: &ReadTx<'_>,
        hub: &HubName,
        device_id: &DeviceId,
    ) -> Result<bool, HubPortError> {
        let spelt = self.hubs().spellings(tx, hub, &device_id.caseless())?;
        let is_it =
            |(id, status): &(DeviceId, DeviceStatus)| id == device_id && *status == DeviceStatus::Disabled;
        Ok(spelt.iter().any(is_it))
    }

    /// Identities of this name in lower case at the linked hubs of this program.
    fn identities(&self, tx: &ReadTx<'_>, dps: &DpsName, key: &str) -> Result<Vec<Identity>, NotAssigned> {
        let mut identities = Vec::new();
        for link in tx.linked_hubs(dps)?.into_iter().filter(|link| !link.is_remote) {
            for (device_id, status) in self.hubs().spellings(tx, &link.hub, key)? {
                identities.push(Identity {
                    hub: link.hub.clone(),
                    device_id,
                    status,
                });
            }
        }
        Ok(identities)
    }
}

/// The device as the Device Registry has it, by its registration ID.
fn enabled_device(
    tx: &ReadTx<'_>,
    namespace: &NamespaceName,
    caller: &RegistrationCaller,
    named: Option<&DeviceId>,
) -> Result<Option<RegistryDevice>, NotAssigned> {
    let id = DeviceId::from(caller.registration_id());
    let registered = tx.registry_device_by_external(namespace, &id)?;
    let by_name = match named.filter(|named| !named.spells(caller.registration_id())) {
        Some(named) => tx.registry_device_by_external(namespace, named)?,
        None => None,
    };
    let is_disabled = |device: &Option<RegistryDevice>| device.as_ref().is_some_and(|device| !device.enabled);
    if is_disabled(&registered) || is_disabled(&by_name) {
        return Err(NotAssigned::Failed(final_failure(
            &CertificateRefusal::DeviceDisabled,
        )));
    }
    Ok(registered)
}

/// The device of the registry that shuts a registration out, for who explains it.
pub(crate) fn disabled_in_registry(
    tx: &ReadTx<'_>,
    dps: &DpsName,
    device_ids: impl IntoIterator<Item = DeviceId>,
) -> Result<Option<RegistryDevice>, StoreError> {
    let Some(namespace) = tx.linked_namespace(&NamespaceLink::Dps(dps.clone()))? else {
        return Ok(None);
    };
    for id in device_ids {
        let device = tx.registry_device_by_external(&namespace, &id)?;
        if let Some(device) = device.filter(|device| !device.enabled) {
            return Ok(Some(device));
        }
    }
    Ok(None)
}
