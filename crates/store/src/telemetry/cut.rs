use provost_model::{HubName, PartitionId, TelemetryPartition, Timestamp};

use super::{partition_id, positive};
use crate::sql::params;
use crate::{AppendTx, StoreError};

/// What a cut of the buffer removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TelemetryCut {
    /// Segments removed.
    pub segments: usize,
    /// Messages removed.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

struct Oldest {
    partition: PartitionId,
    first_sequence: i64,
    count: i64,
    last_enqueued_at: i64,
    size: i64,
}

impl AppendTx<'_> {
    /// Removes the oldest segments of a hub: those with nothing enqueued at `before` or later, and as
    /// many more as it takes to keep no more than `bytes`, at most `limit` of them in one call.
    pub fn cut_telemetry(
        &self,
        hub: &HubName,
        before: Timestamp,
        bytes: u64,
        limit: usize,
    ) -> Result<TelemetryCut, StoreError> {
        let mut partitions = self.read().telemetry_partitions(hub)?;
        let mut kept: u64 = partitions.iter().map(|partition| positive(partition.bytes)).sum();
        let mut cut = TelemetryCut::default();
        for oldest in self.oldest_segments(hub, &partitions, limit)? {
            if oldest.last_enqueued_at >= before.as_micros() && kept <= bytes {
                break;
            }
            let Some(partition) = partitions.iter_mut().find(|known| known.id == oldest.partition) else {
                break;
            };
            self.remove_segment(hub, &oldest)?;
            partition.begin = oldest.first_sequence + oldest.count;
            partition.bytes -= oldest.size;
            kept = kept.saturating_sub(positive(oldest.size));
            cut.segments += 1;
            cut.messages += positive(oldest.count);
            cut.bytes += positive(oldest.size);
        }
        if cut.segments > 0 {
            for partition in &partitions {
                self.save_partition(hub, partition)?;
            }
        }
        Ok(cut)
    }

    /// The oldest segments of all partitions, by age; within a partition in its order.
    fn oldest_segments(
        &self,
        hub: &HubName,
        partitions: &[TelemetryPartition],
        limit: usize,
    ) -> Result<Vec<Oldest>, StoreError> {
        let sql = "SELECT partition_number, first_sequence, count, last_enqueued_at, size FROM telemetry_segment \
                   WHERE hub = ?1 AND partition_number = ?2 ORDER BY first_sequence LIMIT ?3";
        let limit_each = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut oldest = Vec::new();
        for partition in partitions {
            let params = params![hub.key(), i64::from(partition.id.get()), limit_each];
            let mut latest = i64::MIN;
            oldest.extend(self.read().query(sql, params, |row| {
                // A clock that went back does not put a segment before the one it follows.
                latest = latest.max(row.int(3)?);
                Ok(Oldest {
                    partition: partition_id(hub, row.int(0)?)?,
                    first_sequence: row.int(1)?,
                    count: row.int(2)?,
                    last_enqueued_at: latest,
                    size: row.int(4)?,
                })
            })?);
        }
        oldest.sort_by_key(|segment| segment.last_enqueued_at);
        oldest.truncate(limit);
        Ok(oldest)
    }

    fn remove_segment(&self, hub: &HubName, segment: &Oldest) -> Result<(), StoreError> {
        let sql =
            "DELETE FROM telemetry_segment WHERE hub = ?1 AND partition_number = ?2 AND first_sequence = ?3";
        let number = i64::from(segment.partition.get());
        self.execute(sql, params![hub.key(), number, segment.first_sequence])
            .map(|_| ())
    }
}
