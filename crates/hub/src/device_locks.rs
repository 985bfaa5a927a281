//! Order between the writes of one identity's twin and the notifications they cause.

use std::hash::{BuildHasher, RandomState};

use provost_model::{HubName, IdentityId};
use tokio::sync::{Mutex, MutexGuard};

const STRIPES: usize = 1024;

/// A lock per device or module, roughly: held from before a write of desired properties until its
/// notification was handed over, so that notifications leave in the order of versions. Two of them
/// may share one; nothing is ever waited for that needs another.
#[derive(Debug)]
pub(crate) struct DeviceLocks {
    hasher: RandomState,
    first: Mutex<()>,
    others: Box<[Mutex<()>]>,
}

impl DeviceLocks {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            first: Mutex::default(),
            others: (1..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }

    pub(crate) async fn lock(&self, hub: &HubName, id: &IdentityId) -> MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one((hub.key(), id));
        let number = usize::try_from(hash % STRIPES as u64).unwrap_or(0);
        self.others.get(number).unwrap_or(&self.first).lock().await
    }
}
