//! A hub's buffer of device-to-cloud messages: appended, read in order, cut at the old end.

use provost_model::{DeviceId, HubName, StoredTelemetry, Telemetry, Timestamp};
use serde_json::{Map, Value};

use crate::convert::{Place, json};
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError};

/// What a cut of the buffer removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TelemetryCut {
    /// Messages removed.
    pub messages: u64,
    /// Their size.
    pub bytes: u64,
}

impl AppendTx<'_> {
    /// Appends a message; returns its sequence number and the bytes it counts for.
    pub fn append_telemetry(&self, hub: &HubName, message: &Telemetry) -> Result<(i64, u64), StoreError> {
        let sql = "INSERT INTO telemetry (number, hub, device_id, generation_id, auth_method, enqueued_at, \
                   properties, system_properties, body, size) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let number = self.next_number();
        let properties = json(&as_object(&message.properties));
        let system_properties = json(&as_object(&message.system_properties));
        let size = message.body.len() + properties.len() + system_properties.len();
        let params = params![
            number,
            hub.key(),
            message.device_id.as_str(),
            &message.generation_id,
            &message.auth_method,
            message.enqueued_at.as_micros(),
            &properties,
            &system_properties,
            message.body.as_slice(),
            i64::try_from(size).unwrap_or(i64::MAX),
        ];
        self.execute(sql, params)?;
        Ok((number, size as u64))
    }

    /// Removes the oldest messages of a hub: those enqueued before `before`, and as many more as
    /// `bytes` asks for, at most `limit` messages in one call.
    pub fn cut_telemetry(
        &self,
        hub: &HubName,
        before: Timestamp,
        bytes: u64,
        limit: usize,
    ) -> Result<TelemetryCut, StoreError> {
        let sql = "SELECT number, enqueued_at, size FROM telemetry WHERE hub = ?1 ORDER BY number LIMIT ?2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let oldest = self.read().query(sql, params![hub.key(), limit], |row| {
            Ok((row.int(0)?, row.int(1)?, row.int(2)?))
        })?;
        let mut cut = TelemetryCut::default();
        let mut last = None;
        for (number, at, size) in oldest {
            if at >= before.as_micros() && cut.bytes >= bytes {
                break;
            }
            cut.messages += 1;
            cut.bytes += u64::try_from(size).unwrap_or(0);
            last = Some(number);
        }
        if let Some(last) = last {
            self.execute(
                "DELETE FROM telemetry WHERE hub = ?1 AND number <= ?2",
                params![hub.key(), last],
            )?;
        }
        Ok(cut)
    }
}

impl ReadTx<'_> {
    /// Messages of a hub after the one numbered `after`, oldest first, at most `limit`.
    pub fn telemetry_after(
        &self,
        hub: &HubName,
        after: i64,
        limit: usize,
    ) -> Result<Vec<StoredTelemetry>, StoreError> {
        let sql = "SELECT number, device_id, generation_id, auth_method, enqueued_at, properties, \
                   system_properties, body FROM telemetry WHERE hub = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.query(sql, params![hub.key(), after, limit], stored)
    }

    /// The bytes a hub's buffer holds. Reads every entry: ask once, then count along.
    pub fn telemetry_bytes(&self, hub: &HubName) -> Result<u64, StoreError> {
        let sql = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM telemetry WHERE hub = ?1";
        Ok(u64::try_from(self.count(sql, params![hub.key()])?).unwrap_or(0))
    }

    /// The number of the newest message of a hub, 0 when there is none.
    pub fn last_telemetry(&self, hub: &HubName) -> Result<i64, StoreError> {
        self.count(
            "SELECT COALESCE(MAX(number), 0) FROM telemetry WHERE hub = ?1",
            params![hub.key()],
        )
    }
}

fn as_object(properties: &[(String, Option<String>)]) -> Map<String, Value> {
    properties
        .iter()
        .map(|(key, value)| (key.clone(), value.clone().map_or(Value::Null, Value::String)))
        .collect()
}

fn as_pairs(object: Map<String, Value>) -> Vec<(String, Option<String>)> {
    let text = |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    object
        .into_iter()
        .map(|(key, value)| (key, text(value)))
        .collect()
}

fn stored(row: &Row<'_>) -> Result<StoredTelemetry, StoreError> {
    let number = row.int(0)?;
    let key = number.to_string();
    let place = Place {
        table: "telemetry",
        key: &key,
    };
    Ok(StoredTelemetry {
        sequence_number: number,
        message: Telemetry {
            device_id: place.id("device_id", DeviceId::parse(&row.text(1)?))?,
            generation_id: row.text(2)?,
            auth_method: row.text(3)?,
            enqueued_at: Timestamp::from_micros(row.int(4)?),
            properties: as_pairs(place.object("properties", &row.text(5)?)?),
            system_properties: as_pairs(place.object("system_properties", &row.text(6)?)?),
            body: row.blob(7)?,
        },
    })
}
