//! Who is connected: one live session per device, and any number that are still being judged.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use provost_model::{DeviceId, HubName};
use tokio::sync::Notify;

use super::event::{CloseReason, Feature};
use super::link::Link;
use crate::auth::Admitted;

const SHARDS: usize = 64;

/// The live sessions of all hubs. Locks are held for a look-up, never while waiting.
#[derive(Debug)]
pub(crate) struct SessionTable {
    hasher: RandomState,
    first: Shard,
    others: Box<[Shard]>,
}

#[derive(Debug, Default)]
struct Shard {
    slots: Mutex<Slots>,
    /// Woken when a session begins to listen to methods.
    listening: Notify,
}

#[derive(Debug, Default)]
struct Slots {
    by_device: HashMap<Box<str>, Slot>,
    connected: HashMap<Box<str>, usize>,
}

/// One device's connections.
#[derive(Debug, Default)]
struct Slot {
    active: Option<Arc<Link>>,
    pending: Vec<Arc<Link>>,
}

/// A session's place in the table; given up on drop. A place taken over by a newer session is no
/// longer this one's, and giving it up then changes nothing.
#[derive(Debug)]
pub(crate) struct Place {
    table: Arc<SessionTable>,
    link: Arc<Link>,
}

impl SessionTable {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            first: Shard::default(),
            others: (1..SHARDS).map(|_| Shard::default()).collect(),
        }
    }

    /// Enters a session that is about to be judged. From here on no change of the device is missed.
    pub(crate) fn enter(self: &Arc<Self>, hub: &HubName, device_id: &DeviceId) -> Place {
        let link = Arc::new(Link::new(hub.clone(), device_id.clone()));
        let key = key(hub, device_id);
        let mut slots = self.shard(&key).lock();
        let slot = slots.by_device.entry(key).or_default();
        slot.pending.push(Arc::clone(&link));
        drop(slots);
        Place {
            table: Arc::clone(self),
            link,
        }
    }

    /// The live session of a device.
    pub(crate) fn live(&self, hub: &HubName, device_id: &DeviceId) -> Option<Arc<Link>> {
        let key = key(hub, device_id);
        let live = self.shard(&key).lock().by_device.get(&key)?.active.clone();
        live.filter(|link| !link.is_closed())
    }

    /// After a change of the device: those being judged must read it again, the live one is
    /// returned to be judged again.
    pub(crate) fn look_after_change(&self, hub: &HubName, device_id: &DeviceId) -> Option<Arc<Link>> {
        let key = key(hub, device_id);
        let slots = self.shard(&key).lock();
        let slot = slots.by_device.get(&key)?;
        slot.pending.iter().for_each(|link| link.mark_stale());
        slot.active.clone()
    }

    /// After a change of policies or CA certificates: every session being judged must read again;
    /// the live ones that `concerns` names are returned.
    pub(crate) fn look_at_all(&self, concerns: impl Fn(&Admitted) -> bool) -> Vec<Arc<Link>> {
        let mut found = Vec::new();
        for shard in self.shards() {
            let slots = shard.lock();
            for slot in slots.by_device.values() {
                slot.pending.iter().for_each(|link| link.mark_stale());
                let is_concerned = |link: &&Arc<Link>| link.admitted().is_some_and(&concerns);
                found.extend(slot.active.iter().filter(is_concerned).cloned());
            }
        }
        found
    }

    /// Every live session, of every hub.
    pub(crate) fn look_up_live(&self) -> Vec<Arc<Link>> {
        let mut found = Vec::new();
        for shard in self.shards() {
            let slots = shard.lock();
            let live = slots.by_device.values().filter_map(|slot| slot.active.clone());
            found.extend(live.filter(|link| !link.is_closed()));
        }
        found
    }

    /// Ends a session and takes it out of the table. Says whether it was a device's live one.
    pub(crate) fn evict(&self, link: &Arc<Link>, reason: CloseReason) -> bool {
        let key = key(&link.hub, &link.device_id);
        let mut slots = self.shard(&key).lock();
        let was_live = slots.remove(&key, link);
        drop(slots);
        link.close(reason);
        was_live
    }

    /// How many devices of a hub are connected.
    pub(crate) fn connected(&self, hub: &HubName) -> usize {
        let count = |shard: &Shard| shard.lock().connected.get(hub.key()).copied().unwrap_or(0);
        self.shards().map(count).sum()
    }

    /// The device's session once it listens to methods; waits for as long as it is polled.
    pub(crate) async fn method_listener(&self, hub: &HubName, device_id: &DeviceId) -> Arc<Link> {
        let shard = self.shard(&key(hub, device_id));
        loop {
            let mut listening = std::pin::pin!(shard.listening.notified());
            // From here on a wake-up is not lost, even before the first poll.
            listening.as_mut().enable();
            let link = self.live(hub, device_id);
            if let Some(link) = link.filter(|link| link.has_feature(Feature::Methods)) {
                return link;
            }
            listening.await;
        }
    }

    fn shard(&self, key: &str) -> &Shard {
        let number = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        // The shard after the last of the others is the first.
        self.others.get(number).unwrap_or(&self.first)
    }

    fn shards(&self) -> impl Iterator<Item = &Shard> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl Slots {
    fn remove(&mut self, key: &str, link: &Arc<Link>) -> bool {
        let Some(slot) = self.by_device.get_mut(key) else {
            return false;
        };
        slot.pending.retain(|pending| !Arc::ptr_eq(pending, link));
        let was_live = slot.active.take_if(|live| Arc::ptr_eq(live, link)).is_some();
        if slot.active.is_none() && slot.pending.is_empty() {
            self.by_device.remove(key);
        }
        if was_live && let Some(count) = self.connected.get_mut(link.hub.key()) {
            *count = count.saturating_sub(1);
        }
        was_live
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        // Nothing that holds the lock can leave the slots half changed.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Makes the session the device's live one and ends the one before it. `false` when the device
    /// changed since it was read: it must be judged again.
    pub(crate) fn admit(&self, admitted: Admitted) -> bool {
        let key = key(&self.link.hub, &self.link.device_id);
        let mut slots = self.table.shard(&key).lock();
        let Some(slot) = slots.by_device.get_mut(&key) else {
            return false;
        };
        if !self.link.admit(admitted) {
            return false;
        }
        slot.pending.retain(|link| !Arc::ptr_eq(link, &self.link));
        let before = slot.active.replace(Arc::clone(&self.link));
        if before.is_none() {
            let hub = self.link.hub.key();
            *slots.connected.entry(hub.into()).or_default() += 1;
        }
        drop(slots);
        if let Some(before) = before {
            before.close(CloseReason::TakenOver);
        }
        true
    }

    /// Says what the device wants to hear from now on.
    pub(crate) fn set_feature(&self, feature: Feature, on: bool) {
        self.link.set_feature(feature, on);
        if on && feature == Feature::Methods {
            let key = key(&self.link.hub, &self.link.device_id);
            self.table.shard(&key).listening.notify_waiters();
        }
    }

    /// Gives the place up; says whether the session was the device's live one until now.
    pub(crate) fn leave(&self) -> bool {
        // Callers of methods learn that the session is gone; the reason is nobody's any more.
        self.table.evict(&self.link, CloseReason::TakenOver)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Neither a hub's name nor a device's ID holds a slash.
fn key(hub: &HubName, device_id: &DeviceId) -> Box<str> {
    format!("{}/{device_id}", hub.key()).into()
}

#[cfg(test)]
mod tests;
