//! The accept loop: one task per connection, a cap on their number, an orderly end.

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use crate::shutdown::Shutdown;

/// Connections the kernel may hold ready for us.
const BACKLOG: u32 = 4_096;
/// Pause after an accept error that will not go away by itself, such as too many open files.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// What one listener may take.
#[derive(Clone, Copy, Debug)]
pub struct ListenerLimits {
    /// Connections at once; one more is accepted and closed, so that its peer does not hang.
    pub max_connections: usize,
    /// How long connections may take to end once the end is asked for; then they are cut.
    pub drain_timeout: Duration,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            max_connections: 100_000,
            drain_timeout: Duration::from_secs(8),
        }
    }
}

/// A bound socket that does not accept yet; the kernel already queues connections.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    limits: ListenerLimits,
}

impl Listener {
    /// Binds and listens. Port 0 picks a free port, see [`Self::local_address`].
    pub fn bind(address: SocketAddr, limits: ListenerLimits) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Without it a restart fails while old connections linger in TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG)?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            address,
            limits,
        })
    }

    /// The address with the real port.
    pub const fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until `shutdown` is requested, then waits for the connections.
    ///
    /// `handler` serves one connection. It holds its own token to learn of the end; what still
    /// runs after [`ListenerLimits::drain_timeout`] is cancelled. A panic in a handler ends its
    /// connection only.
    pub async fn run<H, F>(self, mut shutdown: Shutdown, handler: H)
    where
        H: Fn(TcpStream, SocketAddr) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => break,
                Some(ended) = connections.join_next() => log_panic(ended),
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, peer)) => {
                        if connections.len() >= self.limits.max_connections {
                            tracing::warn!(%peer, "too many connections, closing");
                        } else {
                            // Without it small answers wait for the peer's delayed
                            // acknowledgement. Failure means the peer is gone.
                            let _ = stream.set_nodelay(true);
                            connections.spawn(handler(stream, peer));
                        }
                    }
                    Err(error) => pause_after(&error).await,
                },
            }
        }
        drop(self.socket);
        drain(connections, self.limits.drain_timeout).await;
    }
}

async fn drain(mut connections: JoinSet<()>, limit: Duration) {
    let all = async {
        while let Some(ended) = connections.join_next().await {
            log_panic(ended);
        }
    };
    if timeout(limit, all).await.is_err() {
        tracing::warn!(
            count = connections.len(),
            "connections did not end in time and are cut"
        );
        connections.shutdown().await;
    }
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection task panicked");
    }
}

async fn pause_after(error: &io::Error) {
    match error.kind() {
        // The peer left between its handshake and our accept.
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted => {}
        _ => {
            tracing::error!(%error, "cannot accept connections");
            sleep(ERROR_PAUSE).await;
        }
    }
}
