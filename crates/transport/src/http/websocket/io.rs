//! A WebSocket as a byte stream: the payloads of its binary frames, one after the other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Read buffer in bytes. The library's own default takes 128 KiB per connection, 4 KiB would take
/// 3 KiB more than this; messages of devices are short.
const READ_BUFFER: usize = 1_024;

/// What one WebSocket may take.
#[derive(Clone, Copy, Debug)]
pub struct WebSocketLimits {
    /// Longest frame and longest message of several frames, bytes.
    pub max_message_bytes: usize,
}

impl Default for WebSocketLimits {
    fn default() -> Self {
        // A whole packet with its fixed header in one frame.
        Self {
            max_message_bytes: crate::mqtt::codec::DEFAULT_MAX_REMAINING + 8,
        }
    }
}

/// Carries bytes in binary frames. A packet may span frames and a frame may hold several packets
/// (dps-device-api.md 3.8). Pings are answered while reading, a close is the end of the stream,
/// a text frame is an error.
#[derive(Debug)]
pub struct WebSocketIo<S> {
    socket: WebSocketStream<S>,
    /// What is left of the frame read last.
    unread: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketIo<S> {
    /// The server side of an upgraded stream; `early` is what was read past the upgrade.
    pub async fn server(stream: S, early: &[u8], limits: WebSocketLimits) -> Self {
        Self::new(stream, early, Role::Server, limits).await
    }

    /// The client side of an upgraded stream.
    pub async fn client(stream: S, early: &[u8], limits: WebSocketLimits) -> Self {
        Self::new(stream, early, Role::Client, limits).await
    }

    async fn new(stream: S, early: &[u8], role: Role, limits: WebSocketLimits) -> Self {
        let limit = Some(limits.max_message_bytes);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(limits.max_message_bytes.saturating_mul(2).max(1))
            .max_message_size(limit)
            .max_frame_size(limit);
        let early = early.to_vec();
        let socket = WebSocketStream::from_partially_read(stream, early, role, Some(config)).await;
        Self {
            socket,
            unread: Bytes::new(),
        }
    }

    /// The stream below.
    pub fn stream(&self) -> &S {
        self.socket.get_ref()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocketIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(context)) {
                Some(Ok(Message::Binary(payload))) => self.unread = payload,
                // The answer to a ping or close is queued by the library and sent by its next
                // read or write.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => {}
                Some(Ok(Message::Text(_) | Message::Frame(_))) => {
                    let error = io::Error::new(io::ErrorKind::InvalidData, "text frame");
                    return Poll::Ready(Err(error));
                }
                Some(Err(error)) => return Poll::Ready(Err(to_io(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(self.unread.get(..count).unwrap_or_default());
        self.unread.advance(count);
        if self.unread.is_empty() {
            // Gives the frame's memory back.
            self.unread = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocketIo<S> {
    /// Sends `bytes` as one frame.
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(to_io)?;
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        Pin::new(&mut self.socket).start_send(message).map_err(to_io)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context).map_err(to_io)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(context).map_err(to_io)
    }
}

fn to_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        // A device that lost power says no goodbye.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => io::ErrorKind::UnexpectedEof.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}
