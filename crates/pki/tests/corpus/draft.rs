//! A chain before it is encoded and signed: every part can be put wrong.

use provost_pki::issue::{KeyAlgorithm, KeyPair};

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600;

pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
pub(crate) const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 14];
pub(crate) const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];

pub(crate) const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
pub(crate) const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
pub(crate) const ECDSA_SHA_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        length @ 0..0x80 => out.push(u8::try_from(length).unwrap()),
        length @ 0x80..0x100 => out.extend([0x81, u8::try_from(length).unwrap()]),
        length => {
            out.push(0x82);
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    out.extend(content);
    out
}

pub(crate) fn oid(content: &[u8]) -> Vec<u8> {
    tlv(6, &[content])
}

pub(crate) fn algorithm(name: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&oid(name)])
}

/// A name of common names, each with the tag of its string type.
pub(crate) fn name(common_names: &[(u8, &str)]) -> Vec<u8> {
    let rdns: Vec<_> = common_names
        .iter()
        .map(|(tag, text)| {
            let value = tlv(*tag, &[text.as_bytes()]);
            tlv(0x31, &[&tlv(0x30, &[&oid(&[0x55, 4, 3]), &value])])
        })
        .collect();
    tlv(0x30, &[&rdns.concat()])
}

pub(crate) fn utf8(text: &str) -> Vec<u8> {
    name(&[(0x0c, text)])
}

/// `YYMMDDhhmmssZ`.
pub(crate) fn utc(text: &str) -> Vec<u8> {
    tlv(0x17, &[text.as_bytes()])
}

/// One extension.
#[derive(Clone)]
pub(crate) struct Ext {
    pub(crate) oid: Vec<u8>,
    /// Encoded: nothing for the default.
    pub(crate) critical: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

pub(crate) const CRITICAL: &[u8] = &[1, 1, 0xff];

pub(crate) fn ext(oid: &[u8], critical: &[u8], value: Vec<u8>) -> Ext {
    Ext {
        oid: oid.to_vec(),
        critical: critical.to_vec(),
        value,
    }
}

/// Whose key signs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Root,
    Issuing,
    Leaf,
    Stranger,
}

pub(crate) struct Draft {
    /// The encoded `[0]`, or nothing for version 1.
    pub(crate) version: Vec<u8>,
    /// Content of the INTEGER.
    pub(crate) serial: Vec<u8>,
    pub(crate) inner_algorithm: Vec<u8>,
    pub(crate) outer_algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) not_before: Vec<u8>,
    pub(crate) not_after: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    /// Between key and extensions: unique identifiers.
    pub(crate) unique: Vec<u8>,
    pub(crate) extensions: Option<Vec<Ext>>,
    /// Behind the extensions, inside what is signed.
    pub(crate) tail: Vec<u8>,
    pub(crate) by: By,
    /// Works on the signature once it is made.
    pub(crate) signature: fn(Vec<u8>) -> Vec<u8>,
    /// Works on what was signed, after it was signed.
    pub(crate) signed: fn(Vec<u8>) -> Vec<u8>,
    /// Works on the whole.
    pub(crate) whole: fn(Vec<u8>) -> Vec<u8>,
}

fn same(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

impl Draft {
    /// Replaces the value of an extension, or adds it.
    pub(crate) fn put(&mut self, new: Ext) {
        self.drop(&new.oid.clone());
        self.extensions.get_or_insert_default().push(new);
    }

    pub(crate) fn drop(&mut self, oid: &[u8]) {
        self.extensions
            .get_or_insert_default()
            .retain(|extension| extension.oid != oid);
    }

    fn encoded(&self, keys: &Keys) -> Vec<u8> {
        let extensions = self.extensions.as_ref().map_or(Vec::new(), |list| {
            let list: Vec<_> = list
                .iter()
                .map(|one| tlv(0x30, &[&oid(&one.oid), &one.critical, &tlv(4, &[&one.value])]))
                .collect();
            tlv(0xa3, &[&tlv(0x30, &[&list.concat()])])
        });
        let tbs = tlv(
            0x30,
            &[
                &self.version,
                &tlv(2, &[&self.serial]),
                &self.inner_algorithm,
                &self.issuer,
                &tlv(0x30, &[&self.not_before, &self.not_after]),
                &self.subject,
                &self.spki,
                &self.unique,
                &extensions,
                &self.tail,
            ],
        );
        let signature = (self.signature)(keys.of(self.by).sign(&tbs).unwrap());
        let signature = tlv(3, &[&[0], &signature]);
        (self.whole)(tlv(
            0x30,
            &[&(self.signed)(tbs), &self.outer_algorithm, &signature],
        ))
    }
}

/// Keys are made once: P-256, which signs with SHA-256.
pub(crate) struct Keys {
    root: KeyPair,
    issuing: KeyPair,
    leaf: KeyPair,
    stranger: KeyPair,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let key = || KeyPair::generate(KeyAlgorithm::P256).unwrap();
        Self {
            root: key(),
            issuing: key(),
            leaf: key(),
            stranger: key(),
        }
    }

    pub(crate) fn of(&self, by: By) -> &KeyPair {
        match by {
            By::Root => &self.root,
            By::Issuing => &self.issuing,
            By::Leaf => &self.leaf,
            By::Stranger => &self.stranger,
        }
    }
}

