use std::time::Duration;

use provost_model::{
    AccessRight, DeviceId, HubName, PageSize, PartitionId, TelemetryCursor, TelemetryPartition,
    TelemetryStart, Timestamp,
};
use provost_store::ReadTx;
use tokio::time::{Instant, timeout_at};

use super::MAX_WAIT;
use super::consumer::find_group;
use super::page::{PageRead, TelemetryPage, no_partition};
use crate::service::HubService;
use crate::{HubError, ServiceCaller};

/// How long a message taken in by another node may go unseen.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What a reader wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryRead {
    /// One partition only.
    pub partition: Option<PartitionId>,
    /// One device only, with its modules.
    pub device_id: Option<DeviceId>,
    /// The most messages of a page.
    pub limit: PageSize,
    /// How long to wait when there is none, at most [`MAX_WAIT`].
    pub wait: Duration,
}

impl HubService {
    /// A hub's partitions. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::Store`].
    pub async fn telemetry_partitions_of(
        &self,
        caller: &ServiceCaller,
    ) -> Result<Vec<TelemetryPartition>, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        self.telemetry().of(self, caller.hub()).await?;
        let hub = caller.hub().clone();
        Ok(self
            .store()
            .read(move |tx: &ReadTx<'_>| tx.telemetry_partitions(&hub))
            .await?)
    }

    /// Where a reader begins: a place in each partition it reads. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`] for a partition the hub has not,
    /// [`HubError::ConsumerGroupNotFound`], [`HubError::Store`].
    pub async fn telemetry_cursor(
        &self,
        caller: &ServiceCaller,
        read: &TelemetryRead,
        start: TelemetryStart,
    ) -> Result<TelemetryCursor, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let intake = self.telemetry().of(self, caller.hub()).await?;
        let of_device = read.device_id.as_ref().map(|id| intake.partition_of(id));
        let only = match (read.partition, of_device) {
            (Some(partition), Some(of_device)) if partition != of_device => {
                let text = format!("the device's messages are in partition {of_device}");
                return Err(HubError::ArgumentInvalid(text));
            }
            (partition, of_device) => partition.or(of_device),
        };
        if let Some(partition) = only
            && partition.get() >= intake.partitions()
        {
            return Err(no_partition(partition));
        }
        let hub = caller.hub().clone();
        self.store().scan(move |tx| begin(tx, &hub, only, start)).await
    }

    /// A page from a place on. When there is nothing, waits and may then come back empty; a page that
    /// looked through much and found nothing for its device comes back at once, with the place to go
    /// on. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`] for a place that cannot be,
    /// [`HubError::Store`].
    pub async fn read_telemetry(
        &self,
        caller: &ServiceCaller,
        read: &TelemetryRead,
        mut cursor: TelemetryCursor,
    ) -> Result<TelemetryPage, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let until = Instant::now() + read.wait.min(MAX_WAIT);
        let intake = self.telemetry().of(self, caller.hub()).await?;
        let mut commits = intake.commits();
        loop {
            commits.mark_unchanged();
            let (hub, device_id, limit) = (caller.hub().clone(), read.device_id.clone(), read.limit);
            let before = cursor.clone();
            let page: TelemetryPage = self
                .store()
                .scan(move |tx| {
                    let read = PageRead {
                        hub: &hub,
                        device_id: device_id.as_ref(),
                        limit: limit.get(),
                    };
                    read.read(tx, cursor)
                })
                .await?;
            if page.next != before || !page.lost.is_empty() || Instant::now() >= until {
                return Ok(page);
            }
            cursor = page.next;
            let look_again = until.min(Instant::now() + LOOK_EVERY);
            // Woken, or time to look: both go on with a look.
            let _ = timeout_at(look_again, commits.changed()).await;
        }
    }
}

fn begin(
    tx: &ReadTx<'_>,
    hub: &HubName,
    only: Option<PartitionId>,
    start: TelemetryStart,
) -> Result<TelemetryCursor, HubError> {
    let mut partitions = tx.telemetry_partitions(hub)?;
    partitions.retain(|partition| only.is_none_or(|only| only == partition.id));
    let of = |place: fn(&TelemetryPartition) -> i64| {
        TelemetryCursor::new(
            partitions
                .iter()
                .map(|partition| (partition.id, place(partition))),
        )
    };
    match start {
        TelemetryStart::Earliest => Ok(of(|partition| partition.begin)),
        TelemetryStart::Latest => Ok(of(|partition| partition.next)),
        TelemetryStart::Cursor(mut cursor) => {
            if let Some(only) = only {
                let next = cursor.next_of(only).ok_or_else(|| no_partition(only))?;
                cursor = TelemetryCursor::new([(only, next)]);
            }
            Ok(cursor)
        }
        TelemetryStart::Sequence(number) => match only {
            Some(only) => Ok(TelemetryCursor::new([(only, number)])),
            None => Err(HubError::ArgumentInvalid(
                "a sequence number needs the partition it belongs to".to_owned(),
            )),
        },
        TelemetryStart::Since(since) => since_instant(tx, hub, &partitions, since),
        TelemetryStart::Checkpoint(group) => {
            find_group(tx, hub, &group)?;
            let mut cursor = of(|partition| partition.next);
            for checkpoint in tx.checkpoints(hub, &group)? {
                if cursor.next_of(checkpoint.partition).is_some() {
                    cursor.set(checkpoint.partition, checkpoint.sequence_number);
                }
            }
            Ok(cursor)
        }
    }
}

fn since_instant(
    tx: &ReadTx<'_>,
    hub: &HubName,
    partitions: &[TelemetryPartition],
    since: Timestamp,
) -> Result<TelemetryCursor, HubError> {
    let mut cursor = TelemetryCursor::default();
    for partition in partitions {
        let range = (partition.begin, partition.next);
        let mut next = tx.telemetry_since(hub, partition.id, range, since)?;
        for segment in tx.telemetry_segments(hub, partition.id, next, 0)? {
            next = super::page::first_since(hub, &segment, since)?.unwrap_or(next);
        }
        cursor.set(partition.id, next);
    }
    Ok(cursor)
}
