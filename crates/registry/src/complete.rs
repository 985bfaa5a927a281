use provost_model::registry::{
    CaState, CertificateRefusal, Completion, NamespaceLink, PreparedCertificate, RegistryDevice,
};
use provost_model::{Assignment, Etag, RegistryDeviceName};
use provost_pki::{Sha1Thumbprint, Sha256Thumbprint};
use provost_store::{StoreError, WriteTx};
use serde_json::Map;

use crate::RegistryService;
use crate::configuration::Current;

impl RegistryService {
    /// Hands a prepared certificate out, inside the transaction that gives the device its outcome: checks
    /// again that its CA and its device's identifier stand, completes its row, and makes or updates the
    /// device with its hub. What is not issued is given up in the same transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn complete_certificate(
        &self,
        tx: &WriteTx<'_>,
        prepared: &PreparedCertificate,
        at: &Assignment,
    ) -> Result<Completion, StoreError> {
        let device = tx.registry_device(&prepared.namespace, &prepared.device)?;
        let current = self.configuration().in_write(tx);
        let completion = judge(&current, prepared, at, device.as_ref())?;
        let completion = match completion {
            Completion::Issued if !complete_row(tx, prepared)? => Completion::Moved,
            other => other,
        };
        if completion == Completion::Issued {
            self.place_device(tx, prepared, at, device)?;
        } else {
            tx.give_up_intended(prepared.number)?;
        }
        Ok(completion)
    }

    fn place_device(
        &self,
        tx: &WriteTx<'_>,
        prepared: &PreparedCertificate,
        at: &Assignment,
        device: Option<RegistryDevice>,
    ) -> Result<(), StoreError> {
        let now = tx.now();
        let Some(mut device) = device else {
            let location = self.configuration().in_write(tx).location(&prepared.namespace)?;
            return tx.insert_registry_device(&RegistryDevice {
                namespace: prepared.namespace.clone(),
                name: prepared.device.clone(),
                identifier: prepared.identifier,
                external_device_id: prepared.device_id.clone(),
                enabled: true,
                policy: Some(prepared.policy.clone()),
                hub: Some(at.hub.clone()),
                document: Map::from_iter([("location".to_owned(), location.unwrap_or_default().into())]),
                version: 1,
                etag: Etag::generate(self.random()),
                created_at: now,
                updated_at: now,
                transition_at: now,
            });
        };
        if device.hub.as_ref() == Some(&at.hub) && device.policy.as_ref() == Some(&prepared.policy) {
            return Ok(());
        }
        device.hub = Some(at.hub.clone());
        device.policy = Some(prepared.policy.clone());
        device.version += 1;
        device.etag = Etag::generate(self.random());
        device.updated_at = now;
        tx.update_registry_device(&device).map(|_| ())
    }
}

fn judge(
    current: &Current<'_>,
    prepared: &PreparedCertificate,
    at: &Assignment,
    device: Option<&RegistryDevice>,
) -> Result<Completion, StoreError> {
    let tx = current.tx();
    let linked = current.linked(&NamespaceLink::Hub(at.hub.clone()))?;
    if linked.as_ref() != Some(&prepared.namespace) {
        let reason = format!("the hub {} is not linked to the namespace", at.hub);
        return Ok(Completion::Refused(CertificateRefusal::NoPolicy(reason)));
    }
    let state = current.ca_state(&prepared.ca)?;
    if !matches!(state, Some(CaState::Active | CaState::Retired)) {
        return Ok(Completion::Moved);
    }
    // Two devices never share a key, though they may ask at the same moment (certificate-management.md 2.3).
    if tx.key_of_another_device(&prepared.key_sha256, &prepared.namespace, &prepared.device)? {
        let reason = "its key is that of another device".to_owned();
        return Ok(Completion::Refused(CertificateRefusal::NotVerified(reason)));
    }
    Ok(match device {
        None if prepared.is_new_device => {
            // Made meanwhile under another name: the next attempt finds it.
            let stands = tx.registry_device_by_external(&prepared.namespace, &prepared.device_id)?;
            stands.map_or(Completion::Issued, |_| Completion::Moved)
        }
        Some(device) if prepared.is_new_device && device.external_device_id != prepared.device_id => {
            Completion::Refused(name_taken(&device.name))
        }
        // An identifier is one device's alone, and so is its external ID, which never changes.
        Some(device) if prepared.is_new_device || device.identifier != prepared.identifier => {
            Completion::Moved
        }
        None => Completion::Moved,
        Some(device) if !device.enabled => Completion::Refused(CertificateRefusal::DeviceDisabled),
        Some(_) => Completion::Issued,
    })
}

/// The device is not in the registry, and would be made under its registration ID, which is the name of a device
/// with another `externalDeviceId`.
pub(crate) fn name_taken(name: &RegistryDeviceName) -> CertificateRefusal {
    CertificateRefusal::NameTaken(format!(
        "the name {name} belongs to a device of the namespace with another externalDeviceId"
    ))
}

fn complete_row(tx: &WriteTx<'_>, prepared: &PreparedCertificate) -> Result<bool, StoreError> {
    let der = &prepared.certificate.0;
    let (sha1, sha256) = (Sha1Thumbprint::of(der), Sha256Thumbprint::of(der));
    tx.complete_issued(
        prepared.number,
        &prepared.certificate,
        *sha1.as_bytes(),
        *sha256.as_bytes(),
    )
}
