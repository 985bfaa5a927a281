//! Deleting a namespace. Its devices go first, a few at a time, each as when it is deleted by itself: a certificate of
//! a namespace that is gone could be listed and revoked by nobody any more.

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{RegistryDevice, Revocation, RevocationReason};
use provost_model::{Action, Assignment, AuditFacts, Change, NamespaceName, PageSize};
use provost_store::{Audited, StoreError, WriteTx};

use crate::devices::places;
use crate::namespaces::known;
use crate::service::event;
use crate::{RegistryError, RegistryService};

/// Devices that go in one transaction: others write in between.
const AT_ONCE: usize = 100;

/// What one transaction did.
enum Step {
    /// Devices went, and these places are to be looked at.
    Devices(Vec<Assignment>),
    /// There were none left, and the namespace is gone.
    Namespace,
}

impl RegistryService {
    /// Removes a namespace with its devices and links. Not while it has a credential: what hangs under
    /// that ends first, and on purpose. What was issued to its devices is revoked, as when a device is deleted; cut off
    /// in between, it goes on when it is asked for again.
    ///
    /// # Errors
    /// [`RegistryError`]; `CredentialExists` while there is one.
    pub async fn delete_namespace(
        &self,
        caller: &AdminCaller,
        name: &NamespaceName,
    ) -> Result<(), RegistryError> {
        caller.require(Permission::NamespacesWrite, Some(name))?;
        let (service, caller, name) = (self.clone(), caller.clone(), name.clone());
        self.to_the_end(async move {
            loop {
                let (by, of) = (caller.clone(), name.clone());
                match service.store().write(move |tx| step(tx, &by, &of)).await? {
                    Step::Devices(places) => service.hubs().settle(&places).await,
                    Step::Namespace => break,
                }
            }
            service.hubs().settle_authorities().await;
            Ok(())
        })
        .await
    }
}

fn step(tx: WriteTx<'_>, caller: &AdminCaller, name: &NamespaceName) -> Result<Audited<Step>, RegistryError> {
    known(&tx, name)?;
    if tx.registry_credential(name)?.is_some() {
        return Err(RegistryError::conflict(
            "CredentialExists",
            format!("the namespace {name} has a credential; delete that first"),
        ));
    }
    let page = PageSize::clamp(Some(AT_ONCE), AT_ONCE, AT_ONCE);
    let devices = tx.registry_devices(name, None, page)?;
    if !devices.is_empty() {
        return Ok(end_devices(tx, caller, name, &devices)?);
    }
    tx.delete_namespace(name)?;
    // Sessions that its devices' certificates opened end with it.
    tx.announce(&Change::Configuration)?;
    let event = event(caller, Action::Delete, "namespace", name, "");
    Ok(tx.record(&event, Step::Namespace)?)
}

fn end_devices(
    tx: WriteTx<'_>,
    caller: &AdminCaller,
    name: &NamespaceName,
    devices: &[RegistryDevice],
) -> Result<Audited<Step>, StoreError> {
    let revocation = Revocation {
        at: tx.now(),
        reason: RevocationReason::CessationOfOperation,
    };
    let (mut certificates, mut touched) = (0, Vec::new());
    for device in devices {
        let revoked = tx.revoke_leaves_of_device(name, &device.name, revocation)?;
        for part in &revoked.parts {
            tx.mark_crl_dirty(&part.ca, part.shard)?;
        }
        certificates += revoked.count;
        tx.delete_registry_device(name, &device.name)?;
        for place in places(&tx, device)? {
            tx.cancel_certificate_renewal(&place.hub, &place.device_id)?;
            tx.announce(&Change::Device {
                hub: place.hub.clone(),
                device_id: place.device_id.clone(),
            })?;
            touched.push(place);
        }
    }
    let names: Vec<_> = devices.iter().map(|device| &device.name).collect();
    let event = event(caller, Action::Delete, "namespace", name, "")
        .with_detail(format!(
            "{} devices with it, {certificates} certificates revoked",
            devices.len()
        ))
        .with_before(
            AuditFacts::new()
                .with("certificates", certificates)
                .with("devices", names),
        );
    tx.record(&event, Step::Devices(touched))
}
