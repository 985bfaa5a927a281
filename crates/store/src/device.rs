use provost_model::twin::Twin;
use provost_model::{DeviceId, DeviceIdentity, DeviceStatus, Etag, HubName, PageSize, Timestamp};

use crate::convert::Place;
use crate::identity_row::{AuthColumns, auth};
use crate::sql::{Row, params};
use crate::twin::TwinColumns;
use crate::{ReadTx, StoreError, WriteTx};

pub(crate) const COLUMNS: &str = "device_id, generation_id, etag, status, status_reason, status_updated_at, auth, \
    primary_key, secondary_key, primary_thumbprint, secondary_thumbprint, iot_edge, device_scope, \
    connection_updated_at, last_activity_at, message_count";

impl ReadTx<'_> {
    /// A device's identity.
    pub fn device(&self, hub: &HubName, id: &DeviceId) -> Result<Option<DeviceIdentity>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM device WHERE hub = ?1 AND device_id = ?2");
        self.find(&sql, params![hub.key(), id.as_str()], identity)
    }

    /// The devices of a hub whose ID is this one, which is in lower case, in whatever case: ID and status, in
    /// order of IDs.
    pub fn devices_spelt(
        &self,
        hub: &HubName,
        key: &str,
    ) -> Result<Vec<(DeviceId, DeviceStatus)>, StoreError> {
        let sql = "SELECT device_id, status FROM device WHERE hub = ?1 AND lower(device_id) = ?2 ORDER BY device_id";
        self.query(sql, params![hub.key(), key], |row| {
            let id = row.text(0)?;
            let place = Place {
                table: "device",
                key: &id,
            };
            Ok((
                place.id("device_id", DeviceId::parse(&id))?,
                status(&row.text(1)?, place)?,
            ))
        })
    }

    /// Identities in order of their IDs, beginning after `after`.
    pub fn devices(
        &self,
        hub: &HubName,
        after: Option<&DeviceId>,
        page: PageSize,
    ) -> Result<Vec<DeviceIdentity>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM device WHERE hub = ?1 AND device_id > ?2 ORDER BY device_id LIMIT ?3"
        );
        let after = after.map(DeviceId::as_str).unwrap_or_default();
        let limit = i64::try_from(page.get()).unwrap_or(i64::MAX);
        self.query(&sql, params![hub.key(), after, limit], identity)
    }

    /// How many devices a hub has, and how many of them are disabled.
    pub fn device_counts(&self, hub: &HubName) -> Result<(i64, i64), StoreError> {
        let total = self.count("SELECT COUNT(*) FROM device WHERE hub = ?1", params![hub.key()])?;
        let disabled = "SELECT COUNT(*) FROM device WHERE hub = ?1 AND status = 'disabled'";
        Ok((total, self.count(disabled, params![hub.key()])?))
    }
}

impl WriteTx<'_> {
    /// Stores a new device with its twin. The caller has seen that there is none of this ID.
    pub fn insert_device(
        &self,
        hub: &HubName,
        device: &DeviceIdentity,
        twin: &Twin,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO device (hub, device_id, generation_id, etag, status, status_reason, \
                   status_updated_at, auth, primary_key, secondary_key, primary_thumbprint, \
                   secondary_thumbprint, iot_edge, device_scope, connection_updated_at, last_activity_at, \
                   twin_version, twin_etag, model_id, desired_version, reported_version, tags, desired, \
                   desired_metadata, reported, reported_metadata) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \
                   ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)";
        let auth = AuthColumns::of(&device.auth);
        let columns = TwinColumns::of(twin);
        let params = params![
            hub.key(),
            device.device_id.as_str(),
            &device.generation_id,
            device.etag.as_str(),
            status_word(device.status),
            device.status_reason.as_deref(),
            device.status_updated_at.map(Timestamp::as_micros),
            auth.word,
            auth.primary_key,
            auth.secondary_key,
            auth.primary_thumbprint,
            auth.secondary_thumbprint,
            device.iot_edge,
            device.device_scope.as_deref(),
            device.connection_updated_at.map(Timestamp::as_micros),
            device.last_activity_at.map(Timestamp::as_micros),
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
        self.execute(sql, params)?;
        self.index_new(hub, &device.device_id, &twin.tags)
    }

    /// Writes the identity of an existing device; the twin stays. `false` when there is none.
    pub fn update_device(&self, hub: &HubName, device: &DeviceIdentity) -> Result<bool, StoreError> {
        let sql = "UPDATE device SET generation_id = ?3, etag = ?4, status = ?5, status_reason = ?6, \
                   status_updated_at = ?7, auth = ?8, primary_key = ?9, secondary_key = ?10, \
                   primary_thumbprint = ?11, secondary_thumbprint = ?12, iot_edge = ?13, device_scope = ?14 \
                   WHERE hub = ?1 AND device_id = ?2";
        let auth = AuthColumns::of(&device.auth);
        let params = params![
            hub.key(),
            device.device_id.as_str(),
            &device.generation_id,
            device.etag.as_str(),
            status_word(device.status),
            device.status_reason.as_deref(),
            device.status_updated_at.map(Timestamp::as_micros),
            auth.word,
            auth.primary_key,
            auth.secondary_key,
            auth.primary_thumbprint,
            auth.secondary_thumbprint,
            device.iot_edge,
            device.device_scope.as_deref(),
        ];
        Ok(self.execute(sql, params)? > 0)
    }

    /// Removes a device with its twin, its modules, their kept sessions and the messages that
    /// wait for it; `false` when there was none.
    pub fn delete_device(&self, hub: &HubName, id: &DeviceId) -> Result<bool, StoreError> {
        self.index_gone(hub, id)?;
        for table in ["kept_session", "module"] {
            let sql = format!("DELETE FROM {table} WHERE hub = ?1 AND device_id = ?2");
            self.execute(&sql, params![hub.key(), id.as_str()])?;
        }
        crate::device_message::forget_device(self, hub, id)?;
        let sql = "DELETE FROM device WHERE hub = ?1 AND device_id = ?2";
        Ok(self.execute(sql, params![hub.key(), id.as_str()])? > 0)
    }
}

fn status_word(status: DeviceStatus) -> &'static str {
    match status {
        DeviceStatus::Enabled => "enabled",
        DeviceStatus::Disabled => "disabled",
    }
}

pub(crate) fn status(word: &str, place: Place<'_>) -> Result<DeviceStatus, StoreError> {
    match word {
        "enabled" => Ok(DeviceStatus::Enabled),
        "disabled" => Ok(DeviceStatus::Disabled),
        _ => Err(place.inconsistent("status")),
    }
}

pub(crate) fn identity(row: &Row<'_>) -> Result<DeviceIdentity, StoreError> {
    let id = row.text(0)?;
    let place = Place {
        table: "device",
        key: &id,
    };
    let status = status(&row.text(3)?, place)?;
    let auth = auth(row, 6, place)?;
    Ok(DeviceIdentity {
        device_id: place.id("device_id", DeviceId::parse(&id))?,
        generation_id: row.text(1)?,
        etag: Etag::from_text(&row.text(2)?),
        status,
        status_reason: row.opt_text(4)?,
        status_updated_at: row.opt_int(5)?.map(Timestamp::from_micros),
        auth,
        iot_edge: row.flag(11)?,
        device_scope: row.opt_text(12)?,
        connection_updated_at: row.opt_int(13)?.map(Timestamp::from_micros),
        last_activity_at: row.opt_int(14)?.map(Timestamp::from_micros),
        cloud_to_device_message_count: u32::try_from(row.int(15)?)
            .map_err(|_| place.inconsistent("message_count"))?,
    })
}
