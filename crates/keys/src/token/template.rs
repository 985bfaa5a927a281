//! What a token is asked to make.

use cryptoki::object::Attribute;

use crate::{KeyAlgorithm, KeyPurpose};

/// `OBJECT IDENTIFIER` DER of secp256r1 and secp384r1.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

/// The curve named by `CKA_EC_PARAMS`; explicit parameters name none.
pub(crate) fn algorithm_of(parameters: &[u8]) -> Option<KeyAlgorithm> {
    match parameters {
        P256 => Some(KeyAlgorithm::P256),
        P384 => Some(KeyAlgorithm::P384),
        _ => None,
    }
}

/// The public half, kept in the token beside the private one.
pub(crate) fn public(purpose: &KeyPurpose, id: &[u8]) -> Vec<Attribute> {
    let curve = match purpose.algorithm {
        KeyAlgorithm::P256 => P256,
        KeyAlgorithm::P384 => P384,
    };
    vec![
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::EcParams(curve.to_vec()),
        Attribute::Id(id.to_vec()),
        Attribute::Label(purpose.label.clone().into_bytes()),
    ]
}

/// The private half: it signs, and does nothing else for anybody.
pub(crate) fn private(purpose: &KeyPurpose, id: &[u8], is_modifiable: bool) -> Vec<Attribute> {
    let mut template = vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
        Attribute::Id(id.to_vec()),
        Attribute::Label(purpose.label.clone().into_bytes()),
    ];
    if !is_modifiable {
        template.push(Attribute::Modifiable(false));
    }
    template
}
