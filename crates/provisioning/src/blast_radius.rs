//! Who hangs on a group or a certificate, before it is ended.

use std::collections::HashSet;
use std::sync::Arc;

use provost_model::{
    AccessRight, Assignment, AuthorityOwner, CertificateName, DpsName, EnrollmentGroupId, EnrollmentKind,
    MAX_PAGE_SIZE, PageSize, ProvisioningStatus,
};
use provost_pki::{Certificate, Sha256Thumbprint};
use provost_store::{CertificateHolder, Holding, ReadTx};
use provost_wire::dps::service::provisioning_status_word;
use provost_wire::own::{
    BelowView, BlastRadiusInput, BlastRadiusView, DisenrollTarget, StillAdmittedView, TouchedEntryView,
};

use crate::group_tree::GroupTree;
use crate::{Noun, ProvisioningError, ProvisioningService, ServiceCaller};

/// Entries that are named in the answer.
const NAMED: usize = 100;

/// The entries it is about.
#[derive(Debug)]
struct Entries {
    /// At most [`NAMED`], groups first.
    named: Vec<CertificateHolder>,
    groups: Vec<EnrollmentGroupId>,
    holding: Holding,
    /// CA certificates that are there.
    authorities: Vec<CertificateName>,
}

/// What is counted over indexes, and what of the sessions.
struct Counts {
    devices: usize,
    individual_enrollments: usize,
    connected: usize,
    by_own_enrollment: usize,
    /// Their own disabled enrollment keeps them out whatever becomes of the group.
    shut_out: usize,
    other_groups: Vec<EnrollmentGroupId>,
    groups_below: Vec<EnrollmentGroupId>,
    devices_below: usize,
}

impl ProvisioningService {
    /// Counts who hangs on a group or a certificate. What takes longest is counted side by side, each
    /// from its own snapshot. Needs `EnrollmentRead`.
    ///
    /// # Errors
    /// 403001, 400004 for a device, 404204 for an unknown group, 404205 for a certificate nobody holds.
    pub async fn blast_radius(
        &self,
        caller: &ServiceCaller,
        input: BlastRadiusInput,
    ) -> Result<BlastRadiusView, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let (dps, live) = (caller.dps(), self.hubs().connected());
        let entries = {
            let dps = dps.clone();
            let find = move |tx: &ReadTx<'_>| Entries::find(tx, &dps, &input.target);
            Arc::new(self.store().scan(find).await?)
        };
        let counting = Arc::clone(&entries);
        let name = dps.clone();
        let identities = move |tx: &ReadTx<'_>| counting.identities(tx, &name);
        let counting = Arc::clone(&entries);
        let counts = move |tx: &ReadTx<'_>| counting.counts(tx, &dps, &live);
        let (with_identity, counts) = self.store().scan_both(identities, counts).await?;
        Ok(entries.view(with_identity, &counts))
    }
}

impl Entries {
    fn find(tx: &ReadTx<'_>, dps: &DpsName, target: &DisenrollTarget) -> Result<Self, ProvisioningError> {
        match target {
            DisenrollTarget::Device(_) => Err(ProvisioningError::invalid(
                "a blast radius is that of a group or a certificate",
            )),
            DisenrollTarget::Group(id) => {
                let group = tx.enrollment_group(dps, id)?;
                let group = group.ok_or(ProvisioningError::NotFound(Noun::Group))?;
                let named = vec![CertificateHolder {
                    kind: EnrollmentKind::Group,
                    key: group.id.key().to_owned(),
                    id: group.id.to_string(),
                    status: group.settings.status,
                }];
                Ok(Self {
                    named,
                    groups: vec![group.id],
                    holding: Holding::default(),
                    authorities: Vec::new(),
                })
            }
            DisenrollTarget::Certificate(text) => {
                let holding = holding(tx, dps, text)?;
                Self::of_holding(tx, dps, holding)
            }
        }
    }

    fn of_holding(tx: &ReadTx<'_>, dps: &DpsName, holding: Holding) -> Result<Self, ProvisioningError> {
        // Groups come first, and no instance has more than a page of them that trust one certificate.
        let page = PageSize::clamp(Some(MAX_PAGE_SIZE), 1, MAX_PAGE_SIZE);
        let mut named = tx.certificate_holders(dps, &holding, None, page)?;
        let groups = named.iter().filter(|entry| entry.kind == EnrollmentKind::Group);
        let groups: Vec<_> = groups
            .filter_map(|entry| EnrollmentGroupId::parse(&entry.id).ok())
            .collect();
        let owner = AuthorityOwner::Dps(dps.clone());
        let mut authorities = holding.references.clone();
        for name in &holding.references {
            if tx.certificate_authority(&owner, name)?.is_none() {
                authorities.retain(|other| other != name);
            }
        }
        if named.is_empty() && authorities.is_empty() {
            return Err(ProvisioningError::NotFound(Noun::CaCertificate));
        }
        named.truncate(NAMED);
        Ok(Self {
            named,
            groups,
            holding,
            authorities,
        })
    }

    fn identities(&self, tx: &ReadTx<'_>, dps: &DpsName) -> Result<usize, ProvisioningError> {
        let mut count = tx.individual_holder_identity_count(dps, &self.holding)?;
        for group in &self.groups {
            count += tx.group_identity_count(dps, group)?;
        }
        Ok(number(count))
    }

