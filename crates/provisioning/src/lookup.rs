//! The decision over the store.

use std::sync::Arc;

use provost_model::{
    AuthorityOwner, CertificateAuthority, CertificateName, DpsInstance, DpsName, EnrollmentGroup,
    EnrollmentGroupId, EnrollmentKind, IndividualEnrollment, ProvisioningStatus, RegistrationId,
    SymmetricKey, Timestamp,
};
use provost_pki::ShownLeaf;
use provost_store::{CertificateIndex, DisabledHolder, GroupAnchor, LeafStanding, ReadTx, StoreError};

use crate::decide::{Claim, Decision, Entry, Judgement, Proof, Rules, Snapshot, decide};
use crate::{ProvisioningError, ProvisioningService, Refused, RegistrationCaller, RegistrationProof};

/// One instance's entries as a transaction sees them.
pub struct StoredEntries<'a> {
    tx: &'a ReadTx<'a>,
    dps: &'a DpsName,
    owner: AuthorityOwner,
}

impl<'a> StoredEntries<'a> {
    /// The entries of this instance.
    pub fn new(tx: &'a ReadTx<'a>, dps: &'a DpsName) -> Self {
        let owner = AuthorityOwner::Dps(dps.clone());
        Self { tx, dps, owner }
    }
}

impl Snapshot for StoredEntries<'_> {
    fn individual(&self, id: &RegistrationId) -> Result<Option<IndividualEnrollment>, StoreError> {
        self.tx.individual_enrollment(self.dps, id)
    }

    fn group(&self, key: &str) -> Result<Option<EnrollmentGroup>, StoreError> {
        match EnrollmentGroupId::parse(key) {
            Ok(id) => self.tx.enrollment_group(self.dps, &id),
            Err(_) => Ok(None),
        }
    }

    fn symmetric_groups(&self) -> Result<Vec<(String, ProvisioningStatus, [SymmetricKey; 2])>, StoreError> {
        self.tx.symmetric_groups(self.dps)
    }

    fn groups_by_signer(&self, subject_hash: &[u8; 32]) -> Result<Vec<GroupAnchor>, StoreError> {
        self.tx.groups_by_signer_subject(self.dps, subject_hash)
    }

    fn groups_by_authority(&self, name: &CertificateName) -> Result<Vec<GroupAnchor>, StoreError> {
        self.tx.groups_by_reference(self.dps, name)
    }

    fn authorities(&self, subject_hash: &[u8; 32]) -> Result<Vec<CertificateAuthority>, StoreError> {
        self.tx
            .certificate_authorities_by_subject(&self.owner, subject_hash)
    }

    fn has_disabled_groups(&self) -> Result<bool, StoreError> {
        self.tx.has_disabled_groups(self.dps)
    }

    fn disabled_holder(
        &self,
        certificates: &[CertificateIndex],
    ) -> Result<Option<DisabledHolder>, StoreError> {
        self.tx.disabled_holder(self.dps, certificates)
    }

    fn is_revoked_leaf(&self, shown: &ShownLeaf) -> Result<bool, StoreError> {
        Ok(self.tx.leaf_standing(shown)? == Some(LeafStanding::Revoked))
    }

    fn authority(&self, name: &CertificateName) -> Result<Option<CertificateAuthority>, StoreError> {
        self.tx.certificate_authority(&self.owner, name)
    }
}

impl ProvisioningService {
    /// Proves who a device is. A device whose entry is disabled is proven too: it must be able to
    /// register and to read that outcome.
    ///
    /// # Errors
    /// [`ProvisioningError::UnknownScope`] and [`ProvisioningError::Refused`], both 401.
    pub async fn authenticate(
        &self,
        proof: RegistrationProof,
    ) -> Result<RegistrationCaller, ProvisioningError> {
        self.authenticate_shared(Arc::new(proof)).await
    }

