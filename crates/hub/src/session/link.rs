//! The hub's end of one connection: what it was admitted by, what waits for it, whether it is over.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use provost_model::twin::DesiredNotification;
use provost_model::{DeviceId, HubName, IdentityId, Timestamp, Uuid};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use super::event::{CloseReason, IncomingMethod, SessionEvent};
use super::subscription::{Feature, Granted, Subscriptions};
use crate::auth::Admitted;

/// Events that may wait for a session; one that lets them pile up is closed.
pub(crate) const MAX_WAITING: usize = 64;
/// Methods a device may work on at a time; more are refused (403800).
pub(crate) const MAX_METHODS: usize = 16;

/// What a device answered to a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawAnswer {
    pub(crate) status: i32,
    pub(crate) payload: Vec<u8>,
}

/// Shared by the session itself, the session table and whoever has something to say.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) hub: HubName,
    pub(crate) id: IdentityId,
    /// Whether what the session is subscribed to outlives its connection.
    pub(crate) is_kept: bool,
    /// The device of the Device Registry that the certificate it came with says it is of.
    pub(super) leaf_of: Option<Uuid>,
    admitted: OnceLock<Box<Admitted>>,
    touched_at: AtomicI64,
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// A change of the device was seen since the session last began to read it.
    stale: bool,
    closed: Option<CloseReason>,
    subscriptions: Subscriptions,
    next_rid: u32,
    desired_version: i64,
    waiting: VecDeque<SessionEvent>,
    /// Messages may wait for the device, and it was not told yet.
    has_messages: bool,
    /// So may the outcome of a renewal.
    has_renewal: bool,
    /// When a message comes back that another delivery holds. Boxed: it is hardly ever there.
    next_return: Option<Box<Instant>>,
    methods: Vec<(u32, oneshot::Sender<RawAnswer>)>,
}

/// Why a method was not handed to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodRefusal {
    NotListening,
    TooMany,
}

