use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::KeyProviderError;

/// What comes of a signature.
pub(crate) type Signed = Result<Vec<u8>, KeyProviderError>;

/// A signature that was begun elsewhere, to be awaited: DER (`ECDSA-Sig-Value`). No thread waits for it.
///
/// It is handed on when it is polled the second time, so that those that are begun at the same moment go together. Dropped
/// before it is there, it is not waited for any more; it may be made all the same.
pub struct PendingSignature {
    slot: Arc<Slot>,
    way: Box<dyn SignatureWay>,
    was_polled: bool,
    patience: Duration,
}

/// How a signature is handed on and let go.
pub(crate) trait SignatureWay: Send + Sync {
    /// Hands it on, with others.
    fn hand_on(&self);
    /// Nobody waits for it any more; `is_late` when it was waited for all the time it may take.
    fn let_go(&self, is_late: bool);
}

/// Where the outcome is put.
#[derive(Default)]
pub(crate) struct Slot(Mutex<SlotState>);

#[derive(Default)]
struct SlotState {
    outcome: Option<Signed>,
    waker: Option<Waker>,
    is_told: bool,
}

impl Slot {
    /// Puts the outcome there and wakes who waits. The first one counts.
    pub(crate) fn put(&self, outcome: Signed) {
        let mut state = self.lock();
        if state.is_told {
            return;
        }
        state.is_told = true;
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState> {
        // Nothing that may panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingSignature {
    pub(crate) fn new(slot: Arc<Slot>, way: Box<dyn SignatureWay>, patience: Duration) -> Self {
        Self {
            slot,
            way,
            was_polled: false,
            patience,
        }
    }

    /// How long it may take; then it is to be given up with [`Self::too_late`].
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Gives it up after [`Self::patience`].
    pub fn too_late(self) -> KeyProviderError {
        self.way.let_go(true);
        KeyProviderError::Unavailable("the signer process did not answer in time".to_owned())
    }
}

impl Future for PendingSignature {
    type Output = Result<Vec<u8>, KeyProviderError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.lock();
        if let Some(outcome) = state.outcome.take() {
            return Poll::Ready(outcome);
        }
        state.waker = Some(context.waker().clone());
        drop(state);
        if self.was_polled {
            self.way.hand_on();
        } else {
            self.was_polled = true;
            // Behind everybody who is ready to run now, and may have one to hand on, too.
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for PendingSignature {
    fn drop(&mut self) {
        self.way.let_go(false);
    }
}
