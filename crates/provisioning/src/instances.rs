//! Provisioning service instances and their linked hubs.

use provost_access::Permission;
use provost_model::{
    AccessPolicy, AccessRights, Action, AllocationPolicy, AuditEvent, Change, DpsInstance, DpsName, Etag,
    HostName, IdScope, KeyPair, LinkedHub, PolicyName, PolicyOwner, Random, Secret, SymmetricKey,
};
use provost_store::{Counted, ReadTx, WriteTx};

use crate::{AdminCaller, Noun, ProvisioningError, ProvisioningService, Quotas};

/// The policy every new instance has, with all rights (dps-service-api.md 1.1).
const OWNER_POLICY: &str = "provisioningserviceowner";
const ID_SCOPE_PREFIX: &str = "0ne";
const ID_SCOPE_BYTES: usize = 4;
const OPERATION_KEY_BYTES: usize = 32;
/// Bounds of [`LinkedHub::allocation_weight`].
const MAX_WEIGHT: u32 = 1000;

/// An instance to be made.
#[derive(Debug, Clone)]
pub struct NewInstance {
    /// Its name.
    pub name: DpsName,
    /// The host name of its service API.
    pub host: HostName,
    /// What an enrollment without a policy of its own uses.
    pub allocation: AllocationPolicy,
}

/// Makes an instance with a fresh ID scope, `0ne` and 8 digits, and the policy
/// `provisioningserviceowner`. The caller ends the transaction with an audit event of kind `dps`.
///
/// # Errors
/// 409206 when there is one of that name, 403102 when there are as many as there may be.
pub fn create_instance(
    tx: &WriteTx<'_>,
    new: NewInstance,
    quotas: &Quotas,
    random: &dyn Random,
) -> Result<DpsInstance, ProvisioningError> {
    quotas.check_instances(tx)?;
    if tx.dps(&new.name)?.is_some() {
        return Err(ProvisioningError::AlreadyExists(Noun::Instance));
    }
    let mut operation_key = vec![0; OPERATION_KEY_BYTES];
    random.fill(&mut operation_key);
    let instance = DpsInstance {
        id_scope: free_id_scope(tx, random)?,
        name: new.name,
        host: new.host,
        allocation: new.allocation,
        operation_key: Secret::new(operation_key),
        etag: Etag::generate(random),
        created_at: tx.now(),
        trust_version: 0,
    };
    tx.insert_dps(&instance)?;
    let owner = PolicyOwner::Dps(instance.name.clone());
    let policy = AccessPolicy {
        name: PolicyName::parse(OWNER_POLICY)
            .map_err(|error| ProvisioningError::invalid(error.to_string()))?,
        keys: KeyPair {
            primary: SymmetricKey::generate(random),
            secondary: SymmetricKey::generate(random),
        },
        rights: AccessRights::dps_owner(),
    };
    tx.put_access_policy(&owner, &policy)?;
    tx.announce(&Change::Configuration)?;
    Ok(instance)
}

fn free_id_scope(tx: &WriteTx<'_>, random: &dyn Random) -> Result<IdScope, ProvisioningError> {
    loop {
        let digits = random.hex(ID_SCOPE_BYTES).to_ascii_uppercase();
        let scope = IdScope::parse(&format!("{ID_SCOPE_PREFIX}{digits}"))
            .map_err(|error| ProvisioningError::invalid(error.to_string()))?;
        if tx.dps_by_id_scope(&scope)?.is_none() {
            return Ok(scope);
        }
    }
}

/// Lets an instance assign devices to a hub, or changes how. The caller ends the transaction with an
/// audit event of kind `linkedHub`.
///
/// # Errors
/// 404206 for an unknown instance, 400004 for an unknown hub or a weight over 1000.
pub fn link_hub(tx: &WriteTx<'_>, dps: &DpsName, link: &LinkedHub) -> Result<(), ProvisioningError> {
    if tx.dps(dps)?.is_none() {
        return Err(ProvisioningError::NotFound(Noun::Instance));
    }
    if tx.hub(&link.hub)?.is_none() {
        return Err(ProvisioningError::invalid(format!(
            "there is no hub {}",
            link.hub
        )));
    }
    if link.allocation_weight > MAX_WEIGHT {
        return Err(ProvisioningError::invalid(format!(
            "allocation weight must be 0 to {MAX_WEIGHT}"
        )));
    }
    tx.put_linked_hub(dps, link)?;
    // What is disabled in the namespace of the instance is so at the hub from now on.
    tx.announce(&Change::Hub {
        hub: link.hub.clone(),
    })?;
    tx.announce(&Change::Configuration)?;
    Ok(())
}

impl ProvisioningService {
    /// Every instance, by name.
    pub async fn instances(&self, admin: &AdminCaller) -> Result<Vec<DpsInstance>, ProvisioningError> {
        admin.require(Permission::ServicesRead, None)?;
        self.store().read(|tx| Ok(tx.dps_instances()?)).await
    }

