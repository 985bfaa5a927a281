use crate::{Random, Uuid};

/// What a leaf says of its device, and what revocation changes (certificate-management.md 2.2): the
/// device, which is another one when it is made anew, and its generation, which every revocation
/// replaces. A hub admits a leaf only while both are the device's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceIdentifier {
    /// The device.
    pub device: Uuid,
    /// Its generation.
    pub generation: Uuid,
}

impl DeviceIdentifier {
    /// That of a new device.
    pub fn generate(random: &dyn Random) -> Self {
        Self {
            device: Uuid::generate(random),
            generation: Uuid::generate(random),
        }
    }

    /// The same device after a revocation.
    pub fn rotated(self, random: &dyn Random) -> Self {
        Self {
            generation: Uuid::generate(random),
            ..self
        }
    }

    /// The 32 bytes a leaf carries.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (device, generation) = bytes.split_at_mut(16);
        device.copy_from_slice(self.device.as_bytes());
        generation.copy_from_slice(self.generation.as_bytes());
        bytes
    }

    /// Reads them.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (device, generation) = bytes.split_at_checked(16)?;
        Some(Self {
            device: Uuid::from_bytes(device.try_into().ok()?),
            generation: Uuid::from_bytes(generation.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_back_and_no_other_length_does() {
        let bytes: Vec<u8> = (0..33).collect();
        let read = DeviceIdentifier::from_bytes(&bytes[..32]).unwrap();
        assert_eq!(read.to_bytes(), bytes[..32]);
        assert_eq!(DeviceIdentifier::from_bytes(&bytes[..31]), None);
        assert_eq!(DeviceIdentifier::from_bytes(&bytes), None);
    }
}