impl Link {
    pub(crate) fn new(hub: HubName, id: IdentityId, is_kept: bool, leaf_of: Option<Uuid>) -> Self {
        Self {
            hub,
            id,
            is_kept,
            leaf_of,
            admitted: OnceLock::new(),
            touched_at: AtomicI64::new(i64::MIN),
            state: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// The device, or the module's device.
    pub(crate) fn device_id(&self) -> &DeviceId {
        &self.id.device_id
    }

    /// What admitted the session; `None` while it is still being judged.
    pub(crate) fn admitted(&self) -> Option<&Admitted> {
        self.admitted.get().map(Box::as_ref)
    }

    /// Notes that the device is about to be read: changes before now will be seen. Says whether there
    /// were any since the last time.
    pub(crate) fn begin_reading(&self) -> bool {
        std::mem::take(&mut self.lock().stale)
    }

    /// Notes a change of the device.
    pub(crate) fn mark_stale(&self) {
        self.lock().stale = true;
    }

    /// Admits the session unless the device changed since it was read. Called under the lock of
    /// the table's shard, as [`Self::mark_stale`] is.
    pub(crate) fn admit(&self, admitted: Admitted) -> bool {
        if self.lock().stale {
            return false;
        }
        // A session is admitted once: there is nothing to replace.
        self.admitted.set(Box::new(admitted)).is_ok()
    }

    /// Ends the session: what waited is dropped, callers of methods learn that it is gone.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut state = self.lock();
        if state.closed.is_none() {
            state.closed = Some(reason);
        }
        state.waiting = VecDeque::new();
        let methods = std::mem::take(&mut state.methods);
        drop(state);
        drop(methods);
        self.wake.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed.is_some()
    }

    pub(crate) fn subscriptions(&self) -> Subscriptions {
        self.lock().subscriptions
    }

    /// Changes what the session hears.
    pub(crate) fn subscribe(&self, subscriptions: Subscriptions) {
        self.lock().subscriptions = subscriptions;
        // Something may have waited since before.
        self.messages_may_wait();
        self.renewal_may_wait();
    }

    /// What a subscription was granted; `None` when there is none, or the session is over.
    pub(crate) fn granted(&self, feature: Feature) -> Option<Granted> {
        let state = self.lock();
        state
            .subscriptions
            .get(feature)
            .filter(|_| state.closed.is_none())
    }

    pub(crate) fn has_feature(&self, feature: Feature) -> bool {
        self.granted(feature).is_some()
    }

    /// Waits for the next event. After [`SessionEvent::Close`] there is only that.
    pub(crate) async fn next_event(&self) -> SessionEvent {
        loop {
            let next_return = {
                let mut state = self.lock();
                if let Some(reason) = state.closed {
                    return SessionEvent::Close(reason);
                }
                if let Some(event) = state.waiting.pop_front() {
                    if state.waiting.is_empty() {
                        // An idle session holds no buffer.
                        state.waiting = VecDeque::new();
                    }
                    return event;
                }
                if std::mem::take(&mut state.has_messages) {
                    return SessionEvent::Messages;
                }
                if std::mem::take(&mut state.has_renewal) {
                    return SessionEvent::Renewal;
                }
                state.next_return.as_deref().copied()
            };
            match next_return {
                None => self.wake.notified().await,
                // Boxed: a timer is large, and most sessions need none.
                Some(at) => match Box::pin(timeout_at(at, self.wake.notified())).await {
                    Ok(()) => {}
                    Err(_elapsed) => {
                        self.lock().next_return = None;
                        self.messages_may_wait();
                    }
                },
            }
        }
    }

    /// Tells the device, when it listens, that messages may wait for it.
    pub(crate) fn messages_may_wait(&self) {
        let mut state = self.lock();
        if state.closed.is_none() && state.subscriptions.get(Feature::CloudToDevice).is_some() {
            state.has_messages = true;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Tells the device, when it listens, that the outcome of a renewal may wait for it.
    pub(crate) fn renewal_may_wait(&self) {
        let mut state = self.lock();
        if state.closed.is_none() && state.subscriptions.get(Feature::CredentialResponses).is_some() {
            state.has_renewal = true;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Tells the device once more at this instant, or no more on its own.
    pub(crate) fn messages_return_at(&self, at: Option<Instant>) {
        self.lock().next_return = at.map(Box::new);
        // Whoever waits for an event waits until then.
        self.wake.notify_one();
    }

    /// Tells the device of a change, when it listens.
    pub(crate) fn notify_desired(&self, notification: DesiredNotification) {
        let mut state = self.lock();
        state.desired_version = state.desired_version.max(notification.version);
        if state.closed.is_none() && state.subscriptions.get(Feature::Desired).is_some() {
            self.enqueue(state, SessionEvent::Desired(Box::new(notification)));
        }
    }

    /// The version of desired the device was told of, or stood at when it began to listen.
    pub(crate) fn desired_version(&self) -> i64 {
        self.lock().desired_version
    }

    pub(crate) fn raise_desired_version(&self, version: i64) {
        let mut state = self.lock();
        state.desired_version = state.desired_version.max(version);
    }

    /// Hands a method over; the answer, or the end of the session, comes through the receiver.
    pub(crate) fn call_method(
        &self,
        name: &str,
        payload: &[u8],
    ) -> Result<(u32, oneshot::Receiver<RawAnswer>), MethodRefusal> {
        let mut state = self.lock();
        if state.closed.is_some() || state.subscriptions.get(Feature::Methods).is_none() {
            return Err(MethodRefusal::NotListening);
        }
        if state.methods.len() >= MAX_METHODS {
            return Err(MethodRefusal::TooMany);
        }
        let rid = state.next_rid;
        state.next_rid = state.next_rid.wrapping_add(1);
        let (answer, answered) = oneshot::channel();
        state.methods.push((rid, answer));
        let request = IncomingMethod {
            rid: format!("{rid:x}"),
            name: name.to_owned(),
            payload: payload.to_vec(),
        };
        self.enqueue(state, SessionEvent::Method(Box::new(request)));
        Ok((rid, answered))
    }

    /// Takes a device's answer; `false` when nobody waits for it any more.
    pub(crate) fn answer_method(&self, rid: &str, answer: RawAnswer) -> bool {
        let Ok(rid) = u32::from_str_radix(rid, 16) else {
            return false;
        };
        self.take_method(rid)
            .is_some_and(|caller| caller.send(answer).is_ok())
    }

    /// Forgets a method whose caller waits no longer. When it was not sent yet, it never will be.
    pub(crate) fn forget_method(&self, rid: u32) {
        drop(self.take_method(rid));
        let text = format!("{rid:x}");
        self.lock()
            .waiting
            .retain(|event| !matches!(event, SessionEvent::Method(request) if request.rid == text));
    }

    /// Notes a sign of life; `true` when the last one noted is at least `coarseness` microseconds old.
    pub(crate) fn touch(&self, now: Timestamp, coarseness: i64) -> bool {
        let last = self.touched_at.load(Ordering::Relaxed);
        let now = now.as_micros();
        now.saturating_sub(last) >= coarseness
            && self
                .touched_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn take_method(&self, rid: u32) -> Option<oneshot::Sender<RawAnswer>> {
        let mut state = self.lock();
        let place = state.methods.iter().position(|(known, _)| *known == rid)?;
        let (_, caller) = state.methods.swap_remove(place);
        if state.methods.is_empty() {
            state.methods = Vec::new();
        }
        Some(caller)
    }

    fn enqueue(&self, mut state: MutexGuard<'_, State>, event: SessionEvent) {
        if state.waiting.len() >= MAX_WAITING {
            drop(state);
            self.close(CloseReason::TooSlow);
            return;
        }
        state.waiting.push_back(event);
        drop(state);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
