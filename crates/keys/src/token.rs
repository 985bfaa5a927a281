//! Private keys in a PKCS#11 token, which makes them, signs with them and never gives them out
//! (certificate-management.md 7.3).

mod point;
mod pool;
mod template;
mod uri;

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use provost_model::registry::KeyRef;
use provost_model::{Random, Secret};

use self::pool::{LoggedIn, Pool, PoolError};
use crate::{KeyAlgorithm, KeyProvider, KeyProviderError, KeyPurpose};

pub use self::uri::TokenUri;

/// Begins the [`KeyRef`] of a key in a token.
pub(crate) const PREFIX: &str = "pkcs11:";

/// What is needed to use a token.
pub struct TokenOptions {
    /// The library of its maker.
    pub module: PathBuf,
    /// Which token of the library.
    pub uri: TokenUri,
    /// The user's PIN.
    pub pin: Secret<String>,
    /// Whether keys are used that were not made in the token, or could once be taken out.
    pub allow_imported: bool,
    /// Signatures at a time.
    pub sessions: usize,
}

/// The keys of one token.
pub struct TokenKeys {
    pool: Pool,
    allow_imported: bool,
    random: Arc<dyn Random>,
}

impl TokenKeys {
    /// Loads the library, finds the token and logs in once for the process.
    ///
    /// A token that goes away is found again and logged in to again; a PIN it refuses is never tried a
    /// second time, since tokens lock after a few.
    pub fn open(options: TokenOptions, random: Arc<dyn Random>) -> Result<Self, KeyProviderError> {
        let allow_imported = options.allow_imported;
        Ok(Self {
            pool: Pool::open(options)?,
            allow_imported,
            random,
        })
    }

    /// The private keys of the token that are named as ours are, in the order of their labels. Those of another
    /// installation that uses the same token are among them.
    pub fn list(&self) -> Result<Vec<TokenKeyInfo>, KeyProviderError> {
        let mut found = self.pool.run(|session| Ok(list(session)?))?;
        found.sort_by(|one, other| one.label.cmp(&other.label));
        Ok(found)
    }

    /// The private key, looked at once in each login: whether it may be trusted at all.
    fn private_key(&self, session: &LoggedIn, key: &KeyName) -> Result<Found, PoolError> {
        if let Some(known) = self.pool.known(session, &key.id) {
            return Ok(known);
        }
        let handle = find(session, ObjectClass::PRIVATE_KEY, &key.id)?.ok_or_else(|| key.not_found())?;
        if !self.allow_imported {
            check_origin(session, handle, key)?;
        }
        let public = find(session, ObjectClass::PUBLIC_KEY, &key.id)?
            .ok_or_else(|| key.unusable("its public half is not in the token"))?;
        let (public_der, algorithm) = public_half(session, public)?
            .ok_or_else(|| key.unusable("its public half is not a point on P-256 or P-384"))?;
        let found = Found {
            handle,
            public_der,
            algorithm,
        };
        self.pool.remember(session, &key.id, &found);
        Ok(found)
    }

    /// Signs what the kind of the key makes of the input.
    fn sign_in(
        &self,
        session: &LoggedIn,
        key: &KeyName,
        hashed: impl Fn(KeyAlgorithm) -> Result<Vec<u8>, KeyProviderError>,
    ) -> Result<Vec<u8>, PoolError> {
        let found = self.private_key(session, key)?;
        let raw = session.sign(&Mechanism::Ecdsa, found.handle, &hashed(found.algorithm)?)?;
        point::signature_to_der(&raw, found.algorithm)
            .ok_or_else(|| key.unusable("the token's signature has an unknown form").into())
    }
}

/// What a token tells of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKeyInfo {
    /// Where it is.
    pub key: KeyRef,
    /// What it was made for.
    pub label: String,
}

impl KeyProvider for TokenKeys {
    fn reserve(&self, purpose: &KeyPurpose) -> Result<KeyRef, KeyProviderError> {
        purpose.check()?;
        let mut id = [0; 16];
        self.random.fill(&mut id);
        let name = KeyName {
            label: purpose.label.clone(),
            id: id.to_vec(),
        };
        Ok(name.to_ref())
    }

    fn make(&self, key: &KeyRef, purpose: &KeyPurpose) -> Result<(), KeyProviderError> {
        purpose.check()?;
        let name = KeyName::of(key)?;
        // A token takes two objects of one name.
        let there = self
            .pool
            .run(|session| Ok(find(session, ObjectClass::PRIVATE_KEY, &name.id)?))?;
        if there.is_some() {
            return Err(KeyProviderError::Refused(format!("{} is there already", key.0)));
        }
        // Not again when the token went away meanwhile: there would be two.
        self.pool.once(|session| make(session, purpose, &name.id))?;
        let proof = |kind: KeyAlgorithm| Ok(kind.digest(b"provost: proof of a new key"));
        self.pool.run(|session| self.sign_in(session, &name, proof))?;
        Ok(())
    }

    fn public(&self, key: &KeyRef) -> Result<(Vec<u8>, KeyAlgorithm), KeyProviderError> {
        let key = KeyName::of(key)?;
        let found = self.pool.run(|session| self.private_key(session, &key))?;
        Ok((found.public_der, found.algorithm))
    }

    fn sign(&self, key: &KeyRef, message: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        let key = KeyName::of(key)?;
        let hashed = |kind: KeyAlgorithm| Ok(kind.digest(message));
        self.pool.run(|session| self.sign_in(session, &key, hashed))
    }

    fn sign_digest(&self, key: &KeyRef, digest: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        let key = KeyName::of(key)?;
        let hashed = |kind: KeyAlgorithm| kind.hashed(digest).map(|digest| digest.as_ref().to_vec());
        self.pool.run(|session| self.sign_in(session, &key, hashed))
    }

