use provost_model::registry::DeviceIdentifier;
use provost_model::{DeviceId, HubName, NamespaceName, PolicyOwner, RegistryDeviceName};

use super::device::identifier;
use crate::convert::Place;
use crate::policy::owner_text;
use crate::sql::params;
use crate::{ReadTx, StoreError};

/// What the registry says of a device of a hub: all that is asked when it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryIdentity {
    /// The namespace the hub is linked to.
    pub namespace: NamespaceName,
    /// The device's name there.
    pub name: RegistryDeviceName,
    /// What its leaves must say.
    pub identifier: DeviceIdentifier,
    /// Whether it may connect.
    pub enabled: bool,
    /// Whether its certificates come from a policy: only then does a leaf have to carry the identifier.
    pub has_policy: bool,
}

impl ReadTx<'_> {
    /// The registry's device behind a hub's device: `None` when the hub is linked to no namespace or the
    /// namespace has no device with this external ID.
    pub fn registry_identity(
        &self,
        hub: &HubName,
        device_id: &DeviceId,
    ) -> Result<Option<RegistryIdentity>, StoreError> {
        let sql = "SELECT d.namespace, d.name, d.uuid, d.generation, d.enabled, d.policy FROM namespace_link l \
                   JOIN registry_device d ON d.namespace = l.namespace AND d.external_device_id = ?2 \
                   WHERE l.owner = ?1";
        let owner = owner_text(&PolicyOwner::Hub(hub.clone()));
        self.find(sql, params![&owner, device_id.as_str()], |row| {
            let name = row.text(1)?;
            let place = Place {
                table: "registry_device",
                key: &name,
            };
            Ok(RegistryIdentity {
                namespace: place.id("namespace", NamespaceName::parse(&row.text(0)?))?,
                name: place.id("name", RegistryDeviceName::parse(&name))?,
                identifier: identifier(place, &row.text(2)?, &row.text(3)?)?,
                enabled: row.flag(4)?,
                has_policy: row.opt_text(5)?.is_some(),
            })
        })
    }
}
