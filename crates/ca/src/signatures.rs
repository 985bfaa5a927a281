use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use provost_model::registry::KeyRef;

/// How often a key was used since the program started, to be compared with what was issued (certificate-management.md 7.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignatureCounts {
    /// Signatures made.
    pub signed: u64,
    /// Signatures that did not come about.
    pub failed: u64,
    /// Time all of them took, waiting for the key's place included.
    pub took: Duration,
}

/// Counts by key. Keys that are destroyed keep theirs: there are as many as there were CAs since the start.
#[derive(Debug, Default)]
pub(crate) struct Signatures(Mutex<HashMap<KeyRef, SignatureCounts>>);

impl Signatures {
    pub(crate) fn count(&self, key: &KeyRef, is_done: bool, took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = match all.get_mut(key) {
            Some(counts) => counts,
            None => all.entry(key.clone()).or_default(),
        };
        if is_done {
            counts.signed += 1;
        } else {
            counts.failed += 1;
        }
        counts.took += took;
    }

    pub(crate) fn all(&self) -> Vec<(KeyRef, SignatureCounts)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(key, counts)| (key.clone(), *counts)).collect()
    }
}
