//! Devices of the Device Registry: a leaf counts while what it says of its device is what stands there
//! (certificate-management.md 3.2 steps e and f).

use provost_model::registry::DeviceIdentifier;
use provost_model::{CertificateDer, SynchronizedCa};
use provost_pki::Certificate;
use provost_store::RegistryIdentity;

use super::RefusalReason;

/// A verified CA certificate of the hub.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    pub(super) certificate: CertificateDer,
    /// The CA of the registry it is of.
    pub(super) synchronized: Option<SynchronizedCa>,
    /// The leaf that was presented stands on the CRL of that CA. Read in strict mode only.
    pub(super) lists_leaf: bool,
}

/// Whether a leaf is one of those its device has now, and what it says of it. `None` for a device that the
/// registry manages no certificates of, under a CA that is none of the registry's.
///
/// What the CRL says does not count: the identifier does, whatever became of the CRL. Only in
/// strict mode is a leaf that stands there refused too.
pub(super) fn judge_identifier(
    leaf: &Certificate,
    anchor: &Anchor,
    registry: Option<&RegistryIdentity>,
) -> Result<Option<DeviceIdentifier>, RefusalReason> {
    let is_managed = registry.is_some_and(|device| device.has_policy);
    if !is_managed && anchor.synchronized.is_none() {
        return Ok(None);
    }
    let Some(registry) = registry else {
        return Err(RefusalReason::NotInRegistry);
    };
    let shown = leaf.device_identifier().ok_or(RefusalReason::NoIdentifier)?;
    if shown.device != registry.identifier.device {
        return Err(RefusalReason::OtherIdentifier);
    }
    if shown.generation != registry.identifier.generation {
        return Err(RefusalReason::RevokedIdentifier);
    }
    if anchor.synchronized.is_none() {
        return Err(RefusalReason::NotSynchronized);
    }
    if anchor.lists_leaf {
        return Err(RefusalReason::OnCrl);
    }
    Ok(Some(shown))
}