    pub(crate) async fn authenticate_shared(
        &self,
        proof: Arc<RegistrationProof>,
    ) -> Result<RegistrationCaller, ProvisioningError> {
        let at = self.now();
        let (instance, judgement) = self.judge(Arc::clone(&proof), at).await?;
        let Judgement { decision, trace } = judgement;
        let (found, is_disabled) = match decision {
            Decision::Admitted(found) => (found, false),
            Decision::Disabled(found) => (found, true),
            Decision::Refused(refusal) => {
                tracing::info!(
                    registration_id = %proof.registration_id,
                    reason = refusal.reason(),
                    %refusal,
                    %trace,
                    "device refused"
                );
                let refused = Refused {
                    refusal,
                    trace,
                    dps: instance.name,
                    registration_id: proof.registration_id.clone(),
                    chain: proof.chain.clone(),
                    at,
                };
                return Err(ProvisioningError::Refused(Box::new(refused)));
            }
        };
        tracing::debug!(registration_id = %proof.registration_id, %trace, is_disabled, "device proven");
        Ok(RegistrationCaller::new(proof, instance, *found, at))
    }

    async fn judge(
        &self,
        proof: Arc<RegistrationProof>,
        at: Timestamp,
    ) -> Result<(DpsInstance, Judgement), ProvisioningError> {
        let service = self.clone();
        self.store()
            .read(move |tx| service.judge_within(tx, &proof, at))
            .await
    }

    /// The decision as it stands in one snapshot.
    pub(crate) fn judge_within(
        &self,
        tx: &ReadTx<'_>,
        proof: &RegistrationProof,
        at: Timestamp,
    ) -> Result<(DpsInstance, Judgement), ProvisioningError> {
        let instance = tx
            .dps_by_id_scope(&proof.id_scope)?
            .ok_or(ProvisioningError::UnknownScope)?;
        let claim = Claim {
            id_scope: &instance.id_scope,
            registration_id: &proof.registration_id,
            sas: proof.sas.as_deref(),
            chain: proof.chain.as_ref(),
            at,
        };
        let judgement = self.decide(tx, &instance, &claim)?;
        Ok((instance, judgement))
    }

    /// The same of any claim.
    pub(crate) fn decide(
        &self,
        tx: &ReadTx<'_>,
        instance: &DpsInstance,
        claim: &Claim<'_>,
    ) -> Result<Judgement, StoreError> {
        let rules = Rules {
            memo: self.memo(),
            signing_certificates_need_verified_ca: self.options().signing_certificates_need_verified_ca,
        };
        decide(&StoredEntries::new(tx, &instance.name), claim, rules)
    }
}

/// Whether everything a match rests on is still as it was: the individual enrollment of the device or
/// its absence, the groups and CA certificates of the instance where they were looked at, the disabled
/// entries that hold a certificate of the device, and whether the Device Registry revoked its leaf
/// or a CA above it.
pub(crate) fn still_stands(tx: &ReadTx<'_>, caller: &RegistrationCaller) -> Result<bool, StoreError> {
    let (instance, id, found) = (caller.instance(), caller.registration_id(), caller.found());
    let dps = &instance.name;
    let own = match &found.entry {
        Entry::Individual(enrollment) => Some(&enrollment.settings.etag),
        Entry::Group(_) => None,
    };
    if tx
        .enrollment_etag(dps, EnrollmentKind::Individual, id.key())?
        .as_ref()
        != own
    {
        return Ok(false);
    }
    let is_alone = own.is_some() && !matches!(found.proof, Proof::Chain(_));
    if !is_alone && tx.trust_version(dps)? != Some(instance.trust_version) {
        return Ok(false);
    }
    if has_revoked_leaf(tx, caller)? {
        return Ok(false);
    }
    let is_disabled = found.entry.settings().status == ProvisioningStatus::Disabled;
    Ok(is_disabled || tx.disabled_holder(dps, &found.certificates)? == found.blocked_by)
}

/// Whether the Device Registry issued the leaf a device came with and revoked it since, or revoked a CA it rests on.
pub(crate) fn has_revoked_leaf(tx: &ReadTx<'_>, caller: &RegistrationCaller) -> Result<bool, StoreError> {
    let Some(shown) = caller.found().proof.shown() else {
        return Ok(false);
    };
    Ok(tx.leaf_standing(&shown)? == Some(LeafStanding::Revoked))
}
