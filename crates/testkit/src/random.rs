use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use provost_model::Random;

/// The same bytes in every run of a test (`SplitMix64`). Never for keys that matter.
#[derive(Debug, Clone)]
pub struct SeededRandom(Arc<AtomicU64>);

impl SeededRandom {
    /// A source that begins at this seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }
}

impl Default for SeededRandom {
    fn default() -> Self {
        Self::new(42)
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        for chunk in bytes.chunks_mut(8) {
            let mut word = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }
}
