//! A snapshot in memory and short ways to fill it.

use std::time::Duration;

use provost_attestation::sas;
use provost_model::{
    CertificateAuthority, CertificateDer, CertificateName, EnrollmentGroup, EnrollmentGroupId,
    EnrollmentKind, Etag, GroupMechanism, IdScope, IndividualEnrollment, IndividualMechanism,
    ProvisioningStatus, RegistrationId, Slots, SymmetricKey, Timestamp,
};
use provost_pki::{CaIdentity, Certificate, PresentedChain, ShownLeaf, SignatureMemo};
use provost_store::{CertificateIndex, DisabledHolder, GroupAnchor, StoreError};

use crate::decide::{Claim, Decision, Judgement, Rules, Snapshot, decide};
use crate::fixture::{Made, NOW, id, keys, settings};

pub(super) use ProvisioningStatus::{Disabled, Enabled};

#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    pub(super) individuals: Vec<IndividualEnrollment>,
    pub(super) groups: Vec<EnrollmentGroup>,
    pub(super) authorities: Vec<CertificateAuthority>,
    /// Leaves the Device Registry revoked, by key.
    pub(super) revoked: Vec<[u8; 32]>,
    /// CAs it revoked.
    pub(super) revoked_cas: Vec<CaIdentity>,
}

impl Memory {
    pub(super) fn individual(
        mut self,
        name: &str,
        mechanism: IndividualMechanism,
        status: ProvisioningStatus,
    ) -> Self {
        let mut settings = settings();
        settings.status = status;
        self.individuals.push(IndividualEnrollment {
            registration_id: id(name),
            device_id: None,
            optional_device_information: None,
            mechanism,
            settings,
        });
        self
    }

    /// Each group is a second younger than the one before.
    pub(super) fn group(mut self, name: &str, mechanism: GroupMechanism, status: ProvisioningStatus) -> Self {
        let mut settings = settings();
        settings.status = status;
        settings.created_at = NOW.after(Duration::from_secs(self.groups.len() as u64));
        self.groups.push(EnrollmentGroup {
            id: EnrollmentGroupId::parse(name).unwrap(),
            mechanism,
            settings,
        });
        self
    }

    pub(super) fn authority(mut self, name: &str, made: &Made, is_verified: bool) -> Self {
        self.authorities.push(CertificateAuthority {
            name: CertificateName::parse(name).unwrap(),
            certificate: der(made),
            is_verified,
            verification_code: None,
            etag: Etag::from_text(name),
            created_at: NOW,
            updated_at: NOW,
            synchronized: None,
        });
        self
    }

    pub(super) fn judge_chain(&self, name: &str, chain: &PresentedChain) -> Judgement {
        self.judge(&id(name), None, Some(chain), NOW, false)
    }

    pub(super) fn judge(
        &self,
        registration_id: &RegistrationId,
        sas: Option<&str>,
        chain: Option<&PresentedChain>,
        at: Timestamp,
        need_verified_ca: bool,
    ) -> Judgement {
        let claim = Claim {
            id_scope: &scope(),
            registration_id,
            sas,
            chain,
            at,
        };
        let rules = Rules {
            memo: &SignatureMemo::default(),
            signing_certificates_need_verified_ca: need_verified_ca,
        };
        decide(self, &claim, rules).unwrap()
    }

    fn anchors(&self, holds: impl Fn(&GroupMechanism) -> Option<Option<CertificateDer>>) -> Vec<GroupAnchor> {
        self.groups
            .iter()
            .filter_map(|group| {
                Some(GroupAnchor {
                    group_key: group.id.key().to_owned(),
                    certificate: holds(&group.mechanism)?,
                    status: group.settings.status,
                    created_at: group.settings.created_at,
                })
            })
            .collect()
    }
}

impl Snapshot for Memory {
    fn individual(&self, id: &RegistrationId) -> Result<Option<IndividualEnrollment>, StoreError> {
        Ok(self
            .individuals
            .iter()
            .find(|entry| entry.registration_id == *id)
            .cloned())
    }

    fn group(&self, key: &str) -> Result<Option<EnrollmentGroup>, StoreError> {
        Ok(self.groups.iter().find(|group| group.id.key() == key).cloned())
    }

    fn symmetric_groups(&self) -> Result<Vec<(String, ProvisioningStatus, [SymmetricKey; 2])>, StoreError> {
        Ok(self
            .groups
            .iter()
            .filter_map(|group| match &group.mechanism {
                GroupMechanism::SymmetricKey(pair) => Some((
                    group.id.key().to_owned(),
                    group.settings.status,
                    [pair.primary.clone(), pair.secondary.clone()],
                )),
                _ => None,
            })
            .collect())
    }

    fn groups_by_signer(&self, subject_hash: &[u8; 32]) -> Result<Vec<GroupAnchor>, StoreError> {
        let wanted =
            |der: &&CertificateDer| Certificate::from_der(&der.0).unwrap().subject_hash() == *subject_hash;
        Ok(self.anchors(|mechanism| match mechanism {
            GroupMechanism::SigningCertificates(slots) => slots.iter().find(wanted).cloned().map(Some),
            _ => None,
        }))
    }

    fn groups_by_authority(&self, name: &CertificateName) -> Result<Vec<GroupAnchor>, StoreError> {
        Ok(self.anchors(|mechanism| match mechanism {
            GroupMechanism::CaReferences(names) => names.iter().any(|own| own == name).then_some(None),
            _ => None,
        }))
    }

