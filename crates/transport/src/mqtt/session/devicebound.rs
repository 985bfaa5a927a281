//! Cloud-to-device messages of a session (iot-hub-device-api.md 4.4 and 6): each is taken from its
//! queue when there is room in the window, and done with when the device acknowledges it. One that is
//! not acknowledged comes back when its lock is over and is sent again.

use provost_hub::{DeviceSession, Feature, Granted, HubError};
use provost_model::{LockToken, QueuedMessage, Timestamp};
use provost_wire::hub::device::devicebound_topic;
use tracing::{debug, warn};

use super::Parts;
use super::hub::End;
use crate::mqtt::codec::{Delivery, PacketId, Publish};
use crate::mqtt::connection::Outbox;

/// Messages a device may have and not have acknowledged.
const WINDOW: usize = 8;

/// What a session knows of its messages. Holds no heap while none is on its way.
#[derive(Debug, Default)]
pub(super) struct Devicebound {
    window: Vec<OnItsWay>,
    last_packet_id: u16,
    /// More waited than had room.
    has_more: bool,
}

#[derive(Debug)]
struct OnItsWay {
    packet_id: PacketId,
    sequence_number: i64,
    token: LockToken,
    until: Timestamp,
}

impl Devicebound {
    /// Sends what waits and has room.
    pub(super) async fn deliver(
        &mut self,
        parts: &Parts,
        session: &DeviceSession,
        outbox: &mut Outbox,
    ) -> Result<(), End> {
        let Some(granted) = session.granted(Feature::CloudToDevice) else {
            return Ok(());
        };
        let held = self.held_at(parts.clock.now());
        let room = WINDOW.saturating_sub(held);
        if room == 0 {
            self.has_more = true;
            return Ok(());
        }
        let taken = session.take_messages(granted, room).await?;
        self.has_more = taken.has_more;
        for message in &taken.messages {
            let (delivery, duplicate) = match granted {
                Granted::AtMostOnce => (Delivery::AtMostOnce, false),
                Granted::AtLeastOnce => {
                    let (packet_id, duplicate) = self.send_out(message);
                    (Delivery::AtLeastOnce(packet_id), duplicate)
                }
            };
            let publish = Publish {
                topic: &devicebound_topic(session.device_id(), message),
                payload: &message.message.body,
                delivery,
                duplicate,
                retain: false,
            };
            outbox
                .publish(&publish)
                .map_err(|_| End::Violation("a message does not fit into a packet"))?;
        }
        self.forget_lost(parts.clock.now());
        if self.has_more && granted == Granted::AtMostOnce {
            // Nothing will be acknowledged: go on once these are written.
            session.look_for_messages();
        }
        Ok(())
    }

    /// The device has acknowledged a packet; what it acknowledges for nothing does no harm.
    pub(super) async fn acknowledged(
        &mut self,
        packet_id: PacketId,
        session: &DeviceSession,
    ) -> Result<(), End> {
        let Some(place) = self.window.iter().position(|sent| sent.packet_id == packet_id) else {
            return Ok(());
        };
        let sent = self.window.swap_remove(place);
        if self.window.is_empty() {
            self.window = Vec::new();
        }
        match session.complete_message(&sent.token).await {
            Ok(()) => {}
            Err(HubError::SessionClosed) => return Err(End::Hub(HubError::SessionClosed)),
            Err(HubError::LockLost) => {
                debug!(device = %session.device_id(), "a message was acknowledged too late");
            }
            // It comes back and is sent again.
            Err(error) => warn!(
                device = %session.device_id(),
                error = &error as &dyn std::error::Error,
                "a message could not be completed"
            ),
        }
        if self.has_more {
            session.look_for_messages();
        }
        Ok(())
    }

    /// How many the device holds under locks that stand.
    fn held_at(&self, now: Timestamp) -> usize {
        self.window.iter().filter(|sent| sent.until > now).count()
    }

    /// Notes that a message goes out. One that went out before on this connection and came back keeps
    /// its packet identifier and is a duplicate (MQTT 3.1.1 3.3.1.1).
    fn send_out(&mut self, message: &QueuedMessage) -> (PacketId, bool) {
        let (token, until) = message.delivery.lock().map_or_else(
            || (LockToken::new(""), message.delivery.expires_at()),
            |(token, until)| (token.clone(), until),
        );
        let number = message.sequence_number;
        if let Some(sent) = self.window.iter_mut().find(|sent| sent.sequence_number == number) {
            (sent.token, sent.until) = (token, until);
            return (sent.packet_id, true);
        }
        let packet_id = self.next_packet_id();
        self.window.push(OnItsWay {
            packet_id,
            sequence_number: number,
            token,
            until,
        });
        (packet_id, false)
    }

    /// Those whose lock is over and that did not come back to this session are somebody else's now, or
    /// have ended.
    fn forget_lost(&mut self, now: Timestamp) {
        self.window.retain(|sent| sent.until > now);
    }

    fn next_packet_id(&mut self) -> PacketId {
        loop {
            self.last_packet_id = self.last_packet_id.wrapping_add(1);
            let is_free = |id: &PacketId| self.window.iter().all(|sent| sent.packet_id != *id);
            if let Some(packet_id) = PacketId::new(self.last_packet_id).filter(is_free) {
                return packet_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use provost_model::{Ack, CloudMessage, Delivery};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn message(number: i64, until: i64) -> QueuedMessage {
        let lock = (LockToken::new(format!("{number}-{until}")), at(until));
        QueuedMessage {
            sequence_number: number,
            enqueued_at: at(0),
            delivery: Delivery::restored(at(1_000), 1, Some(lock)),
            message: CloudMessage {
                message_id: "m".to_owned(),
                correlation_id: None,
                user_id: None,
                content_type: None,
                content_encoding: None,
                ack: Ack::None,
                properties: Vec::new(),
                body: Vec::new(),
            },
        }
    }

    fn id(number: u16) -> PacketId {
        PacketId::new(number).unwrap()
    }

    #[test]
    fn a_message_that_comes_back_keeps_its_packet_identifier() {
        let mut session = Devicebound::default();
        assert_eq!(session.send_out(&message(7, 60)), (id(1), false));
        assert_eq!(session.send_out(&message(8, 60)), (id(2), false));
        assert_eq!(session.held_at(at(59)), 2);
        assert_eq!(session.held_at(at(60)), 0);
        assert_eq!(session.send_out(&message(7, 120)), (id(1), true));
        session.forget_lost(at(60));
        assert_eq!(session.window.len(), 1);
        assert_eq!(session.window[0].token, LockToken::new("7-120"));
    }

    #[test]
    fn packet_identifiers_are_never_zero_and_never_twice_at_a_time() {
        let mut session = Devicebound {
            last_packet_id: u16::MAX - 1,
            ..Devicebound::default()
        };
        assert_eq!(session.send_out(&message(1, 60)).0, id(u16::MAX));
        assert_eq!(session.send_out(&message(2, 60)).0, id(1));
        session.last_packet_id = 0;
        assert_eq!(session.send_out(&message(3, 60)).0, id(2));
    }
}
