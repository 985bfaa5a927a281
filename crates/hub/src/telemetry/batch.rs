use provost_model::{AcceptedTelemetry, PartitionId, SegmentBuilder, TelemetrySegment};
use provost_store::StoreError;
use tokio::sync::watch;

use crate::HubError;

/// Bytes and messages one commit stores; whoever sends more waits for the next one.
const MAX_BYTES: usize = 4 * 1024 * 1024;
const MAX_MESSAGES: usize = 16_384;
/// A commit of so many messages shows that there is load.
const LOAD: i64 = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Waiting,
    Stored,
    Failed,
}

/// Stands for the messages of a session that are stored by the same commit.
#[derive(Debug, Clone)]
pub struct TelemetryTicket(watch::Receiver<Outcome>);

impl TelemetryTicket {
    /// Waits until the messages are on disk. May be dropped and called again.
    ///
    /// # Errors
    /// [`HubError::Store`] when they were not stored: they must not be acknowledged.
    pub async fn stored(&mut self) -> Result<(), HubError> {
        let outcome = self.0.wait_for(|outcome| *outcome != Outcome::Waiting).await;
        match outcome.as_deref() {
            Ok(Outcome::Stored) => Ok(()),
            // A sender that is gone took its batch with it.
            Ok(Outcome::Failed | Outcome::Waiting) | Err(_) => {
                let reason = "telemetry was not stored".to_owned();
                Err(HubError::Store(StoreError::NotCommitted(reason)))
            }
        }
    }

    /// Whether the messages of both are stored by the same commit.
    pub fn is_of_same_commit(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

/// Messages waiting for the next commit, by partition.
#[derive(Debug)]
pub(super) struct Batch {
    partitions: Vec<SegmentBuilder>,
    bytes: usize,
    messages: usize,
    outcome: watch::Sender<Outcome>,
}

impl Batch {
    /// An empty one that fills the memory of one before.
    pub(super) fn new(partitions: u16, spare: &mut Spare) -> Self {
        let builder = |_| SegmentBuilder::reusing(spare.0.pop().unwrap_or_default());
        Self {
            partitions: (0..partitions).map(builder).collect(),
            bytes: 0,
            messages: 0,
            outcome: watch::Sender::new(Outcome::Waiting),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MAX_BYTES || self.messages >= MAX_MESSAGES
    }

    pub(super) fn push(
        &mut self,
        partition: PartitionId,
        message: &AcceptedTelemetry<'_>,
    ) -> TelemetryTicket {
        if let Some(builder) = self.partitions.get_mut(usize::from(partition.get())) {
            self.bytes += builder.push(message);
            self.messages += 1;
        }
        TelemetryTicket(self.outcome.subscribe())
    }

    /// What is to be stored, and who hears of it.
    pub(super) fn close(self) -> (Vec<(PartitionId, TelemetrySegment)>, BatchOutcome) {
        let partitions = (0..).map_while(PartitionId::new).zip(self.partitions);
        let segments = partitions.flat_map(|(id, builder)| {
            let segments = builder.into_segments().into_iter();
            segments.map(move |segment| (id, segment))
        });
        (segments.collect(), BatchOutcome(self.outcome))
    }
}

/// Memory of batches that were stored: under load each batch is as large as the one before.
#[derive(Debug, Default)]
pub(super) struct Spare(Vec<Vec<u8>>);

impl Spare {
    /// Keeps the memory of a large batch for the next one, of a small one nothing.
    pub(super) fn keep(&mut self, segments: Vec<(PartitionId, TelemetrySegment)>, partitions: u16) {
        let messages: i64 = segments.iter().map(|(_, segment)| segment.count).sum();
        self.0.clear();
        if messages >= LOAD {
            let used = segments.into_iter().map(|(_, segment)| segment.bytes);
            self.0.extend(used.take(usize::from(partitions)));
        }
    }
}

/// Tells the holders of a batch's tickets.
#[derive(Debug)]
pub(super) struct BatchOutcome(watch::Sender<Outcome>);

impl BatchOutcome {
    pub(super) fn tell(self, is_stored: bool) {
        let outcome = if is_stored {
            Outcome::Stored
        } else {
            Outcome::Failed
        };
        self.0.send_replace(outcome);
    }
}