    fn authorities(&self, subject_hash: &[u8; 32]) -> Result<Vec<CertificateAuthority>, StoreError> {
        let wanted = |authority: &&CertificateAuthority| {
            Certificate::from_der(&authority.certificate.0)
                .unwrap()
                .subject_hash()
                == *subject_hash
        };
        Ok(self.authorities.iter().filter(wanted).cloned().collect())
    }

    fn has_disabled_groups(&self) -> Result<bool, StoreError> {
        let is_disabled =
            |group: &EnrollmentGroup| group.mechanism.is_x509() && group.settings.status == Disabled;
        Ok(self.groups.iter().any(is_disabled))
    }

    fn disabled_holder(
        &self,
        certificates: &[CertificateIndex],
    ) -> Result<Option<DisabledHolder>, StoreError> {
        let is_one = |der: &CertificateDer| {
            let certificate = Certificate::from_der(&der.0).unwrap();
            let content = certificate.content_sha256();
            certificates.iter().any(|held| held.content_hash == content)
        };
        let holds = |slots: &Slots<CertificateDer>| slots.iter().any(is_one);
        let means = |name: &CertificateName| {
            let authority = self.authorities.iter().find(|authority| authority.name == *name);
            authority.is_some_and(|authority| is_one(&authority.certificate))
        };
        let individuals = self.individuals.iter().map(|entry| {
            let is_holder =
                matches!(&entry.mechanism, IndividualMechanism::ClientCertificates(slots) if holds(slots));
            (
                EnrollmentKind::Individual,
                entry.registration_id.key(),
                is_holder,
                entry.settings.status,
            )
        });
        let groups = self.groups.iter().map(|group| {
            let is_holder = match &group.mechanism {
                GroupMechanism::SigningCertificates(slots) => holds(slots),
                GroupMechanism::CaReferences(names) => names.iter().any(means),
                GroupMechanism::SymmetricKey(_) => false,
            };
            (
                EnrollmentKind::Group,
                group.id.key(),
                is_holder,
                group.settings.status,
            )
        });
        let holder = individuals
            .chain(groups)
            .find(|(_, _, is_holder, status)| *is_holder && *status == Disabled);
        Ok(holder.map(|(kind, key, ..)| DisabledHolder {
            kind,
            entry_key: key.to_owned(),
        }))
    }

    fn is_revoked_leaf(&self, shown: &ShownLeaf) -> Result<bool, StoreError> {
        let is_revoked = |ca: &CaIdentity| self.revoked_cas.contains(ca);
        Ok(self.revoked.contains(&shown.key_sha256) || shown.path.iter().any(is_revoked))
    }

    fn authority(&self, name: &CertificateName) -> Result<Option<CertificateAuthority>, StoreError> {
        Ok(self
            .authorities
            .iter()
            .find(|authority| authority.name == *name)
            .cloned())
    }
}

pub(super) fn scope() -> IdScope {
    IdScope::parse("0ne00111111").unwrap()
}

pub(super) fn der(made: &Made) -> CertificateDer {
    CertificateDer(made.certificate.der().to_vec())
}

pub(super) fn signed_by(made: &Made) -> GroupMechanism {
    GroupMechanism::SigningCertificates(Slots {
        primary: Some(der(made)),
        secondary: None,
    })
}

pub(super) fn refers_to(name: &str) -> GroupMechanism {
    GroupMechanism::CaReferences(reference(name))
}

pub(super) fn reference(name: &str) -> Slots<CertificateName> {
    Slots {
        primary: Some(CertificateName::parse(name).unwrap()),
        secondary: None,
    }
}

pub(super) fn pinned(made: &Made) -> IndividualMechanism {
    IndividualMechanism::ClientCertificates(Slots {
        primary: Some(der(made)),
        secondary: None,
    })
}

pub(super) fn own_key(byte: u8) -> IndividualMechanism {
    IndividualMechanism::SymmetricKey(keys(byte))
}

pub(super) fn group_key(byte: u8) -> GroupMechanism {
    GroupMechanism::SymmetricKey(keys(byte))
}

/// A token for a device of [`scope`], valid for an hour.
pub(super) fn token(name: &str, key: &SymmetricKey) -> String {
    let resource = format!("{}/registrations/{name}", scope());
    sas::sign(
        &resource,
        key,
        NOW.after(Duration::from_hours(1)),
        Some("registration"),
    )
}

/// The decision in words: `admitted g1`, `disabled press-1`, `held by g2`, or the reason of the
/// refusal.
pub(super) fn outcome(judgement: &Judgement) -> String {
    match &judgement.decision {
        Decision::Disabled(found) if found.blocked_by.is_some() => {
            format!("held by {}", found.blocked_by.as_ref().unwrap().entry_key)
        }
        Decision::Admitted(found) => format!("admitted {}", found.entry.key()),
        Decision::Disabled(found) => format!("disabled {}", found.entry.key()),
        Decision::Refused(refusal) => refusal.reason().to_owned(),
    }
}

pub(super) fn is_individual(judgement: &Judgement) -> bool {
    match &judgement.decision {
        Decision::Admitted(found) | Decision::Disabled(found) => {
            found.entry.kind() == EnrollmentKind::Individual
        }
        Decision::Refused(_) => false,
    }
}

pub(super) fn message(judgement: &Judgement) -> &'static str {
    match &judgement.decision {
        Decision::Refused(refusal) => refusal.public_message(),
        _ => "",
    }
}
