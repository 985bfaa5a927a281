//! Provisioning service instances and their linked hubs.

use provost_model::{
    AccessPolicy, AccessRights, AllocationPolicy, Change, DpsInstance, DpsName, Etag, HostName, IdScope,
    KeyPair, LinkedHub, PolicyName, PolicyOwner, Random, Secret, SymmetricKey,
};
use provost_store::WriteTx;

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
    tx.announce(&Change::Configuration)?;
    Ok(())
}

impl ProvisioningService {
    /// Every instance, by name.
    pub async fn instances(&self, _admin: &AdminCaller) -> Result<Vec<DpsInstance>, ProvisioningError> {
        self.store().read(|tx| Ok(tx.dps_instances()?)).await
    }

    /// The hubs an instance may assign devices to, by name.
    pub async fn linked_hubs(
        &self,
        _admin: &AdminCaller,
        dps: DpsName,
    ) -> Result<Vec<LinkedHub>, ProvisioningError> {
        self.store()
            .read(move |tx| {
                if tx.dps(&dps)?.is_none() {
                    return Err(ProvisioningError::NotFound(Noun::Instance));
                }
                Ok(tx.linked_hubs(&dps)?)
            })
            .await
    }
}
