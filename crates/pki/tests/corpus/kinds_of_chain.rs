//! What can be wrong with signatures, keys and what is sent.

use crate::draft::{By, Chain, ECDSA_SHA_256, Keys, Sent, algorithm, oid, tlv};
use crate::kinds::Kind;

const ECDSA_SHA_1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
const ECDSA_SHA_384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const RSA_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

fn flip_last(mut bytes: Vec<u8>) -> Vec<u8> {
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

/// ECDSA with a NULL where there may be no parameters, as Azure's chains have it.
fn with_null() -> Vec<u8> {
    tlv(0x30, &[&oid(ECDSA_SHA_256), &[5, 0]])
}

fn both(chain: &mut Chain, identifier: &[u8]) {
    chain.leaf.inner_algorithm = identifier.to_vec();
    chain.leaf.outer_algorithm = identifier.to_vec();
}

fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    tlv(0x30, &[algorithm, &tlv(3, &[&[0], key])])
}

/// The point of a P-256 key, under another curve.
fn other_curve(spki_der: &[u8], curve: &[u8]) -> Vec<u8> {
    let point = &spki_der[spki_der.len() - 65..];
    spki(&tlv(0x30, &[&oid(EC_KEY), curve]), point)
}

fn rsa(modulus_bytes: usize, exponent: &[u8]) -> Vec<u8> {
    let modulus = [vec![0], vec![0xd5; modulus_bytes]].concat();
    let key = tlv(0x30, &[&tlv(2, &[&modulus]), &tlv(2, &[exponent])]);
    spki(&tlv(0x30, &[&oid(RSA_KEY), &[5, 0]]), &key)
}

/// The parameters of P-256 written out, shortened: nobody may look into them.
fn explicit_curve() -> Vec<u8> {
    let field = tlv(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 1, 1]), &[2, 1, 7]]);
    tlv(0x30, &[&[2, 1, 1], &field])
}

pub(crate) const SIGNATURES: &[Kind] = &[
    ("leaf's signature changed", |c, _| c.leaf.signature = flip_last),
    ("issuing CA's signature changed", |c, _| {
        c.issuing.signature = flip_last;
    }),
    ("root's signature changed", |c, _| c.root.signature = flip_last),
    ("leaf changed after signing", |c, _| c.leaf.signed = flip_last),
    ("issuing CA changed after signing", |c, _| {
        c.issuing.signed = flip_last;
    }),
    ("leaf signed by the root", |c, _| c.leaf.by = By::Root),
    ("leaf signed by itself", |c, _| c.leaf.by = By::Leaf),
    ("leaf signed by a stranger", |c, _| c.leaf.by = By::Stranger),
    ("issuing CA signed by a stranger", |c, _| {
        c.issuing.by = By::Stranger;
    }),
    ("signature empty", |c, _| c.leaf.signature = |_| Vec::new()),
    ("signature of zeros", |c, _| {
        c.leaf.signature = |_| vec![0x30, 6, 2, 1, 0, 2, 1, 0];
    }),
    ("signature with something behind it", |c, _| {
        c.leaf.signature = |mut bytes| {
            bytes.push(0);
            bytes
        };
    }),
    ("signature of the same content, the other one", |c, _| {
        c.leaf.signature = other_signature;
    }),
    ("signature with a zero too many in a number", |c, _| {
        c.leaf.signature = |bytes| [&[0x30, bytes[1] + 1, 2, bytes[3] + 1, 0], &bytes[4..]].concat();
    }),
    ("signature with a long length", |c, _| {
        c.leaf.signature = |bytes| [&[0x30, 0x81], &bytes[1..]].concat();
    }),
    ("signature with a number out of range", |c, _| {
        c.leaf.signature = |bytes| {
            let r = &bytes[2..4 + usize::from(bytes[3])];
            let s = [&[2, 33, 0], ORDER.as_slice()].concat();
            tlv(0x30, &[r, &s])
        };
    }),
    ("algorithms inside and outside differ", |c, _| {
        c.leaf.outer_algorithm = algorithm(ECDSA_SHA_384);
    }),
    ("ECDSA with NULL parameters, as Azure", |c, _| {
        both(c, &with_null());
    }),
    ("ECDSA with NULL parameters outside alone", |c, _| {
        c.leaf.outer_algorithm = with_null();
    }),
    ("ECDSA with other parameters", |c, _| {
        both(c, &tlv(0x30, &[&oid(ECDSA_SHA_256), &[2, 1, 0]]));
    }),
    ("signed with SHA-1", |c, _| both(c, &algorithm(ECDSA_SHA_1))),
    ("signed with an unknown algorithm", |c, _| {
        both(c, &algorithm(&[0x2a, 3, 4]));
    }),
    ("algorithm of another hash", |c, _| {
        both(c, &algorithm(ECDSA_SHA_384));
    }),
];

