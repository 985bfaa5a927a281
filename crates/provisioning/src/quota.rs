//! How much an instance may hold (dps-service-api.md 7). What grows with devices is counted by the
//! store as it is written; what is few is counted when it is asked for.

use provost_model::{AccessRight, AuthorityOwner, DpsName, EnrollmentGroup, HubName};
use provost_store::{Counted, ReadTx};

use crate::{Noun, ProvisioningError, ProvisioningService, ServiceCaller};

/// The limits; the defaults are the real service's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Registration records of an instance, orphans included (certificate-management.md R-049).
    pub registrations: usize,
    /// Individual enrollments of an instance.
    pub individual_enrollments: usize,
    /// X.509 groups of an instance.
    pub x509_groups: usize,
    /// Symmetric key groups of an instance: each costs every device without an enrollment of its own
    /// a derivation.
    pub symmetric_groups: usize,
    /// CA certificates of an instance.
    pub ca_certificates: usize,
    /// Hubs an instance may assign devices to.
    pub linked_hubs: usize,
    /// Provisioning service instances.
    pub instances: usize,
    /// Items of a bulk operation on enrollments or groups.
    pub bulk_items: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            registrations: 1_000_000,
            individual_enrollments: 1_000_000,
            x509_groups: 100,
            symmetric_groups: 100,
            ca_certificates: 25,
            linked_hubs: 50,
            instances: 10,
            bulk_items: 10,
        }
    }
}

/// One limit and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaUse {
    /// What, as it is spelt in the answer: `registrations`.
    pub name: &'static str,
    /// How many there are.
    pub used: usize,
    /// How many there may be.
    pub limit: usize,
}

impl Quotas {
    /// Whether an instance may get one more.
    ///
    /// # Errors
    /// 403102 when not.
    pub(crate) fn check(
        &self,
        tx: &ReadTx<'_>,
        dps: &DpsName,
        what: Counted,
    ) -> Result<(), ProvisioningError> {
        let (noun, limit) = self.of(what);
        admit(noun, number(tx.counted(dps, what)?), limit)
    }

    /// Whether a group may be written: a new one, or one that changes from certificates to keys.
    pub(crate) fn check_group(
        &self,
        tx: &ReadTx<'_>,
        dps: &DpsName,
        stored: Option<&EnrollmentGroup>,
        group: &EnrollmentGroup,
    ) -> Result<(), ProvisioningError> {
        let kind = |group: &EnrollmentGroup| {
            if group.mechanism.is_x509() {
                Counted::X509Groups
            } else {
                Counted::SymmetricGroups
            }
        };
        let now = kind(group);
        if stored.map(kind) == Some(now) {
            return Ok(());
        }
        self.check(tx, dps, now)
    }

    /// Whether a hub may be linked; one that is may be changed.
    pub(crate) fn check_link(
        &self,
        tx: &ReadTx<'_>,
        dps: &DpsName,
        hub: &HubName,
    ) -> Result<(), ProvisioningError> {
        let linked = tx.linked_hubs(dps)?;
        if linked.iter().any(|link| link.hub == *hub) {
            return Ok(());
        }
        admit(Noun::LinkedHub, linked.len(), self.linked_hubs)
    }

    /// Whether one more instance may be made.
    pub(crate) fn check_instances(&self, tx: &ReadTx<'_>) -> Result<(), ProvisioningError> {
        admit(Noun::Instance, tx.dps_instances()?.len(), self.instances)
    }

    /// Whether an instance or a hub may get one more CA certificate.
    pub(crate) fn check_authorities(
        &self,
        tx: &ReadTx<'_>,
        owner: &AuthorityOwner,
    ) -> Result<(), ProvisioningError> {
        let used = tx.certificate_authorities(owner)?.len();
        admit(Noun::CaCertificate, used, self.ca_certificates)
    }

    fn of(&self, what: Counted) -> (Noun, usize) {
        match what {
            Counted::Registrations => (Noun::Registration, self.registrations),
            Counted::IndividualEnrollments => (Noun::Enrollment, self.individual_enrollments),
            Counted::X509Groups => (Noun::Group, self.x509_groups),
            Counted::SymmetricGroups => (Noun::Group, self.symmetric_groups),
        }
    }

    fn used(&self, tx: &ReadTx<'_>, dps: &DpsName) -> Result<Vec<QuotaUse>, ProvisioningError> {
        let counted = |name, what| {
            let (_, limit) = self.of(what);
            let used = number(tx.counted(dps, what)?);
            Ok::<_, ProvisioningError>(QuotaUse { name, used, limit })
        };
        let owner = AuthorityOwner::Dps(dps.clone());
        let few = |name, used, limit| QuotaUse { name, used, limit };
        Ok(vec![
            counted("registrations", Counted::Registrations)?,
            counted("individualEnrollments", Counted::IndividualEnrollments)?,
            counted("x509Groups", Counted::X509Groups)?,
            counted("symmetricGroups", Counted::SymmetricGroups)?,
            few(
                "caCertificates",
                tx.certificate_authorities(&owner)?.len(),
                self.ca_certificates,
            ),
            few("linkedHubs", tx.linked_hubs(dps)?.len(), self.linked_hubs),
            few("instances", tx.dps_instances()?.len(), self.instances),
        ])
    }
}

impl ProvisioningService {
    /// The limits of the service.
    pub fn quotas(&self) -> &Quotas {
        &self.options().quotas
    }

    /// What is used of each limit. Needs `EnrollmentRead`: it tells nothing that counting what the
    /// right shows would not.
    ///
    /// # Errors
    /// 403001.
    pub async fn quota(&self, caller: &ServiceCaller) -> Result<Vec<QuotaUse>, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let (dps, quotas) = (caller.dps(), *self.quotas());
        self.store().read(move |tx| quotas.used(tx, &dps)).await
    }
}

fn admit(noun: Noun, used: usize, limit: usize) -> Result<(), ProvisioningError> {
    if used < limit {
        Ok(())
    } else {
        Err(ProvisioningError::Quota { noun, limit })
    }
}

fn number(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}
