//! Packets in and out of a client, with the keep-alive between them.

use std::time::Duration;

use provost_transport::mqtt::codec::{
    Acknowledgement, Connack, Delivery, Packet, PacketId, SubscribeReturnCode, encode_pingreq,
};
use provost_transport::mqtt::connection::{Incoming, ReadError};
use tokio::time::{Instant, timeout_at};

use super::client::{Message, MqttClient};
use crate::DeviceError;

/// What the server said, owned.
pub(super) enum Received {
    Connack(Connack),
    Message(Message),
    Puback(PacketId),
    Suback(PacketId, Vec<SubscribeReturnCode>),
    Unsuback(PacketId),
    Pingresp,
}

impl MqttClient {
    /// Writes what is in the outbox.
    pub(super) async fn send(&mut self) -> Result<(), DeviceError> {
        self.connection.flush().await?;
        self.sent_at = Instant::now();
        Ok(())
    }

    /// The next packet that is not a PINGRESP; None at the deadline. Answers `QoS` 1 messages with
    /// PUBACK and pings when nothing was sent for three quarters of the keep-alive.
    pub(super) async fn receive(&mut self, deadline: Instant) -> Result<Option<Received>, DeviceError> {
        loop {
            let ping_at = self.ping_at();
            let until = ping_at.map_or(deadline, |ping_at| ping_at.min(deadline));
            let next = match timeout_at(until, self.connection.next()).await {
                Ok(next) => next,
                Err(_elapsed) if until == deadline => return Ok(None),
                Err(_elapsed) => {
                    self.ping().await?;
                    continue;
                }
            };
            let mut incoming = match next {
                Ok(Some(incoming)) => incoming,
                Ok(None) | Err(ReadError::Stream(_)) => return Err(DeviceError::Closed),
                Err(error) => return Err(error.into()),
            };
            let received = take(&mut incoming)?;
            if !self.connection.outbox().is_empty() {
                self.send().await?;
            }
            match received {
                Received::Pingresp => self.is_ping_open = false,
                other => return Ok(Some(other)),
            }
        }
    }

    /// The answer to a request; messages that come before it are kept.
    pub(super) async fn receive_answer(
        &mut self,
        deadline: Instant,
        to: &'static str,
    ) -> Result<Received, DeviceError> {
        loop {
            match self.receive(deadline).await? {
                Some(Received::Message(message)) => self.waiting.push_back(message),
                Some(answer) => return Ok(answer),
                None => return Err(DeviceError::Timeout(to)),
            }
        }
    }

    fn ping_at(&self) -> Option<Instant> {
        let pause = self.keep_alive.checked_mul(3)? / 4;
        (self.keep_alive > Duration::ZERO).then(|| self.sent_at + pause)
    }

    async fn ping(&mut self) -> Result<(), DeviceError> {
        if self.is_ping_open {
            return Err(DeviceError::Timeout("PINGREQ"));
        }
        self.is_ping_open = true;
        encode_pingreq(self.connection.outbox().buffer());
        self.send().await
    }
}

fn take(incoming: &mut Incoming<'_>) -> Result<Received, DeviceError> {
    Ok(match incoming.packet {
        Packet::Connack(connack) => Received::Connack(connack),
        Packet::Publish(publish) => {
            if let Delivery::AtLeastOnce(packet_id) = publish.delivery {
                incoming.outbox.puback(packet_id);
            }
            Received::Message(Message {
                topic: publish.topic.to_owned(),
                payload: publish.payload.to_vec(),
                qos: publish.delivery.qos(),
            })
        }
        Packet::Acknowledgement(Acknowledgement::Puback, packet_id) => Received::Puback(packet_id),
        Packet::Acknowledgement(Acknowledgement::Unsuback, packet_id) => Received::Unsuback(packet_id),
        Packet::Suback(suback) => Received::Suback(suback.packet_id, suback.return_codes().collect()),
        Packet::Pingresp => Received::Pingresp,
        _ => return Err(DeviceError::Unexpected("packet only clients send")),
    })
}
