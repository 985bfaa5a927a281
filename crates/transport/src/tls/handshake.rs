//! One TLS handshake under a time limit.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Plaintext and ciphertext rustls may hold for a slow peer, bytes each; freed when drained.
const BUFFER_LIMIT: usize = 16 * 1024;

/// A TLS stream whose handshake is done. Boxed: it is over a kilobyte, and an unboxed one is
/// copied into every future it passes through.
pub type Secured<S> = Box<TlsStream<S>>;

/// Why a handshake did not complete.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The client took too long.
    #[error("handshake was not completed in time")]
    Stalled,
    /// The client broke off, sent nonsense, or does not own the key of its certificate.
    #[error("handshake failed")]
    Failed(#[source] io::Error),
}

/// Runs the server side of a handshake.
pub async fn handshake<S>(
    config: Arc<ServerConfig>,
    stream: S,
    limit: Duration,
) -> Result<Secured<S>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Boxed so that the task of a connection does not carry the handshake's memory for its life.
    let accept = Box::pin(
        TlsAcceptor::from(config).accept_with(stream, |session| session.set_buffer_limit(Some(BUFFER_LIMIT))),
    );
    match timeout(limit, accept).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(HandshakeError::Failed(error)),
        Err(_elapsed) => Err(HandshakeError::Stalled),
    }
}
