//! An MQTT connection over any byte stream: packets in, packets out, bounded in size and time.
//!
//! - An idle connection owns no heap memory: short packets are read into a probe inside the
//!   struct, and only a packet that does not fit is collected in a buffer that grows with the
//!   bytes that really arrive and is freed when it is drained.
//! - [`Connection::next`] is cancel-safe, made for `tokio::select!`.
//! - A packet borrows the input while replies are encoded into the [`Outbox`] next to it;
//!   [`Connection::flush`] writes them under a time limit, so a peer that stops reading cannot
//!   pin memory.
//!
//! Keep-alive, authentication and the meaning of packets belong to the session above.

mod inbox;
mod outbox;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

pub use self::outbox::Outbox;

use self::inbox::Inbox;
use super::codec::{DEFAULT_MAX_REMAINING, DecodeError, Packet};

/// What one connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest accepted remaining length of a packet, bytes.
    pub max_remaining: usize,
    /// How long a packet may take from its first byte to its last.
    pub packet_timeout: Duration,
    /// How long the peer may take to accept what is written.
    pub write_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_remaining: DEFAULT_MAX_REMAINING,
            packet_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(15),
        }
    }
}

/// Why no more packets can be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The peer sent something that is not MQTT 3.1.1.
    #[error("malformed packet")]
    Malformed(#[from] DecodeError),
    /// A packet was begun and not finished in time.
    #[error("packet was not completed in time")]
    Stalled,
    /// The stream ended inside a packet.
    #[error("stream ended inside a packet")]
    Truncated,
    /// The stream broke.
    #[error("stream broke")]
    Stream(#[source] io::Error),
}

/// Why replies could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The peer did not read in time.
    #[error("peer does not read")]
    Stalled,
    /// The stream broke.
    #[error("stream broke")]
    Stream(#[source] io::Error),
}

/// A packet, and the place for what is to be said in return.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Borrowed from the connection until the next call.
    pub packet: Packet<'a>,
    /// Encode replies here, then call [`Connection::flush`].
    pub outbox: &'a mut Outbox,
}

/// A framed MQTT stream; the same for server and device side.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    inbox: Inbox,
    outbox: Outbox,
    /// When the packet that is only partly here must be complete.
    packet_deadline: Option<Instant>,
    limits: Limits,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Wraps a stream whose handshakes are done.
    pub fn new(stream: S, limits: Limits) -> Self {
        let (inbox, outbox) = (Inbox::default(), Outbox::default());
        Self {
            stream,
            inbox,
            outbox,
            packet_deadline: None,
            limits,
        }
    }

    /// The stream below.
    pub const fn stream(&self) -> &S {
        &self.stream
    }

    /// Changes the longest accepted remaining length, bytes: small before CONNECT was judged,
    /// large after.
    pub const fn set_max_remaining(&mut self, max_remaining: usize) {
        self.limits.max_remaining = max_remaining;
    }

    /// The replies not yet flushed.
    pub const fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// The next packet; None when the peer closed between two packets.
    ///
    /// Cancel-safe: bytes read before a cancellation are kept.
    pub async fn next(&mut self) -> Result<Option<Incoming<'_>>, ReadError> {
        self.inbox.release();
        let length = loop {
            if let Some(length) = self.inbox.packet_length(self.limits.max_remaining)? {
                break length;
            }
            if !self.fill().await? {
                return Ok(None);
            }
        };
        self.packet_deadline = None;
        let packet = self.inbox.packet(length, self.limits.max_remaining)?;
        Ok(Some(Incoming {
            packet,
            outbox: &mut self.outbox,
        }))
    }

    /// Whether a packet is behind the one handed out last, or what is there is malformed: then
    /// [`Self::buffered`] says so.
    pub fn has_packet(&mut self) -> bool {
        self.inbox.release();
        !matches!(self.inbox.packet_length(self.limits.max_remaining), Ok(None))
    }

    /// The next packet when all of it is here already; reads nothing.
    pub fn buffered(&mut self) -> Result<Option<Incoming<'_>>, ReadError> {
        self.inbox.release();
        let Some(length) = self.inbox.packet_length(self.limits.max_remaining)? else {
            return Ok(None);
        };
        self.packet_deadline = None;
        let packet = self.inbox.packet(length, self.limits.max_remaining)?;
        Ok(Some(Incoming {
            packet,
            outbox: &mut self.outbox,
        }))
    }

    /// Reads once; false at the end of the stream between two packets.
    async fn fill(&mut self) -> Result<bool, ReadError> {
        let is_between_packets = self.inbox.is_empty();
        let read = if is_between_packets {
            self.inbox.fill_from(&mut self.stream).await
        } else {
            let now = Instant::now();
            let deadline = *self
                .packet_deadline
                .get_or_insert_with(|| now + self.limits.packet_timeout);
            timeout_at(deadline, self.inbox.fill_from(&mut self.stream))
                .await
                .map_err(|_elapsed| ReadError::Stalled)?
        };
        match read {
            Ok(0) if is_between_packets => Ok(false),
            Ok(0) => Err(ReadError::Truncated),
            Ok(_) => Ok(true),
            // rustls reports a peer that left without close_notify this way; most devices do.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && is_between_packets => Ok(false),
            Err(error) => Err(ReadError::Stream(error)),
        }
    }

    /// Writes everything in the outbox and flushes the stream.
    ///
    /// Cancel-safe: what the stream has taken is not written twice.
    pub async fn flush(&mut self) -> Result<(), WriteError> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let (outbox, stream) = (&mut self.outbox, &mut self.stream);
        timeout(self.limits.write_timeout, outbox.write_to(stream))
            .await
            .map_err(|_elapsed| WriteError::Stalled)?
            .map_err(WriteError::Stream)
    }

    /// Flushes what is left and ends the stream in order; errors no longer matter.
    pub async fn close(mut self) {
        if self.flush().await.is_ok() {
            let _ = timeout(self.limits.write_timeout, self.stream.shutdown()).await;
        }
    }
}
