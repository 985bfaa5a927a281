//! Keys whose private half others know or can compute. Cheap signs only: no factoring.

use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};

use crate::frame::Spki;
use crate::{CsrError, KeyKind, PublicKeyInfo};

/// The primes to 167: those the ROCA test looks at (CVE-2017-15361), and divisors no modulus has.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

pub(super) fn check(spki: Spki<'_>) -> Result<(), CsrError> {
    match PublicKeyInfo::of(spki).kind {
        KeyKind::Rsa => rsa(spki.key),
        KeyKind::Ec => ec(spki.key),
        KeyKind::Ed25519 | KeyKind::Other => Ok(()),
    }
}

fn rsa(key: &[u8]) -> Result<(), CsrError> {
    let (modulus, exponent) = parts(key).map_err(|_| CsrError::Malformed("public key"))?;
    if exponent != [1, 0, 1] {
        return Err(CsrError::WeakKey("the exponent of an RSA key must be 65537"));
    }
    if modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err(CsrError::WeakKey("its modulus is even"));
    }
    if PRIMES.iter().any(|prime| remainder(modulus, *prime) == 0) {
        return Err(CsrError::WeakKey("its modulus has a small factor"));
    }
    let is_roca = PRIMES
        .iter()
        .all(|prime| is_power_of_65537(remainder(modulus, *prime), *prime));
    if is_roca {
        return Err(CsrError::WeakKey(
            "it was made by a library with a known flaw (CVE-2017-15361)",
        ));
    }
    Ok(())
}

fn parts(key: &[u8]) -> der::Result<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(key)?;
    let parts = reader.sequence(|reader| {
        let modulus = UintRef::decode(reader)?.as_bytes();
        let exponent = UintRef::decode(reader)?.as_bytes();
        Ok::<_, der::Error>((modulus, exponent))
    })?;
    reader.finish()?;
    Ok(parts)
}

fn remainder(big_endian: &[u8], prime: u32) -> u32 {
    big_endian
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_65537(value: u32, prime: u32) -> bool {
    let base = 65537 % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == value {
            return true;
        }
        power = power * base % prime;
    }
    false
}

/// An uncompressed point that is not the base point, whose private key is 1 (or its negative, which
/// shares its x).
fn ec(point: &[u8]) -> Result<(), CsrError> {
    let Some((4, coordinates)) = point.split_first() else {
        return Err(CsrError::Malformed("public key"));
    };
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    if [x, y].iter().all(|half| half.iter().all(|byte| *byte == 0)) {
        return Err(CsrError::WeakKey("it is all zeros"));
    }
    if BASE_POINTS.iter().any(|base| x.starts_with(base)) {
        return Err(CsrError::WeakKey("its private key is 1"));
    }
    Ok(())
}

/// The first 16 bytes of the x of the base points of P-256, P-384 and P-521.
const BASE_POINTS: [[u8; 16]; 3] = [
    [
        0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    ],
    [
        0xaa, 0x87, 0xca, 0x22, 0xbe, 0x8b, 0x05, 0x37, 0x8e, 0xb1, 0xc7, 0x1e, 0xf3, 0x20, 0xad, 0x74,
    ],
    [
        0x00, 0xc6, 0x85, 0x8e, 0x06, 0xb7, 0x04, 0x04, 0xe9, 0xcd, 0x9e, 0x3e, 0xcb, 0x66, 0x23, 0x95,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{SEQUENCE, tlv, unsigned};

    fn judged(modulus: &[u8], exponent: &[u8]) -> Result<(), CsrError> {
        rsa(&tlv(SEQUENCE, &[&unsigned(modulus), &unsigned(exponent)]))
    }

    fn weak(result: Result<(), CsrError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn rsa_keys_that_can_be_factored_are_known() {
        // 2^2203 - 1 is a prime: no small factor, and no power of 65537 modulo every prime.
        let mut modulus = vec![0xff; 276];
        modulus[0] = 0x07;
        assert_eq!(judged(&modulus, &[1, 0, 1]), Ok(()));
        assert!(weak(judged(&modulus, &[3])).contains("65537"));
        assert!(weak(judged(&modulus, &[1])).contains("65537"));
        let even: Vec<u8> = [&modulus[..275], &[0xfe]].concat();
        assert!(weak(judged(&even, &[1, 0, 1])).contains("even"));
        let divisible: Vec<u8> = vec![0xff; 256];
        assert!(weak(judged(&divisible, &[1, 0, 1])).contains("small factor"));
    }

    #[test]
    fn the_fingerprint_of_the_flawed_library_is_known() {
        // 65537 to the tenth power is a power of 65537 modulo every prime.
        let number = 65537_u128.pow(7);
        assert!(weak(judged(&number.to_be_bytes(), &[1, 0, 1])).contains("CVE-2017-15361"));
    }

    #[test]
    fn points_that_are_no_keys_are_known() {
        let mut point = vec![0; 65];
        point[0] = 4;
        assert!(weak(ec(&point)).contains("zeros"));
        point[1..17].copy_from_slice(&BASE_POINTS[0]);
        assert!(weak(ec(&point)).contains("private key is 1"));
        point[0] = 2;
        assert_eq!(ec(&point), Err(CsrError::Malformed("public key")));
    }
}
