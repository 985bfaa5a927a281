use provost_model::registry::{DeviceIdentifier, RegistryDevice};
use provost_model::{
    CredentialPolicyName, DeviceId, Etag, HubName, NamespaceName, PageSize, RegistryDeviceName, Timestamp,
    Uuid,
};

use crate::convert::{Place, json};
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

const COLUMNS: &str = "namespace, name, uuid, generation, external_device_id, enabled, policy, assigned_hub, \
                       document, version, etag, created_at, updated_at, transition_at";

impl ReadTx<'_> {
    /// A device of the registry.
    pub fn registry_device(
        &self,
        namespace: &NamespaceName,
        name: &RegistryDeviceName,
    ) -> Result<Option<RegistryDevice>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM registry_device WHERE namespace = ?1 AND name_key = ?2");
        self.find(&sql, params![namespace.key(), name.key()], device)
    }

    /// The device a hub knows by this ID, in whatever case.
    pub fn registry_device_by_external(
        &self,
        namespace: &NamespaceName,
        id: &DeviceId,
    ) -> Result<Option<RegistryDevice>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM registry_device WHERE namespace = ?1 AND lower(external_device_id) = ?2"
        );
        self.find(&sql, params![namespace.key(), &id.caseless()], device)
    }

    /// Devices in order of their names, beginning after `after`.
    pub fn registry_devices(
        &self,
        namespace: &NamespaceName,
        after: Option<&RegistryDeviceName>,
        page: PageSize,
    ) -> Result<Vec<RegistryDevice>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM registry_device WHERE namespace = ?1 AND name_key > ?2 \
             ORDER BY name_key LIMIT ?3"
        );
        let after = after.map(RegistryDeviceName::key).unwrap_or_default();
        let limit = i64::try_from(page.get()).unwrap_or(i64::MAX);
        self.query(&sql, params![namespace.key(), after, limit], device)
    }
}

impl WriteTx<'_> {
    /// Stores a new device. The caller has seen that there is none of its name or external ID, in
    /// whatever case.
    pub fn insert_registry_device(&self, device: &RegistryDevice) -> Result<(), StoreError> {
        let sql = "INSERT INTO registry_device (namespace, name_key, name, uuid, generation, external_device_id, \
                   enabled, policy, assigned_hub, document, version, etag, created_at, updated_at, transition_at) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
        let uuid = device.identifier.device.to_string();
        let generation = device.identifier.generation.to_string();
        let document = json(&device.document);
        let params = params![
            device.namespace.key(),
            device.name.key(),
            device.name.as_str(),
            &uuid,
            &generation,
            device.external_device_id.as_str(),
            device.enabled,
            device.policy.as_ref().map(CredentialPolicyName::key),
            device.hub.as_ref().map(HubName::key),
            &document,
            device.version,
            device.etag.as_str(),
            device.created_at.as_micros(),
            device.updated_at.as_micros(),
            device.transition_at.as_micros(),
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Writes what changes of a device: everything but its names and its UUID. `false` when there is none.
    pub fn update_registry_device(&self, device: &RegistryDevice) -> Result<bool, StoreError> {
        let sql = "UPDATE registry_device SET generation = ?3, enabled = ?4, policy = ?5, assigned_hub = ?6, \
                   document = ?7, version = ?8, etag = ?9, updated_at = ?10, transition_at = ?11 \
                   WHERE namespace = ?1 AND name_key = ?2";
        let generation = device.identifier.generation.to_string();
        let document = json(&device.document);
        let params = params![
            device.namespace.key(),
            device.name.key(),
            &generation,
            device.enabled,
            device.policy.as_ref().map(CredentialPolicyName::key),
            device.hub.as_ref().map(HubName::key),
            &document,
            device.version,
            device.etag.as_str(),
            device.updated_at.as_micros(),
            device.transition_at.as_micros(),
        ];
        Ok(self.execute(sql, params)? > 0)
    }

    /// Removes a device; `false` when there was none. The rows of its certificates stay.
    pub fn delete_registry_device(
        &self,
        namespace: &NamespaceName,
        name: &RegistryDeviceName,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM registry_device WHERE namespace = ?1 AND name_key = ?2";
        Ok(self.execute(sql, params![namespace.key(), name.key()])? > 0)
    }
}

fn device(row: &Row<'_>) -> Result<RegistryDevice, StoreError> {
    let name = row.text(1)?;
    let place = Place {
        table: "registry_device",
        key: &name,
    };
    let policy = |name: String| place.id("policy", CredentialPolicyName::parse(&name));
    let hub = |name: String| place.id("assigned_hub", HubName::parse(&name));
    Ok(RegistryDevice {
        namespace: place.id("namespace", NamespaceName::parse(&row.text(0)?))?,
        name: place.id("name", RegistryDeviceName::parse(&name))?,
        identifier: identifier(place, &row.text(2)?, &row.text(3)?)?,
        external_device_id: place.id("external_device_id", DeviceId::parse(&row.text(4)?))?,
        enabled: row.flag(5)?,
        policy: row.opt_text(6)?.map(policy).transpose()?,
        hub: row.opt_text(7)?.map(hub).transpose()?,
        document: place.object("document", &row.text(8)?)?,
        version: row.int(9)?,
        etag: Etag::from_text(&row.text(10)?),
        created_at: Timestamp::from_micros(row.int(11)?),
        updated_at: Timestamp::from_micros(row.int(12)?),
        transition_at: Timestamp::from_micros(row.int(13)?),
    })
}

pub(super) fn identifier(
    place: Place<'_>,
    device: &str,
    generation: &str,
) -> Result<DeviceIdentifier, StoreError> {
    Ok(DeviceIdentifier {
        device: Uuid::parse(device).ok_or_else(|| place.inconsistent("uuid"))?,
        generation: Uuid::parse(generation).ok_or_else(|| place.inconsistent("generation"))?,
    })
}
