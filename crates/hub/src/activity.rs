//! When devices were last heard of: kept in memory, written coarsely.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use provost_model::{DeviceId, DeviceIdentity, HubName, IdentityId, ModuleIdentity, Timestamp};
use provost_store::StoreError;
use tracing::warn;

use crate::service::HubService;
use crate::session::Link;

/// Signs of life closer together than this count as one, in microseconds.
const COARSENESS: i64 = 5_000_000;
/// Devices written in one append.
const BATCH: usize = 200;
/// How often what was noted is written.
const FLUSH_EVERY: Duration = Duration::from_secs(10);

/// What was noted and is not on disk yet.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    noted: Mutex<Noted>,
}

type Noted = HashMap<(HubName, IdentityId), Touch>;

#[derive(Debug, Clone, Copy)]
struct Touch {
    connection_updated_at: Option<Timestamp>,
    last_activity_at: Timestamp,
}

impl Activity {
    /// Notes a sign of life.
    pub(crate) fn touch(&self, link: &Link, now: Timestamp) {
        if link.touch(now, COARSENESS) {
            self.note(&link.hub, &link.id, now, false);
        }
    }

    /// Notes that a device asked for something without being connected.
    pub(crate) fn note_asked(&self, hub: &HubName, id: &IdentityId, now: Timestamp) {
        self.note(hub, id, now, false);
    }

    /// Notes a connect or a disconnect.
    pub(crate) fn connection_changed(&self, link: &Link, now: Timestamp) {
        self.note(&link.hub, &link.id, now, true);
    }

    /// Brings a stored identity up to what is known here.
    pub(crate) fn overlay(&self, hub: &HubName, device: &mut DeviceIdentity) {
        let key = (hub.clone(), IdentityId::device(device.device_id.clone()));
        if let Some(touch) = self.lock().get(&key).copied() {
            device.last_activity_at = Some(touch.last_activity_at);
            device.connection_updated_at = touch.connection_updated_at.or(device.connection_updated_at);
        }
    }

    /// The same for a module.
    pub(crate) fn overlay_module(&self, hub: &HubName, module: &mut ModuleIdentity) {
        if let Some(touch) = self.lock().get(&(hub.clone(), module.id())).copied() {
            module.last_activity_at = Some(touch.last_activity_at);
            module.connection_updated_at = touch.connection_updated_at.or(module.connection_updated_at);
        }
    }

    /// Forgets a module that is gone.
    pub(crate) fn forget_module(&self, hub: &HubName, id: &IdentityId) {
        self.lock().remove(&(hub.clone(), id.clone()));
    }

    /// Forgets a device that is gone with its modules, so that one made anew begins without a past.
    pub(crate) fn forget(&self, hub: &HubName, device_id: &DeviceId) {
        self.lock()
            .retain(|(at, id), _| id.device_id != *device_id || at != hub);
    }

    fn note(&self, hub: &HubName, id: &IdentityId, now: Timestamp, is_connection: bool) {
        let connection_updated_at = is_connection.then_some(now);
        let mut noted = self.lock();
        let touch = noted.entry((hub.clone(), id.clone())).or_insert(Touch {
            connection_updated_at: None,
            last_activity_at: now,
        });
        touch.last_activity_at = now;
        touch.connection_updated_at = connection_updated_at.or(touch.connection_updated_at);
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HubService {
    /// Writes what was noted of devices' activity, for ever. Spawned by the program; call
    /// [`Self::flush_activity`] once more before it stops.
    pub async fn keep_activity(self) {
        loop {
            tokio::time::sleep(FLUSH_EVERY).await;
            if let Err(error) = self.flush_activity().await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "could not write devices' activity"
                );
            }
        }
    }

    /// Writes what was noted since the last time.
    ///
    /// # Errors
    /// [`StoreError`]; what could not be written is noted again only by new signs of life.
    pub async fn flush_activity(&self) -> Result<(), StoreError> {
        let noted: Vec<_> = std::mem::take(&mut *self.activity().lock()).into_iter().collect();
        for batch in noted.chunks(BATCH) {
            let batch = batch.to_vec();
            self.store()
                .append(move |tx| {
                    batch.iter().try_for_each(|((hub, id), touch)| {
                        let connection = touch.connection_updated_at;
                        tx.touch_identity(hub, id, connection, touch.last_activity_at)
                    })
                })
                .await?;
        }
        Ok(())
    }
}
