use std::time::Duration;

use provost_model::{
    Delivery, DeviceId, Feedback, HubName, LockToken, MessageOutcome, QueueEntry, QueueLimits, QueuedMessage,
    Random, Settled, Timestamp,
};
use provost_store::{MessageQueues, StoreError};

use crate::HubError;

/// Whose messages: a device as it was when it proved itself. One made anew under its ID gets none of
/// them.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    pub(crate) hub: HubName,
    pub(crate) device_id: DeviceId,
    pub(crate) generation_id: String,
}

/// What a device is given.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) messages: Vec<QueuedMessage>,
    /// More wait that could be given now.
    pub(super) has_more: bool,
    /// When the next one comes back that another delivery holds.
    pub(super) next_return: Option<Timestamp>,
}

/// How messages are given.
#[derive(Debug, Clone, Copy)]
pub(super) enum Giving {
    /// Each under a lock of this length, to be settled.
    Locked(Duration),
    /// Each is done with by being given.
    Done,
}

/// What a device says of a message it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Complete,
    Reject,
    Abandon,
}

/// One device's queue inside a transaction.
pub(super) struct Queue<'a> {
    pub(super) queues: MessageQueues<'a>,
    pub(super) mailbox: &'a Mailbox,
    pub(super) limits: QueueLimits,
    pub(super) now: Timestamp,
}

impl Queue<'_> {
    /// Gives the oldest messages that wait, at most `limit`.
    pub(super) fn give(&self, how: Giving, limit: usize, random: &dyn Random) -> Result<Given, StoreError> {
        let mut given = Given::default();
        for entry in self.entries()? {
            let delivery = match entry
                .delivery
                .clone()
                .at(self.now, self.limits.max_delivery_count)
            {
                Settled::Ended(outcome) => {
                    self.end(&entry, outcome)?;
                    continue;
                }
                Settled::Waits(delivery) => delivery,
            };
            if let Some((_, until)) = delivery.lock() {
                given.next_return = Some(given.next_return.map_or(until, |first| first.min(until)));
                continue;
            }
            if given.messages.len() >= limit {
                given.has_more = true;
                break;
            }
            if let Some(message) = self.give_one(&entry, delivery, how, random)? {
                given.messages.push(message);
            }
        }
        Ok(given)
    }

    fn give_one(
        &self,
        entry: &QueueEntry,
        delivery: Delivery,
        how: Giving,
        random: &dyn Random,
    ) -> Result<Option<QueuedMessage>, StoreError> {
        let Mailbox { hub, device_id, .. } = self.mailbox;
        let until = match how {
            Giving::Locked(lock) => self.now.after(lock),
            Giving::Done => self.now,
        };
        let token = LockToken::new(random.uuid());
        let message = self.queues.message(hub, device_id, entry.sequence_number)?;
        let (Some(message), Some(delivery)) = (message, delivery.taken(token, until)) else {
            return Ok(None);
        };
        match how {
            Giving::Locked(_) => {
                self.queues
                    .put_delivery(hub, device_id, entry.sequence_number, &delivery)?;
            }
            Giving::Done => self.end(entry, MessageOutcome::Success)?,
        }
        Ok(Some(QueuedMessage { delivery, ..message }))
    }

    /// The device has a say on a message it holds.
    pub(super) fn settle(&self, token: &LockToken, verdict: Verdict) -> Result<(), HubError> {
        let holds = |entry: &QueueEntry| entry.delivery.lock().is_some_and(|(held, _)| held == token);
        let entry = self
            .entries()?
            .into_iter()
            .find(holds)
            .ok_or(HubError::LockLost)?;
        let (delivery, max) = (entry.delivery.clone(), self.limits.max_delivery_count);
        let settled = match verdict {
            Verdict::Complete => delivery.completed(token, self.now).map(Settled::Ended),
            Verdict::Reject => delivery.rejected(token, self.now).map(Settled::Ended),
            Verdict::Abandon => delivery.abandoned(token, self.now, max),
        };
        match settled.map_err(|_| HubError::LockLost)? {
            Settled::Ended(outcome) => self.end(&entry, outcome)?,
            Settled::Waits(delivery) => self.put(&entry, &delivery)?,
        }
        Ok(())
    }

    /// Does what time has done to the queue by now. Says whether anything came back into it.
    pub(super) fn tidy(&self) -> Result<bool, StoreError> {
        let mut came_back = false;
        for entry in self.entries()? {
            match entry
                .delivery
                .clone()
                .at(self.now, self.limits.max_delivery_count)
            {
                Settled::Ended(outcome) => self.end(&entry, outcome)?,
                Settled::Waits(delivery) if delivery != entry.delivery => {
                    self.put(&entry, &delivery)?;
                    came_back = true;
                }
                Settled::Waits(_) => {}
            }
        }
        Ok(came_back)
    }

    /// Ends every message; returns how many there were.
    pub(super) fn purge(&self) -> Result<usize, StoreError> {
        let entries = self.entries()?;
        for entry in &entries {
            self.end(entry, MessageOutcome::Purged)?;
        }
        Ok(entries.len())
    }

    pub(super) fn entries(&self) -> Result<Vec<QueueEntry>, StoreError> {
        let Mailbox {
            hub,
            device_id,
            generation_id,
        } = self.mailbox;
        self.queues.entries(hub, device_id, generation_id)
    }

    fn put(&self, entry: &QueueEntry, delivery: &Delivery) -> Result<(), StoreError> {
        let Mailbox { hub, device_id, .. } = self.mailbox;
        self.queues
            .put_delivery(hub, device_id, entry.sequence_number, delivery)
    }

    /// Takes a message out and tells its sender, if it wants to hear this.
    fn end(&self, entry: &QueueEntry, outcome: MessageOutcome) -> Result<(), StoreError> {
        let Mailbox {
            hub,
            device_id,
            generation_id,
        } = self.mailbox;
        self.queues.remove(hub, device_id, entry.sequence_number)?;
        if !entry.ack.wants(outcome) {
            return Ok(());
        }
        let feedback = Feedback {
            message_id: entry.message_id.clone(),
            device_id: device_id.clone(),
            generation_id: generation_id.clone(),
            at: self.now,
            outcome,
        };
        let expires_at = self.now.after(self.limits.feedback_ttl);
        self.queues.add_feedback(hub, &feedback, expires_at)
    }
}
