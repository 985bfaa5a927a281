//! Devices by the indexes queries use, in order of their IDs.

use provost_model::query::Leaf;
use provost_model::twin::Twin;
use provost_model::{DeviceId, DeviceIdentity, HubName, IdentityId};

use crate::convert::Place;
use crate::device::{COLUMNS as DEVICE_COLUMNS, identity};
use crate::sql::{Param, Row, params};
use crate::twin::{TwinParts, twin};
use crate::{ReadTx, StoreError};

/// A stretch of device IDs, in order.
#[derive(Debug, Clone, Copy)]
pub struct IdSpan<'a> {
    /// Behind this one.
    pub after: Option<&'a DeviceId>,
    /// Not before this.
    pub first: Option<&'a str>,
    /// Not behind this.
    pub last: Option<&'a str>,
    /// So many at most.
    pub limit: usize,
}

/// IDs looked up by one statement.
const AT_ONCE: usize = 50;
/// No device ID is as long as this or has such characters.
const BEHIND_ALL: &str = "\u{10ffff}";

impl<'a> IdSpan<'a> {
    fn bounds(&self) -> (&'a str, &'a str, &'a str, i64) {
        (
            self.after.map(DeviceId::as_str).unwrap_or_default(),
            self.first.unwrap_or_default(),
            self.last.unwrap_or(BEHIND_ALL),
            i64::try_from(self.limit).unwrap_or(i64::MAX),
        )
    }
}

impl ReadTx<'_> {
    /// Devices with their twins, of which only some parts are read; the others are empty.
    pub fn twins_within(
        &self,
        hub: &HubName,
        span: IdSpan<'_>,
        parts: TwinParts,
    ) -> Result<Vec<(DeviceIdentity, Twin)>, StoreError> {
        let sql = format!(
            "SELECT {DEVICE_COLUMNS}, {} FROM device WHERE hub = ?1 AND device_id > ?2 AND device_id >= ?3 \
             AND device_id <= ?4 ORDER BY device_id LIMIT ?5",
            parts.columns()
        );
        let (after, first, last, limit) = span.bounds();
        self.query(&sql, params![hub.key(), after, first, last, limit], with_twin)
    }

    /// The devices of these IDs that are there, with parts of their twins, in order.
    pub fn twins_of(
        &self,
        hub: &HubName,
        ids: &[DeviceId],
        parts: TwinParts,
    ) -> Result<Vec<(DeviceIdentity, Twin)>, StoreError> {
        // One text for any number: the last ID fills the places that are left.
        let places: Vec<_> = (2..AT_ONCE + 2).map(|place| format!("?{place}")).collect();
        let sql = format!(
            "SELECT {DEVICE_COLUMNS}, {} FROM device WHERE hub = ?1 AND device_id IN ({}) ORDER BY device_id",
            parts.columns(),
            places.join(", ")
        );
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(AT_ONCE) {
            let mut params = vec![Param::from(hub.key())];
            params.extend(chunk.iter().map(|id| Param::from(id.as_str())));
            let last = chunk.last().map(DeviceId::as_str).unwrap_or_default();
            params.resize(AT_ONCE + 1, Param::from(last));
            found.extend(self.query(&sql, &params, with_twin)?);
        }
        Ok(found)
    }

    /// Devices with an entry in the index over tags.
    pub fn devices_by_leaf(
        &self,
        hub: &HubName,
        leaf: &Leaf,
        span: IdSpan<'_>,
    ) -> Result<Vec<DeviceId>, StoreError> {
        let sql = "SELECT device_id FROM tag_leaf WHERE hub = ?1 AND path = ?2 AND value = ?3 \
                   AND device_id > ?4 AND device_id >= ?5 AND device_id <= ?6 ORDER BY device_id LIMIT ?7";
        let (after, first, last, limit) = span.bounds();
        let params = params![hub.key(), &leaf.path, &leaf.key, after, first, last, limit];
        self.query(sql, params, id)
    }

    /// Devices with an entry of a path and a key between two, in any order; so many at most.
    pub fn devices_by_leaf_range(
        &self,
        hub: &HubName,
        path: &str,
        keys: (&str, &str),
        limit: usize,
    ) -> Result<Vec<DeviceId>, StoreError> {
        let sql = "SELECT device_id FROM tag_leaf WHERE hub = ?1 AND path = ?2 AND value >= ?3 \
                   AND value <= ?4 LIMIT ?5";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.query(sql, params![hub.key(), path, keys.0, keys.1, limit], id)
    }

    /// Devices that may not connect.
    pub fn disabled_devices(&self, hub: &HubName, span: IdSpan<'_>) -> Result<Vec<DeviceId>, StoreError> {
        self.marked(hub, span, "status = 'disabled'")
    }

    /// Devices that may act as edge gateways.
    pub fn edge_devices(&self, hub: &HubName, span: IdSpan<'_>) -> Result<Vec<DeviceId>, StoreError> {
        self.marked(hub, span, "iot_edge = 1")
    }

    fn marked(&self, hub: &HubName, span: IdSpan<'_>, mark: &str) -> Result<Vec<DeviceId>, StoreError> {
        let sql = format!(
            "SELECT device_id FROM device WHERE hub = ?1 AND device_id > ?2 AND device_id >= ?3 \
             AND device_id <= ?4 AND {mark} ORDER BY device_id LIMIT ?5"
        );
        let (after, first, last, limit) = span.bounds();
        self.query(&sql, params![hub.key(), after, first, last, limit], id)
    }

    /// How many devices have an entry, counted up to `most`.
    pub fn count_leaf(&self, hub: &HubName, leaf: &Leaf, most: i64) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM tag_leaf WHERE hub = ?1 AND path = ?2 AND value = ?3 \
                   LIMIT ?4) AS entries";
        self.count(sql, params![hub.key(), &leaf.path, &leaf.key, most])
    }
}

fn id(row: &Row<'_>) -> Result<DeviceId, StoreError> {
    let text = row.text(0)?;
    let place = Place {
        table: "device",
        key: &text,
    };
    place.id("device_id", DeviceId::parse(&text))
}

pub(crate) fn with_twin(row: &Row<'_>) -> Result<(DeviceIdentity, Twin), StoreError> {
    let identity = identity(row)?;
    let id = IdentityId::device(identity.device_id.clone());
    let twin = twin(row, DEVICE_COLUMNS.split(',').count(), &id)?;
    Ok((identity, twin))
}
