//! Proven callers. Only the authenticators of this crate make them.

use std::sync::Arc;

use provost_model::{
    AccessRight, AccessRights, Actor, AllocationPolicy, DpsInstance, DpsName, IdScope, Origin, PolicyName,
    RegistrationId, Timestamp,
};
use provost_pki::PresentedChain;

use crate::{Match, ProvisioningError};

/// What a device shows on its way in. The token is a secret for as long as it lives.
#[derive(Clone)]
pub struct RegistrationProof {
    /// Which instance.
    pub id_scope: IdScope,
    /// Who it says it is, spelt as sent.
    pub registration_id: RegistrationId,
    /// The `Authorization` header or the MQTT password.
    pub sas: Option<String>,
    /// The certificates of the handshake.
    pub chain: Option<PresentedChain>,
}

/// A device that proved its registration ID. Cheap to clone; a transport may keep it for a
/// connection and hand it to every request of the device.
#[derive(Clone)]
pub struct RegistrationCaller {
    proven: Arc<ProvenDevice>,
    origin: Origin,
}

struct ProvenDevice {
    proof: Arc<RegistrationProof>,
    instance: DpsInstance,
    found: Match,
    judged_at: Timestamp,
}

impl RegistrationCaller {
    pub(crate) fn new(
        proof: Arc<RegistrationProof>,
        instance: DpsInstance,
        found: Match,
        judged_at: Timestamp,
    ) -> Self {
        let proven = ProvenDevice {
            proof,
            instance,
            found,
            judged_at,
        };
        Self {
            proven: Arc::new(proven),
            origin: Origin::default(),
        }
    }

    /// The same device, of which it is known how it came.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The device, spelt as it spells itself.
    pub fn registration_id(&self) -> &RegistrationId {
        &self.proven.proof.registration_id
    }

    /// The instance it came to.
    pub fn instance(&self) -> &DpsInstance {
        &self.proven.instance
    }

    /// The entry that decided and the proof.
    pub fn found(&self) -> &Match {
        &self.proven.found
    }

    /// Whether that entry is disabled, or another disabled one holds a certificate of the device.
    pub fn is_disabled(&self) -> bool {
        self.proven.found.is_disabled()
    }

    pub(crate) fn proof(&self) -> &Arc<RegistrationProof> {
        &self.proven.proof
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn judged_at(&self) -> Timestamp {
        self.proven.judged_at
    }
}

/// The holder of a shared access policy's key.
#[derive(Debug, Clone)]
pub struct ServiceCaller {
    instance: DpsInstance,
    policy: PolicyName,
    rights: AccessRights,
}

impl ServiceCaller {
    pub(crate) fn new(instance: DpsInstance, policy: PolicyName, rights: AccessRights) -> Self {
        Self {
            instance,
            policy,
            rights,
        }
    }

    /// Whose instance it may work on.
    pub fn instance(&self) -> &DpsInstance {
        &self.instance
    }

    /// The policy used for entries that have none: answers never lack it.
    pub fn default_allocation(&self) -> AllocationPolicy {
        self.instance.allocation
    }

    pub(crate) fn dps(&self) -> DpsName {
        self.instance.name.clone()
    }

    pub(crate) fn actor(&self) -> Actor {
        Actor::Policy(self.policy.clone())
    }

    pub(crate) fn require(&self, right: AccessRight) -> Result<(), ProvisioningError> {
        if self.rights.allow(right) {
            Ok(())
        } else {
            Err(ProvisioningError::RightMissing(right))
        }
    }
}
