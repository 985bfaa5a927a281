//! Between the bytes of tokens and DER.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ParsedPublicKey};

use crate::KeyAlgorithm;

/// What stands before the point in a `SubjectPublicKeyInfo` (RFC 5480).
const P256_HEAD: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P384_HEAD: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// Bytes of a coordinate.
fn width(algorithm: KeyAlgorithm) -> usize {
    match algorithm {
        KeyAlgorithm::P256 => 32,
        KeyAlgorithm::P384 => 48,
    }
}

/// `CKA_EC_POINT` as `SubjectPublicKeyInfo`: an OCTET STRING around the point, or, from some tokens, the
/// point itself. `None` when it is not an uncompressed point of the curve.
pub(crate) fn public_der(bytes: &[u8], algorithm: KeyAlgorithm) -> Option<Vec<u8>> {
    let length = 1 + 2 * width(algorithm);
    let point = match bytes {
        [0x04, second, point @ ..] if point.len() == length && usize::from(*second) == length => point,
        point => point,
    };
    if point.len() != length || point.first() != Some(&0x04) {
        return None;
    }
    let (head, verification) = match algorithm {
        KeyAlgorithm::P256 => (P256_HEAD, &ECDSA_P256_SHA256_ASN1),
        KeyAlgorithm::P384 => (P384_HEAD, &ECDSA_P384_SHA384_ASN1),
    };
    let der = [head, point].concat();
    ParsedPublicKey::new(verification, &der).is_ok().then_some(der)
}

/// r and s side by side as `ECDSA-Sig-Value`.
pub(crate) fn signature_to_der(raw: &[u8], algorithm: KeyAlgorithm) -> Option<Vec<u8>> {
    if raw.len() != 2 * width(algorithm) {
        return None;
    }
    let (r, s) = raw.split_at_checked(width(algorithm))?;
    let body = [integer(r)?, integer(s)?].concat();
    // At most 2 + 49 bytes each: the length fits one byte.
    let length = u8::try_from(body.len()).ok().filter(|length| *length < 0x80)?;
    Some([&[0x30, length], body.as_slice()].concat())
}

/// A positive `INTEGER`; zero is none a signature may hold.
fn integer(bytes: &[u8]) -> Option<Vec<u8>> {
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let digits = bytes.get(start..)?;
    let sign: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) {
        &[0]
    } else {
        &[]
    };
    let length = u8::try_from(sign.len() + digits.len()).ok()?;
    Some([&[0x02, length], sign, digits].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_positive_and_short() {
        assert_eq!(integer(&[0, 0, 1]), Some(vec![2, 1, 1]));
        assert_eq!(integer(&[0x80]), Some(vec![2, 2, 0, 0x80]));
        assert_eq!(integer(&[0, 0]), None);
    }

    #[test]
    fn signatures_of_another_length_are_none() {
        assert_eq!(signature_to_der(&[1; 63], KeyAlgorithm::P256), None);
        assert_eq!(signature_to_der(&[1; 64], KeyAlgorithm::P384), None);
        let der = signature_to_der(&[0xff; 96], KeyAlgorithm::P384).unwrap();
        assert_eq!((der.len(), der[1]), (104, 102));
    }

    #[test]
    fn a_point_that_is_not_on_the_curve_is_none() {
        let mut point = vec![4; 65];
        assert_eq!(public_der(&point, KeyAlgorithm::P256), None);
        point.insert(0, 65);
        point.insert(0, 4);
        assert_eq!(public_der(&point, KeyAlgorithm::P256), None);
        assert_eq!(public_der(&[], KeyAlgorithm::P384), None);
    }
}
