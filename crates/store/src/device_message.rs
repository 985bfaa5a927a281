//! Messages that wait for their devices. What is done to one is decided elsewhere; here it is read,
//! kept and removed. Each removal counts the device's messages along.

use std::cell::Cell;

use provost_model::{
    Ack, CloudMessage, Delivery, DeviceId, HubName, LockToken, QueueEntry, QueuedMessage, Timestamp,
};
use serde_json::{Map, Value};

use crate::convert::{Place, json};
use crate::engine::Engine;
use crate::sql::{Row, params};
use crate::tx::take_number;
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

const ENTRY: &str = "number, message_id, ack, expires_at, delivery_count, lock_token, locked_until";

/// The queues as a delivery sees them: their messages may be moved on and removed, not made.
pub struct MessageQueues<'a> {
    pub(crate) engine: Engine<'a>,
    pub(crate) numbers: &'a Cell<i64>,
}

impl<'a> AppendTx<'a> {
    /// The messages that wait: a delivery is a trace and needs no audit event.
    pub fn messages(&self) -> MessageQueues<'a> {
        MessageQueues {
            engine: self.engine(),
            numbers: self.numbers(),
        }
    }
}

impl<'a> WriteTx<'a> {
    /// The messages that wait.
    pub fn messages(&self) -> MessageQueues<'a> {
        MessageQueues {
            engine: self.engine(),
            numbers: self.numbers(),
        }
    }

    /// Puts a message at the end of a device's queue; returns its sequence number.
    pub fn enqueue_message(
        &self,
        hub: &HubName,
        device_id: &DeviceId,
        generation_id: &str,
        message: &CloudMessage,
        expires_at: Timestamp,
    ) -> Result<i64, StoreError> {
        let sql = "INSERT INTO device_message (hub, device_id, number, generation_id, enqueued_at, expires_at, \
                   delivery_count, message_id, correlation_id, user_id, content_type, content_encoding, ack, \
                   properties, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
        let number = take_number(self.numbers());
        let properties = json(&as_object(&message.properties));
        let params = params![
            hub.key(),
            device_id.as_str(),
            number,
            generation_id,
            self.now().as_micros(),
            expires_at.as_micros(),
            0_i64,
            &message.message_id,
            message.correlation_id.as_deref(),
            message.user_id.as_deref(),
            message.content_type.as_deref(),
            message.content_encoding.as_deref(),
            message.ack.as_str(),
            &properties,
            message.body.as_slice(),
        ];
        self.execute(sql, params)?;
        let count = "UPDATE device SET message_count = message_count + 1 WHERE hub = ?1 AND device_id = ?2";
        self.execute(count, params![hub.key(), device_id.as_str()])?;
        Ok(number)
    }
}

impl ReadTx<'_> {
    /// Whether any message waits for a device.
    pub fn has_messages(&self, hub: &HubName, device_id: &DeviceId) -> Result<bool, StoreError> {
        let sql = "SELECT number FROM device_message WHERE hub = ?1 AND device_id = ?2 LIMIT 1";
        let found = self.find(sql, params![hub.key(), device_id.as_str()], |row| row.int(0))?;
        Ok(found.is_some())
    }

    /// Devices, with their generation, that have messages time has done something to by now: their own
    /// is over, or that of a lock. A device may be named twice.
    pub fn devices_with_due_messages(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(HubName, DeviceId, String)>, StoreError> {
        let expired = "SELECT DISTINCT hub, device_id, generation_id FROM device_message \
                       WHERE expires_at <= ?1 AND locked_until IS NULL LIMIT ?2";
        let unlocked = "SELECT DISTINCT hub, device_id, generation_id FROM device_message \
                        WHERE locked_until IS NOT NULL AND locked_until <= ?1 LIMIT ?2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut due = self.query(expired, params![now.as_micros(), limit], place)?;
        due.extend(self.query(unlocked, params![now.as_micros(), limit], place)?);
        Ok(due)
    }
}

