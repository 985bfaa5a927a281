use std::fmt;

use crate::Random;

/// A UUID (RFC 9562); shown in lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// A fresh one of version 4.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self::version_4(bytes)
    }

    /// These bytes with version 4 and the variant of the RFC written over them.
    pub(crate) fn version_4(bytes: [u8; 16]) -> Self {
        let mut number = u128::from_be_bytes(bytes);
        number = (number & !(0xf << 76)) | (0x4 << 76);
        number = (number & !(0x3 << 62)) | (0x2 << 62);
        Self(number.to_be_bytes())
    }

    /// Takes over bytes in network order, whatever they say of version and variant.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads 32 hexadecimal digits of any case, with or without the four hyphens at their places.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = match text.len() {
            32 => text.to_owned(),
            36 => {
                let hyphens = [8, 13, 18, 23];
                let at_place = |(index, byte): (usize, u8)| (byte == b'-') == hyphens.contains(&index);
                text.bytes()
                    .enumerate()
                    .all(at_place)
                    .then(|| text.replace('-', ""))?
            }
            _ => return None,
        };
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let number = u128::from_str_radix(&digits, 16).ok()?;
        Some(Self(number.to_be_bytes()))
    }

    /// The bytes in network order.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// 32 lower-case hexadecimal digits, without hyphens.
    pub fn simple(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u128::from_be_bytes(self.0);
        let part = |shift: u32, digits: u32| (number >> shift) & ((1_u128 << (digits * 4)) - 1);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 8),
            part(80, 4),
            part(64, 4),
            part(48, 4),
            part(0, 12)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_in_both_forms() {
        let text = "c56a4180-65aa-42ec-a945-5fd21dec0538";
        let uuid = Uuid::parse(text).unwrap();
        assert_eq!(uuid.to_string(), text);
        assert_eq!(uuid.simple(), text.replace('-', ""));
        assert_eq!(Uuid::parse(&uuid.simple().to_uppercase()), Some(uuid));
        for bad in [
            "",
            "c56a4180-65aa-42ec-a945-5fd21dec053",
            "+56a418065aa42eca9455fd21dec0538",
            "c56a418065-aa-42ec-a945-5fd21dec0538",
            "g56a4180-65aa-42ec-a945-5fd21dec0538",
        ] {
            assert_eq!(Uuid::parse(bad), None, "{bad}");
        }
    }
}