    /// The hubs an instance may assign devices to, by name.
    pub async fn linked_hubs(
        &self,
        admin: &AdminCaller,
        dps: DpsName,
    ) -> Result<Vec<LinkedHub>, ProvisioningError> {
        admin.require(Permission::ServicesRead, None)?;
        self.store()
            .read(move |tx| {
                if tx.dps(&dps)?.is_none() {
                    return Err(ProvisioningError::NotFound(Noun::Instance));
                }
                Ok(tx.linked_hubs(&dps)?)
            })
            .await
    }

    /// Makes an instance. Its host name may be no other instance's: the service API is told apart by it.
    ///
    /// # Errors
    /// As [`create_instance`], and 400004 when the host name is taken.
    pub async fn add_instance(
        &self,
        admin: &AdminCaller,
        new: NewInstance,
    ) -> Result<DpsInstance, ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        let (actor, service, quotas) = (admin.actor(), self.clone(), *self.quotas());
        self.store()
            .write(move |tx| {
                let instances = tx.dps_instances()?;
                if instances
                    .iter()
                    .any(|instance| instance.host.key() == new.host.key() && instance.name != new.name)
                {
                    return Err(ProvisioningError::invalid(
                        "another provisioning service has this host name",
                    ));
                }
                let instance = create_instance(&tx, new, &quotas, service.random())?;
                let name = instance.name.as_str();
                let event = AuditEvent::new(actor, Action::Create, "dps", name, name)
                    .with_detail(format!("ID scope {}", instance.id_scope));
                Ok(tx.record(&event, instance)?)
            })
            .await
    }

    /// Removes an instance with its entries, records, CA certificates, policies and links; devices stay
    /// at their hubs. One that has enrollments or records goes only when it is `forced`, and the last
    /// one never.
    ///
    /// # Errors
    /// 404206, 400004.
    pub async fn delete_instance(
        &self,
        admin: &AdminCaller,
        dps: DpsName,
        forced: bool,
    ) -> Result<(), ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        let actor = admin.actor();
        self.store()
            .write(move |tx| {
                let instance = tx.dps(&dps)?;
                let instance = instance.ok_or(ProvisioningError::NotFound(Noun::Instance))?;
                if tx.dps_instances()?.len() == 1 {
                    return Err(ProvisioningError::invalid(
                        "the last provisioning service of a server cannot be deleted",
                    ));
                }
                let summary = InstanceSummary::read(&tx, instance)?;
                let entries = summary.enrollments + summary.groups;
                if entries + summary.registrations > 0 && !forced {
                    return Err(ProvisioningError::invalid(format!(
                        "it has {entries} enrollments and {} registration records; only force=true deletes \
                         it with them",
                        summary.registrations
                    )));
                }
                tx.delete_dps(&dps)?;
                tx.announce(&Change::Configuration)?;
                let name = summary.instance.name.as_str();
                let event = AuditEvent::new(actor, Action::Delete, "dps", name, name)
                    .with_detail(format!("with {entries} enrollments"));
                Ok(tx.record(&event, ())?)
            })
            .await
    }

    /// Every instance with what it holds, by name; or the one named.
    ///
    /// # Errors
    /// 404206 when the one named is not there.
    pub async fn instance_summaries(
        &self,
        admin: &AdminCaller,
        only: Option<DpsName>,
    ) -> Result<Vec<InstanceSummary>, ProvisioningError> {
        admin.require(Permission::ServicesRead, None)?;
        self.store()
            .read(move |tx| {
                let mut instances = tx.dps_instances()?;
                if let Some(only) = &only {
                    instances.retain(|instance| instance.name == *only);
                    if instances.is_empty() {
                        return Err(ProvisioningError::NotFound(Noun::Instance));
                    }
                }
                let read = |instance| InstanceSummary::read(tx, instance);
                instances.into_iter().map(read).collect()
            })
            .await
    }
}

/// An instance and what it holds.
#[derive(Debug, Clone)]
pub struct InstanceSummary {
    /// The instance.
    pub instance: DpsInstance,
    /// The hubs it may assign devices to, by name.
    pub hubs: Vec<LinkedHub>,
    /// Individual enrollments.
    pub enrollments: i64,
    /// Enrollment groups.
    pub groups: i64,
    /// Registration records.
    pub registrations: i64,
}

impl InstanceSummary {
    fn read(tx: &ReadTx<'_>, instance: DpsInstance) -> Result<Self, ProvisioningError> {
        let counted = |what| tx.counted(&instance.name, what);
        Ok(Self {
            hubs: tx.linked_hubs(&instance.name)?,
            enrollments: counted(Counted::IndividualEnrollments)?,
            groups: counted(Counted::X509Groups)? + counted(Counted::SymmetricGroups)?,
            registrations: counted(Counted::Registrations)?,
            instance,
        })
    }
}
