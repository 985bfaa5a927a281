//! The write side of a connection: encoded packets waiting for the stream.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::mqtt::codec::{
    Acknowledgement, Connack, EncodeError, PacketId, Publish, Suback, SubscribeReturnCode, encode_pingresp,
};

/// Packets on their way out. Owns heap memory only while it holds bytes.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl Outbox {
    /// True when nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that wait.
    pub const fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.written)
    }

    /// Queues a CONNACK.
    pub fn connack(&mut self, connack: Connack) {
        connack.encode(&mut self.bytes);
    }

    /// Queues a PUBLISH.
    pub fn publish(&mut self, publish: &Publish<'_>) -> Result<(), EncodeError> {
        publish.encode(&mut self.bytes)
    }

    /// Queues a PUBACK.
    pub fn puback(&mut self, packet_id: PacketId) {
        Acknowledgement::Puback.encode(packet_id, &mut self.bytes);
    }

    /// Queues a SUBACK.
    pub fn suback(
        &mut self,
        packet_id: PacketId,
        return_codes: &[SubscribeReturnCode],
    ) -> Result<(), EncodeError> {
        Suback::encode(packet_id, return_codes, &mut self.bytes)
    }

    /// Queues an UNSUBACK.
    pub fn unsuback(&mut self, packet_id: PacketId) {
        Acknowledgement::Unsuback.encode(packet_id, &mut self.bytes);
    }

    /// Queues a PINGRESP.
    pub fn pingresp(&mut self) {
        encode_pingresp(&mut self.bytes);
    }

    /// Room for any other packet, behind what waits already.
    pub const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Writes everything and flushes; remembers what was taken when it is cancelled.
    pub(super) async fn write_to<S>(&mut self, stream: &mut S) -> io::Result<()>
    where
        S: AsyncWrite + Unpin,
    {
        while let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            let count = stream.write(rest).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.written = self.written.saturating_add(count);
        }
        stream.flush().await?;
        *self = Self::default();
        Ok(())
    }
}
