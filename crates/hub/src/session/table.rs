//! Who is connected: one live session per device or module, and any number that are still being judged.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use provost_model::{DeviceId, HubName, IdentityId, ModuleId, Uuid};
use tokio::sync::Notify;

use self::leaves::ByLeaf;
use super::event::CloseReason;
use super::link::Link;
use super::subscription::{Feature, Subscriptions};
use crate::auth::Admitted;

mod leaves;

const SHARDS: usize = 64;

/// The live sessions of all hubs. Locks are held for a look-up, never while waiting.
#[derive(Debug)]
pub(crate) struct SessionTable {
    hasher: RandomState,
    first: Shard,
    others: Box<[Shard]>,
    by_leaf: ByLeaf,
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

/// The connections of one device and of its modules: whoever changes the device finds all of them.
#[derive(Debug, Default)]
struct Slot {
    device: Option<Arc<Link>>,
    /// A device has few modules: looking through them is cheaper than a map for each device.
    modules: Vec<Arc<Link>>,
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
            by_leaf: ByLeaf::default(),
        }
    }

    /// Enters a session that is about to be judged. From here on no change of the device is missed, nor of the
    /// device of the Device Registry that its certificate says it is of.
    pub(crate) fn enter(
        self: &Arc<Self>,
        hub: &HubName,
        id: &IdentityId,
        is_kept: bool,
        leaf_of: Option<Uuid>,
    ) -> Place {
        let link = Arc::new(Link::new(hub.clone(), id.clone(), is_kept, leaf_of));
        let key = key(hub, &id.device_id);
        let mut slots = self.shard(&key).lock();
        let slot = slots.by_device.entry(key).or_default();
        slot.pending.push(Arc::clone(&link));
        drop(slots);
        // After the slot: whoever finds it here finds it there.
        self.by_leaf.enter(&link);
        Place {
            table: Arc::clone(self),
            link,
        }
    }

    /// The live session of a device or module.
    pub(crate) fn live(&self, hub: &HubName, id: &IdentityId) -> Option<Arc<Link>> {
        let key = key(hub, &id.device_id);
        let slots = self.shard(&key).lock();
        let live = slots.by_device.get(&key)?.active(id.module_id.as_ref()).cloned();
        drop(slots);
        live.filter(|link| !link.is_closed())
    }

    /// After a change of the device or of a module of it: those being judged must read it again,
    /// the live ones are returned to be judged again.
    pub(crate) fn look_after_change(&self, hub: &HubName, device_id: &DeviceId) -> Vec<Arc<Link>> {
        let key = key(hub, device_id);
        let slots = self.shard(&key).lock();
        let Some(slot) = slots.by_device.get(&key) else {
            return Vec::new();
        };
        slot.pending.iter().for_each(|link| link.mark_stale());
        slot.all_active().cloned().collect()
    }

    /// Where sessions are, live ones and those being judged, whose certificate says that it is of this device
    /// of the Device Registry.
    pub(crate) fn places_of_leaves(&self, device: Uuid) -> Vec<(HubName, DeviceId)> {
        self.by_leaf.places(device)
    }

    /// After a change of policies or CA certificates: every session being judged must read again;
    /// the live ones that `concerns` names are returned.
    pub(crate) fn look_at_all(&self, concerns: impl Fn(&Link, &Admitted) -> bool) -> Vec<Arc<Link>> {
        let mut found = Vec::new();
        for shard in self.shards() {
            let slots = shard.lock();
            for slot in slots.by_device.values() {
                slot.pending.iter().for_each(|link| link.mark_stale());
                let is_concerned = |link: &&Arc<Link>| {
                    let admitted = link.admitted();
                    admitted.is_some_and(|admitted| concerns(link, admitted))
                };
                found.extend(slot.all_active().filter(is_concerned).cloned());
            }
        }
        found
    }

    /// Every live session, of every hub.
    pub(crate) fn look_up_live(&self) -> Vec<Arc<Link>> {
        let mut found = Vec::new();
        for shard in self.shards() {
            let slots = shard.lock();
            let live = slots.by_device.values().flat_map(Slot::all_active);
            found.extend(live.filter(|link| !link.is_closed()).cloned());
        }
        found
    }

    /// Ends a session and takes it out of the table. Says whether it was the live one.
    pub(crate) fn evict(&self, link: &Arc<Link>, reason: CloseReason) -> bool {
        let key = key(&link.hub, link.device_id());
        let mut slots = self.shard(&key).lock();
        let was_live = slots.remove(&key, link);
        drop(slots);
        self.by_leaf.leave(link);
        link.close(reason);
        was_live
    }

    /// How many devices of a hub are connected.
    pub(crate) fn connected(&self, hub: &HubName) -> usize {
        let count = |shard: &Shard| shard.lock().connected.get(hub.key()).copied().unwrap_or(0);
        self.shards().map(count).sum()
    }

    /// The session once it listens to methods; waits for as long as it is polled.
    pub(crate) async fn method_listener(&self, hub: &HubName, id: &IdentityId) -> Arc<Link> {
        let shard = self.shard(&key(hub, &id.device_id));
        loop {
            let mut listening = std::pin::pin!(shard.listening.notified());
            // From here on a wake-up is not lost, even before the first poll.
            listening.as_mut().enable();
            let link = self.live(hub, id);
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
        let was_live = slot.take(link);
        if slot.is_empty() {
            self.by_device.remove(key);
        }
        if was_live
            && link.id.is_device()
            && let Some(count) = self.connected.get_mut(link.hub.key())
        {
            *count = count.saturating_sub(1);
        }
        was_live
    }
}

