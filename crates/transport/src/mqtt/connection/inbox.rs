//! The read side of a connection: a probe for short packets, a heap buffer for the others.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::mqtt::codec::{DecodeError, FixedHeader, Packet, decode};

/// Bytes of the probe: most CONNECTs exceed it, what a quiet device sends afterwards does not.
const PROBE: usize = 128;
/// Least room made for one read into the heap buffer, bytes.
const MIN_READ: usize = 2_048;
/// The least room doubles so often, at most, while the peer fills it: to one TLS record.
const MAX_APPETITE: u8 = 3;

/// Bytes received and not yet handed out.
///
/// Invariant: while `spill` holds bytes the probe is empty.
#[derive(Debug)]
pub(super) struct Inbox {
    probe: [u8; PROBE],
    start: u8,
    end: u8,
    spill: BytesMut,
    /// Length of the packet handed out last; freed at the next call.
    taken: usize,
    /// How much the peer has to say: grows with every read that was filled, and falls with every one
    /// that was not. A peer that sends much is read in few large pieces; one is waited for with the
    /// probe alone.
    appetite: u8,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            probe: [0; PROBE],
            start: 0,
            end: 0,
            spill: BytesMut::new(),
            taken: 0,
            appetite: 0,
        }
    }
}

impl Inbox {
    /// Gives up the packet handed out last.
    pub(super) fn release(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        if self.spill.is_empty() {
            let start = usize::from(self.start).saturating_add(taken);
            self.start = u8::try_from(start).unwrap_or(self.end).min(self.end);
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
            }
        } else {
            self.spill.advance(taken.min(self.spill.len()));
            if self.spill.is_empty() {
                self.spill = BytesMut::new();
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    fn bytes(&self) -> &[u8] {
        if self.spill.is_empty() {
            let range = usize::from(self.start)..usize::from(self.end);
            self.probe.get(range).unwrap_or_default()
        } else {
            &self.spill
        }
    }

    /// Length of the packet at the front when it is complete.
    pub(super) fn packet_length(&self, max_remaining: usize) -> Result<Option<usize>, DecodeError> {
        let bytes = self.bytes();
        let header = FixedHeader::decode(bytes, max_remaining)?;
        Ok(header
            .map(|header| header.packet_length())
            .filter(|length| *length <= bytes.len()))
    }

    /// The packet at the front, `length` bytes long as [`Self::packet_length`] said.
    pub(super) fn packet(&mut self, length: usize, max_remaining: usize) -> Result<Packet<'_>, DecodeError> {
        self.taken = length;
        match decode(self.bytes(), max_remaining)? {
            Some((packet, _)) => Ok(packet),
            None => Err(DecodeError::Truncated),
        }
    }

    /// Reads once from the stream; 0 at its end. Cancel-safe.
    pub(super) async fn fill_from<S>(&mut self, stream: &mut S) -> io::Result<usize>
    where
        S: AsyncRead + Unpin,
    {
        self.compact();
        let can_probe = self.spill.is_empty() && usize::from(self.end) < PROBE;
        if can_probe {
            let free = self.probe.get_mut(usize::from(self.end)..).unwrap_or_default();
            let read = stream.read(free).await?;
            let end = usize::from(self.end).saturating_add(read).min(PROBE);
            self.end = u8::try_from(end).unwrap_or(self.end);
            return Ok(read);
        }
        self.make_room();
        let read = stream.read_buf(&mut self.spill).await;
        self.appetite = if self.spill.len() == self.spill.capacity() {
            self.appetite.saturating_add(1).min(MAX_APPETITE)
        } else {
            self.appetite.saturating_sub(1)
        };
        read
    }

    /// Moves the beginning of a packet to the front of the probe.
    fn compact(&mut self) {
        if self.start > 0 {
            let range = usize::from(self.start)..usize::from(self.end);
            self.probe.copy_within(range, 0);
            (self.start, self.end) = (0, self.end.saturating_sub(self.start));
        }
    }

    /// Moves a packet that outgrew the probe to the heap. The buffer at most doubles what has
    /// really arrived, so announcing a long packet costs the server nothing.
    fn make_room(&mut self) {
        if self.spill.is_empty() {
            let mut spill = BytesMut::with_capacity(MIN_READ << self.appetite);
            spill.extend_from_slice(self.bytes());
            (self.start, self.end) = (0, 0);
            self.spill = spill;
        }
        if self.spill.len() == self.spill.capacity() {
            self.spill.reserve(self.spill.len().max(MIN_READ));
        }
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.spill.capacity()
    }
}
