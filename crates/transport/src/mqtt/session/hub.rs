//! A device's session with its hub (iot-hub-device-api.md 4 to 7).

use std::sync::Arc;
use std::time::Duration;

use provost_hub::{ConnectRequest, DeviceSession, SessionEvent};
use provost_model::Secret;
use provost_wire::hub::device::{Username, desired_patch, desired_topic, method_request_topic};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{debug, info, warn};

use super::Parts;
use super::acknowledging::Acknowledgements;
use super::devicebound::Devicebound;
use super::hub_publish::{deliver_renewal, on_publish};
use super::hub_subscribe::{on_subscribe, on_unsubscribe};
use super::idle::{Deadline, Patience};
use super::reply::connack_code;
use super::will::Will;
use crate::mqtt::codec::{Acknowledgement, Connack, ConnectReturnCode, Delivery, Packet, Publish};
use crate::mqtt::connection::{Connection, Incoming, Outbox, ReadError, WriteError};
use crate::peer::Peer;
use crate::shutdown::Shutdown;

/// Bytes of answers with which they are sent before more is heard.
const MAX_UNSENT: usize = 16 * 1024;

/// Asks the hub to admit the device; `None` closes without a word.
pub(super) async fn connect(
    parts: &Parts,
    peer: &Peer,
    username: Username,
    password: Option<Secret<String>>,
    is_kept: bool,
) -> Result<DeviceSession, Option<ConnectReturnCode>> {
    // A chain that cannot be read is no proof, and not a reason to refuse a token beside it.
    let certificates = peer.chain();
    let id = username.identity_id();
    let request = ConnectRequest {
        host: username.host.as_str(),
        id: &id,
        sas: password.as_ref().map(|token| token.expose().as_str()),
        certificates: certificates.as_ref(),
        is_kept,
    };
    match parts.hub.connect(request).await {
        Ok(session) => Ok(session.speaking(username.api_version)),
        Err(refusal) => {
            info!(
                device = %id,
                peer = %peer.address,
                refusal = &refusal as &dyn std::error::Error,
                "device refused"
            );
            Err(Some(connack_code(&refusal)))
        }
    }
}

