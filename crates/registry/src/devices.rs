mod change;

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{
    DeviceIdentifier, NamespaceLink, RegistryDevice, Revocation, RevocationReason,
};
use provost_model::{Action, Assignment, DeviceId, Etag, NamespaceName, PageSize, RegistryDeviceName, Uuid};
use provost_store::{Audited, ReadTx, StoreError, WriteTx};
use serde_json::{Map, Value};

use self::change::{Change, Changed, check_policy};
pub use self::change::{Condition, DocumentChange, PolicyChange};
pub(crate) use self::change::{changed, replaced_by};
use crate::namespaces::known;
use crate::service::event;
use crate::{Made, RegistryError, RegistryService, facts};

pub(crate) const SUBJECT: &str = "registryDevice";

/// A device as a client writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInput {
    /// Its name in the hub; its own name when absent. Never changes.
    pub external_device_id: Option<DeviceId>,
    /// Whether it may connect; a new device may when absent, another stays as it is.
    pub enabled: Option<bool>,
    /// The policy of its certificates.
    pub policy: PolicyChange,
    /// The rest of the resource, without what the server says itself.
    pub document: Map<String, Value>,
    /// What must stand for it to be written.
    pub condition: Condition,
}

/// A device as it was written, and where sessions are to be looked at.
type Written = (Made<RegistryDevice>, Vec<Assignment>);

/// What changes of a device.
#[derive(Default)]
pub struct DevicePatch {
    /// Whether it may connect; its hubs follow.
    pub enabled: Option<bool>,
    /// The policy of its certificates.
    pub policy: PolicyChange,
    /// Its name in the hub, when the caller names one: it must be the one it has.
    pub external_device_id: Option<DeviceId>,
    /// The rest of the resource.
    pub document: Option<DocumentChange>,
    /// What must stand for it to be written.
    pub condition: Condition,
}

