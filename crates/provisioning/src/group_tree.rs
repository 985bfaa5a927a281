use std::collections::HashSet;

use provost_model::{
    AuthorityOwner, CertificateDer, DpsName, EnrollmentGroup, EnrollmentGroupId, GroupMechanism,
    MAX_PAGE_SIZE, PageSize, ProvisioningStatus, SymmetricKey,
};
use provost_pki::Certificate;
use provost_store::ReadTx;

use crate::ProvisioningError;

/// The names a certificate goes by: whoever signed it is found by them.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Names {
    subject: [u8; 32],
    issuer: [u8; 32],
}

/// A group and the certificates it trusts, its own or those of the instance it refers to.
struct Trusting {
    group: EnrollmentGroup,
    trusted: Vec<Names>,
}

/// The groups of an instance by how their certificates hang together. Only certificates of the
/// instance and of its groups are known here; a chain that a device brings along may reach further.
pub(crate) struct GroupTree {
    ended: Vec<Trusting>,
    /// The enabled ones.
    others: Vec<Trusting>,
    known: HashSet<Names>,
}

impl GroupTree {
    /// Seen from the groups that are to be ended.
    pub(crate) fn read(
        tx: &ReadTx<'_>,
        dps: &DpsName,
        ended: &[EnrollmentGroupId],
    ) -> Result<Self, ProvisioningError> {
        let owner = AuthorityOwner::Dps(dps.clone());
        let mut tree = Self {
            ended: Vec::new(),
            others: Vec::new(),
            known: HashSet::new(),
        };
        for authority in tx.certificate_authorities(&owner)? {
            tree.known.extend(names(&authority.certificate));
        }
        let page = PageSize::clamp(Some(MAX_PAGE_SIZE), 1, MAX_PAGE_SIZE);
        for group in tx.enrollment_groups(dps, None, page)? {
            let trusted = trusted(tx, &owner, &group)?;
            tree.known.extend(trusted.iter().cloned());
            let trusting = Trusting { group, trusted };
            if ended.contains(&trusting.group.id) {
                tree.ended.push(trusting);
            } else if trusting.group.settings.status == ProvisioningStatus::Enabled {
                tree.others.push(trusting);
            }
        }
        Ok(tree)
    }

    /// Groups that would let in devices of the ended ones, were these deleted: those that trust the
    /// same certificate or one above it, or have the same key.
    pub(crate) fn would_admit(&self) -> Vec<EnrollmentGroupId> {
        let above = self.subjects_above(self.ended.iter().flat_map(|it| &it.trusted));
        let ended_keys: Vec<&SymmetricKey> = self.ended.iter().flat_map(|it| keys(&it.group)).collect();
        self.others_that(|other| {
            other.trusted.iter().any(|it| above.contains(&it.subject))
                || keys(&other.group).any(|key| ended_keys.contains(&key))
        })
    }

    /// Groups whose devices are refused once the ended ones are disabled: those with a certificate of
    /// theirs in the chain.
    pub(crate) fn below(&self) -> Vec<EnrollmentGroupId> {
        let ended: HashSet<_> = self
            .ended
            .iter()
            .flat_map(|it| &it.trusted)
            .map(|it| it.subject)
            .collect();
        self.others_that(|other| !self.subjects_above(&other.trusted).is_disjoint(&ended))
    }

    fn others_that(&self, is_wanted: impl Fn(&Trusting) -> bool) -> Vec<EnrollmentGroupId> {
        let wanted = self.others.iter().filter(|other| is_wanted(other));
        wanted.map(|other| other.group.id.clone()).collect()
    }

    /// The subjects of these certificates and of all above them.
    fn subjects_above<'a>(&self, begin: impl IntoIterator<Item = &'a Names>) -> HashSet<[u8; 32]> {
        let mut open: Vec<Names> = begin.into_iter().cloned().collect();
        let mut above = HashSet::new();
        while let Some(Names { subject, issuer }) = open.pop() {
            if above.insert(subject) {
                open.extend(self.known.iter().filter(|other| other.subject == issuer).cloned());
            }
        }
        above
    }
}

/// The certificates a group trusts, its own or those of the instance it refers to.
fn trusted(
    tx: &ReadTx<'_>,
    owner: &AuthorityOwner,
    group: &EnrollmentGroup,
) -> Result<Vec<Names>, ProvisioningError> {
    match &group.mechanism {
        GroupMechanism::SigningCertificates(slots) => Ok(slots.iter().filter_map(names).collect()),
        GroupMechanism::CaReferences(references) => {
            let mut found = Vec::new();
            for name in references.iter() {
                let authority = tx.certificate_authority(owner, name)?;
                found.extend(authority.and_then(|authority| names(&authority.certificate)));
            }
            Ok(found)
        }
        GroupMechanism::SymmetricKey(_) => Ok(Vec::new()),
    }
}

fn names(der: &CertificateDer) -> Option<Names> {
    let certificate = Certificate::from_der(&der.0).ok()?;
    Some(Names {
        subject: certificate.subject_hash(),
        issuer: certificate.issuer_hash(),
    })
}

fn keys(group: &EnrollmentGroup) -> impl Iterator<Item = &SymmetricKey> {
    let pair = match &group.mechanism {
        GroupMechanism::SymmetricKey(pair) => Some([&pair.primary, &pair.secondary]),
        _ => None,
    };
    pair.into_iter().flatten()
}
