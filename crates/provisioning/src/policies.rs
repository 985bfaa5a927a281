//! Shared access policies of instances and hubs, as an administrator keeps them. What rests on one that
//! is gone or has another key is refused at once: tokens are judged by what is stored, and live
//! sessions are looked at again.

use provost_access::Permission;
use provost_model::{
    AccessPolicy, AccessRight, AccessRights, Action, Actor, AuditEvent, Change, KeyPair, KeyRenewal,
    PolicyName, PolicyOwner, SymmetricKey,
};
use provost_store::ReadTx;

use crate::{AdminCaller, Noun, ProvisioningError, ProvisioningService};

/// iot-hub-service-api.md 1.2.
const MAX_POLICIES: usize = 16;
/// Those of them that may have `ServiceConnect`.
const MAX_SERVICE_CONNECT: usize = 10;

/// What a policy is to be; what is absent stays as it is, or is made.
#[derive(Debug, Clone, Default)]
pub struct PolicyInput {
    /// What its holder may do; a new policy needs it.
    pub rights: Option<AccessRights>,
    /// Either key.
    pub primary: Option<SymmetricKey>,
    /// Either key.
    pub secondary: Option<SymmetricKey>,
}

impl ProvisioningService {
    /// Makes a policy or changes one.
    ///
    /// # Errors
    /// 404206 for an unknown owner, 400004 for rights the owner does not know or none at all, 403102
    /// when there are as many as there may be.
    pub async fn put_policy(
        &self,
        admin: &AdminCaller,
        owner: PolicyOwner,
        name: PolicyName,
        input: PolicyInput,
    ) -> Result<AccessPolicy, ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        admin.require(Permission::SecretsRead, None)?;
        let (actor, service) = (admin.actor(), self.clone());
        self.store()
            .write(move |tx| {
                check_owner(&tx, &owner)?;
                let stored = tx.access_policy(&owner, &name)?;
                let rights = input.rights.or(stored.as_ref().map(|policy| policy.rights));
                let rights = rights.ok_or_else(|| ProvisioningError::invalid("a new policy needs rights"))?;
                check_rights(&owner, rights)?;
                check_number(&tx.access_policies(&owner)?, &name, rights)?;
                let fresh = || SymmetricKey::generate(service.random());
                let kept = stored.as_ref().map(|policy| policy.keys.clone());
                let (primary, secondary) = kept.map(|keys| (keys.primary, keys.secondary)).unzip();
                let policy = AccessPolicy {
                    name,
                    keys: KeyPair {
                        primary: input.primary.or(primary).unwrap_or_else(fresh),
                        secondary: input.secondary.or(secondary).unwrap_or_else(fresh),
                    },
                    rights,
                };
                tx.put_access_policy(&owner, &policy)?;
                tx.announce(&Change::Configuration)?;
                let action = if stored.is_some() {
                    Action::Update
                } else {
                    Action::Create
                };
                let event = event(actor, action, &owner, &policy.name).with_detail(rights.to_string());
                Ok::<_, ProvisioningError>(tx.record(&event, policy)?)
            })
            .await
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// 404208 when there is none.
    pub async fn delete_policy(
        &self,
        admin: &AdminCaller,
        owner: PolicyOwner,
        name: PolicyName,
    ) -> Result<(), ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        let actor = admin.actor();
        self.store()
            .write(move |tx| {
                if !tx.delete_access_policy(&owner, &name)? {
                    return Err(ProvisioningError::NotFound(Noun::AccessPolicy));
                }
                tx.announce(&Change::Configuration)?;
                Ok(tx.record(&event(actor, Action::Delete, &owner, &name), ())?)
            })
            .await
    }

    /// Gives a policy a fresh key, or lets its keys change places.
    ///
    /// # Errors
    /// 404208 when there is none.
    pub async fn renew_policy_key(
        &self,
        admin: &AdminCaller,
        owner: PolicyOwner,
        name: PolicyName,
        renewal: KeyRenewal,
    ) -> Result<AccessPolicy, ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        admin.require(Permission::SecretsRead, None)?;
        let (actor, service) = (admin.actor(), self.clone());
        self.store()
            .write(move |tx| {
                let stored = tx.access_policy(&owner, &name)?;
                let stored = stored.ok_or(ProvisioningError::NotFound(Noun::AccessPolicy))?;
                let fresh = SymmetricKey::generate(service.random());
                let policy = AccessPolicy {
                    keys: renewal.apply(&stored.keys, fresh),
                    ..stored
                };
                tx.put_access_policy(&owner, &policy)?;
                tx.announce(&Change::Configuration)?;
                let event = event(actor, Action::Update, &owner, &policy.name)
                    .with_detail(format!("key: {}", renewal.as_str()));
                Ok::<_, ProvisioningError>(tx.record(&event, policy)?)
            })
            .await
    }
}

fn event(actor: Actor, action: Action, owner: &PolicyOwner, name: &PolicyName) -> AuditEvent {
    let scope = match owner {
        PolicyOwner::Dps(dps) => dps.as_str(),
        PolicyOwner::Hub(hub) => hub.as_str(),
    };
    AuditEvent::new(actor, action, "accessPolicy", scope, name.as_str())
}

fn check_owner(tx: &ReadTx<'_>, owner: &PolicyOwner) -> Result<(), ProvisioningError> {
    let is_there = match owner {
        PolicyOwner::Dps(dps) => tx.dps(dps)?.is_some(),
        PolicyOwner::Hub(hub) => tx.hub(hub)?.is_some_and(|hub| !hub.is_remote),
    };
    if is_there {
        Ok(())
    } else {
        Err(ProvisioningError::NotFound(Noun::Instance))
    }
}

fn check_rights(owner: &PolicyOwner, rights: AccessRights) -> Result<(), ProvisioningError> {
    let known = match owner {
        PolicyOwner::Dps(_) => AccessRights::dps_owner(),
        PolicyOwner::Hub(_) => AccessRights::of(&[
            AccessRight::RegistryRead,
            AccessRight::RegistryWrite,
            AccessRight::ServiceConnect,
            AccessRight::DeviceConnect,
        ]),
    };
    if rights == AccessRights::NONE {
        return Err(ProvisioningError::invalid("a policy needs a right at least"));
    }
    if !rights.is_within(known) {
        return Err(ProvisioningError::invalid(format!(
            "rights must be among: {known}"
        )));
    }
    Ok(())
}

fn check_number(
    stored: &[AccessPolicy],
    name: &PolicyName,
    rights: AccessRights,
) -> Result<(), ProvisioningError> {
    let others: Vec<&AccessPolicy> = stored.iter().filter(|policy| policy.name != *name).collect();
    let connect = AccessRight::ServiceConnect;
    let connecting = others
        .iter()
        .filter(|policy| policy.rights.allow(connect))
        .count();
    let too_many = |limit| ProvisioningError::Quota {
        noun: Noun::AccessPolicy,
        limit,
    };
    if others.len() >= MAX_POLICIES {
        return Err(too_many(MAX_POLICIES));
    }
    if rights.allow(connect) && connecting >= MAX_SERVICE_CONNECT {
        return Err(too_many(MAX_SERVICE_CONNECT));
    }
    Ok(())
}
