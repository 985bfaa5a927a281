use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::{Certificate, Sha256Thumbprint, SignatureError, verify_signature};

/// Remembers CA certificates whose signature was found right, so that the intermediate a whole
/// fleet presents is verified once.
///
/// Only successes are kept, oldest forgotten first. [`ChainWalk`](crate::ChainWalk) puts in what
/// registered certificates signed, leaves excepted: those are seen once, and would push the
/// useful ones out. What is remembered is a fact about bytes;
/// dates, registration and revocation are judged afresh every time.
#[derive(Debug)]
pub struct SignatureMemo {
    known: Mutex<Known>,
    capacity: usize,
}

type Pair = (Sha256Thumbprint, Sha256Thumbprint);

#[derive(Debug, Default)]
struct Known {
    pairs: HashSet<Pair>,
    order: VecDeque<Pair>,
}

impl SignatureMemo {
    /// How many pairs of child and issuer are kept by default.
    pub const DEFAULT_CAPACITY: usize = 1024;

    /// A memo for at most `capacity` pairs.
    pub fn new(capacity: usize) -> Self {
        Self {
            known: Mutex::default(),
            capacity,
        }
    }

    /// Like [`verify_signature`], without the work when the answer is known.
    pub fn verify(&self, child: &Certificate, issuer: &Certificate) -> Result<(), SignatureError> {
        let pair = (child.sha256_thumbprint(), issuer.sha256_thumbprint());
        if self.contains(&pair) {
            return Ok(());
        }
        // The lock is not held while verifying: two threads may both do the work, once.
        verify_signature(child, issuer)?;
        self.insert(pair);
        Ok(())
    }

    /// How many pairs are known now.
    pub fn len(&self) -> usize {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pairs
            .len()
    }

    /// Nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the answer is known, so that no budget need be spent.
    pub(crate) fn knows(&self, child: &Certificate, issuer: &Certificate) -> bool {
        self.contains(&(child.sha256_thumbprint(), issuer.sha256_thumbprint()))
    }

    fn contains(&self, pair: &Pair) -> bool {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pairs
            .contains(pair)
    }

    fn insert(&self, pair: Pair) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if self.capacity == 0 || !known.pairs.insert(pair) {
            return;
        }
        known.order.push_back(pair);
        if known.order.len() > self.capacity
            && let Some(oldest) = known.order.pop_front()
        {
            known.pairs.remove(&oldest);
        }
    }
}

impl Default for SignatureMemo {
    fn default() -> Self {
        Self::new(Self::DEFAULT_CAPACITY)
    }
}
