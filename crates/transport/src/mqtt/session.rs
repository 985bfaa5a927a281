//! What an MQTT connection means: who is there, and which service it talks to.
//!
//! 1. `opening`: the first packet must be a CONNECT in time; its user name tells a device that
//!    wants to be provisioned from a device of a hub.
//! 2. `dps`: register and poll, answered as JSON on the response topic.
//! 3. `hub`: telemetry, twin, methods, messages (`devicebound`), for as long as the hub lets the
//!    session live.
//! 4. `reply`: the one place where a refusal becomes a CONNACK code.

mod acknowledging;
mod devicebound;
mod dps;
mod hub;
mod hub_publish;
mod hub_subscribe;
mod idle;
mod opening;
mod reply;
mod will;

use std::sync::Arc;
use std::time::Duration;

use provost_access::with_origin;
use provost_hub::HubService;
use provost_model::{AuditOrigin, Clock, Random};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use self::opening::{Opening, Service};
use super::connection::{Connection, Limits};
use crate::device_api::DeviceApi;
use crate::peer::Peer;
use crate::shutdown::Shutdown;

/// What MQTT sessions may take.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Of the connection below.
    pub connection: Limits,
    /// How long the CONNECT may take after the TLS handshake.
    pub connect_timeout: Duration,
    /// Longest silence when the client asks for no keep-alive, and the cap of what it asks for
    /// (iot-hub-device-api.md 2.3).
    pub longest_silence: Duration,
    /// Longest silence of a device that is being provisioned (dps-device-api.md 3.6).
    pub provisioning_silence: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            connection: Limits::default(),
            connect_timeout: Duration::from_secs(15),
            longest_silence: Duration::from_secs(1767),
            provisioning_silence: Duration::from_mins(5),
        }
    }
}

/// Serves MQTT connections, on TLS and on WebSocket alike. Cheap to clone.
#[derive(Clone)]
pub struct MqttServer {
    parts: Arc<Parts>,
}

pub(super) struct Parts {
    pub(super) hub: HubService,
    pub(super) device_api: DeviceApi,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) limits: SessionLimits,
}

impl MqttServer {
    /// A server over the two services.
    pub fn new(
        hub: HubService,
        device_api: DeviceApi,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        limits: SessionLimits,
    ) -> Self {
        Self {
            parts: Arc::new(Parts {
                hub,
                device_api,
                clock,
                random,
                limits,
            }),
        }
    }

    /// Serves one connection to its end. What it writes says that it came from there; each request adds a
    /// tracking id of its own.
    pub async fn serve<S>(&self, stream: S, peer: Peer, shutdown: Shutdown)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let origin = AuditOrigin {
            address: peer.address.to_string(),
            tracking_id: String::new(),
        };
        with_origin(origin, self.serve_there(stream, peer, shutdown)).await;
    }

    async fn serve_there<S>(&self, stream: S, peer: Peer, shutdown: Shutdown)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let mut connection = Connection::new(stream, self.parts.limits.connection);
        // Boxed: what opening needs is not carried through the life of the session.
        let opening = match Box::pin(opening::read(&mut connection, self.parts.limits)).await {
            Ok(opening) => opening,
            Err(refusal) => {
                debug!(peer = %peer.address, %refusal, "no session");
                return Box::pin(reply::refuse(connection, refusal.code())).await;
            }
        };
        let Opening {
            service,
            password,
            keep_alive,
            is_kept,
            will,
        } = opening;
        match service {
            Service::Dps(username) => {
                let session = dps::DpsSession::new(&self.parts, peer, username, password);
                Box::pin(session.run(connection, keep_alive, shutdown)).await;
            }
            Service::Hub(username) => {
                let connect = Box::pin(hub::connect(&self.parts, &peer, username, password, is_kept)).await;
                match connect {
                    Ok(session) => {
                        drop(peer);
                        hub::run(&self.parts, connection, session, keep_alive, will, shutdown).await;
                    }
                    Err(code) => Box::pin(reply::refuse(connection, code)).await,
                }
            }
        }
    }
}
