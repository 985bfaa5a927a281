//! Hubs elsewhere: made known by an administrator, and looked after.

use provost_access::Permission;
use provost_model::{Action, AuditEvent, Change, Hub, HubHealth, RemoteHub};
use provost_store::ReadTx;

use crate::{AdminCaller, Noun, ProvisioningError, ProvisioningService};

impl ProvisioningService {
    /// Makes a hub elsewhere known, or changes how one is reached: its key is rolled so. It is looked
    /// at soon.
    ///
    /// # Errors
    /// 400004 when the name is a hub's of this program, or the host name another hub's.
    pub async fn put_remote_hub(
        &self,
        admin: &AdminCaller,
        remote: RemoteHub,
    ) -> Result<(RemoteHub, HubHealth), ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        let (actor, name) = (admin.actor(), remote.name.clone());
        self.store()
            .write(move |tx| {
                let action = match tx.hub(&remote.name)? {
                    Some(hub) if !hub.is_remote => {
                        return Err(ProvisioningError::invalid("a hub of this server has this name"));
                    }
                    Some(hub) if hub.host.key() != remote.host.key() => {
                        return Err(ProvisioningError::invalid(
                            "a hub of this name has another host name",
                        ));
                    }
                    Some(_) => Action::Update,
                    None if tx.hub_by_host(&remote.host)?.is_some() => {
                        return Err(ProvisioningError::invalid("another hub has this host name"));
                    }
                    None => Action::Create,
                };
                if action == Action::Create {
                    tx.insert_hub(&Hub {
                        name: remote.name.clone(),
                        host: remote.host.clone(),
                        is_remote: true,
                        created_at: tx.now(),
                    })?;
                }
                tx.put_remote_hub(&remote)?;
                tx.announce(&Change::Configuration)?;
                let name = remote.name.as_str();
                Ok(tx.record(&AuditEvent::new(actor, action, "hub", name, name), ())?)
            })
            .await?;
        let all = self.every_remote_hub().await?;
        let found = all.into_iter().find(|(hub, _)| hub.name == name);
        found.ok_or(ProvisioningError::NotFound(Noun::Instance))
    }

    /// Every hub elsewhere and how it is, by name.
    ///
    /// # Errors
    /// [`ProvisioningError::Store`].
    pub async fn remote_hubs_health(
        &self,
        admin: &AdminCaller,
    ) -> Result<Vec<(RemoteHub, HubHealth)>, ProvisioningError> {
        admin.require(Permission::ServicesRead, None)?;
        self.every_remote_hub().await
    }

    /// The same for the program itself, which looks after them.
    ///
    /// # Errors
    /// [`ProvisioningError::Store`].
    pub async fn hubs_to_check(&self) -> Result<Vec<(RemoteHub, HubHealth)>, ProvisioningError> {
        self.every_remote_hub().await
    }

    /// Looks at one hub elsewhere and writes down what is seen.
    pub async fn check_hub(&self, hub: &RemoteHub) {
        let seen = self.remote_hubs().check(hub).await;
        self.note_health(&hub.name, seen.as_ref().copied()).await;
    }

    async fn every_remote_hub(&self) -> Result<Vec<(RemoteHub, HubHealth)>, ProvisioningError> {
        let hubs = self.store().read(|tx: &ReadTx<'_>| tx.remote_hubs()).await;
        hubs.map_err(ProvisioningError::Store)
    }
}
