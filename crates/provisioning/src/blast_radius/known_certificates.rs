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

/// Enabled groups that would let in devices of these groups, were these deleted: those that trust the
/// same certificate or one above it, or have the same key. Only certificates of the instance and of
/// its groups are known here; a chain that a device brings along may reach further.
pub(super) fn groups_that_would_admit(
    tx: &ReadTx<'_>,
    dps: &DpsName,
    ended: &[EnrollmentGroupId],
) -> Result<Vec<EnrollmentGroupId>, ProvisioningError> {
    if ended.is_empty() {
        return Ok(Vec::new());
    }
    let page = PageSize::clamp(Some(MAX_PAGE_SIZE), 1, MAX_PAGE_SIZE);
    let (gone, others): (Vec<_>, Vec<_>) = tx
        .enrollment_groups(dps, None, page)?
        .into_iter()
        .partition(|group| ended.contains(&group.id));
    let owner = AuthorityOwner::Dps(dps.clone());
    let mut known = HashSet::new();
    for authority in tx.certificate_authorities(&owner)? {
        known.extend(names(&authority.certificate));
    }
    for group in gone.iter().chain(&others) {
        known.extend(trusted(tx, &owner, group)?);
    }
    let mut begin = Vec::new();
    for group in &gone {
        begin.extend(trusted(tx, &owner, group)?);
    }
    let above = subjects_above(begin, &known);
    let gone_keys: Vec<&SymmetricKey> = gone.iter().flat_map(keys).collect();
    let mut found = Vec::new();
    for group in &others {
        let is_enabled = group.settings.status == ProvisioningStatus::Enabled;
        let is_above = |it: &Names| above.contains(&it.subject);
        let admits = trusted(tx, &owner, group)?.iter().any(is_above)
            || keys(group).any(|key| gone_keys.contains(&key));
        if is_enabled && admits {
            found.push(group.id.clone());
        }
    }
    Ok(found)
}

/// The subjects of these certificates and of all above them.
fn subjects_above(begin: Vec<Names>, known: &HashSet<Names>) -> HashSet<[u8; 32]> {
    let (mut open, mut above) = (begin, HashSet::new());
    while let Some(Names { subject, issuer }) = open.pop() {
        if above.insert(subject) {
            open.extend(known.iter().filter(|other| other.subject == issuer).cloned());
        }
    }
    above
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
