use provost_model::{AccessPolicy, AccessRight, AccessRights, Change, Hub, PolicyName, PolicyOwner, Random};
use provost_store::WriteTx;

use crate::HubError;
use crate::registry::key_pair;

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
