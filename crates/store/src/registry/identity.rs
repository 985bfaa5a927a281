use provost_model::registry::DeviceIdentifier;
use provost_model::{DeviceId, HubName, NamespaceName, PolicyOwner, RegistryDeviceName};

use super::device::identifier;
use crate::convert::Place;
use crate::policy::owner_text;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError};

/// What the registry says of a device of a hub: all that is asked when it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryIdentity {
    /// The namespace the hub is linked to, or that of a provisioning service.
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
    /// The registry's device behind a hub's device, whose external ID is its ID in whatever case: `None` when the
    /// hub is linked to no namespace or the namespace has no such device.
    ///
    /// A device that is disabled in the namespace of a provisioning service which assigns devices to this hub is
    /// disabled here too, whatever namespace the hub is linked to, and if it is linked to none: then the answer
    /// is that device, and says of its certificates nothing.
    pub fn registry_identity(
        &self,
        hub: &HubName,
        device_id: &DeviceId,
    ) -> Result<Option<RegistryIdentity>, StoreError> {
        let sql = "SELECT d.namespace, d.name, d.uuid, d.generation, d.enabled, d.policy, CAST(1 AS BIGINT) \
                   FROM namespace_link l \
                   JOIN registry_device d ON d.namespace = l.namespace AND lower(d.external_device_id) = ?2 \
                   WHERE l.owner = ?1 \
                   UNION ALL \
                   SELECT d.namespace, d.name, d.uuid, d.generation, d.enabled, NULL, CAST(0 AS BIGINT) \
                   FROM linked_hub h \
                   JOIN namespace_link l ON l.owner = 'dps:' || h.dps \
                   JOIN registry_device d ON d.namespace = l.namespace AND lower(d.external_device_id) = ?2 \
                   WHERE h.hub = ?3 AND d.enabled = 0";
        let owner = owner_text(&PolicyOwner::Hub(hub.clone()));
        let found = self.query(sql, params![&owner, &device_id.caseless(), hub.key()], identity)?;
        let is_shut_out = found.iter().any(|(_, is_own)| !is_own);
        let (own, of_services): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, is_own)| *is_own);
        let stands = own.into_iter().chain(of_services).next();
        Ok(stands.map(|(device, _)| RegistryIdentity {
            enabled: device.enabled && !is_shut_out,
            ..device
        }))
    }
}

/// A row, and whether it is of the namespace the hub itself is linked to.
fn identity(row: &Row<'_>) -> Result<(RegistryIdentity, bool), StoreError> {
    let name = row.text(1)?;
    let place = Place {
        table: "registry_device",
        key: &name,
    };
    let device = RegistryIdentity {
        namespace: place.id("namespace", NamespaceName::parse(&row.text(0)?))?,
        name: place.id("name", RegistryDeviceName::parse(&name))?,
        identifier: identifier(place, &row.text(2)?, &row.text(3)?)?,
        enabled: row.flag(4)?,
        has_policy: row.opt_text(5)?.is_some(),
    };
    Ok((device, row.flag(6)?))
}