impl MessageQueues<'_> {
    /// The queue of a device of this generation, oldest first.
    pub fn entries(
        &self,
        hub: &HubName,
        device_id: &DeviceId,
        generation_id: &str,
    ) -> Result<Vec<QueueEntry>, StoreError> {
        let sql = format!(
            "SELECT {ENTRY} FROM device_message WHERE hub = ?1 AND device_id = ?2 AND generation_id = ?3 \
             ORDER BY number"
        );
        let params = params![hub.key(), device_id.as_str(), generation_id];
        self.engine.query(&sql, params, entry)
    }

    /// One message whole.
    pub fn message(
        &self,
        hub: &HubName,
        device_id: &DeviceId,
        number: i64,
    ) -> Result<Option<QueuedMessage>, StoreError> {
        let sql = format!(
            "SELECT {ENTRY}, enqueued_at, correlation_id, user_id, content_type, content_encoding, properties, \
             body FROM device_message WHERE hub = ?1 AND device_id = ?2 AND number = ?3"
        );
        let params = params![hub.key(), device_id.as_str(), number];
        Ok(self.engine.query(&sql, params, message)?.into_iter().next())
    }

    /// Keeps how a message waits now.
    pub fn put_delivery(
        &self,
        hub: &HubName,
        device_id: &DeviceId,
        number: i64,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE device_message SET delivery_count = ?4, lock_token = ?5, locked_until = ?6 \
                   WHERE hub = ?1 AND device_id = ?2 AND number = ?3";
        let (token, until) = delivery.lock().unzip();
        let params = params![
            hub.key(),
            device_id.as_str(),
            number,
            i64::from(delivery.count()),
            token.map(LockToken::as_str),
            until.map(Timestamp::as_micros),
        ];
        self.engine.execute(sql, params).map(|_| ())
    }

    /// Takes a message out of its queue.
    pub fn remove(&self, hub: &HubName, device_id: &DeviceId, number: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM device_message WHERE hub = ?1 AND device_id = ?2 AND number = ?3";
        let removed = self
            .engine
            .execute(sql, params![hub.key(), device_id.as_str(), number])?;
        let count = "UPDATE device SET message_count = message_count - ?3 WHERE hub = ?1 AND device_id = ?2";
        let removed = i64::try_from(removed).unwrap_or(0);
        self.engine
            .execute(count, params![hub.key(), device_id.as_str(), removed])
            .map(|_| ())
    }
}

/// The messages of a device that goes away go with it.
pub(crate) fn forget_device(tx: &WriteTx<'_>, hub: &HubName, device_id: &DeviceId) -> Result<(), StoreError> {
    let sql = "DELETE FROM device_message WHERE hub = ?1 AND device_id = ?2";
    tx.execute(sql, params![hub.key(), device_id.as_str()])
        .map(|_| ())
}

fn as_object(properties: &[(String, String)]) -> Map<String, Value> {
    let pair = |(name, value): &(String, String)| (name.clone(), Value::String(value.clone()));
    properties.iter().map(pair).collect()
}

fn place(row: &Row<'_>) -> Result<(HubName, DeviceId, String), StoreError> {
    let (hub, device_id) = (row.text(0)?, row.text(1)?);
    let place = Place {
        table: "device_message",
        key: &device_id,
    };
    Ok((
        place.id("hub", HubName::parse(&hub))?,
        place.id("device_id", DeviceId::parse(&device_id))?,
        row.text(2)?,
    ))
}

fn entry(row: &Row<'_>) -> Result<QueueEntry, StoreError> {
    let number = row.int(0)?;
    let key = number.to_string();
    let place = Place {
        table: "device_message",
        key: &key,
    };
    let lock = match (row.opt_text(5)?, row.opt_int(6)?) {
        (Some(token), Some(until)) => Some((LockToken::new(token), Timestamp::from_micros(until))),
        (None, None) => None,
        _ => return Err(place.inconsistent("locked_until")),
    };
    let count = u32::try_from(row.int(4)?).map_err(|_| place.inconsistent("delivery_count"))?;
    Ok(QueueEntry {
        sequence_number: number,
        message_id: row.text(1)?,
        ack: Ack::parse(&row.text(2)?).ok_or_else(|| place.inconsistent("ack"))?,
        delivery: Delivery::restored(Timestamp::from_micros(row.int(3)?), count, lock),
    })
}

fn message(row: &Row<'_>) -> Result<QueuedMessage, StoreError> {
    let entry = entry(row)?;
    let key = entry.sequence_number.to_string();
    let place = Place {
        table: "device_message",
        key: &key,
    };
    let mut properties = Vec::new();
    for (name, value) in place.object("properties", &row.text(12)?)? {
        match value {
            Value::String(value) => properties.push((name, value)),
            _ => return Err(place.inconsistent("properties")),
        }
    }
    Ok(QueuedMessage {
        sequence_number: entry.sequence_number,
        enqueued_at: Timestamp::from_micros(row.int(7)?),
        delivery: entry.delivery,
        message: CloudMessage {
            message_id: entry.message_id,
            correlation_id: row.opt_text(8)?,
            user_id: row.opt_text(9)?,
            content_type: row.opt_text(10)?,
            content_encoding: row.opt_text(11)?,
            ack: entry.ack,
            properties,
            body: row.blob(13)?,
        },
    })
}
