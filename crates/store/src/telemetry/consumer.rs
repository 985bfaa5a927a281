//! Consumer groups and how far they came.

use provost_model::{Checkpoint, ConsumerGroup, ConsumerGroupName, HubName, Timestamp};

use super::partition_id;
use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

impl ReadTx<'_> {
    /// The groups that were made for a hub, by name.
    pub fn consumer_groups(&self, hub: &HubName) -> Result<Vec<ConsumerGroup>, StoreError> {
        let sql = "SELECT name, created_at FROM consumer_group WHERE hub = ?1 ORDER BY name_key";
        self.query(sql, params![hub.key()], group)
    }

    /// One of them.
    pub fn consumer_group(
        &self,
        hub: &HubName,
        name: &ConsumerGroupName,
    ) -> Result<Option<ConsumerGroup>, StoreError> {
        let sql = "SELECT name, created_at FROM consumer_group WHERE hub = ?1 AND name_key = ?2";
        self.find(sql, params![hub.key(), name.key()], group)
    }

    /// How far a group came, by partition.
    pub fn checkpoints(
        &self,
        hub: &HubName,
        name: &ConsumerGroupName,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        let sql = "SELECT partition_number, sequence_number, updated_at FROM consumer_checkpoint \
                   WHERE hub = ?1 AND group_key = ?2 ORDER BY partition_number";
        self.query(sql, params![hub.key(), name.key()], |row| {
            Ok(Checkpoint {
                partition: partition_id(hub, row.int(0)?)?,
                sequence_number: row.int(1)?,
                updated_at: Timestamp::from_micros(row.int(2)?),
            })
        })
    }
}

impl WriteTx<'_> {
    /// Stores a new group.
    pub fn insert_consumer_group(&self, hub: &HubName, name: &ConsumerGroupName) -> Result<(), StoreError> {
        let sql = "INSERT INTO consumer_group (hub, name_key, name, created_at) VALUES (?1, ?2, ?3, ?4)";
        let params = params![hub.key(), name.key(), name.as_str(), self.now().as_micros()];
        self.execute(sql, params).map(|_| ())
    }

    /// Removes a group and its checkpoints; `false` when there was none.
    pub fn delete_consumer_group(&self, hub: &HubName, name: &ConsumerGroupName) -> Result<bool, StoreError> {
        let params = params![hub.key(), name.key()];
        self.execute(
            "DELETE FROM consumer_checkpoint WHERE hub = ?1 AND group_key = ?2",
            params,
        )?;
        let removed = self.execute(
            "DELETE FROM consumer_group WHERE hub = ?1 AND name_key = ?2",
            params,
        )?;
        Ok(removed > 0)
    }
}

impl AppendTx<'_> {
    /// The group of this name, for a check before [`Self::put_checkpoint`].
    pub fn has_consumer_group(&self, hub: &HubName, name: &ConsumerGroupName) -> Result<bool, StoreError> {
        Ok(self.read().consumer_group(hub, name)?.is_some())
    }

    /// Stores how far a group came in a partition when it stood where the caller says it did;
    /// `false` and nothing stored when not.
    pub fn put_checkpoint(
        &self,
        hub: &HubName,
        name: &ConsumerGroupName,
        previous: Option<i64>,
        checkpoint: &Checkpoint,
    ) -> Result<bool, StoreError> {
        let stored = self.read().checkpoints(hub, name)?;
        let stored = stored
            .iter()
            .find(|stored| stored.partition == checkpoint.partition);
        if stored.map(|stored| stored.sequence_number) != previous {
            return Ok(false);
        }
        let sql = "INSERT INTO consumer_checkpoint (hub, group_key, partition_number, sequence_number, updated_at) \
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (hub, group_key, partition_number) DO UPDATE SET \
                   sequence_number = excluded.sequence_number, updated_at = excluded.updated_at";
        let params = params![
            hub.key(),
            name.key(),
            i64::from(checkpoint.partition.get()),
            checkpoint.sequence_number,
            checkpoint.updated_at.as_micros(),
        ];
        self.execute(sql, params)?;
        Ok(true)
    }
}

fn group(row: &Row<'_>) -> Result<ConsumerGroup, StoreError> {
    let name = row.text(0)?;
    let place = Place {
        table: "consumer_group",
        key: &name,
    };
    Ok(ConsumerGroup {
        name: place.id("name", ConsumerGroupName::parse(&name))?,
        created_at: Some(Timestamp::from_micros(row.int(1)?)),
    })
}
