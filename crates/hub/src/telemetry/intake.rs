use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use provost_model::{AcceptedTelemetry, Hub, PartitionId, TelemetrySegment};
use provost_store::{StoreError, TelemetryAppended};
use tokio::sync::{Notify, watch};
use tracing::error;

use super::batch::{Batch, Spare, TelemetryTicket};
use super::counts::Counters;
use crate::service::HubService;

/// How long the store may refuse a batch for the writes that wait, and the pause between two tries.
const BUSY_LIMIT: u32 = 1_000;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Where all sessions of a hub leave their messages. One batch is being stored, the next one
/// collects: the more there is to do, the more messages share a commit.
#[derive(Debug)]
pub(crate) struct Intake {
    hub: Hub,
    partitions: u16,
    state: Mutex<State>,
    /// A batch was taken to be stored: there is room again.
    room: Notify,
    /// Nothing is left to be stored.
    at_rest: Notify,
    /// Counts commits, to wake readers.
    commits: watch::Sender<u64>,
    pub(super) counters: Counters,
}

#[derive(Debug, Default)]
struct State {
    batch: Option<Batch>,
    is_storing: bool,
    spare: Spare,
}

impl Intake {
    pub(super) fn new(hub: Hub, partitions: u16) -> Self {
        Self {
            hub,
            partitions,
            state: Mutex::default(),
            room: Notify::new(),
            at_rest: Notify::new(),
            commits: watch::Sender::new(0),
            counters: Counters::default(),
        }
    }

    /// Whether it belongs to this very hub, and not to one before it of the same name.
    pub(super) fn is_of(&self, hub: &Hub) -> bool {
        self.hub.name == hub.name && self.hub.created_at == hub.created_at
    }

    pub(crate) fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The partition of a device.
    pub(crate) fn partition_of(&self, device_id: &provost_model::DeviceId) -> PartitionId {
        PartitionId::of(device_id, self.partitions)
    }

    /// Wakes when messages were stored.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Gives a message its place in the next commit; waits while that one is full.
    pub(crate) async fn accept(
        self: Arc<Self>,
        service: &HubService,
        mut message: AcceptedTelemetry<'_>,
    ) -> TelemetryTicket {
        loop {
            if let Some(ticket) = self.try_accept(service, &mut message) {
                return ticket;
            }
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable();
            // It may have become free before we were heard.
            if let Some(ticket) = self.try_accept(service, &mut message) {
                return ticket;
            }
            room.await;
        }
    }

    fn try_accept(
        self: &Arc<Self>,
        service: &HubService,
        message: &mut AcceptedTelemetry<'_>,
    ) -> Option<TelemetryTicket> {
        let partition = self.partition_of(message.device_id);
        let mut guard = self.lock();
        let state = &mut *guard;
        let batch = state
            .batch
            .get_or_insert_with(|| Batch::new(self.partitions, &mut state.spare));
        if batch.is_full() {
            return None;
        }
        // Under the lock: instants grow with the numbers.
        message.enqueued_at = service.now();
        let ticket = batch.push(partition, message);
        if !state.is_storing {
            state.is_storing = true;
            drop(guard);
            tokio::spawn(Arc::clone(self).store_all(service.clone()));
        }
        Some(ticket)
    }

    /// Waits until everything taken in so far is stored or given up.
    pub(crate) async fn rested(&self) {
        loop {
            let mut at_rest = std::pin::pin!(self.at_rest.notified());
            at_rest.as_mut().enable();
            if !self.lock().is_storing {
                return;
            }
            at_rest.await;
        }
    }

    async fn store_all(self: Arc<Self>, service: HubService) {
        while let Some(batch) = self.take() {
            let (segments, outcome) = batch.close();
            let segments = Arc::new(segments);
            let stored = self.store(&service, &segments).await;
            match &stored {
                Ok(appended) => {
                    self.counters.stored(*appended);
                    self.commits.send_modify(|count| *count = count.wrapping_add(1));
                    if appended.kept > service.retention().bytes {
                        service.telemetry().ask_for_trim();
                    }
                }
                Err(error) => {
                    error!(
                        hub = %self.hub.name,
                        error = error as &dyn std::error::Error,
                        "telemetry was not stored; the devices send it again"
                    );
                    service.telemetry().forget(&self);
                }
            }
            outcome.tell(stored.is_ok());
            if let Some(segments) = Arc::into_inner(segments) {
                self.lock().spare.keep(segments, self.partitions);
            }
        }
    }

    async fn store(
        &self,
        service: &HubService,
        segments: &Arc<Vec<(PartitionId, TelemetrySegment)>>,
    ) -> Result<TelemetryAppended, StoreError> {
        let mut tries = 0;
        loop {
            let (hub, segments) = (self.hub.name.clone(), Arc::clone(segments));
            let appended = service
                .store()
                .append(move |tx| tx.append_telemetry(&hub, &segments))
                .await;
            match appended {
                Err(StoreError::Busy) if tries < BUSY_LIMIT => {
                    tries += 1;
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                other => return other,
            }
        }
    }

    /// The next batch to be stored; without one, storing ends.
    fn take(&self) -> Option<Batch> {
        let mut state = self.lock();
        let batch = state.batch.take();
        state.is_storing = batch.is_some();
        drop(state);
        if batch.is_some() {
            self.room.notify_waiters();
        } else {
            self.at_rest.notify_waiters();
        }
        batch
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
