//! Messages a device sent that are not on disk yet, in the order they came.

use std::collections::VecDeque;
use std::time::Duration;

use provost_hub::{HubError, TelemetryTicket};
use tokio::time::{Instant, timeout_at};

use crate::mqtt::codec::PacketId;
use crate::mqtt::connection::Outbox;

/// What a session may have outstanding; with more it is not read from until the first are stored.
const MAX_MESSAGES: usize = 512;
const MAX_BYTES: usize = 1024 * 1024;
/// How long the last messages may take when the server ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// PUBACKs to come. They leave in the order of the messages (MQTT-4.6.0-2), each once its message
/// and all before it are on disk. Owns no memory while nothing is outstanding.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    groups: VecDeque<Group>,
    messages: usize,
    bytes: usize,
}

/// Messages stored by the same commit.
#[derive(Debug)]
struct Group {
    ticket: TelemetryTicket,
    packet_ids: Vec<PacketId>,
    messages: usize,
    bytes: usize,
}

impl Acknowledgements {
    /// Whether no more may be read.
    pub(super) fn is_full(&self) -> bool {
        self.messages >= MAX_MESSAGES || self.bytes >= MAX_BYTES
    }

    /// A message that is to be stored; `QoS` 0 has no identifier and is counted all the same.
    pub(super) fn wait_for(&mut self, ticket: TelemetryTicket, packet_id: Option<PacketId>, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
        if let Some(group) = self.groups.back_mut()
            && group.ticket.is_of_same_commit(&ticket)
        {
            group.packet_ids.extend(packet_id);
            group.messages += 1;
            group.bytes += bytes;
        } else {
            self.groups.push_back(Group {
                ticket,
                packet_ids: packet_id.into_iter().collect(),
                messages: 1,
                bytes,
            });
        }
    }

    /// A message that is dealt with: acknowledged now, or behind those that came before it.
    pub(super) fn done(&mut self, packet_id: PacketId, outbox: &mut Outbox) {
        match self.groups.back_mut() {
            Some(group) => group.packet_ids.push(packet_id),
            None => outbox.puback(packet_id),
        }
    }

    /// Waits until the first outstanding messages are on disk; for ever when there are none.
    /// Cancel-safe; [`Self::acknowledge`] then says so.
    pub(super) async fn stored(&mut self) -> Result<(), HubError> {
        match self.groups.front_mut() {
            Some(group) => group.ticket.stored().await,
            None => std::future::pending().await,
        }
    }

    /// Acknowledges what [`Self::stored`] waited for.
    pub(super) fn acknowledge(&mut self, outbox: &mut Outbox) {
        if let Some(group) = self.groups.pop_front() {
            self.messages = self.messages.saturating_sub(group.messages);
            self.bytes = self.bytes.saturating_sub(group.bytes);
            for packet_id in group.packet_ids {
                outbox.puback(packet_id);
            }
        }
        if self.groups.is_empty() {
            self.groups = VecDeque::new();
        }
    }

    /// Acknowledges what is stored within a moment: the server ends, and the device shall not have to
    /// send again what is safe.
    pub(super) async fn drain(&mut self, outbox: &mut Outbox) {
        let until = Instant::now() + DRAIN_LIMIT;
        while !self.groups.is_empty() {
            match timeout_at(until, self.stored()).await {
                Ok(Ok(())) => self.acknowledge(outbox),
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }
}
