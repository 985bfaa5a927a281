//! The decision over the store.

use std::sync::Arc;

use provost_model::{
    AuthorityOwner, CertificateAuthority, CertificateName, DpsInstance, DpsName, EnrollmentGroup,
    EnrollmentGroupId, EnrollmentKind, IndividualEnrollment, ProvisioningStatus, RegistrationId,
    SymmetricKey, Timestamp,
};
use provost_store::{GroupAnchor, ReadTx, StoreError};

use crate::decide::{Claim, Decision, Judgement, Match, Rules, Snapshot, decide};
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
                let refused = Refused { refusal, trace };
                return Err(ProvisioningError::Refused(Box::new(refused)));
            }
        };
        tracing::debug!(registration_id = %proof.registration_id, %trace, is_disabled, "device proven");
        Ok(RegistrationCaller::new(proof, instance, *found, at))
    }

    /// Says what would become of a device with this proof, and why.
    ///
    /// # Errors
    /// [`ProvisioningError::UnknownScope`].
    pub async fn explain(&self, proof: RegistrationProof) -> Result<Judgement, ProvisioningError> {
        let (_, judgement) = self.judge(Arc::new(proof), self.now()).await?;
        Ok(judgement)
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
        let rules = Rules {
            memo: self.memo(),
            signing_certificates_need_verified_ca: self.options().signing_certificates_need_verified_ca,
        };
        let judgement = decide(&StoredEntries::new(tx, &instance.name), &claim, rules)?;
        Ok((instance, judgement))
    }
}

/// Whether everything a match rests on is still as it was: the entry, the absence of an individual
/// enrollment before a group, the CA certificates of the path.
pub(crate) fn still_stands(
    tx: &ReadTx<'_>,
    dps: &DpsName,
    id: &RegistrationId,
    found: &Match,
) -> Result<bool, StoreError> {
    let entry = &found.entry;
    let etag = tx.enrollment_etag(dps, entry.kind(), entry.key())?;
    if etag.as_ref() != Some(&entry.settings().etag) {
        return Ok(false);
    }
    if entry.kind() == EnrollmentKind::Group
        && tx
            .enrollment_etag(dps, EnrollmentKind::Individual, id.key())?
            .is_some()
    {
        return Ok(false);
    }
    let owner = AuthorityOwner::Dps(dps.clone());
    for anchor in &found.anchors {
        let authority = tx.certificate_authority(&owner, &anchor.name)?;
        if !authority.is_some_and(|now| now.is_verified && now.etag == anchor.etag) {
            return Ok(false);
        }
    }
    Ok(true)
}
