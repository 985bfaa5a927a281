use super::message::MessageError;
use crate::KeyAlgorithm;

/// Longest text or byte string in a message. Nothing that is used comes near it; a longer reason, which is for people, is cut.
pub(super) const MAX_FIELD_BYTES: usize = 16 * 1024;

/// Writes the fields of a message.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn of(id: u64) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(id.to_be_bytes());
        Self(bytes)
    }

    pub(super) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    pub(super) fn algorithm(&mut self, algorithm: KeyAlgorithm) -> &mut Self {
        self.byte(match algorithm {
            KeyAlgorithm::P256 => 1,
            KeyAlgorithm::P384 => 2,
        })
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn text(&mut self, text: &str) {
        self.field(
            text.get(..text.floor_char_boundary(MAX_FIELD_BYTES))
                .unwrap_or(text)
                .as_bytes(),
        );
    }

    /// Two bytes of length, then the bytes.
    pub(super) fn field(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(..MAX_FIELD_BYTES).unwrap_or(bytes);
        // Shorter than 64 KiB by the line above.
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.0.extend(length.to_be_bytes());
        self.0.extend(bytes);
    }
}

/// Reads them; every length is checked against what is there.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, MessageError> {
        let (byte, rest) = self.0.split_first().ok_or(MessageError)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(super) fn number(&mut self) -> Result<u64, MessageError> {
        let (number, rest) = self.0.split_first_chunk().ok_or(MessageError)?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*number))
    }

    pub(super) fn algorithm(&mut self) -> Result<KeyAlgorithm, MessageError> {
        match self.byte()? {
            1 => Ok(KeyAlgorithm::P256),
            2 => Ok(KeyAlgorithm::P384),
            _ => Err(MessageError),
        }
    }

    pub(super) fn field(&mut self) -> Result<&'a [u8], MessageError> {
        let (length, rest) = self.0.split_first_chunk().ok_or(MessageError)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length > MAX_FIELD_BYTES {
            return Err(MessageError);
        }
        let (field, rest) = rest.split_at_checked(length).ok_or(MessageError)?;
        self.0 = rest;
        Ok(field)
    }

    pub(super) fn text(&mut self) -> Result<String, MessageError> {
        let field = self.field()?;
        str::from_utf8(field)
            .map(ToOwned::to_owned)
            .map_err(|_| MessageError)
    }

    /// Nothing may follow.
    pub(super) fn end<T>(&self, read: T) -> Result<T, MessageError> {
        self.0.is_empty().then_some(read).ok_or(MessageError)
    }
}
