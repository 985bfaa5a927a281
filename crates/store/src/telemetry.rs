//! A hub's buffer of device-to-cloud messages: partitions, each a row of segments, appended at one
//! end and cut at the other.

mod consumer;
mod cut;
mod segments;

use provost_model::{Hub, HubName, PartitionId, TelemetryPartition, TelemetrySegment, Timestamp};

pub use self::cut::TelemetryCut;
use crate::convert::Place;
use crate::sql::params;
use crate::{AppendTx, ReadTx, StoreError};

/// What an append left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TelemetryAppended {
    /// Messages appended.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes the hub keeps now.
    pub kept: u64,
}

impl AppendTx<'_> {
    /// A hub with its partitions, made now when it has none: `wanted` of them. How many a hub has never
    /// changes afterwards: a device stays in its partition. `None` when there is no such hub: nothing
    /// is left behind for one that is made under its name.
    pub fn open_partitions(
        &self,
        hub: &HubName,
        wanted: u16,
    ) -> Result<Option<(Hub, Vec<TelemetryPartition>)>, StoreError> {
        let Some(found) = self.read().hub(hub)? else {
            return Ok(None);
        };
        let there = self.read().telemetry_partitions(hub)?;
        if !there.is_empty() {
            return Ok(Some((found, there)));
        }
        let sql = "INSERT INTO telemetry_partition (hub, number, begin_sequence, next_sequence, next_offset, \
                   bytes, last_enqueued_at) VALUES (?1, ?2, 0, 0, 0, 0, NULL)";
        for number in 0..i64::from(wanted) {
            self.execute(sql, params![hub.key(), number])?;
        }
        let made = self.read().telemetry_partitions(hub)?;
        Ok(Some((found, made)))
    }

    /// Appends segments, in order, each to its partition. The writers of all nodes stand in a line
    /// (the row of numbers is locked), so the numbers of a partition have no gap.
    pub fn append_telemetry(
        &self,
        hub: &HubName,
        segments: &[(PartitionId, TelemetrySegment)],
    ) -> Result<TelemetryAppended, StoreError> {
        let mut partitions = self.read().telemetry_partitions(hub)?;
        let mut appended = TelemetryAppended::default();
        for (id, segment) in segments {
            let partition = partitions
                .iter_mut()
                .find(|partition| partition.id == *id)
                .ok_or_else(|| missing(hub))?;
            self.insert_segment(hub, partition, segment)?;
            let size = bytes_of(segment);
            partition.next += segment.count;
            partition.next_offset += size;
            partition.bytes += size;
            partition.last_enqueued_at = partition.last_enqueued_at.max(Some(segment.enqueued_at.1));
            appended.messages += positive(segment.count);
            appended.bytes += positive(size);
        }
        for partition in &partitions {
            if segments.iter().any(|(id, _)| *id == partition.id) {
                self.save_partition(hub, partition)?;
            }
            appended.kept += positive(partition.bytes);
        }
        Ok(appended)
    }

    fn insert_segment(
        &self,
        hub: &HubName,
        partition: &TelemetryPartition,
        segment: &TelemetrySegment,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO telemetry_segment (hub, partition_number, first_sequence, count, first_offset, \
                   first_enqueued_at, last_enqueued_at, size, messages) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let params = params![
            hub.key(),
            i64::from(partition.id.get()),
            partition.next,
            segment.count,
            partition.next_offset,
            segment.enqueued_at.0.as_micros(),
            segment.enqueued_at.1.as_micros(),
            bytes_of(segment),
            segment.bytes.as_slice(),
        ];
        self.execute(sql, params).map(|_| ())
    }

    fn save_partition(&self, hub: &HubName, partition: &TelemetryPartition) -> Result<(), StoreError> {
        let sql = "UPDATE telemetry_partition SET begin_sequence = ?3, next_sequence = ?4, next_offset = ?5, \
                   bytes = ?6, last_enqueued_at = ?7 WHERE hub = ?1 AND number = ?2";
        let params = params![
            hub.key(),
            i64::from(partition.id.get()),
            partition.begin,
            partition.next,
            partition.next_offset,
            partition.bytes,
            partition.last_enqueued_at.map(Timestamp::as_micros),
        ];
        self.execute(sql, params).map(|_| ())
    }
}

impl ReadTx<'_> {
    /// The partitions of a hub in their order; none before the first use.
    pub fn telemetry_partitions(&self, hub: &HubName) -> Result<Vec<TelemetryPartition>, StoreError> {
        let sql = "SELECT number, begin_sequence, next_sequence, next_offset, bytes, last_enqueued_at \
                   FROM telemetry_partition WHERE hub = ?1 ORDER BY number";
        self.query(sql, params![hub.key()], |row| {
            Ok(TelemetryPartition {
                id: partition_id(hub, row.int(0)?)?,
                begin: row.int(1)?,
                next: row.int(2)?,
                next_offset: row.int(3)?,
                bytes: row.int(4)?,
                last_enqueued_at: row.opt_int(5)?.map(Timestamp::from_micros),
            })
        })
    }
}

fn partition_id(hub: &HubName, number: i64) -> Result<PartitionId, StoreError> {
    let id = u16::try_from(number).ok().and_then(PartitionId::new);
    id.ok_or_else(|| missing(hub))
}

fn missing(hub: &HubName) -> StoreError {
    Place {
        table: "telemetry_partition",
        key: hub.key(),
    }
    .inconsistent("number")
}

fn bytes_of(segment: &TelemetrySegment) -> i64 {
    i64::try_from(segment.bytes.len()).unwrap_or(i64::MAX)
}

fn positive(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