impl Slot {
    fn active(&self, module_id: Option<&ModuleId>) -> Option<&Arc<Link>> {
        match module_id {
            None => self.device.as_ref(),
            Some(_) => self
                .modules
                .iter()
                .find(|link| link.id.module_id.as_ref() == module_id),
        }
    }

    fn all_active(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.device.iter().chain(&self.modules)
    }

    /// Puts a session into its place; returns the one that held it.
    fn put(&mut self, link: &Arc<Link>) -> Option<Arc<Link>> {
        if link.id.is_device() {
            return self.device.replace(Arc::clone(link));
        }
        let held = self
            .modules
            .iter_mut()
            .find(|held| held.id.module_id == link.id.module_id);
        if let Some(held) = held {
            return Some(std::mem::replace(held, Arc::clone(link)));
        }
        self.modules.push(Arc::clone(link));
        None
    }

    /// Takes a session out; `false` when it is not in its place.
    fn take(&mut self, link: &Arc<Link>) -> bool {
        let is_it = |live: &Arc<Link>| Arc::ptr_eq(live, link);
        if link.id.is_device() {
            return self.device.take_if(|live| is_it(live)).is_some();
        }
        let place = self.modules.iter().position(is_it);
        place.map(|place| self.modules.swap_remove(place)).is_some()
    }

    fn is_empty(&self) -> bool {
        self.device.is_none() && self.modules.is_empty() && self.pending.is_empty()
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

    /// Makes the session the live one and ends the one before it. `false` when the device
    /// changed since it was read: it must be judged again.
    pub(crate) fn admit(&self, admitted: Admitted) -> bool {
        let key = key(&self.link.hub, self.link.device_id());
        let mut slots = self.table.shard(&key).lock();
        let Some(slot) = slots.by_device.get_mut(&key) else {
            return false;
        };
        if !self.link.admit(admitted) {
            return false;
        }
        slot.pending.retain(|link| !Arc::ptr_eq(link, &self.link));
        let before = slot.put(&self.link);
        if before.is_none() && self.link.id.is_device() {
            let hub = self.link.hub.key();
            *slots.connected.entry(hub.into()).or_default() += 1;
        }
        drop(slots);
        if let Some(before) = before {
            before.close(CloseReason::TakenOver);
        }
        true
    }

    /// Says what the session wants to hear from now on.
    pub(crate) fn subscribe(&self, subscriptions: Subscriptions) {
        self.link.subscribe(subscriptions);
        if subscriptions.get(Feature::Methods).is_some() {
            let key = key(&self.link.hub, self.link.device_id());
            self.table.shard(&key).listening.notify_waiters();
        }
    }

    /// Gives the place up; says whether the session was the live one until now.
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
