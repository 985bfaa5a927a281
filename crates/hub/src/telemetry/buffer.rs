use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use provost_model::HubName;
use provost_store::{Store, StoreError};
use tokio::sync::{Notify, OnceCell, watch};

/// What is known in memory of the hubs' buffers.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    by_hub: Mutex<ByHub>,
    trim_wanted: Notify,
}

/// By the hub's key; filled once its size is known.
type ByHub = HashMap<Box<str>, Arc<OnceCell<Arc<Buffer>>>>;

/// What is known of one hub's buffer.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: AtomicU64,
    newest: watch::Sender<i64>,
}

impl Buffers {
    /// A hub's buffer. The first time its size is asked of the store, before this node adds to it.
    pub(crate) async fn of(&self, store: &Store, hub: &HubName) -> Result<Arc<Buffer>, StoreError> {
        let cell = {
            let mut by_hub = self.lock();
            match by_hub.get(hub.key()) {
                Some(cell) => Arc::clone(cell),
                None => Arc::clone(by_hub.entry(hub.key().into()).or_default()),
            }
        };
        let buffer = cell
            .get_or_try_init(|| async {
                let hub = hub.clone();
                let bytes = store.scan(move |tx| tx.telemetry_bytes(&hub)).await?;
                Ok::<_, StoreError>(Arc::new(Buffer {
                    bytes: AtomicU64::new(bytes),
                    newest: watch::Sender::new(0),
                }))
            })
            .await?;
        Ok(Arc::clone(buffer))
    }

    pub(crate) fn ask_for_trim(&self) {
        self.trim_wanted.notify_one();
    }

    pub(crate) async fn trim_asked_for(&self) {
        self.trim_wanted.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, ByHub> {
        self.by_hub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    /// Counts a stored message and wakes readers; returns the bytes held now.
    pub(crate) fn added(&self, number: i64, size: u64) -> u64 {
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        self.newest.send_modify(|newest| *newest = number.max(*newest));
        before.saturating_add(size)
    }

    /// Counts what was cut.
    pub(crate) fn removed(&self, size: u64) {
        let less = |bytes: u64| Some(bytes.saturating_sub(size));
        // The closure always gives a value.
        let _ = self
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Wakes when messages come in.
    pub(crate) fn newest(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }
}
