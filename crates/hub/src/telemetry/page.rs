//! A page of a hub's buffer, read from one snapshot.

use provost_model::{
    DeviceId, HubName, PartitionId, SegmentError, StoredSegment, StoredTelemetry, TelemetryCursor,
    TelemetryPartition, Timestamp,
};
use provost_store::{ReadTx, StoreError};

use crate::HubError;

/// Bytes a page looks through, whatever was asked for.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A page of a hub's buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryPage {
    /// The messages; those of a partition are in its order.
    pub messages: Vec<StoredTelemetry>,
    /// Where to go on.
    pub next: TelemetryCursor,
    /// Messages retention removed before this reader came to them, by partition.
    pub lost: Vec<(PartitionId, i64)>,
}

/// What of the buffer a page is made of.
pub(super) struct PageRead<'a> {
    pub(super) hub: &'a HubName,
    pub(super) device_id: Option<&'a DeviceId>,
    pub(super) limit: usize,
}

impl PageRead<'_> {
    pub(super) fn read(&self, tx: &ReadTx<'_>, cursor: TelemetryCursor) -> Result<TelemetryPage, HubError> {
        let partitions = tx.telemetry_partitions(self.hub)?;
        let mut page = TelemetryPage {
            messages: Vec::new(),
            next: cursor,
            lost: Vec::new(),
        };
        let places = page.next.places().to_vec();
        for (id, next) in &places {
            let partition = partitions.iter().find(|known| known.id == *id);
            page.catch_up(partition.ok_or_else(|| no_partition(*id))?, *next)?;
        }
        // Each partition gets its share first, so that none is starved; then what is left.
        let mut bytes = PAGE_BYTES;
        for round in [places.len(), 1] {
            for (place, (id, _)) in places.iter().enumerate() {
                let shares = if round > 1 { places.len() - place } else { 1 };
                let count = (self.limit - page.messages.len()).div_ceil(shares);
                self.read_partition(tx, *id, count, bytes.div_ceil(shares), &mut bytes, &mut page)?;
            }
        }
        Ok(page)
    }

    fn read_partition(
        &self,
        tx: &ReadTx<'_>,
        partition: PartitionId,
        mut count: usize,
        share: usize,
        left: &mut usize,
        page: &mut TelemetryPage,
    ) -> Result<(), HubError> {
        let wanted = |device: &str| self.device_id.is_none_or(|wanted| wanted.as_str() == device);
        let mut share = share.min(*left);
        while count > 0 && share > 0 {
            let from = page.next.next_of(partition).unwrap_or(0);
            let step = share.min(provost_model::MAX_SEGMENT);
            let segments = tx.telemetry_segments(self.hub, partition, from, step)?;
            if segments.is_empty() {
                return Ok(());
            }
            for segment in segments {
                let from = page.next.next_of(partition).unwrap_or(0);
                let (messages, next) = segment
                    .messages(from, count, wanted)
                    .map_err(|error| unreadable(self.hub, error))?;
                count -= messages.len();
                page.messages.extend(messages);
                page.next.set(partition, next);
                share = share.saturating_sub(segment.bytes.len());
                *left = left.saturating_sub(segment.bytes.len());
                if count == 0 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl TelemetryPage {
    /// Moves a reader over what retention removed.
    fn catch_up(&mut self, partition: &TelemetryPartition, next: i64) -> Result<(), HubError> {
        if next > partition.next || next < 0 {
            let text = format!("partition {} has no message {next} yet", partition.id);
            return Err(HubError::ArgumentInvalid(text));
        }
        if next < partition.begin {
            self.lost.push((partition.id, partition.begin - next));
            self.next.set(partition.id, partition.begin);
        }
        Ok(())
    }
}

pub(super) fn no_partition(id: PartitionId) -> HubError {
    HubError::ArgumentInvalid(format!("the hub has no partition {id}"))
}

fn unreadable(hub: &HubName, error: SegmentError) -> HubError {
    HubError::Store(StoreError::Inconsistent {
        table: "telemetry_segment",
        column: "messages",
        key: format!("{hub}: {error}"),
    })
}

/// The number of a segment's first message of this instant or later.
pub(super) fn first_since(
    hub: &HubName,
    segment: &StoredSegment,
    since: Timestamp,
) -> Result<Option<i64>, HubError> {
    let read = segment.messages(segment.first_sequence, usize::MAX, |_| true);
    let (messages, _) = read.map_err(|error| unreadable(hub, error))?;
    let first = messages.iter().find(|stored| stored.message.enqueued_at >= since);
    Ok(first.map(|stored| stored.sequence_number))
}
