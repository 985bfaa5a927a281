use std::sync::Arc;
use std::time::Duration;

use provost_model::{DeviceId, HubName, LockToken, QueuedMessage, Timestamp};
use provost_store::StoreError;
use tokio::time::Instant;

use super::Mailbox;
use super::mailbox::{Given, Giving, Queue, Verdict};
use crate::auth::Right;
use crate::service::HubService;
use crate::session::{DeviceSession, Granted};
use crate::{DeviceCaller, HubError};

/// Messages given to a device.
#[derive(Debug, Default)]
pub struct Taken {
    /// Oldest first; each has its lock token, unless it is done with already.
    pub messages: Vec<QueuedMessage>,
    /// More wait that could be taken now.
    pub has_more: bool,
}

/// When messages are looked for again that could not be taken for the writes that wait.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// Shortest and longest lock a device may ask for (iot-hub-device-api.md 6).
const LOCK_RANGE: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_mins(5);

impl HubService {
    /// Gives a device its oldest message that waits, under a lock of the length it asks for, 5 seconds
    /// to 5 minutes; `None` when there is none.
    ///
    /// # Errors
    /// [`HubError::ArgumentInvalid`] for another length, [`HubError::SessionClosed`] when the device was shut
    /// out meanwhile, [`HubError::Store`].
    pub async fn receive_message(
        &self,
        caller: &DeviceCaller,
        lock: Option<Duration>,
    ) -> Result<Option<QueuedMessage>, HubError> {
        if lock.is_some_and(|lock| !LOCK_RANGE.contains(&lock)) {
            return Err(HubError::ArgumentInvalid(
                "the lock must be 5 to 300 seconds long".to_owned(),
            ));
        }
        let lock = lock.unwrap_or(self.queue_limits().lock);
        let given = self
            .give((caller.mailbox(), caller.right()), Giving::Locked(lock), 1)
            .await?;
        Ok(given.messages.into_iter().next())
    }

    /// The device has dealt with a message.
    ///
    /// # Errors
    /// [`HubError::LockLost`], [`HubError::SessionClosed`] when the device was shut
    /// out meanwhile, [`HubError::Store`].
    pub async fn complete_message(&self, caller: &DeviceCaller, token: &LockToken) -> Result<(), HubError> {
        self.settle((caller.mailbox(), caller.right()), token, Verdict::Complete)
            .await
    }

    /// The device does not want a message.
    ///
    /// # Errors
    /// [`HubError::LockLost`], [`HubError::SessionClosed`] when the device was shut
    /// out meanwhile, [`HubError::Store`].
    pub async fn reject_message(&self, caller: &DeviceCaller, token: &LockToken) -> Result<(), HubError> {
        self.settle((caller.mailbox(), caller.right()), token, Verdict::Reject)
            .await
    }

    /// The device gives a message back: it waits again, where it was.
    ///
    /// # Errors
    /// [`HubError::LockLost`], [`HubError::SessionClosed`] when the device was shut
    /// out meanwhile, [`HubError::Store`].
    pub async fn abandon_message(&self, caller: &DeviceCaller, token: &LockToken) -> Result<(), HubError> {
        self.settle((caller.mailbox(), caller.right()), token, Verdict::Abandon)
            .await?;
        self.wake_receiver(caller.hub(), caller.device_id());
        Ok(())
    }

    pub(super) async fn give(
        &self,
        (mailbox, right): (Mailbox, Right),
        how: Giving,
        limit: usize,
    ) -> Result<Given, HubError> {
        // Nearly always there is nothing, and nothing is written then.
        if !self.has_messages(&mailbox.hub, &mailbox.device_id).await? {
            return Ok(Given::default());
        }
        let (limits, now, random) = (self.queue_limits(), self.now(), Arc::clone(self.random()));
        self.store()
            .append(move |tx| {
                right.check(&tx.read())?;
                let queue = Queue {
                    queues: tx.messages(),
                    mailbox: &mailbox,
                    limits,
                    now,
                };
                Ok(queue.give(how, limit, &*random)?)
            })
            .await
    }

