use provost_model::twin::Twin;
use provost_model::{DeviceId, Etag, HubName, IdentityId, ModuleId, ModuleIdentity, PageSize, Timestamp};

use crate::convert::Place;
use crate::identity_row::{AuthColumns, auth, is_row, key};
use crate::sql::{Row, params};
use crate::twin::{COLUMNS as TWIN_COLUMNS, TwinColumns, twin};
use crate::{ReadTx, StoreError, WriteTx};

const COLUMNS: &str = "device_id, module_id, generation_id, etag, managed_by, auth, primary_key, secondary_key, \
    primary_thumbprint, secondary_thumbprint, connection_updated_at, last_activity_at";
/// How many [`COLUMNS`] there are.
const WIDTH: usize = 12;

impl ReadTx<'_> {
    /// A module's identity.
    pub fn module(
        &self,
        hub: &HubName,
        device_id: &DeviceId,
        module_id: &ModuleId,
    ) -> Result<Option<ModuleIdentity>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM module WHERE hub = ?1 AND device_id = ?2 AND module_id = ?3");
        let params = params![hub.key(), device_id.as_str(), module_id.as_str()];
        self.find(&sql, params, identity)
    }

    /// Every module of a device in order of their IDs; there are at most a few.
    pub fn modules_of(&self, hub: &HubName, device_id: &DeviceId) -> Result<Vec<ModuleIdentity>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM module WHERE hub = ?1 AND device_id = ?2 ORDER BY module_id");
        self.query(&sql, params![hub.key(), device_id.as_str()], identity)
    }

    /// How many modules a device has.
    pub fn module_count(&self, hub: &HubName, device_id: &DeviceId) -> Result<i64, StoreError> {
        self.count(
            "SELECT COUNT(*) FROM module WHERE hub = ?1 AND device_id = ?2",
            params![hub.key(), device_id.as_str()],
        )
    }

    /// A module's identity together with its twin.
    pub fn module_with_twin(
        &self,
        hub: &HubName,
        device_id: &DeviceId,
        module_id: &ModuleId,
    ) -> Result<Option<(ModuleIdentity, Twin)>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, {TWIN_COLUMNS} FROM module WHERE hub = ?1 AND device_id = ?2 AND module_id = ?3"
        );
        let params = params![hub.key(), device_id.as_str(), module_id.as_str()];
        self.find(&sql, params, with_twin)
    }

    /// The modules of a hub with their twins in order of device and module ID, beginning after
    /// `after`.
    pub fn modules_with_twins(
        &self,
        hub: &HubName,
        after: Option<(&DeviceId, &ModuleId)>,
        page: PageSize,
    ) -> Result<Vec<(ModuleIdentity, Twin)>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, {TWIN_COLUMNS} FROM module WHERE hub = ?1 AND (device_id, module_id) > (?2, ?3) \
             ORDER BY device_id, module_id LIMIT ?4"
        );
        let (device_id, module_id) =
            after.map_or(("", ""), |(device, module)| (device.as_str(), module.as_str()));
        let limit = i64::try_from(page.get()).unwrap_or(i64::MAX);
        self.query(&sql, params![hub.key(), device_id, module_id, limit], with_twin)
    }
}

impl WriteTx<'_> {
    /// Stores a new module with its twin. The caller has seen its device and that there is no module
    /// of this ID.
    pub fn insert_module(
        &self,
        hub: &HubName,
        module: &ModuleIdentity,
        twin: &Twin,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO module (hub, {COLUMNS}, {TWIN_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
             ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)"
        );
        let auth = AuthColumns::of(&module.auth);
        let columns = TwinColumns::of(twin);
        let params = params![
            hub.key(),
            module.device_id.as_str(),
            module.module_id.as_str(),
            &module.generation_id,
            module.etag.as_str(),
            module.managed_by.as_deref(),
            auth.word,
            auth.primary_key,
            auth.secondary_key,
            auth.primary_thumbprint,
            auth.secondary_thumbprint,
            module.connection_updated_at.map(Timestamp::as_micros),
            module.last_activity_at.map(Timestamp::as_micros),
            twin.version,
            twin.etag_counter,
            &twin.model_id,
            twin.desired.version,
            twin.reported.version,
            &columns.tags,
            &columns.desired,
            &columns.desired_metadata,
            &columns.reported,
            &columns.reported_metadata,
        ];
        self.execute(&sql, params).map(|_| ())
    }

    /// Writes the identity of an existing module; the twin stays. `false` when there is none.
    pub fn update_module(&self, hub: &HubName, module: &ModuleIdentity) -> Result<bool, StoreError> {
        let sql = "UPDATE module SET etag = ?4, managed_by = ?5, auth = ?6, primary_key = ?7, \
                   secondary_key = ?8, primary_thumbprint = ?9, secondary_thumbprint = ?10 \
                   WHERE hub = ?1 AND device_id = ?2 AND module_id = ?3";
        let auth = AuthColumns::of(&module.auth);
        let params = params![
            hub.key(),
            module.device_id.as_str(),
            module.module_id.as_str(),
            module.etag.as_str(),
            module.managed_by.as_deref(),
            auth.word,
            auth.primary_key,
            auth.secondary_key,
            auth.primary_thumbprint,
            auth.secondary_thumbprint,
        ];
        Ok(self.execute(sql, params)? > 0)
    }

    /// Removes a module with its twin and its kept session; `false` when there was none.
    pub fn delete_module(
        &self,
        hub: &HubName,
        device_id: &DeviceId,
        module_id: &ModuleId,
    ) -> Result<bool, StoreError> {
        let id = IdentityId::module(device_id.clone(), module_id.clone());
        let is_row = is_row(&id, 1);
        self.execute(
            &format!("DELETE FROM kept_session WHERE {is_row}"),
            &key(hub, &id),
        )?;
        Ok(self.execute(&format!("DELETE FROM module WHERE {is_row}"), &key(hub, &id))? > 0)
    }
}

fn identity(row: &Row<'_>) -> Result<ModuleIdentity, StoreError> {
    let (device_id, module_id) = (row.text(0)?, row.text(1)?);
    let place = Place {
        table: "module",
        key: &module_id,
    };
    Ok(ModuleIdentity {
        device_id: place.id("device_id", DeviceId::parse(&device_id))?,
        module_id: place.id("module_id", ModuleId::parse(&module_id))?,
        generation_id: row.text(2)?,
        etag: Etag::from_text(&row.text(3)?),
        managed_by: row.opt_text(4)?,
        auth: auth(row, 5, place)?,
        connection_updated_at: row.opt_int(10)?.map(Timestamp::from_micros),
        last_activity_at: row.opt_int(11)?.map(Timestamp::from_micros),
    })
}

fn with_twin(row: &Row<'_>) -> Result<(ModuleIdentity, Twin), StoreError> {
    let identity = identity(row)?;
    let twin = twin(row, WIDTH, &identity.id())?;
    Ok((identity, twin))
}