impl RegistryService {
    /// One device.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn device(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &RegistryDeviceName,
    ) -> Result<RegistryDevice, RegistryError> {
        caller.require(Permission::DevicesRead, Some(namespace))?;
        let (namespace, name) = (namespace.clone(), name.clone());
        self.store().read(move |tx| found(tx, &namespace, &name)).await
    }

    /// Devices in order of their names, beginning after `after`.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn devices(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        after: Option<&RegistryDeviceName>,
        page: PageSize,
    ) -> Result<Vec<RegistryDevice>, RegistryError> {
        caller.require(Permission::DevicesRead, Some(namespace))?;
        let (namespace, after) = (namespace.clone(), after.cloned());
        self.store()
            .scan(move |tx| {
                known(tx, &namespace)?;
                Ok(tx.registry_devices(&namespace, after.as_ref(), page)?)
            })
            .await
    }

    /// Makes a device, or replaces what is free in it.
    ///
    /// # Errors
    /// [`RegistryError`]; `ExternalDeviceIdTaken`, `ExternalDeviceIdImmutable`, `PolicyNotFound`,
    /// `PreconditionFailed`.
    pub async fn put_device(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &RegistryDeviceName,
        input: DeviceInput,
    ) -> Result<Made<RegistryDevice>, RegistryError> {
        caller.require(Permission::DevicesWrite, Some(namespace))?;
        let (namespace, name, caller) = (namespace.clone(), name.clone(), caller.clone());
        let service = self.clone();
        let made: Result<Written, RegistryError> = self
            .store()
            .write(move |tx| {
                known(&tx, &namespace)?;
                let stands = tx.registry_device(&namespace, &name)?;
                input
                    .condition
                    .check("device", stands.as_ref().map(|device| &device.etag))?;
                let Some(before) = stands else {
                    return service.make_device(tx, &caller, (namespace, name), input);
                };
                let change = Change {
                    external_device_id: input.external_device_id,
                    enabled: input.enabled,
                    policy: input.policy,
                    document: input.document,
                };
                let was = facts::of_device(&before);
                let (device, touched) = match service.change(&tx, before, change)? {
                    Changed::Nothing(value) => {
                        let made = Made { value, is_new: false };
                        return Ok(tx.unchanged((made, Vec::new())));
                    }
                    Changed::Written(device, touched) => (device, touched),
                };
                let event = event(
                    &caller,
                    Action::Update,
                    SUBJECT,
                    &device.namespace,
                    device.name.as_str(),
                )
                .with_before(was)
                .with_after(facts::of_device(&device));
                let made = Made {
                    value: device,
                    is_new: false,
                };
                Ok(tx.record(&event, (made, touched))?)
            })
            .await;
        let (made, touched) = made?;
        self.hubs().settle(&touched).await;
        Ok(made)
    }

    /// Changes a device; enabling and disabling reach its hubs, and its sessions are closed before this
    /// returns.
    ///
    /// # Errors
    /// [`RegistryError`]; `PolicyNotFound`, `ExternalDeviceIdImmutable`, `InvalidRequestContent`,
    /// `PreconditionFailed`.
    pub async fn patch_device(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &RegistryDeviceName,
        patch: DevicePatch,
    ) -> Result<RegistryDevice, RegistryError> {
        caller.require(Permission::DevicesWrite, Some(namespace))?;
        let (namespace, name, caller) = (namespace.clone(), name.clone(), caller.clone());
        let service = self.clone();
        let done: Result<(RegistryDevice, Vec<Assignment>), RegistryError> = self
            .store()
            .write(move |tx| {
                let before = found(&tx, &namespace, &name)?;
                patch.condition.check("device", Some(&before.etag))?;
                let (was_enabled, was) = (before.enabled, facts::of_device(&before));
                let change = Change {
                    external_device_id: patch.external_device_id,
                    enabled: patch.enabled,
                    policy: patch.policy,
                    document: changed(patch.document, &before.document)?,
                };
                let (device, touched) = match service.change(&tx, before, change)? {
                    Changed::Nothing(device) => return Ok(tx.unchanged((device, Vec::new()))),
                    Changed::Written(device, touched) => (device, touched),
                };
                let detail = match (was_enabled, device.enabled) {
                    (true, false) => "disabled",
                    (false, true) => "enabled",
                    _ => "",
                };
                let event =
                    event(&caller, Action::Update, SUBJECT, &namespace, name.as_str()).with_detail(detail);
                let event = event.with_before(was).with_after(facts::of_device(&device));
                Ok(tx.record(&event, (device, touched))?)
            })
            .await;
        let (device, touched) = done?;
        self.hubs().settle(&touched).await;
        Ok(device)
    }

    /// Removes a device. Its certificates are revoked: one of the same name is another device. Its
    /// identities at hubs stay, and let nobody in by a certificate of a policy.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn delete_device(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &RegistryDeviceName,
        condition: Condition,
    ) -> Result<(), RegistryError> {
        caller.require(Permission::DevicesWrite, Some(namespace))?;
        let (namespace, name, caller) = (namespace.clone(), name.clone(), caller.clone());
        let service = self.clone();
        let done: Result<RevokedDevice, RegistryError> = self
            .store()
            .write(move |tx| {
                let device = found(&tx, &namespace, &name)?;
                condition.check("device", Some(&device.etag))?;
                let revocation = Revocation {
                    at: tx.now(),
                    reason: RevocationReason::CessationOfOperation,
                };
                let leaves = facts::of_leaves(&tx, &device)?;
                let revoked = tx.revoke_leaves_of_device(&namespace, &name, revocation)?;
                let was = facts::of_device(&device)
                    .and(leaves)
                    .with("certificates", revoked.count);
                for part in &revoked.parts {
                    tx.mark_crl_dirty(&part.ca, part.shard)?;
                }
                tx.delete_registry_device(&namespace, &name)?;
                let places = places(&tx, &device)?;
                for place in &places {
                    service.hubs().announce(&tx, &place.hub, &place.device_id)?;
                }
                let event = event(&caller, Action::Delete, SUBJECT, &namespace, name.as_str())
                    .with_detail(format!("{} certificates revoked", revoked.count))
                    .with_before(was);
                let gone = RevokedDevice::announced(&tx, &device, places)?;
                Ok(tx.record(&event, gone)?)
            })
            .await;
        self.settle_revoked(&done?).await;
        Ok(())
    }

    /// After the commit: no session of this node rests on what was revoked.
    pub(crate) async fn settle_revoked(&self, revoked: &RevokedDevice) {
        self.hubs().settle(&revoked.places).await;
        self.hubs().settle_leaves(revoked.leaves_of).await;
    }

    fn make_device(
        &self,
        tx: WriteTx<'_>,
        caller: &AdminCaller,
        (namespace, name): (NamespaceName, RegistryDeviceName),
        input: DeviceInput,
    ) -> Result<Audited<Written>, RegistryError> {
        let device = self.new_device(&tx, namespace, name, input)?;
        tx.insert_registry_device(&device)?;
        let event = event(
            caller,
            Action::Create,
            SUBJECT,
            &device.namespace,
            device.name.as_str(),
        )
        .with_after(facts::of_device(&device));
        let places = self.reach_hubs(&tx, &device)?;
        let made = Made {
            value: device,
            is_new: true,
        };
        Ok(tx.record(&event, (made, places))?)
    }

    fn new_device(
        &self,
        tx: &WriteTx<'_>,
        namespace: NamespaceName,
        name: RegistryDeviceName,
        input: DeviceInput,
    ) -> Result<RegistryDevice, RegistryError> {
        let policy = input.policy.of(None);
        check_policy(tx, &namespace, policy.as_ref())?;
        let external = match input.external_device_id {
            Some(id) => id,
            None => DeviceId::parse(name.as_str())
                .map_err(|error| RegistryError::invalid("InvalidName", error.to_string()))?,
        };
        if tx.registry_device_by_external(&namespace, &external)?.is_some() {
            return Err(RegistryError::conflict(
                "ExternalDeviceIdTaken",
                format!("another device of the namespace has the externalDeviceId {external}"),
            ));
        }
        let now = tx.now();
        Ok(RegistryDevice {
            namespace,
            name,
            identifier: DeviceIdentifier::generate(self.random()),
            external_device_id: external,
            enabled: input.enabled.unwrap_or(true),
            policy,
            hub: None,
            document: input.document,
            version: 1,
            etag: Etag::generate(self.random()),
            created_at: now,
            updated_at: now,
            transition_at: now,
        })
    }

    /// A new device may be one its hubs know already, with a session: they follow what it says.
    fn reach_hubs(&self, tx: &WriteTx<'_>, device: &RegistryDevice) -> Result<Vec<Assignment>, StoreError> {
        let places = places(tx, device)?;
        for place in &places {
            if device.enabled {
                self.hubs().announce(tx, &place.hub, &place.device_id)?;
            } else {
                self.hubs().set_enabled(tx, &place.hub, &place.device_id, false)?;
            }
        }
        Ok(places)
    }

    pub(crate) fn write_changed(
        &self,
        tx: &WriteTx<'_>,
        device: &mut RegistryDevice,
    ) -> Result<(), StoreError> {
        device.version += 1;
        device.etag = Etag::generate(self.random());
        device.updated_at = tx.now();
        tx.update_registry_device(device).map(|_| ())
    }
}

