//! A device's session with the provisioning service (dps-device-api.md 3).

use std::time::Duration;

use provost_access::with_tracking_id;
use provost_model::Secret;
use provost_wire::dps::device::{
    DeviceOperation, RESPONSE_FILTER, RequestTopic, Username, answer_topic, parse_request,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use super::Parts;
use super::idle::Patience;
use crate::device_api::{Carrier, DeviceReply, DeviceRequest, Known};
use crate::mqtt::codec::{
    Connack, ConnectReturnCode, Delivery, Packet, PacketId, Publish, QoS, Subscribe, SubscribeReturnCode,
};
use crate::mqtt::connection::{Connection, Incoming, Outbox};
use crate::peer::Peer;
use crate::shutdown::Shutdown;

/// Longest request of a device (dps-device-api.md 8.5).
const MAX_MESSAGE: usize = 96 * 1024;

/// One device on its way in. CONNECT is always accepted: each attestation failure is told as the
/// answer to a request, where an SDK finds the number (dps-device-api.md 3.2).
pub(super) struct DpsSession<'a> {
    parts: &'a Parts,
    peer: Peer,
    username: Username,
    password: Option<Secret<String>>,
    /// Proven once per connection; the service judges again what may have changed.
    known: Known,
    is_listening: bool,
    next_packet_id: u16,
}

/// The session is over.
struct Over(&'static str);

impl<'a> DpsSession<'a> {
    pub(super) fn new(
        parts: &'a Parts,
        peer: Peer,
        username: Username,
        password: Option<Secret<String>>,
    ) -> Self {
        Self {
            parts,
            peer,
            username,
            password,
            known: Known::default(),
            is_listening: false,
            next_packet_id: 0,
        }
    }

    /// Serves the device until it leaves or breaks the rules.
    pub(super) async fn run<S>(
        mut self,
        mut connection: Connection<S>,
        keep_alive: Duration,
        mut shutdown: Shutdown,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        connection.set_max_remaining(MAX_MESSAGE);
        // There is never a session to resume, whatever the device asked for (rule 9 of 0.3).
        let accepted = Connack {
            session_present: false,
            return_code: ConnectReturnCode::Accepted,
        };
        connection.outbox().connack(accepted);
        let silence = keep_alive.min(self.parts.limits.provisioning_silence);
        let mut patience = Patience::new(silence, None);
        loop {
            if connection.flush().await.is_err() {
                break;
            }
            let step = tokio::select! {
                biased;
                () = shutdown.requested() => Err(Over("the server shuts down")),
                () = patience.ran_out() => Err(Over("silent for too long")),
                incoming = connection.next() => match incoming {
                    Ok(Some(incoming)) => {
                        patience.heard();
                        self.hear(incoming).await
                    }
                    Ok(None) => Err(Over("the stream ended")),
                    Err(error) => {
                        debug!(device = %self.username.registration_id, %error, "unreadable");
                        Err(Over("unreadable packet"))
                    }
                },
            };
            if let Err(Over(reason)) = step {
                debug!(device = %self.username.registration_id, reason, "provisioning session ended");
                break;
            }
        }
        connection.close().await;
    }

    async fn hear(&mut self, incoming: Incoming<'_>) -> Result<(), Over> {
        let Incoming { packet, outbox } = incoming;
        match packet {
            Packet::Publish(message) => self.on_publish(message, outbox).await,
            Packet::Subscribe(subscribe) => self.on_subscribe(&subscribe, outbox),
            Packet::Unsubscribe(unsubscribe) => {
                self.is_listening = false;
                outbox.unsuback(unsubscribe.packet_id);
                Ok(())
            }
            Packet::Pingreq => {
                outbox.pingresp();
                Ok(())
            }
            Packet::Acknowledgement(..) => Ok(()),
            Packet::Disconnect => Err(Over("the device said goodbye")),
            _ => Err(Over("the packet has no place here")),
        }
    }

    fn on_subscribe(&mut self, subscribe: &Subscribe<'_>, outbox: &mut Outbox) -> Result<(), Over> {
        let mut codes = Vec::new();
        for (filter, qos) in subscribe.filters() {
            if filter != RESPONSE_FILTER {
                return Err(Over("the filter is not the one for answers"));
            }
            let granted = if qos == QoS::AtMostOnce {
                QoS::AtMostOnce
            } else {
                QoS::AtLeastOnce
            };
            codes.push(SubscribeReturnCode::Granted(granted));
        }
        self.is_listening = true;
        outbox
            .suback(subscribe.packet_id, &codes)
            .map_err(|_| Over("too many filters in one packet"))
    }

    async fn on_publish(&mut self, message: Publish<'_>, outbox: &mut Outbox) -> Result<(), Over> {
        let packet_id = match message.delivery {
            Delivery::AtMostOnce => None,
            Delivery::AtLeastOnce(packet_id) => Some(packet_id),
            Delivery::ExactlyOnce(_) => return Err(Over("QoS 2 is not spoken here")),
        };
        let request = parse_request(message.topic).ok_or(Over("the topic is not a request"))?;
        let (rid, operation, body) = match request {
            RequestTopic::Register { rid } => (rid, DeviceOperation::Register, message.payload),
            RequestTopic::OperationStatus { rid, operation_id } => {
                (rid, DeviceOperation::OperationStatus(operation_id), &[][..])
            }
        };
        let reply = self.ask(&operation, body).await;
        // Acknowledged before answered, or C# takes the answer for a mistake (rule 8 of 0.3).
        if let Some(packet_id) = packet_id {
            outbox.puback(packet_id);
        }
        if self.is_listening {
            self.answer(rid, &reply, outbox)?;
        }
        Ok(())
    }

    fn answer(&mut self, rid: &str, reply: &DeviceReply, outbox: &mut Outbox) -> Result<(), Over> {
        let topic = answer_topic(reply.status, rid, reply.retry_after);
        let message = Publish {
            topic: &topic,
            payload: &reply.body,
            delivery: Delivery::AtLeastOnce(self.packet_id()),
            duplicate: false,
            retain: false,
        };
        outbox
            .publish(&message)
            .map_err(|_| Over("the answer does not fit into a packet"))
    }

    fn packet_id(&mut self) -> PacketId {
        loop {
            self.next_packet_id = self.next_packet_id.wrapping_add(1);
            if let Some(packet_id) = PacketId::new(self.next_packet_id) {
                return packet_id;
            }
        }
    }

    async fn ask(&self, operation: &DeviceOperation, body: &[u8]) -> DeviceReply {
        let (username, tracking_id) = (&self.username, self.parts.random.uuid());
        let request = DeviceRequest {
            carrier: Carrier::Mqtt,
            peer: &self.peer,
            id_scope: &username.id_scope,
            registration_id: &username.registration_id,
            sas: self.password.as_ref(),
            version: &username.api_version,
            operation,
            body,
            tracking_id: &tracking_id,
        };
        let answer = self.parts.device_api.answer(&self.known, &request);
        with_tracking_id(&tracking_id, answer).await
    }
}