    fn counts(
        &self,
        tx: &ReadTx<'_>,
        dps: &DpsName,
        live: &[Assignment],
    ) -> Result<Counts, ProvisioningError> {
        let (individuals, mut devices) = tx.individual_holder_counts(dps, &self.holding)?;
        let tree = GroupTree::read(tx, dps, &self.groups)?;
        let groups_below = tree.below();
        let mut devices_below = 0;
        for group in &groups_below {
            devices_below += tx.group_record_count(dps, group)?;
        }
        let (mut own, mut shut_out) = (0, 0);
        for group in &self.groups {
            devices += tx.group_record_count(dps, group)?;
            own += tx.group_individual_count(dps, group, ProvisioningStatus::Enabled)?;
            shut_out += tx.group_individual_count(dps, group, ProvisioningStatus::Disabled)?;
        }
        Ok(Counts {
            devices: number(devices),
            individual_enrollments: number(individuals),
            connected: self.connected(tx, dps, live)?,
            by_own_enrollment: number(own),
            shut_out: number(shut_out),
            other_groups: tree.would_admit(),
            groups_below,
            devices_below: number(devices_below),
        })
    }

    /// The sessions are few beside the records of a group: each is asked which group let it in.
    fn connected(
        &self,
        tx: &ReadTx<'_>,
        dps: &DpsName,
        live: &[Assignment],
    ) -> Result<usize, ProvisioningError> {
        let mut count = 0;
        let mut names = HashSet::new();
        for place in live {
            let (hub, device_id) = (place.hub.key(), place.device_id.as_str());
            names.insert((hub, device_id));
            let group = tx.group_of_device(dps, hub, device_id)?;
            let is_member = |key: String| self.groups.iter().any(|id| id.key() == key);
            count += usize::from(group.is_some_and(is_member));
        }
        let is_live = |hub: &str, device_id: &str| names.contains(&(hub, device_id));
        Ok(count + tx.individual_holder_places(dps, &self.holding, is_live)?)
    }

    fn view(&self, with_identity: usize, counts: &Counts) -> BlastRadiusView {
        let left = counts.devices.saturating_sub(counts.by_own_enrollment);
        let by_other_group_when_deleted = if counts.other_groups.is_empty() {
            0
        } else {
            left.saturating_sub(counts.shut_out)
        };
        BlastRadiusView {
            entries: self.named.iter().map(entry_view).collect(),
            individual_enrollments: counts.individual_enrollments,
            ca_certificates: self.authorities.iter().map(ToString::to_string).collect(),
            devices: counts.devices,
            with_identity,
            connected: counts.connected,
            below: BelowView {
                groups: counts.groups_below.iter().map(ToString::to_string).collect(),
                devices: counts.devices_below,
            },
            still_admitted: StillAdmittedView {
                by_own_enrollment: counts.by_own_enrollment,
                by_other_group_when_deleted,
                other_groups: counts.other_groups.iter().map(ToString::to_string).collect(),
            },
        }
    }
}

fn entry_view(entry: &CertificateHolder) -> TouchedEntryView {
    let kind = match entry.kind {
        EnrollmentKind::Individual => "enrollment",
        EnrollmentKind::Group => "enrollmentGroup",
    };
    TouchedEntryView {
        kind: kind.to_owned(),
        id: entry.id.clone(),
        provisioning_status: provisioning_status_word(entry.status).to_owned(),
    }
}

/// What a certificate is looked for by: given as its text, its SHA-256 thumbprint, or the name of a
/// CA certificate.
///
/// # Errors
/// 400000 for a text that is nothing of these.
pub(crate) fn holding(tx: &ReadTx<'_>, dps: &DpsName, text: &str) -> Result<Holding, ProvisioningError> {
    let owner = AuthorityOwner::Dps(dps.clone());
    let text = text.trim();
    let name = CertificateName::parse(text).ok();
    if let Some(name) = &name
        && let Some(authority) = tx.certificate_authority(&owner, name)?
    {
        let thumbprint = Sha256Thumbprint::of(&authority.certificate.0);
        return by_thumbprint(tx, &owner, thumbprint);
    }
    let digits: String = text.chars().filter(|it| !matches!(it, ':' | ' ')).collect();
    if let Ok(thumbprint) = Sha256Thumbprint::parse(&digits) {
        return by_thumbprint(tx, &owner, thumbprint);
    }
    if let Some(name) = name {
        // Entries may refer to a CA certificate that was deleted.
        return Ok(Holding {
            thumbprint: None,
            references: vec![name],
        });
    }
    let uploaded = Certificate::from_text(text).map_err(|error| ProvisioningError::Certificate {
        member: "certificate",
        error,
    })?;
    by_thumbprint(tx, &owner, uploaded.certificate.sha256_thumbprint())
}

fn by_thumbprint(
    tx: &ReadTx<'_>,
    owner: &AuthorityOwner,
    thumbprint: Sha256Thumbprint,
) -> Result<Holding, ProvisioningError> {
    let authorities = tx.certificate_authorities(owner)?.into_iter();
    let same = authorities.filter(|authority| Sha256Thumbprint::of(&authority.certificate.0) == thumbprint);
    Ok(Holding {
        thumbprint: Some(*thumbprint.as_bytes()),
        references: same.map(|authority| authority.name).collect(),
    })
}

fn number(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}
