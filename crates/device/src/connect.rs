//! From a target to a byte stream: TCP, TLS, and the WebSocket where asked for.

use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use provost_model::Random;
use provost_model::ambient::SystemRandom;
use provost_transport::http::websocket::{SUBPROTOCOL_MQTT, WebSocketIo, WebSocketLimits, accept_key};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::DeviceError;
use crate::tls::ClientTls;

/// How long TCP, TLS and the WebSocket upgrade may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The path the SDKs use; servers accept any.
const WEBSOCKET_PATH: &str = "/$iothub/websocket";

/// A TLS stream to a server. Boxed, because it is over a kilobyte.
pub(crate) type Secured = Box<TlsStream<TcpStream>>;

/// Where to connect.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name or address of the TCP connection.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The name asked for and verified in TLS, and the HTTP `Host`.
    pub server_name: String,
    /// MQTT inside a WebSocket; means nothing to HTTP.
    pub websocket: bool,
}

impl Target {
    /// A target whose TLS name is its host name, without WebSocket.
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            server_name: host.to_owned(),
            websocket: false,
        }
    }

    /// The same target with a WebSocket, or without.
    #[must_use]
    pub fn with_websocket(mut self, websocket: bool) -> Self {
        self.websocket = websocket;
        self
    }
}

/// TCP and TLS.
pub(crate) async fn connect_tls(target: &Target, tls: &ClientTls) -> Result<Secured, DeviceError> {
    let name = ServerName::try_from(target.server_name.clone())
        .map_err(|_| DeviceError::InvalidServerName(target.server_name.clone()))?;
    let connecting = Box::pin(async {
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await;
        let stream = stream.map_err(DeviceError::Connect)?;
        let _ = stream.set_nodelay(true);
        let connector = TlsConnector::from(Arc::clone(tls.config()));
        connector
            .connect(name, stream)
            .await
            .map(Box::new)
            .map_err(DeviceError::Handshake)
    });
    timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_elapsed| DeviceError::Timeout("connect"))?
}

/// Turns a TLS stream into a WebSocket with sub-protocol `mqtt`.
pub(crate) async fn upgrade(stream: Secured, target: &Target) -> Result<WebSocketIo<Secured>, DeviceError> {
    let upgrading = Box::pin(request_upgrade(stream, target));
    timeout(CONNECT_TIMEOUT, upgrading)
        .await
        .map_err(|_elapsed| DeviceError::Timeout("upgrade"))?
}

async fn request_upgrade(stream: Secured, target: &Target) -> Result<WebSocketIo<Secured>, DeviceError> {
    let failed = |error: hyper::Error| DeviceError::Http(Box::new(error));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // Ends by itself once the stream is handed over or broken.
    tokio::spawn(connection.with_upgrades());
    let mut nonce = [0; 16];
    SystemRandom.fill(&mut nonce);
    let key = STANDARD.encode(nonce);
    let request = Request::get(WEBSOCKET_PATH)
        .header(header::HOST, format!("{}:{}", target.server_name, target.port))
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL_MQTT)
        .body(Empty::<Bytes>::new())
        .map_err(|error| DeviceError::Http(Box::new(error)))?;
    let response = sender.send_request(request).await.map_err(failed)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(DeviceError::WebSocketRefused(response.status().as_u16()));
    }
    let accept = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
    if accept.is_none_or(|accept| accept.as_bytes() != accept_key(key.as_bytes()).as_bytes()) {
        return Err(DeviceError::Unexpected("websocket accept key"));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(failed)?;
    let parts = upgraded
        .downcast::<TokioIo<Secured>>()
        .map_err(|_other| DeviceError::Unexpected("upgraded stream"))?;
    let limits = WebSocketLimits::default();
    Ok(WebSocketIo::client(parts.io.into_inner(), &parts.read_buf, limits).await)
}
