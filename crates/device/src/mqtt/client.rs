//! What a caller does with an MQTT client.

use std::collections::VecDeque;
use std::time::Duration;

use provost_transport::mqtt::codec::{
    Connack, Connect, ConnectReturnCode, Delivery, PacketId, Publish, QoS, Subscribe, SubscribeReturnCode,
    Unsubscribe, Will, encode_disconnect,
};
use provost_transport::mqtt::connection::{Connection, Limits};
use tokio::time::Instant;

use super::ByteStream;
use super::exchange::Received;
use crate::DeviceError;
use crate::connect::{Target, connect_tls, upgrade};
use crate::tls::ClientTls;

/// How long an answer to CONNECT, SUBSCRIBE or PUBLISH may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server may take to close after DISCONNECT.
const GOODBYE: Duration = Duration::from_secs(5);

/// The fields of CONNECT.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Client id.
    pub client_id: String,
    /// User name.
    pub username: Option<String>,
    /// Password, a SAS token; needs a user name.
    pub password: Option<String>,
    /// Seconds, 0 for none. The client pings by itself while it waits for messages.
    pub keep_alive: u16,
    /// Clean session flag.
    pub clean_session: bool,
    /// The will.
    pub will: Option<WillMessage>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            username: None,
            password: None,
            keep_alive: 240,
            clean_session: true,
            will: None,
        }
    }
}

/// A message the server publishes when the client is lost.
#[derive(Clone, Debug)]
pub struct WillMessage {
    /// Topic name.
    pub topic: String,
    /// Message body.
    pub payload: Vec<u8>,
    /// Quality of service.
    pub qos: QoS,
}

/// A message from the server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Topic name.
    pub topic: String,
    /// Message body.
    pub payload: Vec<u8>,
    /// Quality of service it came with; `QoS` 1 is acknowledged before it is handed out.
    pub qos: QoS,
}

/// One MQTT connection with one owner. Nothing runs in the background: pings are sent while
/// [`Self::next_publish`] waits.
pub struct MqttClient {
    pub(super) connection: Connection<Box<dyn ByteStream>>,
    /// Messages that came while something else was waited for.
    pub(super) waiting: VecDeque<Message>,
    pub(super) keep_alive: Duration,
    /// When the last packet was sent.
    pub(super) sent_at: Instant,
    /// A PINGREQ without its PINGRESP.
    pub(super) is_ping_open: bool,
    next_id: PacketId,
}