pub(crate) const KEYS: &[Kind] = &[
    ("leaf key on secp256k1", |c, _| {
        c.leaf.spki = other_curve(&c.leaf.spki, &oid(&[0x2b, 0x81, 4, 0, 0x0a]));
    }),
    ("leaf key with explicit curve", |c, _| {
        c.leaf.spki = other_curve(&c.leaf.spki, &explicit_curve());
    }),
    ("issuing CA key with explicit curve", |c, _| {
        c.issuing.spki = other_curve(&c.issuing.spki, &explicit_curve());
    }),
    ("leaf key off the curve", |c, _| {
        *c.leaf.spki.last_mut().unwrap() ^= 1;
    }),
    ("leaf key a byte short", |c, _| {
        let key = c.leaf.spki[27..91 - 1].to_vec();
        c.leaf.spki = spki(&c.leaf.spki[2..23], &key);
    }),
    ("leaf key RSA of 1024 bits", |c, _| {
        c.leaf.spki = rsa(128, &[1, 0, 1]);
    }),
    ("leaf key RSA of 2048 bits", |c, _| {
        c.leaf.spki = rsa(256, &[1, 0, 1]);
    }),
    ("leaf key RSA with exponent 3", |c, _| {
        c.leaf.spki = rsa(256, &[3]);
    }),
    ("issuing CA key of a stranger", |c, keys| {
        c.issuing.spki = keys.of(By::Stranger).public_key_der().unwrap();
    }),
];

pub(crate) const SENT: &[Kind] = &[
    ("issuing CA not sent", |c, _| c.sent = Vec::new()),
    ("root sent too", |c, _| c.sent = vec![Sent::Issuing, Sent::Root]),
    ("root sent first", |c, _| c.sent = vec![Sent::Root, Sent::Issuing]),
    ("leaf sent twice", |c, _| c.sent = vec![Sent::Leaf, Sent::Issuing]),
    ("issuing CA sent twice", |c, _| {
        c.sent = vec![Sent::Issuing, Sent::Issuing];
    }),
    ("impostor of the issuing CA first", |c, _| {
        c.sent = vec![Sent::Impostor, Sent::Issuing];
    }),
    ("impostor of the issuing CA alone", |c, _| {
        c.sent = vec![Sent::Impostor];
    }),
    ("impostor signed it and is sent", |c, _| {
        c.leaf.by = By::Stranger;
        c.sent = vec![Sent::Impostor, Sent::Issuing];
    }),
];

/// Nothing: the chain as it should be.
pub(crate) const GOOD: &[Kind] = &[("nothing", |_: &mut Chain, _: &Keys| {})];

/// The order of the group of P-256 (SEC 2 2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// (r, n - s) instead of (r, s): anybody can make it of the other, and it is as good.
#[expect(clippy::needless_pass_by_value, reason = "the shape of a chain's signatures")]
fn other_signature(bytes: Vec<u8>) -> Vec<u8> {
    let (r, s) = bytes[2..].split_at(2 + usize::from(bytes[3]));
    let s = &s[2..];
    let mut borrowed = 0;
    let mut other: Vec<u8> = (0..ORDER.len())
        .map(|place| {
            let taken = s.len().checked_sub(place + 1).map_or(0, |at| s[at]);
            let wanted = i16::from(ORDER[ORDER.len() - 1 - place]) - i16::from(taken) - borrowed;
            borrowed = i16::from(wanted < 0);
            u8::try_from(wanted.rem_euclid(256)).unwrap()
        })
        .collect();
    while other.last() == Some(&0) {
        other.pop();
    }
    if other.last().is_some_and(|byte| *byte >= 0x80) {
        other.push(0);
    }
    other.reverse();
    tlv(0x30, &[r, &tlv(2, &[&other])])
}
