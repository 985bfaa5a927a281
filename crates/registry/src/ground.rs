//! What a certificate is made by, as it stands when its intent is written.

use std::sync::Arc;

use provost_model::registry::{
    Ca, CaState, CertificateRefusal, CertificateRequest, DeviceIdentifier, NamespaceLink, RequestedBy,
};
use provost_model::{NamespaceName, RegistryDeviceName, Timestamp};
use provost_store::StoreError;

use crate::complete::name_taken;
use crate::configuration::{Current, PolicyGround};

/// What a certificate is made by.
pub(crate) struct Ground {
    pub(crate) namespace: NamespaceName,
    pub(crate) policy: Arc<PolicyGround>,
    /// The device's name in the registry: its own, or the one it is to be made with.
    pub(crate) device: RegistryDeviceName,
    /// That of the device in the registry; `None` when it is not there yet.
    pub(crate) identifier: Option<DeviceIdentifier>,
}

/// A request that cannot be granted, or a store that fails.
pub(crate) enum NoGround {
    Refused(CertificateRefusal),
    Store(StoreError),
}

impl From<StoreError> for NoGround {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CertificateRefusal> for NoGround {
    fn from(refusal: CertificateRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Ground {
    /// Looks it up for a request whose key has this hash.
    pub(crate) fn of(
        current: &Current<'_>,
        request: &CertificateRequest,
        key_sha256: &[u8; 32],
        now: Timestamp,
    ) -> Result<Self, NoGround> {
        let tx = current.tx();
        let no_policy = CertificateRefusal::NoPolicy;
        let link = match &request.by {
            RequestedBy::Registration { dps, .. } => NamespaceLink::Dps(dps.clone()),
            RequestedBy::Renewal { hub } => NamespaceLink::Hub(hub.clone()),
        };
        let namespace = current.linked(&link)?;
        let namespace = namespace.ok_or_else(|| no_policy(format!("{link} is not linked to a namespace")))?;
        // Whatever its name in the registry, its external ID is that of the hub (certificate-management.md 3.1, step 4).
        let device = tx.registry_device_by_external(&namespace, &request.device_id)?;
        let named = match (&request.by, &device) {
            (RequestedBy::Registration { policy, .. }, _) => Some(policy.clone()),
            (RequestedBy::Renewal { .. }, Some(device)) => device.policy.clone(),
            (RequestedBy::Renewal { .. }, None) => None,
        };
        let named = named.ok_or_else(|| no_policy("the device has no credential policy".to_owned()))?;
        let policy = current.policy(&namespace, &named)?;
        let policy =
            policy.ok_or_else(|| no_policy(format!("the credential policy {named} is not there")))?;
        if device.as_ref().is_some_and(|device| !device.enabled) {
            return Err(CertificateRefusal::DeviceDisabled.into());
        }
        let (device, identifier) = match device {
            Some(device) => (device.name, Some(device.identifier)),
            None if tx.registry_device(&namespace, &request.device)?.is_some() => {
                return Err(name_taken(&request.device).into());
            }
            None => (request.device.clone(), None),
        };
        policy.issuing(now)?;
        let not_verified = |reason: &str| CertificateRefusal::NotVerified(reason.to_owned());
        if policy.has_key(key_sha256) {
            return Err(not_verified("its key is that of the certificate authority").into());
        }
        if tx.key_of_another_device(key_sha256, &namespace, &device)? {
            return Err(not_verified("its key is that of another device").into());
        }
        Ok(Self {
            namespace,
            policy,
            device,
            identifier,
        })
    }
}

impl PolicyGround {
    /// The CA, when it may sign now.
    pub(crate) fn issuing(&self, now: Timestamp) -> Result<&Ca, CertificateRefusal> {
        let policy = &self.policy;
        let not_ready = |reason: &str| {
            CertificateRefusal::PolicyNotReady(format!("the credential policy {} {reason}", policy.name))
        };
        let ca = self.ca.as_ref();
        // A backup may know nothing of the one that took its place.
        if ca.is_some_and(|ca| ca.state.has_ended()) {
            return Err(not_ready(
                "has an issuing CA that was revoked or closed, and waits for another one",
            ));
        }
        let ca = ca.filter(|ca| ca.state == CaState::Active && ca.certificate.is_some());
        let ca = ca.ok_or_else(|| {
            not_ready(if policy.is_external {
                "waits for its external certificate authority"
            } else {
                "waits for its root, which is kept offline"
            })
        })?;
        if ca.not_after.is_none_or(|ends| ends <= now) {
            return Err(not_ready("has an issuing CA that has expired"));
        }
        Ok(ca)
    }
}
