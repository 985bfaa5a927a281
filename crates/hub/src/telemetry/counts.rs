use std::sync::atomic::{AtomicU64, Ordering};

use provost_model::HubName;
use provost_store::{TelemetryAppended, TelemetryCut};

use crate::service::HubService;

/// What this node did with a hub's messages since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TelemetryCounts {
    /// Messages stored.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages removed by retention.
    pub removed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    messages: AtomicU64,
    bytes: AtomicU64,
    removed: AtomicU64,
}

impl Counters {
    pub(super) fn stored(&self, appended: TelemetryAppended) {
        self.messages.fetch_add(appended.messages, Ordering::Relaxed);
        self.bytes.fetch_add(appended.bytes, Ordering::Relaxed);
    }

    pub(super) fn cut(&self, cut: TelemetryCut) {
        self.removed.fetch_add(cut.messages, Ordering::Relaxed);
    }

    fn get(&self) -> TelemetryCounts {
        TelemetryCounts {
            messages: self.messages.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            removed: self.removed.load(Ordering::Relaxed),
        }
    }
}

impl HubService {
    /// What this node did with a hub's messages since it started.
    pub fn telemetry_counts(&self, hub: &HubName) -> TelemetryCounts {
        self.telemetry()
            .known(hub)
            .map_or_else(TelemetryCounts::default, |intake| intake.counters.get())
    }
}
