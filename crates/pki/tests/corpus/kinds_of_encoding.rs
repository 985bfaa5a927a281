//! What can be wrong with how a certificate is written.

use crate::draft::{tlv, utc};
use crate::kinds::Kind;

pub(crate) const ENCODINGS: &[Kind] = &[
    ("extensions in version 1", |c, _| c.leaf.version = Vec::new()),
    ("extensions in version 2", |c, _| {
        c.leaf.version = vec![0xa0, 3, 2, 1, 1];
    }),
    ("version 1 written out", |c, _| {
        c.leaf.version = vec![0xa0, 3, 2, 1, 0];
        c.leaf.extensions = None;
    }),
    ("version 4", |c, _| c.leaf.version = vec![0xa0, 3, 2, 1, 3]),
    ("leaf of version 1", |c, _| {
        c.leaf.version = Vec::new();
        c.leaf.extensions = None;
    }),
    ("issuing CA of version 1", |c, _| {
        c.issuing.version = Vec::new();
        c.issuing.extensions = None;
    }),
    ("root of version 1", |c, _| {
        c.root.version = Vec::new();
        c.root.extensions = None;
    }),
    ("leaf of version 3 without extensions", |c, _| {
        c.leaf.extensions = None;
    }),
    ("serial number 0", |c, _| c.leaf.serial = vec![0]),
    ("serial number negative", |c, _| c.leaf.serial = vec![0xff, 1]),
    ("serial number of 21 bytes", |c, _| c.leaf.serial = vec![0x11; 21]),
    ("serial number with a zero too many", |c, _| {
        c.leaf.serial = vec![0, 1];
    }),
    ("serial number empty", |c, _| c.leaf.serial = Vec::new()),
    ("date without seconds", |c, _| {
        c.leaf.not_after = utc("2701010000Z");
    }),
    ("date with an offset", |c, _| {
        c.leaf.not_after = utc("270101000000+0000");
    }),
    ("date of month 13", |c, _| c.leaf.not_after = utc("271301000000Z")),
    ("date of 29 February 2027", |c, _| {
        c.leaf.not_after = utc("270229000000Z");
    }),
    ("generalized date before 2050", |c, _| {
        c.leaf.not_after = tlv(0x18, &[b"20270101000000Z"]);
    }),
    ("generalized date after 2050", |c, _| {
        c.leaf.not_after = tlv(0x18, &[b"20510101000000Z"]);
    }),
    ("generalized date without expiry", |c, _| {
        c.leaf.not_after = tlv(0x18, &[b"99991231235959Z"]);
    }),
    ("generalized date with fraction", |c, _| {
        c.leaf.not_after = tlv(0x18, &[b"20270101000000.5Z"]);
    }),
    ("byte behind the leaf", |c, _| {
        c.leaf.whole = |mut der| {
            der.push(0);
            der
        };
    }),
    ("leaf cut short", |c, _| {
        c.leaf.whole = |mut der| {
            der.pop();
            der
        };
    }),
    ("leaf of indefinite length", |c, _| {
        c.leaf.whole = |der| [&[0x30, 0x80], &der[4..], &[0, 0]].concat();
    }),
    ("length with a zero too many", |c, _| {
        c.leaf.whole = |der| [&[0x30, 0x83, 0], &der[2..]].concat();
    }),
    ("something behind the extensions", |c, _| c.leaf.tail = vec![5, 0]),
    ("leaf that is no sequence", |c, _| {
        c.leaf.whole = |mut der| {
            der[0] = 0x31;
            der
        };
    }),
];
