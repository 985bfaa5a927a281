//! What an administrator does to instances: links and keys.

use provost_access::Permission;
use provost_model::{
    AccessPolicy, Action, AuditEvent, Change, DpsInstance, DpsName, HubName, LinkedHub, PolicyName,
    PolicyOwner,
};

use crate::{AdminCaller, Noun, ProvisioningError, ProvisioningService, link_hub};

impl ProvisioningService {
    /// One instance.
    ///
    /// # Errors
    /// 404206.
    pub async fn instance(
        &self,
        admin: &AdminCaller,
        dps: DpsName,
    ) -> Result<DpsInstance, ProvisioningError> {
        admin.require(Permission::ServicesRead, None)?;
        let found = self.store().read(move |tx| tx.dps(&dps)).await?;
        found.ok_or(ProvisioningError::NotFound(Noun::Instance))
    }

    /// Links a hub or changes its link; answers the link as it stands.
    ///
    /// # Errors
    /// As [`link_hub`], and 403102 when as many are linked as there may be.
    pub async fn put_linked_hub(
        &self,
        admin: &AdminCaller,
        dps: DpsName,
        hub: HubName,
        allocation_weight: u32,
        apply_allocation_policy: bool,
    ) -> Result<LinkedHub, ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        let (actor, quotas) = (admin.actor(), *self.quotas());
        self.store()
            .write(move |tx| {
                quotas.check_link(&tx, &dps, &hub)?;
                let found = tx
                    .hub(&hub)?
                    .ok_or_else(|| ProvisioningError::invalid(format!("there is no hub {hub}")))?;
                let link = LinkedHub {
                    hub,
                    host: found.host,
                    is_remote: found.is_remote,
                    apply_allocation_policy,
                    allocation_weight,
                };
                link_hub(&tx, &dps, &link)?;
                let event = AuditEvent::new(
                    actor,
                    Action::Update,
                    "linkedHub",
                    dps.as_str(),
                    link.hub.as_str(),
                );
                Ok::<_, ProvisioningError>(tx.record(&event, link)?)
            })
            .await
    }

    /// Removes a link. Devices already assigned to the hub keep their assignment until they register
    /// again.
    ///
    /// # Errors
    /// 404206 when there is none.
    pub async fn delete_linked_hub(
        &self,
        admin: &AdminCaller,
        dps: DpsName,
        hub: HubName,
    ) -> Result<(), ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        let actor = admin.actor();
        self.store()
            .write(move |tx| {
                if !tx.delete_linked_hub(&dps, &hub)? {
                    return Err(ProvisioningError::NotFound(Noun::Instance));
                }
                tx.announce(&Change::Configuration)?;
                let event = AuditEvent::new(actor, Action::Delete, "linkedHub", dps.as_str(), hub.as_str());
                Ok(tx.record(&event, ())?)
            })
            .await
    }

    /// The shared access policies of an owner with their keys, by name; all of them or the one named.
    /// Showing them leaves an audit event.
    ///
    /// # Errors
    /// 404206 for an unknown owner or policy.
    pub async fn reveal_policies(
        &self,
        admin: &AdminCaller,
        owner: PolicyOwner,
        name: Option<PolicyName>,
    ) -> Result<Vec<AccessPolicy>, ProvisioningError> {
        admin.require(Permission::SecretsRead, None)?;
        let actor = admin.actor();
        self.store()
            .write(move |tx| {
                let mut policies = tx.access_policies(&owner)?;
                if let Some(name) = &name {
                    policies.retain(|policy| policy.name == *name);
                }
                if policies.is_empty() {
                    return Err(ProvisioningError::NotFound(Noun::Instance));
                }
                let scope = match &owner {
                    PolicyOwner::Dps(name) => name.as_str(),
                    PolicyOwner::Hub(name) => name.as_str(),
                };
                let key = name.as_ref().map_or("*", PolicyName::as_str);
                let event = AuditEvent::new(actor, Action::Reveal, "accessPolicy", scope, key);
                Ok(tx.record(&event, policies)?)
            })
            .await
    }
}