/// Where sessions are to be looked at after a device's leaves were revoked.
pub(crate) struct RevokedDevice {
    /// Where the registry knows it to be.
    places: Vec<Assignment>,
    /// As its leaves name it: they may have been made known to any hub by hand.
    leaves_of: Uuid,
}

impl RevokedDevice {
    /// Says in the transaction, for other nodes, that the leaves are revoked.
    pub(crate) fn announced(
        tx: &WriteTx<'_>,
        device: &RegistryDevice,
        places: Vec<Assignment>,
    ) -> Result<Self, StoreError> {
        let leaves_of = device.identifier.device;
        tx.announce(&provost_model::Change::Leaves { device: leaves_of })?;
        Ok(Self { places, leaves_of })
    }
}

/// Where a device may be known: every hub linked to its namespace, or to a provisioning service of it, and the one
/// it was assigned to while that is linked to no other namespace; there by its external ID and by every ID that
/// differs from it in case alone.
pub(crate) fn places(tx: &ReadTx<'_>, device: &RegistryDevice) -> Result<Vec<Assignment>, StoreError> {
    let mut hubs = tx.linked_registry_hubs(&device.namespace)?;
    for hub in tx.hubs_of_registry_services(&device.namespace)? {
        if !hubs.contains(&hub) {
            hubs.push(hub);
        }
    }
    if let Some(assigned) = device.hub.as_ref().filter(|hub| !hubs.contains(hub)) {
        // One that was linked to another namespace since is that one's business.
        let linked = tx.linked_namespace(&NamespaceLink::Hub(assigned.clone()))?;
        if linked.is_none() {
            hubs.push(assigned.clone());
        }
    }
    let (external, key) = (&device.external_device_id, device.external_device_id.caseless());
    let mut places = Vec::with_capacity(hubs.len());
    for hub in hubs {
        let spelt = tx.devices_spelt(&hub, &key)?.into_iter().map(|(id, _)| id);
        let others = spelt.filter(|id| id != external);
        places.extend(others.chain([external.clone()]).map(|device_id| Assignment {
            hub: hub.clone(),
            device_id,
        }));
    }
    Ok(places)
}

pub(crate) fn found(
    tx: &ReadTx<'_>,
    namespace: &NamespaceName,
    name: &RegistryDeviceName,
) -> Result<RegistryDevice, RegistryError> {
    known(tx, namespace)?;
    let found = tx.registry_device(namespace, name)?;
    found.ok_or_else(|| RegistryError::not_found("device", name.to_string()))
}