/// Why a session is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("the device said goodbye")]
    Disconnect,
    #[error("the stream ended")]
    Ended,
    #[error("the device was silent for too long or its token is over")]
    RanOut,
    #[error("the hub closed the session: {0}")]
    Closed(&'static str),
    #[error("the server shuts down")]
    Shutdown,
    #[error("{0}")]
    Violation(&'static str),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("the hub cannot serve the session")]
    Hub(#[from] provost_hub::HubError),
}

/// Serves an admitted device until it or the hub has enough.
pub(super) async fn run<S>(
    parts: &Parts,
    mut connection: Connection<S>,
    session: DeviceSession,
    silence: Duration,
    will: Option<Box<Will>>,
    mut shutdown: Shutdown,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    connection.outbox().connack(accepted(&session));
    let end = session.expires_at();
    let end = end.map(|until| Deadline::new(until, Arc::clone(&parts.clock)));
    let mut patience = Patience::new(silence, end);
    let mut acknowledgements = Acknowledgements::default();
    let mut devicebound = Devicebound::default();
    let mut told = None;
    let ended = loop {
        if let Err(error) = connection.flush().await {
            break End::Write(error);
        }
        was_sent(&session, told.take()).await;
        let step = tokio::select! {
            biased;
            event = session.next_event() => match event {
                // Boxed, as below.
                SessionEvent::Messages => {
                    Box::pin(devicebound.deliver(parts, &session, connection.outbox())).await
                }
                SessionEvent::Renewal => Box::pin(deliver_renewal(&session, connection.outbox())).await,
                event => {
                    told = version_of(&event);
                    say(connection.outbox(), event)
                }
            },
            () = shutdown.requested() => Err(End::Shutdown),
            () = patience.ran_out() => Err(End::RanOut),
            stored = acknowledgements.stored() => stored
                .map(|()| acknowledgements.acknowledge(connection.outbox()))
                .map_err(End::Hub),
            incoming = connection.next(), if !acknowledgements.is_full() => match incoming {
                Ok(Some(incoming)) => {
                    patience.heard();
                    session.touch();
                    // Boxed: a rare large step does not make every idle session large.
                    let progress = (&mut acknowledgements, &mut devicebound);
                    Box::pin(hear(parts, &session, progress, incoming)).await
                }
                Ok(None) => Err(End::Ended),
                Err(error) => Err(End::Read(error)),
            },
        };
        let step = match step {
            // Most packets come alone.
            Ok(()) if connection.has_packet() => {
                let progress = (&mut acknowledgements, &mut devicebound);
                Box::pin(hear_rest(parts, &session, progress, &mut connection)).await
            }
            step => step,
        };
        if let Err(end) = step {
            break end;
        }
    };
    if let End::Shutdown = ended {
        Box::pin(acknowledgements.drain(connection.outbox())).await;
    }
    debug!(device = %session.id(), end = &ended as &dyn std::error::Error, "session ended");
    let will = will.filter(|_| !matches!(ended, End::Disconnect));
    Box::pin(part(connection, session, will)).await;
}

fn accepted(session: &DeviceSession) -> Connack {
    Connack {
        session_present: session.is_resumed(),
        return_code: ConnectReturnCode::Accepted,
    }
}

/// Closing the stream may take the peer a while, and the commit of the last words the store: neither
/// waits for the other, and the hub learns first.
async fn part<S>(connection: Connection<S>, session: DeviceSession, will: Option<Box<Will>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    session.leave();
    let last_words = async {
        if let Some(will) = will {
            will.publish(session).await;
        }
    };
    tokio::join!(connection.close(), last_words);
}

/// The version a notification tells of.
fn version_of(event: &SessionEvent) -> Option<i64> {
    match event {
        SessionEvent::Desired(notification) => Some(notification.version),
        SessionEvent::Close(_) | SessionEvent::Method(_) | SessionEvent::Messages | SessionEvent::Renewal => {
            None
        }
    }
}

/// A notification was written to the connection.
async fn was_sent(session: &DeviceSession, told: Option<i64>) {
    let Some(version) = told else {
        return;
    };
    // Boxed: it is rare.
    if let Err(error) = Box::pin(session.desired_was_sent(version)).await {
        warn!(
            device = %session.id(),
            error = &error as &dyn std::error::Error,
            "a notification is kept though it was sent"
        );
    }
}

/// Something the hub has to say.
fn say(outbox: &mut Outbox, event: SessionEvent) -> Result<(), End> {
    let (topic, payload) = match event {
        SessionEvent::Close(reason) => return Err(End::Closed(reason.as_str())),
        // Delivered where they are taken.
        SessionEvent::Messages | SessionEvent::Renewal => return Ok(()),
        SessionEvent::Desired(notification) => {
            (desired_topic(notification.version), desired_patch(&notification))
        }
        SessionEvent::Method(request) => (method_request_topic(&request.name, &request.rid), request.payload),
    };
    publish(outbox, &topic, &payload)
}

/// Queues an answer or a notification to the device; all of them are QoS 0 (iot-hub-device-api.md 4.4).
pub(super) fn publish(outbox: &mut Outbox, topic: &str, payload: &[u8]) -> Result<(), End> {
    let message = Publish {
        topic,
        payload,
        delivery: Delivery::AtMostOnce,
        duplicate: false,
        retain: false,
    };
    outbox
        .publish(&message)
        .map_err(|_| End::Violation("an answer does not fit into a packet"))
}

/// What came together with a packet just heard: it costs no wait and no look at anything else.
async fn hear_rest<S>(
    parts: &Parts,
    session: &DeviceSession,
    (acknowledgements, devicebound): (&mut Acknowledgements, &mut Devicebound),
    connection: &mut Connection<S>,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    while !session.is_closed() && !acknowledgements.is_full() && connection.outbox().len() < MAX_UNSENT {
        match connection.buffered()? {
            Some(incoming) => hear(parts, session, (acknowledgements, devicebound), incoming).await?,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Something the device has to say.
async fn hear(
    parts: &Parts,
    session: &DeviceSession,
    (acknowledgements, devicebound): (&mut Acknowledgements, &mut Devicebound),
    incoming: Incoming<'_>,
) -> Result<(), End> {
    let Incoming { packet, outbox } = incoming;
    match packet {
        Packet::Publish(message) => on_publish(parts, session, acknowledgements, message, outbox).await,
        Packet::Subscribe(subscribe) => on_subscribe(session, &subscribe, outbox).await,
        Packet::Unsubscribe(unsubscribe) => on_unsubscribe(session, &unsubscribe, outbox).await,
        Packet::Pingreq => {
            outbox.pingresp();
            Ok(())
        }
        Packet::Disconnect => Err(End::Disconnect),
        Packet::Acknowledgement(Acknowledgement::Puback, packet_id) => {
            devicebound.acknowledged(packet_id, session).await
        }
        // An acknowledgement of nothing does no harm.
        Packet::Acknowledgement(..) => Ok(()),
        _ => Err(End::Violation("the packet has no place in a session")),
    }
}