/// Root, issuing CA, leaf; and what is sent with the leaf.
pub(crate) struct Chain {
    pub(crate) root: Draft,
    pub(crate) issuing: Draft,
    pub(crate) leaf: Draft,
    /// A CA with the issuing CA's name and a key of its own.
    pub(crate) impostor: Draft,
    pub(crate) sent: Vec<Sent>,
}

#[derive(Clone, Copy)]
pub(crate) enum Sent {
    Root,
    Issuing,
    Leaf,
    Impostor,
}

/// The same, encoded.
pub(crate) struct Encoded {
    pub(crate) root: Vec<u8>,
    pub(crate) leaf: Vec<u8>,
    pub(crate) others: Vec<Vec<u8>>,
}

impl Chain {
    pub(crate) fn good(keys: &Keys) -> Self {
        let ca = |subject: &str, issuer: &str, key: By, by: By, path_len: u8| {
            let constraints = tlv(0x30, &[CRITICAL, &[2, 1, path_len]]);
            let extensions = vec![
                ext(BASIC_CONSTRAINTS, CRITICAL, constraints),
                ext(KEY_USAGE, CRITICAL, vec![3, 2, 1, 6]),
                ext(SUBJECT_KEY_ID, &[], tlv(4, &[&key_id(key)])),
                ext(AUTHORITY_KEY_ID, &[], tlv(0x30, &[&tlv(0x80, &[&key_id(by)])])),
            ];
            draft(keys, subject, issuer, key, by, extensions)
        };
        let leaf = vec![
            ext(BASIC_CONSTRAINTS, CRITICAL, tlv(0x30, &[])),
            ext(KEY_USAGE, CRITICAL, vec![3, 2, 7, 0x80]),
            ext(EXTENDED_KEY_USAGE, &[], tlv(0x30, &[&oid(CLIENT_AUTH)])),
            ext(SUBJECT_KEY_ID, &[], tlv(4, &[&key_id(By::Leaf)])),
            ext(
                AUTHORITY_KEY_ID,
                &[],
                tlv(0x30, &[&tlv(0x80, &[&key_id(By::Issuing)])]),
            ),
        ];
        Self {
            root: ca("root", "root", By::Root, By::Root, 1),
            issuing: ca("issuing", "root", By::Issuing, By::Root, 0),
            impostor: ca("issuing", "root", By::Stranger, By::Stranger, 0),
            leaf: draft(keys, "device", "issuing", By::Leaf, By::Issuing, leaf),
            sent: vec![Sent::Issuing],
        }
    }

    pub(crate) fn encoded(&self, keys: &Keys) -> Encoded {
        let others = self.sent.iter().map(|sent| match sent {
            Sent::Root => self.root.encoded(keys),
            Sent::Issuing => self.issuing.encoded(keys),
            Sent::Leaf => self.leaf.encoded(keys),
            Sent::Impostor => self.impostor.encoded(keys),
        });
        Encoded {
            root: self.root.encoded(keys),
            leaf: self.leaf.encoded(keys),
            others: others.collect(),
        }
    }
}

fn key_id(key: By) -> [u8; 4] {
    match key {
        By::Root => [1; 4],
        By::Issuing => [2; 4],
        By::Leaf => [3; 4],
        By::Stranger => [4; 4],
    }
}

fn draft(keys: &Keys, subject: &str, issuer: &str, key: By, by: By, extensions: Vec<Ext>) -> Draft {
    Draft {
        version: vec![0xa0, 3, 2, 1, 2],
        serial: vec![0x11, 0x22, 0x33, 0x44, key_id(key)[0]],
        inner_algorithm: algorithm(ECDSA_SHA_256),
        outer_algorithm: algorithm(ECDSA_SHA_256),
        issuer: utf8(issuer),
        not_before: utc("250101000000Z"),
        not_after: utc("270101000000Z"),
        subject: utf8(subject),
        spki: keys.of(key).public_key_der().unwrap(),
        unique: Vec::new(),
        extensions: Some(extensions),
        tail: Vec::new(),
        by,
        signature: same,
        signed: same,
        whole: same,
    }
}
