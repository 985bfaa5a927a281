//! What can be wrong with what a certificate says.

use crate::draft::{
    AUTHORITY_KEY_ID, BASIC_CONSTRAINTS, CRITICAL, Chain, EXTENDED_KEY_USAGE, KEY_USAGE, Keys, SERVER_AUTH,
    SUBJECT_KEY_ID, ext, name, oid, tlv, utc, utf8,
};

/// One thing wrong, by name.
pub(crate) type Kind = (&'static str, fn(&mut Chain, &Keys));

/// 1.2.3.4.
const UNKNOWN: &[u8] = &[0x2a, 3, 4];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const AZURE: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x81, 5, 1, 1, 1];
/// 2.25.1615512973.1
const OWN: &[u8] = &[0x69, 0x86, 0x82, 0xab, 0x8b, 0x0d, 1];

fn ca(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

fn permitted_dns() -> Vec<u8> {
    let tree = tlv(0x30, &[&tlv(0x82, &[b"a.example"])]);
    tlv(0x30, &[&tlv(0xa0, &[&tree])])
}

pub(crate) const DATES: &[Kind] = &[
    ("leaf expired", |c, _| c.leaf.not_after = utc("251231235958Z")),
    ("leaf in its last second", |c, _| {
        c.leaf.not_after = utc("260101000000Z");
    }),
    ("leaf not yet valid", |c, _| {
        c.leaf.not_before = utc("260101000001Z");
    }),
    ("leaf dates reversed", |c, _| {
        c.leaf.not_before = utc("261231000000Z");
        c.leaf.not_after = utc("250101000000Z");
    }),
    ("issuing CA expired", |c, _| {
        c.issuing.not_after = utc("251231235958Z");
    }),
    ("issuing CA not yet valid", |c, _| {
        c.issuing.not_before = utc("260101000001Z");
    }),
    ("root expired", |c, _| c.root.not_after = utc("251231235958Z")),
    ("root not yet valid", |c, _| {
        c.root.not_before = utc("260101000001Z");
    }),
    ("leaf outlives its issuer", |c, _| {
        c.leaf.not_after = utc("300101000000Z");
    }),
];

pub(crate) const CONSTRAINTS: &[Kind] = &[
    ("issuing CA without basic constraints", |c, _| {
        c.issuing.drop(BASIC_CONSTRAINTS);
    }),
    ("issuing CA that says it is none", |c, _| {
        c.issuing.put(ext(BASIC_CONSTRAINTS, CRITICAL, ca(&[])));
    }),
    ("issuing CA with basic constraints not critical", |c, _| {
        c.issuing
            .put(ext(BASIC_CONSTRAINTS, &[], ca(&[CRITICAL, &[2, 1, 0]])));
    }),
    ("root without basic constraints", |c, _| {
        c.root.drop(BASIC_CONSTRAINTS);
    }),
    ("root that says it is none", |c, _| {
        c.root.put(ext(BASIC_CONSTRAINTS, CRITICAL, ca(&[])));
    }),
    ("root with path length 0", |c, _| {
        c.root
            .put(ext(BASIC_CONSTRAINTS, CRITICAL, ca(&[CRITICAL, &[2, 1, 0]])));
    }),
    ("issuing CA without path length", |c, _| {
        c.issuing.put(ext(BASIC_CONSTRAINTS, CRITICAL, ca(&[CRITICAL])));
    }),
    ("path length negative", |c, _| {
        c.issuing
            .put(ext(BASIC_CONSTRAINTS, CRITICAL, ca(&[CRITICAL, &[2, 1, 0xff]])));
    }),
    ("path length over a byte", |c, _| {
        c.issuing.put(ext(
            BASIC_CONSTRAINTS,
            CRITICAL,
            ca(&[CRITICAL, &[2, 2, 1, 0x2c]]),
        ));
    }),
    ("path length of what is no CA", |c, _| {
        c.leaf.put(ext(BASIC_CONSTRAINTS, CRITICAL, ca(&[&[2, 1, 0]])));
    }),
    ("leaf that says it is a CA", |c, _| {
        c.leaf.put(ext(BASIC_CONSTRAINTS, CRITICAL, ca(&[CRITICAL])));
    }),
    ("leaf without basic constraints", |c, _| {
        c.leaf.drop(BASIC_CONSTRAINTS);
    }),
    ("basic constraints that are no sequence", |c, _| {
        c.leaf.put(ext(BASIC_CONSTRAINTS, CRITICAL, vec![5, 0]));
    }),
    ("basic constraints with something behind them", |c, _| {
        c.leaf.put(ext(BASIC_CONSTRAINTS, CRITICAL, vec![0x30, 0, 5, 0]));
    }),
];

pub(crate) const USAGES: &[Kind] = &[
    ("issuing CA without key usage", |c, _| c.issuing.drop(KEY_USAGE)),
    ("issuing CA that may not sign certificates", |c, _| {
        c.issuing.put(ext(KEY_USAGE, CRITICAL, vec![3, 2, 1, 2]));
    }),
    ("root that may not sign certificates", |c, _| {
        c.root.put(ext(KEY_USAGE, CRITICAL, vec![3, 2, 1, 2]));
    }),
    ("issuing CA with no bit in its key usage", |c, _| {
        c.issuing.put(ext(KEY_USAGE, CRITICAL, vec![3, 1, 0]));
    }),
    ("leaf without key usage", |c, _| c.leaf.drop(KEY_USAGE)),
    ("leaf for encipherment alone", |c, _| {
        c.leaf.put(ext(KEY_USAGE, CRITICAL, vec![3, 2, 5, 0x20]));
    }),
    ("leaf that may sign certificates", |c, _| {
        c.leaf.put(ext(KEY_USAGE, CRITICAL, vec![3, 2, 2, 0x84]));
    }),
    ("key usage that is no bit string", |c, _| {
        c.leaf.put(ext(KEY_USAGE, CRITICAL, vec![4, 1, 0x80]));
    }),
    ("leaf for servers", |c, _| {
        c.leaf
            .put(ext(EXTENDED_KEY_USAGE, &[], tlv(0x30, &[&oid(SERVER_AUTH)])));
    }),
    ("leaf for servers, critical", |c, _| {
        c.leaf
            .put(ext(EXTENDED_KEY_USAGE, CRITICAL, tlv(0x30, &[&oid(SERVER_AUTH)])));
    }),
    ("leaf for any purpose", |c, _| {
        let any = oid(&[0x55, 0x1d, 37, 0]);
        c.leaf.put(ext(EXTENDED_KEY_USAGE, &[], tlv(0x30, &[&any])));
    }),
    ("leaf without extended key usage", |c, _| {
        c.leaf.drop(EXTENDED_KEY_USAGE);
    }),
    ("leaf with an empty extended key usage", |c, _| {
        c.leaf.put(ext(EXTENDED_KEY_USAGE, &[], tlv(0x30, &[])));
    }),
    ("issuing CA for servers", |c, _| {
        c.issuing
            .put(ext(EXTENDED_KEY_USAGE, &[], tlv(0x30, &[&oid(SERVER_AUTH)])));
    }),
    ("root for servers", |c, _| {
        c.root
            .put(ext(EXTENDED_KEY_USAGE, &[], tlv(0x30, &[&oid(SERVER_AUTH)])));
    }),
];

pub(crate) const EXTENSIONS: &[Kind] = &[
    ("leaf with an unknown critical extension", |c, _| {
        c.leaf.put(ext(UNKNOWN, CRITICAL, vec![5, 0]));
    }),
    ("leaf with an unknown extension", |c, _| {
        c.leaf.put(ext(UNKNOWN, &[], vec![5, 0]));
    }),
    ("issuing CA with an unknown critical extension", |c, _| {
        c.issuing.put(ext(UNKNOWN, CRITICAL, vec![5, 0]));
    }),
    ("root with an unknown critical extension", |c, _| {
        c.root.put(ext(UNKNOWN, CRITICAL, vec![5, 0]));
    }),
    ("leaf with our identifier", |c, _| {
        c.leaf.put(ext(OWN, &[], tlv(4, &[&[7; 32]])));
    }),
    ("leaf with our identifier, critical", |c, _| {
        c.leaf.put(ext(OWN, CRITICAL, tlv(4, &[&[7; 32]])));
    }),
    ("leaf with Azure's identifier, critical", |c, _| {
        c.leaf.put(ext(AZURE, CRITICAL, tlv(4, &[&[7; 32]])));
    }),
    (
        "leaf with Azure's identifier, critical and a byte short",
        |c, _| {
            c.leaf.put(ext(AZURE, CRITICAL, tlv(4, &[&[7; 31]])));
        },
    ),
    ("issuing CA with critical name constraints", |c, _| {
        c.issuing.put(ext(NAME_CONSTRAINTS, CRITICAL, permitted_dns()));
    }),
    ("issuing CA with name constraints", |c, _| {
        c.issuing.put(ext(NAME_CONSTRAINTS, &[], permitted_dns()));
    }),
    ("extension repeated", |c, _| {
        let list = c.leaf.extensions.as_mut().unwrap();
        let again = list.first().unwrap().clone();
        list.push(again);
    }),
    ("critical written as false", |c, _| {
        c.leaf.put(ext(UNKNOWN, &[1, 1, 0], vec![5, 0]));
    }),
    ("critical written as 1", |c, _| {
        c.leaf.put(ext(UNKNOWN, &[1, 1, 1], vec![5, 0]));
    }),
    ("no extension in the list", |c, _| {
        c.leaf.extensions = Some(Vec::new());
    }),
    ("leaf that names another key of its issuer", |c, _| {
        c.leaf
            .put(ext(AUTHORITY_KEY_ID, &[], tlv(0x30, &[&tlv(0x80, &[&[9; 4]])])));
    }),
    ("leaf that names no key of its issuer", |c, _| {
        c.leaf.drop(AUTHORITY_KEY_ID);
    }),
    ("issuing CA without key identifier", |c, _| {
        c.issuing.drop(SUBJECT_KEY_ID);
    }),
    ("key identifier that is no octet string", |c, _| {
        c.leaf.put(ext(SUBJECT_KEY_ID, &[], vec![5, 0]));
    }),
    ("authority key identifier critical", |c, _| {
        c.leaf.put(ext(
            AUTHORITY_KEY_ID,
            CRITICAL,
            tlv(0x30, &[&tlv(0x80, &[&[2; 4]])]),
        ));
    }),
];

pub(crate) const NAMES: &[Kind] = &[
    ("leaf names another issuer", |c, _| c.leaf.issuer = utf8("other")),
    ("leaf names its issuer in capitals", |c, _| {
        c.leaf.issuer = utf8("ISSUING");
    }),
    ("leaf names its issuer in another string type", |c, _| {
        c.leaf.issuer = name(&[(0x13, "issuing")]);
    }),
    ("issuing CA names another issuer", |c, _| {
        c.issuing.issuer = utf8("other");
    }),
    ("leaf without subject", |c, _| c.leaf.subject = tlv(0x30, &[])),
    ("leaf with two common names", |c, _| {
        c.leaf.subject = name(&[(0x0c, "device"), (0x0c, "other")]);
    }),
    ("leaf with an empty set in its subject", |c, _| {
        c.leaf.subject = tlv(0x30, &[&tlv(0x31, &[])]);
    }),
    ("leaf with its issuer's subject", |c, _| {
        c.leaf.subject = utf8("issuing");
    }),
    ("subject that is no sequence", |c, _| c.leaf.subject = vec![5, 0]),
    ("issuer unique identifier", |c, _| {
        c.leaf.unique = vec![0x81, 2, 0, 1];
    }),
];
