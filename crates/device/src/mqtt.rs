//! An MQTT 3.1.1 client over TLS or a WebSocket.

mod client;
mod exchange;

use tokio::io::{AsyncRead, AsyncWrite};

pub use self::client::{ConnectOptions, Message, MqttClient, WillMessage};

/// Either kind of stream, so that the client has one type.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}
