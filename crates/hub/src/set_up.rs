use std::sync::Arc;

use provost_model::{
    AccessPolicy, AccessRight, AccessRights, Action, Actor, AuditEvent, Change, HostName, Hub, HubName,
    PolicyName, PolicyOwner, Random,
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
    /// Every hub, by name.
    ///
    /// # Errors
    /// [`HubError::Store`].
    pub async fn hubs(&self) -> Result<Vec<Hub>, HubError> {
        let read = |tx: &ReadTx<'_>| tx.hubs();
        Ok(self.store().read(read).await?)
    }

    /// Adds a hub with its default policies. `administrator` is who asked, already proven.
    ///
    /// # Errors
    /// [`HubError::ArgumentInvalid`] when the name or the host is taken, [`HubError::Store`].
    pub async fn add_hub(
        &self,
        administrator: Actor,
        name: HubName,
        host: HostName,
    ) -> Result<Hub, HubError> {
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
                let event = AuditEvent::new(
                    administrator,
                    Action::Create,
                    "hub",
                    hub.name.as_str(),
                    hub.name.as_str(),
                );
                Ok(tx.record(&event, hub)?)
            })
            .await
    }
}
