//! What became of messages, until their senders have read it.

use provost_model::{DeviceId, Feedback, HubName, LockToken, MessageOutcome, Timestamp};

use crate::convert::Place;
use crate::device_message::MessageQueues;
use crate::sql::{Row, params};
use crate::tx::take_number;
use crate::{AppendTx, ReadTx, StoreError};

impl MessageQueues<'_> {
    /// Adds feedback to its hub's; it goes by itself at `expires_at`.
    pub fn add_feedback(
        &self,
        hub: &HubName,
        feedback: &Feedback,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO message_feedback (hub, number, message_id, device_id, generation_id, at, outcome, \
                   expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let params = params![
            hub.key(),
            take_number(self.numbers),
            &feedback.message_id,
            feedback.device_id.as_str(),
            &feedback.generation_id,
            feedback.at.as_micros(),
            feedback.outcome.as_str(),
            expires_at.as_micros(),
        ];
        self.engine.execute(sql, params).map(|_| ())
    }
}

impl AppendTx<'_> {
    /// Takes the oldest feedback nobody else holds, under one lock.
    pub fn take_feedback(
        &self,
        hub: &HubName,
        now: Timestamp,
        lock: (&LockToken, Timestamp),
        limit: usize,
    ) -> Result<Vec<Feedback>, StoreError> {
        let sql = "SELECT number, message_id, device_id, generation_id, at, outcome FROM message_feedback \
                   WHERE hub = ?1 AND expires_at > ?2 AND (locked_until IS NULL OR locked_until <= ?2) \
                   ORDER BY number LIMIT ?3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self
            .read()
            .query(sql, params![hub.key(), now.as_micros(), limit], feedback)?;
        let take =
            "UPDATE message_feedback SET lock_token = ?3, locked_until = ?4 WHERE hub = ?1 AND number = ?2";
        let (token, until) = lock;
        for (number, _) in &found {
            self.execute(
                take,
                params![hub.key(), *number, token.as_str(), until.as_micros()],
            )?;
        }
        Ok(found.into_iter().map(|(_, feedback)| feedback).collect())
    }

    /// Removes what was taken under a lock; `false` when the lock no longer holds.
    pub fn complete_feedback(
        &self,
        hub: &HubName,
        token: &LockToken,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM message_feedback WHERE hub = ?1 AND lock_token = ?2 AND locked_until > ?3";
        let params = params![hub.key(), token.as_str(), now.as_micros()];
        Ok(self.execute(sql, params)? > 0)
    }

    /// Gives back what was taken under a lock; `false` when the lock no longer holds.
    pub fn abandon_feedback(
        &self,
        hub: &HubName,
        token: &LockToken,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE message_feedback SET lock_token = NULL, locked_until = NULL \
                   WHERE hub = ?1 AND lock_token = ?2 AND locked_until > ?3";
        let params = params![hub.key(), token.as_str(), now.as_micros()];
        Ok(self.execute(sql, params)? > 0)
    }

    /// Forgets feedback nobody read in time; returns how much.
    pub fn prune_feedback(&self, now: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM message_feedback WHERE expires_at <= ?1";
        self.execute(sql, params![now.as_micros()])
    }

    /// Forgets a hub's feedback up to the one numbered `last`; returns how much.
    pub fn cut_feedback(&self, hub: &HubName, last: i64) -> Result<u64, StoreError> {
        let sql = "DELETE FROM message_feedback WHERE hub = ?1 AND number <= ?2";
        self.execute(sql, params![hub.key(), last])
    }
}

impl ReadTx<'_> {
    /// Whether a hub has feedback that nobody holds.
    pub fn has_feedback(&self, hub: &HubName, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT number FROM message_feedback WHERE hub = ?1 AND expires_at > ?2 \
                   AND (locked_until IS NULL OR locked_until <= ?2) LIMIT 1";
        let found = self.find(sql, params![hub.key(), now.as_micros()], |row| row.int(0))?;
        Ok(found.is_some())
    }

    /// Whether any feedback was not read in time.
    pub fn has_old_feedback(&self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT number FROM message_feedback WHERE expires_at <= ?1 LIMIT 1";
        let found = self.find(sql, params![now.as_micros()], |row| row.int(0))?;
        Ok(found.is_some())
    }

    /// The newest of a hub's feedback that is more than `keep`.
    pub fn feedback_beyond(&self, hub: &HubName, keep: usize) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT number FROM message_feedback WHERE hub = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2";
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        self.find(sql, params![hub.key(), keep], |row| row.int(0))
    }
}

fn feedback(row: &Row<'_>) -> Result<(i64, Feedback), StoreError> {
    let number = row.int(0)?;
    let key = number.to_string();
    let place = Place {
        table: "message_feedback",
        key: &key,
    };
    let outcome = MessageOutcome::parse(&row.text(5)?).ok_or_else(|| place.inconsistent("outcome"))?;
    let feedback = Feedback {
        message_id: row.text(1)?,
        device_id: place.id("device_id", DeviceId::parse(&row.text(2)?))?,
        generation_id: row.text(3)?,
        at: Timestamp::from_micros(row.int(4)?),
        outcome,
    };
    Ok((number, feedback))
}
