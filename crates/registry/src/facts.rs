//! What audit events tell of things of the registry, before and after a change (docs/AUDIT.md).

use provost_model::registry::{Ca, IssuedCertificate, RegistryDevice, SerialNumber};
use provost_model::{AuditFacts, PageSize};
use provost_pki::{Certificate, Sha1Thumbprint};
use provost_store::{ReadTx, StoreError};

use crate::PolicyView;

/// Certificates an event names; how many there were is told beside them.
const NAMED: usize = 20;

/// A CA with its certificate, as far as it has one.
pub(crate) fn of_ca(ca: &Ca) -> AuditFacts {
    let certificate = ca.certificate.as_ref();
    AuditFacts::new()
        .with("ca", &ca.id)
        .with("serial", certificate.and_then(|der| serial(&der.0)))
        .with("thumbprint", certificate.map(|der| Sha1Thumbprint::of(&der.0)))
}

/// Several CAs, each with its own.
pub(crate) fn of_cas(cas: &[Ca]) -> AuditFacts {
    let certificates = || cas.iter().filter_map(|ca| ca.certificate.as_ref());
    let prints: Vec<_> = certificates().map(|der| Sha1Thumbprint::of(&der.0)).collect();
    let serials: Vec<_> = certificates().map(|der| serial(&der.0)).collect();
    AuditFacts::new()
        .with("cas", cas.iter().map(|ca| &ca.id).collect::<Vec<_>>())
        .with("serials", serials)
        .with("thumbprints", prints)
}

/// A policy with the CA that signs, or else the one that waits.
pub(crate) fn of_policy(view: &PolicyView) -> AuditFacts {
    let ca = view.issuing.as_ref().or(view.pending.as_ref());
    ca.map(of_ca)
        .unwrap_or_default()
        .with("state", ca.map(|ca| ca.state))
        .with("external", view.policy.is_external)
        .with("validityDays", view.policy.validity_days)
}

/// A device: whether it may connect, what its leaves must say, by which policy they are issued.
pub(crate) fn of_device(device: &RegistryDevice) -> AuditFacts {
    AuditFacts::new()
        .with("enabled", device.enabled)
        .with("externalDeviceId", &device.external_device_id)
        .with("generation", device.identifier.generation)
        .with("policy", &device.policy)
        .with("uuid", device.identifier.device)
}

/// The newest leaves of a device that a revocation at this instant hits: at most [`NAMED`] of them.
pub(crate) fn of_leaves(tx: &ReadTx<'_>, device: &RegistryDevice) -> Result<AuditFacts, StoreError> {
    let page = PageSize::clamp(Some(NAMED), NAMED, NAMED);
    let mut leaves = tx.issued_of_device(&device.namespace, &device.name, None, page)?;
    leaves.retain(|leaf| leaf.revoked.is_none() && leaf.sha1.is_some());
    Ok(AuditFacts::new()
        .with(
            "serials",
            leaves.iter().map(|leaf| &leaf.serial).collect::<Vec<_>>(),
        )
        .with("thumbprints", leaves.iter().map(thumbprint).collect::<Vec<_>>()))
}

/// One leaf.
pub(crate) fn of_leaf(leaf: &IssuedCertificate) -> AuditFacts {
    AuditFacts::new()
        .with("ca", &leaf.ca)
        .with("device", &leaf.device)
        .with("revoked", leaf.revoked.map(|revocation| revocation.reason))
        .with("serial", &leaf.serial)
        .with("thumbprint", thumbprint(leaf))
}

fn thumbprint(leaf: &IssuedCertificate) -> Option<Sha1Thumbprint> {
    leaf.sha1.map(Sha1Thumbprint::from_bytes)
}

fn serial(der: &[u8]) -> Option<SerialNumber> {
    let certificate = Certificate::from_der(der).ok()?;
    SerialNumber::parse(&certificate.serial_hex())
}
