use provost_access::AdminCaller;
use provost_model::registry::{RegistryOperation, Revocation, RevocationReason};
use provost_model::{Action, NamespaceName, RegistryDeviceName};
use provost_store::{Audited, WriteTx};

use crate::devices::{RevokedDevice, SUBJECT, found, places};
use crate::operations::done;
use crate::service::event;
use crate::{RegistryError, RegistryService, facts};

/// How a device is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceRevocation {
    /// It is disabled, too: nothing is issued to it until it is enabled (certificate-management.md 3.6).
    pub disable: bool,
    /// What the CRL says of it.
    pub reason: RevocationReason,
}

impl RegistryService {
    /// Revokes everything ever issued to a device: its identifier changes, every leaf that has not expired
    /// goes on the CRL of its CA, and its sessions are closed when this returns (certificate-management.md
    /// 3.5, 3.6). It cannot be undone.
    ///
    /// # Errors
    /// [`RegistryError`]; `400231` for a device that never had a policy.
    pub async fn revoke_device(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        name: &RegistryDeviceName,
        revocation: DeviceRevocation,
    ) -> Result<RegistryOperation, RegistryError> {
        caller.require_device_revocation(namespace)?;
        let (service, caller) = (self.clone(), caller.clone());
        let (namespace, name) = (namespace.clone(), name.clone());
        // Whatever becomes of the caller, what was committed is followed through to the sessions.
        self.to_the_end(async move {
            let writer = service.clone();
            let work = move |tx: WriteTx<'_>| writer.revoke(tx, &caller, (&namespace, &name), revocation);
            let (operation, revoked) = service.store().write(work).await?;
            service.settle_revoked(&revoked).await;
            Ok(operation)
        })
        .await
    }

    /// Revokes several devices, one after the other; each has its own outcome.
    ///
    /// # Errors
    /// [`RegistryError`] when the caller may not.
    pub async fn revoke_devices(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        names: &[RegistryDeviceName],
        revocation: DeviceRevocation,
    ) -> Result<Vec<(RegistryDeviceName, Result<RegistryOperation, RegistryError>)>, RegistryError> {
        caller.require_device_revocation(namespace)?;
        let mut outcomes = Vec::with_capacity(names.len());
        for name in names {
            let outcome = self.revoke_device(caller, namespace, name, revocation).await;
            outcomes.push((name.clone(), outcome));
        }
        Ok(outcomes)
    }

    fn revoke(
        &self,
        tx: WriteTx<'_>,
        caller: &AdminCaller,
        (namespace, name): (&NamespaceName, &RegistryDeviceName),
        revocation: DeviceRevocation,
    ) -> Result<Audited<(RegistryOperation, RevokedDevice)>, RegistryError> {
        let mut device = found(&tx, namespace, name)?;
        let entry = Revocation {
            at: tx.now(),
            reason: revocation.reason,
        };
        let leaves = facts::of_leaves(&tx, &device)?;
        let revoked = tx.revoke_leaves_of_device(namespace, name, entry)?;
        let was = facts::of_device(&device)
            .and(leaves)
            .with("certificates", revoked.count);
        if device.policy.is_none() && revoked.count == 0 {
            return Err(RegistryError::invalid(
                "400231",
                format!("the device {name} has no credential policy; there is nothing to revoke"),
            ));
        }
        for part in &revoked.parts {
            tx.mark_crl_dirty(&part.ca, part.shard)?;
        }
        let before = device.identifier;
        device.identifier = before.rotated(self.random());
        device.enabled = device.enabled && !revocation.disable;
        device.transition_at = tx.now();
        self.write_changed(&tx, &mut device)?;
        let places = places(&tx, &device)?;
        for place in &places {
            tx.cancel_certificate_renewal(&place.hub, &place.device_id)?;
            if revocation.disable {
                self.hubs()
                    .set_enabled(&tx, &place.hub, &place.device_id, false)?;
            }
            self.hubs().announce(&tx, &place.hub, &place.device_id)?;
        }
        let revoked_device = RevokedDevice::announced(&tx, &device, places)?;
        let resource = format!("devices/{name}");
        let mut operation = self.begin(namespace, "revokeDevice", resource);
        operation.started_at = tx.now();
        let operation = done(operation, tx.now());
        tx.put_registry_operation(&operation)?;
        let detail = format!(
            "{} certificates, reason {}{}; generation {} -> {}",
            revoked.count,
            revocation.reason.as_str(),
            if revocation.disable { ", disabled" } else { "" },
            before.generation,
            device.identifier.generation,
        );
        let event = event(caller, Action::Revoke, SUBJECT, namespace, name.as_str()).with_detail(detail);
        let event = event.with_before(was).with_after(facts::of_device(&device));
        Ok(tx.record(&event, (operation, revoked_device))?)
    }
}
