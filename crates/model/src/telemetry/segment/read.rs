use super::super::{PartitionId, StoredTelemetry, Telemetry};
use super::{AUTH_METHODS, FORM};
use crate::{DeviceId, IdentityId, ModuleId, Timestamp};

/// Bytes that are no segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// Written by a newer program.
    #[error("telemetry segment has the unknown form {0}")]
    Form(u8),
    /// Cut short, or not what it says it is.
    #[error("telemetry segment is broken at byte {0}")]
    Broken(usize),
}

/// Messages of a partition as the store keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSegment {
    /// The partition.
    pub partition: PartitionId,
    /// The number of the first message.
    pub first_sequence: i64,
    /// The offset of the first byte.
    pub first_offset: i64,
    /// The messages.
    pub bytes: Vec<u8>,
}

impl StoredSegment {
    /// The messages numbered `from` and later, at most `limit`, of devices that `wanted` says are to be
    /// read: the others are left out without being copied. With them the number to go on with.
    pub fn messages(
        &self,
        from: i64,
        limit: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(Vec<StoredTelemetry>, i64), SegmentError> {
        let mut reader = Reader {
            bytes: &self.bytes,
            at: 0,
        };
        match reader.byte()? {
            FORM => {}
            other => return Err(SegmentError::Form(other)),
        }
        let mut messages = Vec::new();
        let mut sequence_number = self.first_sequence;
        while reader.at < self.bytes.len() && messages.len() < limit {
            let place = reader.at;
            let length = reader.length()?;
            let mut message = reader.part(length)?;
            if sequence_number >= from
                && let Some(message) = message.message(&wanted)?
            {
                messages.push(StoredTelemetry {
                    partition: self.partition,
                    sequence_number,
                    offset: self
                        .first_offset
                        .saturating_add(i64::try_from(place).unwrap_or(i64::MAX)),
                    message,
                });
            }
            sequence_number = sequence_number.saturating_add(1);
        }
        Ok((messages, sequence_number))
    }
}

struct Reader<'a> {
    /// From the beginning of the segment, so that `at` tells the place.
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn message(&mut self, wanted: &impl Fn(&str) -> bool) -> Result<Option<Telemetry>, SegmentError> {
        let enqueued_at = Timestamp::from_micros(i64::from_le_bytes(self.array()?));
        let device_id = self.text()?;
        if !wanted(device_id) {
            return Ok(None);
        }
        let device_id = DeviceId::parse(device_id).map_err(|_| self.broken())?;
        let module_id = match self.optional()? {
            Some(text) => Some(ModuleId::parse(text).map_err(|_| self.broken())?),
            None => None,
        };
        let generation_id = self.text()?.to_owned();
        let auth_method = match self.number()?.checked_sub(1) {
            Some(known) => *AUTH_METHODS.get(known).ok_or_else(|| self.broken())?,
            None => self.text()?,
        };
        Ok(Some(Telemetry {
            sender: IdentityId { device_id, module_id },
            generation_id,
            auth_method: auth_method.to_owned(),
            properties: self.properties()?,
            system_properties: self.properties()?,
            body: self.take(self.bytes.len() - self.at)?.to_vec(),
            enqueued_at,
        }))
    }

    fn properties(&mut self) -> Result<Vec<(String, Option<String>)>, SegmentError> {
        let count = self.number()?;
        // Not made as large as it says: each takes two bytes at least.
        let mut properties = Vec::with_capacity(count.min((self.bytes.len() - self.at) / 2));
        for _ in 0..count {
            let key = self.text()?.to_owned();
            properties.push((key, self.optional()?.map(str::to_owned)));
        }
        Ok(properties)
    }

    /// The next `length` bytes as a reader of their own.
    fn part(&mut self, length: usize) -> Result<Reader<'a>, SegmentError> {
        let start = self.at;
        self.take(length)?;
        let bytes = self.bytes.get(..self.at).ok_or_else(|| self.broken())?;
        Ok(Reader { bytes, at: start })
    }

    fn length(&mut self) -> Result<usize, SegmentError> {
        let length = u32::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| self.broken())
    }

    fn text(&mut self) -> Result<&'a str, SegmentError> {
        let length = self.number()?;
        self.utf8(length)
    }

    fn optional(&mut self) -> Result<Option<&'a str>, SegmentError> {
        match self.number()?.checked_sub(1) {
            Some(length) => self.utf8(length).map(Some),
            None => Ok(None),
        }
    }

    fn utf8(&mut self, length: usize) -> Result<&'a str, SegmentError> {
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.broken())
    }

    fn number(&mut self) -> Result<usize, SegmentError> {
        let mut number = 0_usize;
        for shift in (0..28).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.broken())
    }

    fn byte(&mut self) -> Result<u8, SegmentError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SegmentError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.broken())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], SegmentError> {
        let end = self.at.checked_add(length).ok_or_else(|| self.broken())?;
        let bytes = self.bytes.get(self.at..end).ok_or_else(|| self.broken())?;
        self.at = end;
        Ok(bytes)
    }

    fn broken(&self) -> SegmentError {
        SegmentError::Broken(self.at)
    }
}
