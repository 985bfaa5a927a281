//! What a session was admitted by, and whether it still stands.

use provost_model::registry::DeviceIdentifier;
use provost_model::{
    AccessPolicy, AccessRight, AuthorityOwner, DeviceAuth, DeviceStatus, HubName, IdentityId, PolicyName,
    PolicyOwner, SymmetricKey, Timestamp,
};
use provost_pki::{Sha1Thumbprint, Sha256Thumbprint, ShownLeaf};
use provost_store::{Credential, LeafStanding, ReadTx, RegistryIdentity, StoreError};

use crate::session::CloseReason;

/// The proof a live session rests on. Kept as long as the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) by: AdmittedBy,
    /// When its hub was made: another one of the same name is another hub.
    pub(crate) hub_made_at: Timestamp,
    /// The device or module as it was: another one of the same ID is somebody else.
    pub(crate) generation_id: String,
    /// When it was judged.
    pub(crate) at: Timestamp,
    /// When the session must end by itself.
    pub(crate) expires_at: Option<Timestamp>,
}

/// A credential, as far as it is needed to find it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AdmittedBy {
    /// One of the device's own keys.
    DeviceKey(SymmetricKey),
    /// A key of a policy that lets devices connect.
    Policy { name: PolicyName, key: SymmetricKey },
    /// A certificate registered by its thumbprint.
    Thumbprint {
        sha1: Sha1Thumbprint,
        sha256: Sha256Thumbprint,
        /// A CA of the Device Registry issued it, and its revocation ends the session.
        is_issued: bool,
        /// By what that revocation finds it.
        shown: ShownLeaf,
    },
    /// A CA certificate of the hub.
    Authority {
        subject_hash: [u8; 32],
        thumbprint: Sha256Thumbprint,
        /// The certificate that chained to it.
        leaf: Sha256Thumbprint,
        /// The same, and the CAs up to the anchor, as a revocation finds them.
        shown: ShownLeaf,
        /// What it said of a device that the Device Registry manages.
        identifier: Option<DeviceIdentifier>,
    },
}

impl Admitted {
    /// Whether it rests on something beside its own record: a policy or a CA certificate.
    pub(crate) fn rests_on_configuration(&self) -> bool {
        match self.by {
            AdmittedBy::Policy { .. } | AdmittedBy::Authority { .. } => true,
            AdmittedBy::Thumbprint { is_issued, .. } => is_issued,
            AdmittedBy::DeviceKey(_) => false,
        }
    }

    /// SHA-256 thumbprint of the device's certificate, when it came with one.
    pub(crate) fn certificate(&self) -> Option<[u8; 32]> {
        match &self.by {
            AdmittedBy::Thumbprint { sha256, .. } => Some(*sha256.as_bytes()),
            AdmittedBy::Authority { leaf, .. } => Some(*leaf.as_bytes()),
            AdmittedBy::DeviceKey(_) | AdmittedBy::Policy { .. } => None,
        }
    }

    /// What a revocation finds its certificate by.
    fn shown(&self) -> Option<&ShownLeaf> {
        match &self.by {
            AdmittedBy::Thumbprint { shown, .. } | AdmittedBy::Authority { shown, .. } => Some(shown),
            AdmittedBy::DeviceKey(_) | AdmittedBy::Policy { .. } => None,
        }
    }

    /// The `iothub-connection-auth-method` of what the session sends (iot-hub-device-api.md 5).
    pub(crate) fn auth_method(&self) -> &'static str {
        match self.by {
            AdmittedBy::DeviceKey(_) => {
                r#"{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#
            }
            AdmittedBy::Policy { .. } => {
                r#"{"scope":"hub","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}"#
            }
            AdmittedBy::Thumbprint { .. } | AdmittedBy::Authority { .. } => {
                r#"{"scope":"device","type":"x509","issuer":"iothub","acceptingIpFilterRule":null}"#
            }
        }
    }

    /// Why the session must end now, if it must.
    pub(crate) fn broken(
        &self,
        tx: &ReadTx<'_>,
        hub: &HubName,
        id: &IdentityId,
    ) -> Result<Option<CloseReason>, StoreError> {
        let Some(registered) = tx.credential(hub, id)? else {
            return Ok(Some(CloseReason::Deleted));
        };
        if registered.generation_id != self.generation_id {
            return Ok(Some(CloseReason::Deleted));
        }
        if registered.status == DeviceStatus::Disabled {
            return Ok(Some(CloseReason::Disabled));
        }
        let registry = tx.registry_identity(hub, &id.device_id)?;
        if registry.as_ref().is_some_and(|device| !device.enabled) {
            return Ok(Some(CloseReason::Disabled));
        }
        if !self.by.is_current(registry.as_ref()) {
            return Ok(Some(CloseReason::Revoked));
        }
        if !self.by.stands(tx, hub, &registered)? {
            return Ok(Some(CloseReason::CredentialChanged));
        }
        // Whatever it was admitted by: a leaf that the registry revoked is good nowhere, nor one under a CA it
        // revoked.
        let leaf = self.shown().map(|leaf| tx.leaf_standing(leaf)).transpose()?;
        let is_revoked = leaf.flatten() == Some(LeafStanding::Revoked);
        Ok(is_revoked.then_some(CloseReason::Revoked))
    }
}

impl AdmittedBy {
    /// Whether what the certificate said of its device is still what the Device Registry has.
    fn is_current(&self, registry: Option<&RegistryIdentity>) -> bool {
        let Self::Authority { identifier, .. } = self else {
            return true;
        };
        match (identifier, registry) {
            (Some(shown), Some(device)) => *shown == device.identifier,
            (Some(_), None) => false,
            // Managed since: its certificates have to say whose they are from now on.
            (None, Some(device)) => !device.has_policy,
            (None, None) => true,
        }
    }

    fn stands(&self, tx: &ReadTx<'_>, hub: &HubName, registered: &Credential) -> Result<bool, StoreError> {
        Ok(match (self, &registered.auth) {
            (Self::DeviceKey(key), DeviceAuth::Sas(keys)) => *key == keys.primary || *key == keys.secondary,
            (Self::Policy { name, key }, DeviceAuth::Sas(_) | DeviceAuth::None) => tx
                .access_policy(&PolicyOwner::Hub(hub.clone()), name)?
                .is_some_and(|policy| admits_devices(&policy) && has_key(&policy, key)),
            (Self::Thumbprint { sha1, sha256, .. }, DeviceAuth::SelfSigned(slots)) => {
                slots.iter().any(|text| {
                    Sha256Thumbprint::parse(text).is_ok_and(|known| known == *sha256)
                        || Sha1Thumbprint::parse(text).is_ok_and(|known| known == *sha1)
                })
            }
            (
                Self::Authority {
                    subject_hash,
                    thumbprint,
                    identifier,
                    ..
                },
                DeviceAuth::CertificateAuthority,
            ) => tx
                .certificate_authorities_by_subject(&AuthorityOwner::Hub(hub.clone()), subject_hash)?
                .iter()
                // A copy of its CA that somebody uploaded admits no managed device.
                .filter(|ca| ca.is_verified && (identifier.is_none() || ca.synchronized.is_some()))
                .any(|ca| Sha256Thumbprint::of(&ca.certificate.0) == *thumbprint),
            _ => false,
        })
    }
}

/// Whether holders of the policy's keys may connect devices.
pub(crate) fn admits_devices(policy: &AccessPolicy) -> bool {
    policy.rights.allow(AccessRight::DeviceConnect)
}

fn has_key(policy: &AccessPolicy, key: &SymmetricKey) -> bool {
    *key == policy.keys.primary || *key == policy.keys.secondary
}
