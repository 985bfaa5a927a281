use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Reasons kept apart; what comes later is counted together.
const MAX_REASONS: usize = 50;

/// What happened so far, counted by all devices at once.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Devices at their hubs now.
    pub(super) connected: AtomicU64,
    /// Messages the hubs have.
    pub(super) acknowledged: AtomicU64,
    /// Connections after the first of each device.
    pub(super) reconnects: AtomicU64,
    /// Registrations asked for by the method that ended well.
    pub(super) reprovisioned: AtomicU64,
    /// Registrations after a hub refused a device that ended well.
    pub(super) registered_again: AtomicU64,
    /// Certificates renewed over the hub.
    pub(super) renewed: AtomicU64,
    /// Method calls answered.
    pub(super) methods: AtomicU64,
    /// Changes of desired properties heard.
    pub(super) desired_changes: AtomicU64,
    /// Cloud-to-device messages heard.
    pub(super) cloud_to_device: AtomicU64,
    interruptions: Mutex<BTreeMap<String, u64>>,
}

/// Counts one more.
pub(super) fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What a counter says.
pub(super) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Tally {
    /// Something went wrong; the device goes on.
    pub(super) fn interrupted(&self, reason: &str) {
        let mut reasons = self.interruptions.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = reasons.contains_key(reason) || reasons.len() < MAX_REASONS;
        let reason = if is_known { reason } else { "other reasons" };
        *reasons.entry(reason.to_owned()).or_default() += 1;
    }

    /// How often what went wrong.
    pub(super) fn interruptions(&self) -> BTreeMap<String, u64> {
        let reasons = self.interruptions.lock();
        reasons.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A device is at its hub for as long as this is held.
    pub(super) fn at_hub(&self) -> AtHub<'_> {
        one_more(&self.connected);
        AtHub(self)
    }
}

/// See [`Tally::at_hub`].
pub(super) struct AtHub<'a>(&'a Tally);

impl Drop for AtHub<'_> {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_bounded() {
        let tally = Tally::default();
        for number in 0..MAX_REASONS + 7 {
            tally.interrupted(&number.to_string());
        }
        tally.interrupted("0");
        let reasons = tally.interruptions();
        assert_eq!(reasons.get("other reasons"), Some(&7));
        assert_eq!(reasons.get("0"), Some(&2));
        drop(tally.at_hub());
        assert_eq!(read(&tally.connected), 0);
    }
}
