use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use provost_model::{Hub, HubName};
use tokio::sync::{Notify, OnceCell};

use super::intake::Intake;
use crate::HubError;
use crate::service::HubService;

/// The intake of each hub that was used.
#[derive(Debug, Default)]
pub(crate) struct Intakes {
    by_hub: Mutex<ByHub>,
    trim_wanted: Notify,
}

/// By the hub's key; filled once its partitions are known.
type ByHub = HashMap<Box<str>, Arc<OnceCell<Arc<Intake>>>>;

impl Intakes {
    /// A hub's intake. The hub gets its partitions now when it has none.
    ///
    /// # Errors
    /// [`HubError::HubNotFound`] for one that is gone, [`HubError::Store`].
    pub(crate) async fn of(&self, service: &HubService, hub: &HubName) -> Result<Arc<Intake>, HubError> {
        let cell = {
            let mut by_hub = self.lock();
            match by_hub.get(hub.key()) {
                Some(cell) => Arc::clone(cell),
                None => Arc::clone(by_hub.entry(hub.key().into()).or_default()),
            }
        };
        let intake = cell
            .get_or_try_init(|| async {
                let (wanted, name) = (service.telemetry_partitions(), hub.clone());
                let opened = service
                    .store()
                    .append(move |tx| tx.open_partitions(&name, wanted));
                let (hub, partitions) = opened.await?.ok_or(HubError::HubNotFound)?;
                let count = u16::try_from(partitions.len()).unwrap_or(u16::MAX);
                Ok::<_, HubError>(Arc::new(Intake::new(hub, count)))
            })
            .await?;
        Ok(Arc::clone(intake))
    }

    /// A hub's intake when it was used.
    pub(super) fn known(&self, hub: &HubName) -> Option<Arc<Intake>> {
        self.lock().get(hub.key())?.get().cloned()
    }

    /// Forgets the intakes of hubs that are gone or were made anew: `hubs` are those there are.
    pub(crate) fn forget_gone(&self, hubs: &[Hub]) {
        self.lock().retain(|_, cell| {
            // One that is being opened reads the store itself.
            cell.get()
                .is_none_or(|intake| hubs.iter().any(|hub| intake.is_of(hub)))
        });
    }

    /// Forgets an intake that could not store: whoever comes next reads how the hub stands.
    pub(super) fn forget(&self, failed: &Arc<Intake>) {
        self.lock()
            .retain(|_, cell| cell.get().is_none_or(|intake| !Arc::ptr_eq(intake, failed)));
    }

    fn all(&self) -> Vec<Arc<Intake>> {
        let by_hub = self.lock();
        by_hub.values().filter_map(|cell| cell.get().cloned()).collect()
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

impl HubService {
    /// Waits until all messages taken in are stored: the last thing before the program ends.
    pub async fn flush_telemetry(&self) {
        for intake in self.telemetry().all() {
            intake.rested().await;
        }
    }
}