    pub(super) async fn settle(
        &self,
        (mailbox, right): (Mailbox, Right),
        token: &LockToken,
        verdict: Verdict,
    ) -> Result<(), HubError> {
        let (limits, now, token) = (self.queue_limits(), self.now(), token.clone());
        self.store()
            .append(move |tx| {
                right.check(&tx.read())?;
                let queue = Queue {
                    queues: tx.messages(),
                    mailbox: &mailbox,
                    limits,
                    now,
                };
                queue.settle(&token, verdict)
            })
            .await
    }

    async fn has_messages(&self, hub: &HubName, device_id: &DeviceId) -> Result<bool, StoreError> {
        let (hub, device_id) = (hub.clone(), device_id.clone());
        self.store()
            .read(move |tx| tx.has_messages(&hub, &device_id))
            .await
    }
}

impl DeviceSession {
    /// Takes the oldest messages that wait for the device, at most `limit`: to be completed, or done with
    /// when the subscription has no acknowledgements. The session is told by
    /// [`SessionEvent::Messages`](crate::SessionEvent::Messages) when there may be others: when one is
    /// sent, and when one comes back that was not completed. What is left by `limit` is the holder's to
    /// ask for.
    ///
    /// # Errors
    /// [`HubError::SessionClosed`], [`HubError::Store`].
    pub async fn take_messages(&self, granted: Granted, limit: usize) -> Result<Taken, HubError> {
        if !self.id().is_device() {
            // Modules have no queues.
            return Ok(Taken::default());
        }
        let mailbox = self.mailbox()?;
        let service = self.service();
        let how = match granted {
            Granted::AtMostOnce => Giving::Done,
            Granted::AtLeastOnce => Giving::Locked(service.queue_limits().lock),
        };
        let given = match service.give((mailbox, self.right()?), how, limit).await {
            // Not a reason to end the session: the writes that wait go on.
            Err(HubError::Store(StoreError::Busy)) => {
                self.link().messages_return_at(Some(Instant::now() + BUSY_PAUSE));
                return Ok(Taken::default());
            }
            given => given?,
        };
        // Somebody took over meanwhile: what was locked comes back to them.
        self.open_link()?;
        let held = given
            .messages
            .iter()
            .filter_map(|message| message.delivery.lock());
        let own_return = match granted {
            Granted::AtMostOnce => None,
            Granted::AtLeastOnce => held.map(|(_, until)| until).min(),
        };
        let next_return = given.next_return.into_iter().chain(own_return).min();
        let at = next_return.map(|at| Instant::now() + wait_until(at, service.now()));
        self.link().messages_return_at(at);
        Ok(Taken {
            messages: given.messages,
            has_more: given.has_more,
        })
    }

    /// Asks for [`SessionEvent::Messages`](crate::SessionEvent::Messages) once more, for what was left.
    pub fn look_for_messages(&self) {
        self.link().messages_may_wait();
    }

    /// The device has dealt with a message it took.
    ///
    /// # Errors
    /// [`HubError::SessionClosed`], [`HubError::LockLost`], [`HubError::Store`].
    pub async fn complete_message(&self, token: &LockToken) -> Result<(), HubError> {
        let mailbox = self.mailbox()?;
        self.service()
            .settle((mailbox, self.right()?), token, Verdict::Complete)
            .await
    }

    fn right(&self) -> Result<Right, HubError> {
        Right::of(self.link()).ok_or(HubError::SessionClosed)
    }

    fn mailbox(&self) -> Result<Mailbox, HubError> {
        Ok(Mailbox {
            hub: self.hub().clone(),
            device_id: self.device_id().clone(),
            generation_id: self.generation()?,
        })
    }
}

/// When something that comes back at an instant of the service's clock is looked for.
fn wait_until(at: Timestamp, now: Timestamp) -> Duration {
    // A moment later, so that the lock is over for certain.
    at.since(now).saturating_add(Duration::from_millis(1))
}
