use provost_model::Random;
use provost_model::registry::SerialNumber;

/// A fresh serial number: 126 random bits in 16 bytes, the top bit clear and the next one set, so that it
/// is positive and always 16 bytes long (certificate-management.md 2.5).
pub fn new_serial(random: &dyn Random) -> SerialNumber {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    let number = (u128::from_be_bytes(bytes) & !(1 << 127)) | (1 << 126);
    // Never zero, and not too long: the fallback is for the type alone.
    SerialNumber::from_bytes(&number.to_be_bytes()).unwrap_or_else(|| new_serial(random))
}

/// Which part of its CA's CRL a certificate stands in: by its serial number, for ever.
pub fn shard_of(serial: &SerialNumber, shards: u32) -> u32 {
    let last = serial.as_bytes().last_chunk::<4>();
    let number = last.map_or(0, |bytes| u32::from_be_bytes(*bytes));
    number.checked_rem(shards).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Byte(u8);

    impl Random for Byte {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn serial_numbers_are_positive_and_of_one_length() {
        for byte in [0, 0x7f, 0x80, 0xff] {
            let serial = new_serial(&Byte(byte));
            assert_eq!(serial.as_bytes().len(), 16);
            assert!(serial.as_bytes()[0] < 0x80);
        }
    }

    #[test]
    fn every_part_gets_some_and_no_part_is_one() {
        let of = |last: u8, shards| shard_of(&SerialNumber::from_bytes(&[1, 0, 0, 0, last]).unwrap(), shards);
        assert_eq!([of(0, 4), of(1, 4), of(2, 4), of(7, 4)], [0, 1, 2, 3]);
        assert_eq!([of(9, 1), of(9, 0)], [0, 0]);
    }
}
