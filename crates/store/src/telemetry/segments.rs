use provost_model::{HubName, PartitionId, StoredSegment, Timestamp};

use crate::sql::{Row, params};
use crate::{ReadTx, StoreError};

/// Segments one read looks at; most hold one message when a hub has little to do.
const MAX_SEGMENTS: i64 = 512;

/// A segment without its messages.
struct Outline {
    first_sequence: i64,
    count: i64,
    last_enqueued_at: i64,
    size: i64,
}

impl Outline {
    /// The number after its last message.
    fn end(&self) -> i64 {
        self.first_sequence.saturating_add(self.count)
    }
}

impl ReadTx<'_> {
    /// Segments of a partition in order: the one that holds the message of this number, or what is
    /// left after it, and so many more as hold about `bytes`; one at least, when there is one.
    pub fn telemetry_segments(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence: i64,
        bytes: usize,
    ) -> Result<Vec<StoredSegment>, StoreError> {
        let Some(first) = self.outline_at(hub, partition, sequence)? else {
            return Ok(Vec::new());
        };
        let outlines = self.outlines(hub, partition, first.first_sequence, MAX_SEGMENTS)?;
        let limit = i64::try_from(bytes).unwrap_or(i64::MAX);
        let mut last = first.first_sequence;
        let mut size = 0_i64;
        for outline in outlines {
            size = size.saturating_add(outline.size);
            if size > limit && outline.first_sequence > first.first_sequence {
                break;
            }
            last = outline.first_sequence;
        }
        let sql = "SELECT first_sequence, first_offset, messages FROM telemetry_segment \
                   WHERE hub = ?1 AND partition_number = ?2 AND first_sequence >= ?3 AND first_sequence <= ?4 \
                   ORDER BY first_sequence";
        let number = i64::from(partition.get());
        self.query(
            sql,
            params![hub.key(), number, first.first_sequence, last],
            |row| {
                Ok(StoredSegment {
                    partition,
                    first_sequence: row.int(0)?,
                    first_offset: row.int(1)?,
                    bytes: row.blob(2)?,
                })
            },
        )
    }

    /// The number with which the first segment begins that has a message of this instant or a later
    /// one; the partition's next number when none has. `range` is what the partition holds.
    pub fn telemetry_since(
        &self,
        hub: &HubName,
        partition: PartitionId,
        range: (i64, i64),
        since: Timestamp,
    ) -> Result<i64, StoreError> {
        // Instants grow with the numbers: halving finds the place without an index of instants.
        let (mut low, mut high) = range;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.outline_at(hub, partition, middle)? {
                Some(found) if found.last_enqueued_at < since.as_micros() => {
                    low = found.end().max(middle + 1);
                }
                Some(found) => high = found.first_sequence.clamp(low, middle),
                None => high = middle,
            }
        }
        Ok(low)
    }

    /// The segment that holds the message of this number, or the next one.
    fn outline_at(
        &self,
        hub: &HubName,
        partition: PartitionId,
        sequence: i64,
    ) -> Result<Option<Outline>, StoreError> {
        let sql = "SELECT first_sequence, count, last_enqueued_at, size FROM telemetry_segment \
                   WHERE hub = ?1 AND partition_number = ?2 AND first_sequence <= ?3 \
                   ORDER BY first_sequence DESC LIMIT 1";
        let params = params![hub.key(), i64::from(partition.get()), sequence];
        let before = self.find(sql, params, outline)?;
        match before {
            Some(before) if before.end() > sequence => Ok(Some(before)),
            _ => Ok(self.outlines(hub, partition, sequence, 1)?.into_iter().next()),
        }
    }

    fn outlines(
        &self,
        hub: &HubName,
        partition: PartitionId,
        from: i64,
        limit: i64,
    ) -> Result<Vec<Outline>, StoreError> {
        let sql = "SELECT first_sequence, count, last_enqueued_at, size FROM telemetry_segment \
                   WHERE hub = ?1 AND partition_number = ?2 AND first_sequence >= ?3 \
                   ORDER BY first_sequence LIMIT ?4";
        let params = params![hub.key(), i64::from(partition.get()), from, limit];
        self.query(sql, params, outline)
    }
}

fn outline(row: &Row<'_>) -> Result<Outline, StoreError> {
    Ok(Outline {
        first_sequence: row.int(0)?,
        count: row.int(1)?,
        last_enqueued_at: row.int(2)?,
        size: row.int(3)?,
    })
}
