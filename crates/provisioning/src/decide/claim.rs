use provost_attestation::sas::{CLOCK_SKEW, VerifiedSas};
use provost_attestation::x509::PinnedLeaf;
use provost_model::{
    DeviceId, EnrollmentGroup, EnrollmentGroupId, EnrollmentKind, EnrollmentSettings, IdScope,
    IndividualEnrollment, KeyPair, ProvisioningStatus, RegistrationId, Timestamp,
};
use provost_pki::{Certificate, PresentedChain, ShownLeaf, VerifiedChain};
use provost_store::{CertificateIndex, DisabledHolder};

/// Who a device says it is and what it shows for it.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The instance's ID scope: a token must be made for it.
    pub id_scope: &'a IdScope,
    /// The identity claimed, spelt as the device spells it.
    pub registration_id: &'a RegistrationId,
    /// The SAS token as sent.
    pub sas: Option<&'a str>,
    /// The certificates of the TLS handshake, whose leaf's key it proved.
    pub chain: Option<&'a PresentedChain>,
    /// The instant dates are judged at.
    pub at: Timestamp,
}

/// The entry that decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The device's own.
    Individual(IndividualEnrollment),
    /// Its group's.
    Group(EnrollmentGroup),
}

impl Entry {
    /// What both kinds have in common.
    pub fn settings(&self) -> &EnrollmentSettings {
        match self {
            Self::Individual(enrollment) => &enrollment.settings,
            Self::Group(group) => &group.settings,
        }
    }

    /// Which kind it is.
    pub fn kind(&self) -> EnrollmentKind {
        match self {
            Self::Individual(_) => EnrollmentKind::Individual,
            Self::Group(_) => EnrollmentKind::Group,
        }
    }

    /// Its ID in lower case.
    pub fn key(&self) -> &str {
        match self {
            Self::Individual(enrollment) => enrollment.registration_id.key(),
            Self::Group(group) => group.id.key(),
        }
    }

    /// The group's ID, for a group.
    pub fn group_id(&self) -> Option<&EnrollmentGroupId> {
        match self {
            Self::Individual(_) => None,
            Self::Group(group) => Some(&group.id),
        }
    }

    /// The name in its hub of a device that has none yet; devices of a group get their registration ID
    /// (dps-device-api.md 1.3).
    pub fn first_device_id(&self, registration_id: &RegistrationId) -> DeviceId {
        match self {
            Self::Individual(enrollment) => enrollment.assigned_device_id(),
            Self::Group(_) => DeviceId::from(registration_id),
        }
    }
}

/// The proof that was found genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The leaf stands in the device's own enrollment.
    Pinned(PinnedLeaf),
    /// A path leads from the leaf to a registered certificate.
    Chain(VerifiedChain),
    /// The token is signed with one of these keys: the device's own, or those derived for it.
    Key {
        /// The token.
        token: VerifiedSas,
        /// The device's keys.
        keys: KeyPair,
    },
}

impl Proof {
    /// The certificate the device showed.
    pub fn leaf(&self) -> Option<&Certificate> {
        match self {
            Self::Pinned(pinned) => Some(pinned.leaf()),
            Self::Chain(chain) => Some(chain.leaf()),
            Self::Key { .. } => None,
        }
    }

    /// What the certificate is recognised by, when the Device Registry may have revoked it.
    pub fn shown(&self) -> Option<ShownLeaf> {
        match self {
            Self::Pinned(pinned) => Some(pinned.leaf().shown()),
            Self::Chain(chain) => Some(chain.shown()),
            Self::Key { .. } => None,
        }
    }

    /// The last instant this is a proof.
    pub fn valid_until(&self) -> Timestamp {
        match self {
            Self::Pinned(pinned) => pinned.leaf().not_after(),
            Self::Chain(chain) => chain.not_after(),
            Self::Key { token, .. } => token.expires_at().after(CLOCK_SKEW),
        }
    }
}

/// An entry and a genuine proof for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The entry that decides.
    pub entry: Entry,
    /// The proof.
    pub proof: Proof,
    /// The certificates no disabled entry may hold: those of the path and those the device sent with
    /// it; of a pinned leaf itself alone.
    pub certificates: Vec<CertificateIndex>,
    /// The disabled entry that holds one of them.
    pub blocked_by: Option<DisabledHolder>,
}

impl Match {
    pub(super) fn new(entry: Entry, proof: Proof, presented: Option<&PresentedChain>) -> Self {
        let mut certificates: Vec<CertificateIndex> = Vec::new();
        let mut add = |certificate: &Certificate| {
            let index = CertificateIndex::of(certificate);
            if !certificates.contains(&index) {
                certificates.push(index);
            }
        };
        proof.leaf().into_iter().for_each(&mut add);
        if let Proof::Chain(chain) = &proof {
            chain.issuers().iter().for_each(&mut add);
            presented
                .into_iter()
                .flat_map(PresentedChain::iter)
                .for_each(&mut add);
        }
        Self {
            entry,
            proof,
            certificates,
            blocked_by: None,
        }
    }

    /// Whether the run ends with the outcome `disabled`.
    pub fn is_disabled(&self) -> bool {
        self.entry.settings().status == ProvisioningStatus::Disabled || self.blocked_by.is_some()
    }
}