    fn destroy(&self, key: &KeyRef) -> Result<(), KeyProviderError> {
        let key = KeyName::of(key)?;
        self.pool.forget(&key.id);
        self.pool.run(|session| {
            for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
                while let Some(object) = find(session, class, &key.id)? {
                    session.destroy_object(object)?;
                }
            }
            Ok(())
        })
    }

    fn health(&self) -> Result<(), KeyProviderError> {
        self.pool.run(|session| Ok(session.get_session_info().map(drop)?))
    }
}

/// What a key is called in a token.
struct KeyName {
    label: String,
    id: Vec<u8>,
}

impl KeyName {
    /// Reads a reference that this provider gave out.
    fn of(key: &KeyRef) -> Result<Self, KeyProviderError> {
        let uri = TokenUri::parse(&key.0).map_err(|_| KeyProviderError::NotFound(key.0.clone()))?;
        match (uri.object, uri.id) {
            (label, Some(id)) if !id.is_empty() => Ok(Self {
                label: label.unwrap_or_default(),
                id,
            }),
            _ => Err(KeyProviderError::NotFound(key.0.clone())),
        }
    }

    /// A URI as in RFC 7512, so that other programs can be told of the key by it.
    fn to_ref(&self) -> KeyRef {
        let id = self.id.iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
            text
        });
        KeyRef(format!("{PREFIX}object={};id={id};type=private", self.label))
    }

    fn not_found(&self) -> KeyProviderError {
        KeyProviderError::NotFound(self.to_ref().0)
    }

    fn unusable(&self, reason: &str) -> KeyProviderError {
        KeyProviderError::Unusable {
            key: self.to_ref().0,
            reason: reason.to_owned(),
        }
    }
}

/// A private key of the token that may be used.
#[derive(Clone)]
pub(crate) struct Found {
    handle: ObjectHandle,
    public_der: Vec<u8>,
    algorithm: KeyAlgorithm,
}

fn make(session: &Session, purpose: &KeyPurpose, id: &[u8]) -> Result<(), PoolError> {
    let public = template::public(purpose, id);
    let private = |is_modifiable| template::private(purpose, id, is_modifiable);
    let made = session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private(false));
    match made {
        // Some tokens know no keys that cannot be modified.
        Err(Error::Pkcs11(
            RvError::AttributeTypeInvalid
            | RvError::AttributeValueInvalid
            | RvError::AttributeReadOnly
            | RvError::TemplateInconsistent,
            _,
        )) => session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private(true)),
        other => other,
    }?;
    Ok(())
}

fn find(session: &Session, class: ObjectClass, id: &[u8]) -> Result<Option<ObjectHandle>, Error> {
    let template = [Attribute::Class(class), Attribute::Id(id.to_vec())];
    Ok(session.find_objects(&template)?.first().copied())
}

/// How the labels of our keys begin.
const LABELS: [&str; 3] = ["rootca-", "ica-", "ocsp-"];

fn list(session: &Session) -> Result<Vec<TokenKeyInfo>, Error> {
    let mut found = Vec::new();
    for handle in session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)])? {
        let (mut label, mut id) = (String::new(), Vec::new());
        for attribute in session.get_attributes(handle, &[AttributeType::Label, AttributeType::Id])? {
            match attribute {
                Attribute::Label(bytes) => label = String::from_utf8_lossy(&bytes).into_owned(),
                Attribute::Id(bytes) => id = bytes,
                _ => {}
            }
        }
        if !id.is_empty() && LABELS.iter().any(|begin| label.starts_with(begin)) {
            let name = KeyName { label, id };
            found.push(TokenKeyInfo {
                key: name.to_ref(),
                label: name.label,
            });
        }
    }
    Ok(found)
}

/// A key that was ever outside may be anywhere: only one that was made in the token and was sensitive and
/// not extractable all its life is used.
fn check_origin(session: &Session, handle: ObjectHandle, key: &KeyName) -> Result<(), PoolError> {
    let attributes = session.get_attributes(
        handle,
        &[
            AttributeType::Local,
            AttributeType::AlwaysSensitive,
            AttributeType::NeverExtractable,
        ],
    )?;
    let is_true = |wanted: &Attribute| attributes.contains(wanted);
    for (wanted, reason) in [
        (Attribute::Local(true), "it was not made in the token (CKA_LOCAL)"),
        (
            Attribute::AlwaysSensitive(true),
            "it could once be read (CKA_ALWAYS_SENSITIVE)",
        ),
        (
            Attribute::NeverExtractable(true),
            "it could once be taken out (CKA_NEVER_EXTRACTABLE)",
        ),
    ] {
        if !is_true(&wanted) {
            let reason = format!("{reason}; token_imported_keys allows such keys");
            return Err(key.unusable(&reason).into());
        }
    }
    Ok(())
}

fn public_half(session: &Session, handle: ObjectHandle) -> Result<Option<(Vec<u8>, KeyAlgorithm)>, Error> {
    let attributes = session.get_attributes(handle, &[AttributeType::EcParams, AttributeType::EcPoint])?;
    let mut curve = None;
    let mut encoded = None;
    for attribute in attributes {
        match attribute {
            Attribute::EcParams(oid) => curve = template::algorithm_of(&oid),
            Attribute::EcPoint(bytes) => encoded = Some(bytes),
            _ => {}
        }
    }
    let both = curve.zip(encoded);
    Ok(both.and_then(|(curve, bytes)| point::public_der(&bytes, curve).map(|der| (der, curve))))
}

#[cfg(test)]
mod tests;
