use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes as upper-case hex, two digits each and nothing between them: how Azure shows thumbprints and
/// serial numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpperHex<'a>(pub &'a [u8]);

impl fmt::Display for UpperHex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// Characters in a line of PEM.
const LINE: usize = 64;

/// PEM text of DER bytes: 64 characters a line, line feeds, one at the end (RFC 7468).
pub fn pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_upper_case_and_whole() {
        assert_eq!(UpperHex(&[0x0a, 0xff, 0x00]).to_string(), "0AFF00");
        assert_eq!(UpperHex(&[]).to_string(), "");
    }

    #[test]
    fn lines_of_pem_end_after_64_characters() {
        let text = pem("CERTIFICATE", &[0; 48]);
        let line = "A".repeat(64);
        assert_eq!(
            text,
            format!("-----BEGIN CERTIFICATE-----\n{line}\n-----END CERTIFICATE-----\n")
        );
        assert_eq!(pem("X", &[0; 51]).lines().nth(2), Some("AAAA"));
    }
}
