//! What can go wrong on the device side.

use std::io;

use provost_transport::mqtt::codec::{ConnectReturnCode, EncodeError};
use provost_transport::mqtt::connection::{ReadError, WriteError};
use thiserror::Error;

/// Why a device could not do what it was asked to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The TCP connection was not made.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The server name is not one TLS can verify.
    #[error("{0} is not a server name")]
    InvalidServerName(String),
    /// The TLS handshake failed.
    #[error("tls handshake failed")]
    Handshake(#[source] io::Error),
    /// The server did not switch to a WebSocket.
    #[error("websocket upgrade was answered with status {0}")]
    WebSocketRefused(u16),
    /// CONNECT was answered with a code other than 0.
    #[error("connection refused with return code {}", .0.code())]
    Refused(ConnectReturnCode),
    /// SUBSCRIBE was refused.
    #[error("subscription refused")]
    SubscriptionRefused,
    /// The server closed the connection.
    #[error("server closed the connection")]
    Closed,
    /// An answer did not come in time.
    #[error("no answer to {0} in time")]
    Timeout(&'static str),
    /// The server said something that does not belong there.
    #[error("unexpected answer: {0}")]
    Unexpected(&'static str),
    /// Reading packets failed.
    #[error("cannot read")]
    Read(#[from] ReadError),
    /// Writing packets failed.
    #[error("cannot write")]
    Write(#[from] WriteError),
    /// What was to be sent is not a packet.
    #[error("cannot encode")]
    Encode(#[from] EncodeError),
    /// HTTP failed below the status code.
    #[error("http failed")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A twin or method answer carries a status of 300 or more.
    #[error("request answered with status {status}")]
    Status {
        /// Status from the topic.
        status: u16,
        /// The answer's body, usually JSON with `errorCode` and `message`.
        body: Vec<u8>,
    },
}
