use std::fmt::Write;

use crate::Uuid;

/// Where random bytes come from.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, bytes: &mut [u8]);

    /// `2 * count` lower-case hexadecimal digits.
    fn hex(&self, count: usize) -> String {
        let mut bytes = vec![0; count];
        self.fill(&mut bytes);
        bytes
            .iter()
            .fold(String::with_capacity(count * 2), |mut text, byte| {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }

    /// A random UUID (RFC 9562 version 4) in lower-case text.
    fn uuid(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.fill(&mut bytes);
        Uuid::version_4(bytes).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ones;
    impl Random for Ones {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0xff);
        }
    }

    #[test]
    fn uuid_carries_version_and_variant() {
        assert_eq!(Ones.uuid(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn hex_has_two_digits_a_byte() {
        assert_eq!(Ones.hex(3), "ffffff");
    }
}
