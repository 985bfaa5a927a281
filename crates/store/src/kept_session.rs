//! What is kept of a client's session between its connections (iot-hub-device-api.md 2.4).

use provost_model::{HubName, IdentityId, ModuleId};
use serde_json::{Map, Value};

use crate::convert::{Place, json};
use crate::identity_row::{is_row, table};
use crate::sql::{Param, Row};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

/// A session that outlives its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSession {
    /// Whose: an identity of another generation is somebody else.
    pub generation_id: String,
    /// What it is subscribed to, in the hub's words.
    pub subscriptions: String,
    /// The desired properties as the client last knew them for certain, when they changed since; null
    /// where it may know them or not.
    pub desired_base: Option<Map<String, Value>>,
}

const IS_ROW: &str = "hub = ?1 AND device_id = ?2 AND module_id = ?3";

impl ReadTx<'_> {
    /// The kept session of an identity.
    pub fn kept_session(&self, hub: &HubName, id: &IdentityId) -> Result<Option<KeptSession>, StoreError> {
        let sql =
            format!("SELECT generation_id, subscriptions, desired_base FROM kept_session WHERE {IS_ROW}");
        self.find(&sql, &key(hub, id), |row| kept(row, id))
    }
}

impl AppendTx<'_> {
    /// Keeps what a session is subscribed to; nothing is kept for an identity of another generation.
    /// What the client was not told yet stays noted when it `listens` to changes.
    pub fn keep_session(
        &self,
        hub: &HubName,
        id: &IdentityId,
        generation_id: &str,
        subscriptions: &str,
        listens: bool,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO kept_session (hub, device_id, module_id, generation_id, subscriptions) \
             SELECT hub, device_id, CAST(?3 AS TEXT), generation_id, CAST(?5 AS TEXT) FROM {} \
             WHERE {} AND generation_id = ?4 \
             ON CONFLICT (hub, device_id, module_id) DO UPDATE SET generation_id = excluded.generation_id, \
             subscriptions = excluded.subscriptions, desired_base = CASE WHEN CAST(?6 AS BIGINT) = 1 AND \
             kept_session.generation_id = excluded.generation_id THEN kept_session.desired_base END",
            table(id),
            // The third parameter is in the statement either way.
            is_row(id, 1),
        );
        let [hub, device_id, module_id] = key(hub, id);
        let params = [
            hub,
            device_id,
            module_id,
            Param::from(generation_id),
            Param::from(subscriptions),
            Param::from(listens),
        ];
        self.execute(&sql, &params).map(|_| ())
    }

    /// Forgets a session.
    pub fn drop_session(&self, hub: &HubName, id: &IdentityId) -> Result<(), StoreError> {
        let sql = format!("DELETE FROM kept_session WHERE {IS_ROW}");
        self.execute(&sql, &key(hub, id)).map(|_| ())
    }

    /// Notes that the client was told of this version of the desired properties: when it is the newest
    /// one, the client knows them as they are.
    pub fn forget_desired_base(
        &self,
        hub: &HubName,
        id: &IdentityId,
        version: i64,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE kept_session SET desired_base = NULL WHERE {IS_ROW} AND desired_base IS NOT NULL \
             AND EXISTS (SELECT 1 FROM {} WHERE {} AND desired_version = ?4)",
            table(id),
            is_row(id, 1),
        );
        let [hub, device_id, module_id] = key(hub, id);
        self.execute(&sql, &[hub, device_id, module_id, Param::from(version)])
            .map(|_| ())
    }
}

impl WriteTx<'_> {
    /// Notes what a client knows of the desired properties, until it was told how they changed.
    pub fn note_desired_base(
        &self,
        hub: &HubName,
        id: &IdentityId,
        desired: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        let sql = format!("UPDATE kept_session SET desired_base = ?4 WHERE {IS_ROW}");
        let [hub, device_id, module_id] = key(hub, id);
        let desired = json(desired);
        self.execute(&sql, &[hub, device_id, module_id, Param::from(&desired)])
            .map(|_| ())
    }
}

/// The module is empty for a device itself.
fn key<'a>(hub: &'a HubName, id: &'a IdentityId) -> [Param<'a>; 3] {
    let module_id = id.module_id.as_ref().map_or("", ModuleId::as_str);
    [
        Param::from(hub.key()),
        Param::from(id.device_id.as_str()),
        Param::from(module_id),
    ]
}

fn kept(row: &Row<'_>, id: &IdentityId) -> Result<KeptSession, StoreError> {
    let place = Place {
        table: "kept_session",
        key: id.device_id.as_str(),
    };
    Ok(KeptSession {
        generation_id: row.text(0)?,
        subscriptions: row.text(1)?,
        desired_base: place.opt_object("desired_base", row.opt_text(2)?.as_deref())?,
    })
}