impl std::fmt::Debug for MqttClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("MqttClient")
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl MqttClient {
    /// Connects. A CONNACK other than 0 is [`DeviceError::Refused`].
    pub async fn connect(
        target: &Target,
        tls: &ClientTls,
        options: &ConnectOptions,
    ) -> Result<(Self, Connack), DeviceError> {
        let stream = connect_tls(target, tls).await?;
        let stream: Box<dyn ByteStream> = if target.websocket {
            Box::new(upgrade(stream, target).await?)
        } else {
            stream
        };
        let mut client = Self {
            connection: Connection::new(stream, Limits::default()),
            waiting: VecDeque::new(),
            keep_alive: Duration::from_secs(options.keep_alive.into()),
            sent_at: Instant::now(),
            is_ping_open: false,
            next_id: PacketId::FIRST,
        };
        let connack = client.say_connect(options).await?;
        Ok((client, connack))
    }

    async fn say_connect(&mut self, options: &ConnectOptions) -> Result<Connack, DeviceError> {
        let will = options.will.as_ref().map(|will| Will {
            topic: &will.topic,
            payload: &will.payload,
            qos: will.qos,
            retain: false,
        });
        let connect = Connect {
            client_id: &options.client_id,
            clean_session: options.clean_session,
            keep_alive: options.keep_alive,
            will,
            username: options.username.as_deref(),
            password: options.password.as_deref().map(str::as_bytes),
        };
        connect.encode(self.connection.outbox().buffer())?;
        self.send().await?;
        match self.receive(Instant::now() + ANSWER_TIMEOUT).await? {
            Some(Received::Connack(connack)) if connack.return_code == ConnectReturnCode::Accepted => {
                Ok(connack)
            }
            Some(Received::Connack(connack)) => Err(DeviceError::Refused(connack.return_code)),
            Some(_) => Err(DeviceError::Unexpected("packet before CONNACK")),
            None => Err(DeviceError::Timeout("CONNECT")),
        }
    }

    /// Subscribes to all filters in one packet; refused when one of them is.
    pub async fn subscribe(&mut self, filters: &[(&str, QoS)]) -> Result<(), DeviceError> {
        let packet_id = self.take_id();
        Subscribe::encode(packet_id, filters, self.connection.outbox().buffer())?;
        self.send().await?;
        match self
            .receive_answer(Instant::now() + ANSWER_TIMEOUT, "SUBSCRIBE")
            .await?
        {
            Received::Suback(id, codes) if id == packet_id => {
                let is_refused = codes.contains(&SubscribeReturnCode::Failure);
                if is_refused {
                    Err(DeviceError::SubscriptionRefused)
                } else {
                    Ok(())
                }
            }
            _ => Err(DeviceError::Unexpected("packet instead of SUBACK")),
        }
    }

    /// Unsubscribes from all filters in one packet.
    pub async fn unsubscribe(&mut self, filters: &[&str]) -> Result<(), DeviceError> {
        let packet_id = self.take_id();
        Unsubscribe::encode(packet_id, filters, self.connection.outbox().buffer())?;
        self.send().await?;
        match self
            .receive_answer(Instant::now() + ANSWER_TIMEOUT, "UNSUBSCRIBE")
            .await?
        {
            Received::Unsuback(id) if id == packet_id => Ok(()),
            _ => Err(DeviceError::Unexpected("packet instead of UNSUBACK")),
        }
    }

    /// Publishes, and with `QoS` 1 waits for the PUBACK. Messages that come meanwhile are kept for
    /// [`Self::next_publish`].
    pub async fn publish(&mut self, topic: &str, payload: &[u8], qos: QoS) -> Result<(), DeviceError> {
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce(self.take_id()),
            QoS::ExactlyOnce => Delivery::ExactlyOnce(self.take_id()),
        };
        let publish = Publish {
            topic,
            payload,
            delivery,
            duplicate: false,
            retain: false,
        };
        self.connection.outbox().publish(&publish)?;
        self.send().await?;
        let Some(packet_id) = delivery.packet_id() else {
            return Ok(());
        };
        match self
            .receive_answer(Instant::now() + ANSWER_TIMEOUT, "PUBLISH")
            .await?
        {
            Received::Puback(id) if id == packet_id => Ok(()),
            _ => Err(DeviceError::Unexpected("packet instead of PUBACK")),
        }
    }

    /// Publishes the same message `count` times at `QoS` 1, at most `window` of them without their
    /// PUBACK, and waits for all of those. They must come in order (MQTT-4.6.0-2).
    pub async fn publish_all(
        &mut self,
        topic: &str,
        payload: &[u8],
        count: u32,
        window: usize,
    ) -> Result<(), DeviceError> {
        let mut left = count;
        let mut open = VecDeque::new();
        while left > 0 || !open.is_empty() {
            if left > 0 && open.len() <= window / 2 {
                while left > 0 && open.len() < window {
                    let packet_id = self.take_id();
                    let publish = Publish {
                        topic,
                        payload,
                        delivery: Delivery::AtLeastOnce(packet_id),
                        duplicate: false,
                        retain: false,
                    };
                    self.connection.outbox().publish(&publish)?;
                    open.push_back(packet_id);
                    left -= 1;
                }
                self.send().await?;
            }
            let deadline = Instant::now() + ANSWER_TIMEOUT;
            match self.receive_answer(deadline, "PUBLISH").await? {
                Received::Puback(id) if open.front() == Some(&id) => open.pop_front(),
                _ => return Err(DeviceError::Unexpected("packet instead of the next PUBACK")),
            };
        }
        Ok(())
    }

    /// The next message; None when none came in time. [`DeviceError::Closed`] once the server
    /// closed the connection.
    pub async fn next_publish(&mut self, wait: Duration) -> Result<Option<Message>, DeviceError> {
        if let Some(message) = self.waiting.pop_front() {
            return Ok(Some(message));
        }
        match self.receive(Instant::now() + wait).await? {
            Some(Received::Message(message)) => Ok(Some(message)),
            Some(_) => Err(DeviceError::Unexpected("acknowledgement of nothing")),
            None => Ok(None),
        }
    }

    /// Waits until the server closes the connection; false when it did not in time. Messages that
    /// come meanwhile are kept.
    pub async fn closed(&mut self, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        loop {
            match self.receive(deadline).await {
                Ok(Some(Received::Message(message))) => self.waiting.push_back(message),
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    }

    /// Says DISCONNECT, waits until the server has closed for it, for a few seconds at most, and closes the stream in
    /// order. Whoever connects anew at once would take over a session whose last messages the server has not read,
    /// and they would be lost.
    pub async fn disconnect(mut self) {
        encode_disconnect(self.connection.outbox().buffer());
        if self.connection.flush().await.is_ok() {
            self.closed(GOODBYE).await;
        }
        self.connection.close().await;
    }

    fn take_id(&mut self) -> PacketId {
        let packet_id = self.next_id;
        self.next_id = packet_id.next();
        packet_id
    }
}
