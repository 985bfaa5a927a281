//! Sessions by what the certificate they came with says, so that a revocation finds them at hubs that know
//! nothing of the Device Registry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use provost_model::{DeviceId, HubName, Uuid};

use super::Link;

/// Every leaf that the registry issues names its device (certificate-management.md 2.2). What a stranger's
/// certificate says leads to his own session at most, which is judged as ever.
#[derive(Debug, Default)]
pub(super) struct ByLeaf {
    links: Mutex<HashMap<Uuid, Vec<Arc<Link>>>>,
}

impl ByLeaf {
    pub(super) fn enter(&self, link: &Arc<Link>) {
        if let Some(device) = link.leaf_of {
            self.lock().entry(device).or_default().push(Arc::clone(link));
        }
    }

    pub(super) fn leave(&self, link: &Arc<Link>) {
        let Some(device) = link.leaf_of else {
            return;
        };
        let mut links = self.lock();
        let Some(held) = links.get_mut(&device) else {
            return;
        };
        held.retain(|held| !Arc::ptr_eq(held, link));
        if held.is_empty() {
            links.remove(&device);
        }
    }

    pub(super) fn places(&self, device: Uuid) -> Vec<(HubName, DeviceId)> {
        let links = self.lock();
        let mut places: Vec<(HubName, DeviceId)> = Vec::new();
        for link in links.get(&device).into_iter().flatten() {
            let is_it = |(hub, id): &(HubName, DeviceId)| *hub == link.hub && id == link.device_id();
            if !places.iter().any(is_it) {
                places.push((link.hub.clone(), link.device_id().clone()));
            }
        }
        places
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Vec<Arc<Link>>>> {
        // Nothing that holds the lock can leave the map half changed.
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
