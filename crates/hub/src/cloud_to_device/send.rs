use std::sync::Arc;

use provost_model::{
    AccessRight, Action, Actor, AuditEvent, Change, CloudMessage, DeviceId, HubName, IdentityId, QueueLimits,
    Timestamp,
};
use provost_wire::hub::MAX_CLOUD_MESSAGE;
use provost_wire::hub::device::{MAX_TOPIC, devicebound_topic_length};
use provost_wire::hub::service::MessageInput;

use super::Mailbox;
use super::mailbox::Queue;
use crate::service::HubService;
use crate::{HubError, ServiceCaller};

/// A message that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// Its own, or the one it was given.
    pub message_id: String,
    /// Grows with every message of the hub.
    pub sequence_number: i64,
    /// When it was taken in.
    pub enqueued_at: Timestamp,
    /// When its time is over.
    pub expires_at: Timestamp,
}

impl HubService {
    /// Puts a message into a device's queue; answers once it is on disk. A live device that listens
    /// is given it at once. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::DeviceNotFound`], [`HubError::QueueFull`],
    /// [`HubError::MessageTooLarge`], [`HubError::ArgumentInvalid`] for an end in the past,
    /// [`HubError::Store`].
    pub async fn send_message(
        &self,
        caller: &ServiceCaller,
        device_id: &DeviceId,
        input: MessageInput,
    ) -> Result<SentMessage, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let limits = self.queue_limits();
        let asked = input.expires_at;
        let message = self.named(input);
        check_size(device_id, &message)?;
        let (hub, actor, id) = (caller.hub().clone(), caller.actor(), device_id.clone());
        let sent = self
            .store()
            .write(move |tx| {
                let device = tx.device(&hub, &id)?.ok_or(HubError::DeviceNotFound)?;
                let expires_at = end(asked, tx.now(), limits)?;
                let mailbox = Mailbox {
                    hub,
                    device_id: id,
                    generation_id: device.generation_id,
                };
                if device.cloud_to_device_message_count as usize >= limits.max_messages {
                    let queue = Queue {
                        queues: tx.messages(),
                        mailbox: &mailbox,
                        limits,
                        now: tx.now(),
                    };
                    // Those whose time is over do not keep others out.
                    queue.tidy()?;
                    if queue.entries()?.len() >= limits.max_messages {
                        return Err(HubError::QueueFull {
                            limit: limits.max_messages,
                        });
                    }
                }
                let Mailbox {
                    hub,
                    device_id,
                    generation_id,
                } = mailbox;
                let number = tx.enqueue_message(&hub, &device_id, &generation_id, &message, expires_at)?;
                let sent = SentMessage {
                    message_id: message.message_id,
                    sequence_number: number,
                    enqueued_at: tx.now(),
                    expires_at,
                };
                let event = event(actor, Action::Create, &hub, &device_id);
                tx.announce(&Change::CloudToDevice { hub, device_id })?;
                Ok(tx.record(&event, sent)?)
            })
            .await?;
        self.wake_receiver(caller.hub(), device_id);
        Ok(sent)
    }

    /// Empties a device's queue; returns how many messages there were. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::DeviceNotFound`], [`HubError::Store`].
    pub async fn purge_messages(
        &self,
        caller: &ServiceCaller,
        device_id: &DeviceId,
    ) -> Result<usize, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let limits = self.queue_limits();
        let (hub, actor, device_id) = (caller.hub().clone(), caller.actor(), device_id.clone());
        self.store()
            .write(move |tx| {
                let device = tx.device(&hub, &device_id)?.ok_or(HubError::DeviceNotFound)?;
                let mailbox = Mailbox {
                    hub,
                    device_id,
                    generation_id: device.generation_id,
                };
                let queue = Queue {
                    queues: tx.messages(),
                    mailbox: &mailbox,
                    limits,
                    now: tx.now(),
                };
                let purged = queue.purge()?;
                let event = event(actor, Action::Delete, &mailbox.hub, &mailbox.device_id)
                    .with_detail(format!("{purged} purged"));
                Ok(tx.record(&event, purged)?)
            })
            .await
    }

    /// Wakes the session of a device for which messages may wait now.
    pub(crate) fn wake_receiver(&self, hub: &HubName, device_id: &DeviceId) {
        let id = IdentityId::device(device_id.clone());
        if let Some(link) = self.sessions().live(hub, &id) {
            link.messages_may_wait();
        }
    }

    fn named(&self, input: MessageInput) -> CloudMessage {
        let random = Arc::clone(self.random());
        CloudMessage {
            message_id: input.message_id.unwrap_or_else(|| random.uuid()),
            correlation_id: input.correlation_id,
            user_id: input.user_id,
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            ack: input.ack,
            properties: input.properties,
            body: input.body,
        }
    }
}

/// When a message's time is over. An end farther away than the longest is brought forward.
fn end(asked: Option<Timestamp>, now: Timestamp, limits: QueueLimits) -> Result<Timestamp, HubError> {
    match asked {
        Some(at) if at <= now => Err(HubError::ArgumentInvalid(
            "expiryTimeUtc is in the past".to_owned(),
        )),
        Some(at) => Ok(at.min(now.after(limits.max_ttl))),
        None => Ok(now.after(limits.default_ttl)),
    }
}

/// Body and properties have one limit; the properties must also fit the topic they travel in.
fn check_size(device_id: &DeviceId, message: &CloudMessage) -> Result<(), HubError> {
    let texts = [
        Some(&message.message_id),
        message.correlation_id.as_ref(),
        message.user_id.as_ref(),
        message.content_type.as_ref(),
        message.content_encoding.as_ref(),
    ];
    let system: usize = texts.into_iter().flatten().map(String::len).sum();
    let properties = message.properties.iter();
    let application: usize = properties.map(|(name, value)| name.len() + value.len()).sum();
    let size = message.body.len() + system + application;
    let topic = devicebound_topic_length(device_id, message);
    for (size, limit) in [(size, MAX_CLOUD_MESSAGE), (topic, MAX_TOPIC)] {
        if size > limit {
            return Err(HubError::MessageTooLarge { size, limit });
        }
    }
    Ok(())
}

fn event(actor: Actor, action: Action, hub: &HubName, device_id: &DeviceId) -> AuditEvent {
    AuditEvent::new(actor, action, "message", hub.as_str(), device_id.as_str())
}
