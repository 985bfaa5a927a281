use std::sync::Arc;

use provost_access::{AdminCaller, Permission};
use provost_model::{
    AccessPolicy, AccessRight, AccessRights, Action, AuditEvent, Change, HostName, Hub, HubName, PolicyName,
    PolicyOwner, Random,
};
use provost_store::{ReadTx, WriteTx};

use crate::HubError;
use crate::registry::key_pair;
use crate::service::HubService;

/// The policies every hub begins with (iot-hub-service-api.md 1.2).
const DEFAULT_POLICIES: [(&str, &[AccessRight]); 5] = [
    (
        "iothubowner",
        &[
            AccessRight::RegistryWrite,
            AccessRight::ServiceConnect,
            AccessRight::DeviceConnect,
        ],
    ),
    ("service", &[AccessRight::ServiceConnect]),
    ("device", &[AccessRight::DeviceConnect]),
    ("registryRead", &[AccessRight::RegistryRead]),
    ("registryReadWrite", &[AccessRight::RegistryWrite]),
];

/// Stores a new hub with the five default policies and fresh keys. The caller has seen that neither
/// its name nor its host is taken, and records the write.
///
/// # Errors
/// [`HubError::Store`].
pub fn create_hub(tx: &WriteTx<'_>, hub: &Hub, random: &dyn Random) -> Result<(), HubError> {
    tx.insert_hub(hub)?;
    let owner = PolicyOwner::Hub(hub.name.clone());
    for (name, rights) in DEFAULT_POLICIES {
        let name = PolicyName::parse(name).map_err(|error| HubError::ArgumentInvalid(error.to_string()))?;
        let policy = AccessPolicy {
            name,
            keys: key_pair(random),
            rights: AccessRights::of(rights),
        };
        tx.put_access_policy(&owner, &policy)?;
    }
    Ok(tx.announce(&Change::Configuration)?)
}

impl HubService {
    /// Every hub, by name, for an administrator.
    ///
    /// # Errors
    /// [`HubError::Forbidden`], [`HubError::Store`].
    pub async fn list_hubs(&self, admin: &AdminCaller) -> Result<Vec<Hub>, HubError> {
        admin.require(Permission::ServicesRead, None)?;
        self.hubs().await
    }

    /// The same for the program itself.
    ///
    /// # Errors
    /// [`HubError::Store`].
    pub async fn hubs(&self) -> Result<Vec<Hub>, HubError> {
        let read = |tx: &ReadTx<'_>| tx.hubs();
        Ok(self.store().read(read).await?)
    }

    /// Adds a hub with its default policies.
    ///
    /// # Errors
    /// [`HubError::Forbidden`], [`HubError::ArgumentInvalid`] when the name or the host is taken, [`HubError::Store`].
    pub async fn add_hub(&self, admin: &AdminCaller, name: HubName, host: HostName) -> Result<Hub, HubError> {
        admin.require(Permission::ServicesWrite, None)?;
        let actor = admin.actor();
        let random = Arc::clone(self.random());
        self.store()
            .write(move |tx| {
                if tx.hub(&name)?.is_some() || tx.hub_by_host(&host)?.is_some() {
                    return Err(HubError::ArgumentInvalid(
                        "a hub of this name or host exists".to_owned(),
                    ));
                }
                let hub = Hub {
                    name,
                    host,
                    is_remote: false,
                    created_at: tx.now(),
                };
                create_hub(&tx, &hub, &*random)?;
                let event =
                    AuditEvent::new(actor, Action::Create, "hub", hub.name.as_str(), hub.name.as_str());
                Ok(tx.record(&event, hub)?)
            })
            .await
    }

    /// What a hub holds and who is connected.
    ///
    /// # Errors
    /// [`HubError::Forbidden`], [`HubError::HubNotFound`], [`HubError::Store`].
    pub async fn hub_summary(&self, admin: &AdminCaller, name: &HubName) -> Result<HubSummary, HubError> {
        admin.require(Permission::ServicesRead, None)?;
        let wanted = name.clone();
        let (hub, (devices, _), links) = self
            .store()
            .scan(move |tx| {
                let hub = tx.hub(&wanted)?.ok_or(HubError::HubNotFound)?;
                Ok::<_, HubError>((hub, tx.device_counts(&wanted)?, tx.links_to(&wanted)?))
            })
            .await?;
        Ok(HubSummary {
            connected: self.connected_devices(&hub.name),
            hub,
            devices: u64::try_from(devices).unwrap_or(0),
            links: u64::try_from(links).unwrap_or(0),
        })
    }

    /// Removes a hub with everything in it, its links too, and closes its sessions before it answers.
    /// A hub that has devices goes only when it is `forced`, and the last one never: a server without
    /// a hub serves nobody. Registration records that name it stand until their devices register again.
    ///
    /// # Errors
    /// [`HubError::Forbidden`], [`HubError::HubNotFound`], [`HubError::ArgumentInvalid`], [`HubError::Store`].
    pub async fn delete_hub(&self, admin: &AdminCaller, name: HubName, forced: bool) -> Result<(), HubError> {
        admin.require(Permission::ServicesWrite, None)?;
        let actor = admin.actor();
        self.store()
            .write(move |tx| {
                let hub = tx.hub(&name)?.ok_or(HubError::HubNotFound)?;
                let own = tx.hubs()?.into_iter().filter(|hub| !hub.is_remote).count();
                if !hub.is_remote && own == 1 {
                    return Err(HubError::ArgumentInvalid(
                        "the last hub of a server cannot be deleted".to_owned(),
                    ));
                }
                let (devices, _) = tx.device_counts(&name)?;
                if devices > 0 && !forced {
                    return Err(HubError::ArgumentInvalid(format!(
                        "the hub has {devices} devices; only force=true deletes it with them"
                    )));
                }
                tx.delete_hub(&name)?;
                tx.announce(&Change::Configuration)?;
                let event =
                    AuditEvent::new(actor, Action::Delete, "hub", hub.name.as_str(), hub.name.as_str());
                Ok(tx.record(&event.with_detail(format!("with {devices} devices")), ())?)
            })
            .await?;
        self.recheck_configuration().await?;
        Ok(())
    }
}

/// See [`HubService::hub_summary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSummary {
    /// The hub.
    pub hub: Hub,
    /// Its devices.
    pub devices: u64,
    /// Those that are connected to this node.
    pub connected: usize,
    /// Provisioning services that may assign devices to it.
    pub links: u64,
}
