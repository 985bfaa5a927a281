//! What the hub makes itself for a device.

use provost_model::{DeviceId, KeyPair, Random, SymmetricKey, Timestamp};

/// Length of the keys a hub makes, in bytes (iot-hub-device-api.md 3.1).
const KEY_BYTES: usize = 32;

/// A fresh key.
fn key(random: &dyn Random) -> SymmetricKey {
    let mut bytes = vec![0; KEY_BYTES];
    random.fill(&mut bytes);
    // 32 is a length that a key may have; were it not, the service's usual one would do.
    SymmetricKey::from_bytes(bytes).unwrap_or_else(|_| SymmetricKey::generate(random))
}

/// Two fresh keys.
pub(crate) fn key_pair(random: &dyn Random) -> KeyPair {
    KeyPair {
        primary: key(random),
        secondary: key(random),
    }
}

/// Eighteen digits that no device of the same ID had before: the second, then eight random ones.
pub(crate) fn generation_id(now: Timestamp, random: &dyn Random) -> String {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    let tail = u64::from_be_bytes(bytes) % 100_000_000;
    format!("{:010}{tail:08}", now.unix_seconds())
}

/// The scope of an edge device (iot-hub-service-api.md 4).
pub(crate) fn device_scope(device_id: &DeviceId, generation_id: &str) -> String {
    format!("ms-azure-iot-edge://{device_id}-{generation_id}")
}

#[cfg(test)]
mod tests {
    use provost_model::ambient::SystemRandom;

    use super::*;

    #[test]
    fn generations_made_in_the_same_second_differ() {
        let now = Timestamp::from_unix_seconds(1_767_225_600);
        let (one, other) = (
            generation_id(now, &SystemRandom),
            generation_id(now, &SystemRandom),
        );
        assert_ne!(one, other);
        assert!(one.len() == 18 && one.bytes().all(|digit| digit.is_ascii_digit()));
    }

    #[test]
    fn keys_are_fresh_and_hold_32_bytes() {
        let keys = key_pair(&SystemRandom);
        assert_ne!(keys.primary, keys.secondary);
        assert_eq!(keys.primary.as_bytes().len(), 32);
    }
}
