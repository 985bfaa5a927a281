//! The index over tags, kept up by every write of a twin.

use std::collections::BTreeSet;

use provost_model::query::{Leaf, leaves};
use provost_model::{DeviceId, HubName};
use serde_json::{Map, Value};

use crate::convert::Place;
use crate::engine::Engine;
use crate::sql::{Param, params};
use crate::{ReadTx, StoreError, WriteTx};

/// Entries written by one statement; the next steps down are 1 each.
const AT_ONCE: usize = 8;
/// Devices entered at a time when the index is made.
const BACKFILL: i64 = 500;

impl WriteTx<'_> {
    /// Enters the tags of a new device.
    pub(crate) fn index_new(
        &self,
        hub: &HubName,
        id: &DeviceId,
        tags: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        enter(self.engine(), hub.key(), id.as_str(), leaves(tags).iter())
    }

    /// Brings the index from the stored tags of a device to others; to be called before those are
    /// stored. `stored_text` is what they will be stored as.
    pub(crate) fn index_change(
        &self,
        hub: &HubName,
        id: &DeviceId,
        tags: &Map<String, Value>,
        stored_text: &str,
    ) -> Result<(), StoreError> {
        let Some(text) = self.stored_tags(hub, id)? else {
            return Ok(());
        };
        // Most writes of a twin leave the tags alone.
        if text == stored_text {
            return Ok(());
        }
        let (old, new) = (entries(id, &text)?, leaves(tags));
        remove(self.engine(), hub.key(), id.as_str(), old.difference(&new))?;
        enter(self.engine(), hub.key(), id.as_str(), new.difference(&old))
    }

    /// Takes a device out of the index; to be called before it is removed.
    pub(crate) fn index_gone(&self, hub: &HubName, id: &DeviceId) -> Result<(), StoreError> {
        let Some(text) = self.stored_tags(hub, id)? else {
            return Ok(());
        };
        remove(self.engine(), hub.key(), id.as_str(), entries(id, &text)?.iter())
    }
}

impl ReadTx<'_> {
    fn stored_tags(&self, hub: &HubName, id: &DeviceId) -> Result<Option<String>, StoreError> {
        let sql = "SELECT tags FROM device WHERE hub = ?1 AND device_id = ?2";
        self.find(sql, params![hub.key(), id.as_str()], |row| row.text(0))
    }

    /// Every entry of a hub's index, for tests and repairs.
    pub fn tag_leaves(&self, hub: &HubName) -> Result<Vec<(DeviceId, Leaf)>, StoreError> {
        let sql =
            "SELECT device_id, path, value FROM tag_leaf WHERE hub = ?1 ORDER BY device_id, path, value";
        self.query(sql, params![hub.key()], |row| {
            let id = row.text(0)?;
            let place = Place {
                table: "tag_leaf",
                key: &id,
            };
            let leaf = Leaf {
                path: row.text(1)?,
                key: row.text(2)?,
            };
            Ok((place.id("device_id", DeviceId::parse(&id))?, leaf))
        })
    }
}

/// Enters the tags of the devices that were there before the index.
pub(crate) fn backfill(engine: Engine<'_>) -> Result<(), StoreError> {
    let sql = "SELECT hub, device_id, tags FROM device WHERE (hub > ?1 OR (hub = ?1 AND device_id > ?2)) \
               AND tags <> '{}' ORDER BY hub, device_id LIMIT ?3";
    let mut last = (String::new(), String::new());
    loop {
        let rows = engine.query(sql, params![&last.0, &last.1, BACKFILL], |row| {
            Ok((row.text(0)?, row.text(1)?, row.text(2)?))
        })?;
        for (hub, id, tags) in &rows {
            let place = Place {
                table: "device",
                key: id,
            };
            let found = leaves(&place.object("tags", tags)?);
            enter(engine, hub, id, found.iter())?;
        }
        match rows.into_iter().next_back() {
            Some((hub, id, _)) => last = (hub, id),
            None => return Ok(()),
        }
    }
}

fn entries(id: &DeviceId, text: &str) -> Result<BTreeSet<Leaf>, StoreError> {
    let place = Place {
        table: "device",
        key: id.as_str(),
    };
    Ok(leaves(&place.object("tags", text)?))
}

fn enter<'a>(
    engine: Engine<'_>,
    hub: &str,
    id: &str,
    entries: impl Iterator<Item = &'a Leaf>,
) -> Result<(), StoreError> {
    let entries: Vec<_> = entries.collect();
    for chunk in entries.chunks(AT_ONCE) {
        // Two texts only, so that both stay prepared.
        if chunk.len() == AT_ONCE {
            insert(engine, hub, id, chunk)?;
        } else {
            chunk.chunks(1).try_for_each(|one| insert(engine, hub, id, one))?;
        }
    }
    Ok(())
}

fn insert(engine: Engine<'_>, hub: &str, id: &str, entries: &[&Leaf]) -> Result<(), StoreError> {
    let row = |number: usize| format!("(?1, ?2, ?{}, ?{})", 2 * number + 3, 2 * number + 4);
    let rows: Vec<_> = (0..entries.len()).map(row).collect();
    let sql = format!(
        "INSERT INTO tag_leaf (hub, device_id, path, value) VALUES {}",
        rows.join(", ")
    );
    let mut params = vec![Param::from(hub), Param::from(id)];
    for entry in entries {
        params.extend([Param::from(&entry.path), Param::from(&entry.key)]);
    }
    engine.execute(&sql, &params).map(|_| ())
}

fn remove<'a>(
    engine: Engine<'_>,
    hub: &str,
    id: &str,
    mut entries: impl Iterator<Item = &'a Leaf>,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM tag_leaf WHERE hub = ?1 AND path = ?2 AND value = ?3 AND device_id = ?4";
    entries.try_for_each(|entry| {
        let params = params![hub, &entry.path, &entry.key, id];
        engine.execute(sql, params).map(|_| ())
    })
}
