use provost_model::registry::KeyRef;

use crate::{KeyAlgorithm, KeyProvider, KeyProviderError, KeyPurpose};

/// One place for keys and how references to it begin.
pub struct KeyHome {
    prefix: &'static str,
    provider: Box<dyn KeyProvider>,
}

impl KeyHome {
    /// The folder of sealed keys.
    pub fn sealed(provider: crate::SealedKeys) -> Self {
        Self {
            prefix: crate::sealed::PREFIX,
            provider: Box::new(provider),
        }
    }

    /// A PKCS#11 token.
    pub fn token(provider: crate::TokenKeys) -> Self {
        Self {
            prefix: crate::token::PREFIX,
            provider: Box::new(provider),
        }
    }
}

/// All places for keys: new ones are made in the first, old ones are found where they were made.
pub struct KeyRing {
    first: KeyHome,
    others: Vec<KeyHome>,
}

impl KeyRing {
    /// Makes new keys in the first; finds keys in all.
    pub fn new(first: KeyHome, others: Vec<KeyHome>) -> Self {
        Self { first, others }
    }

    fn all(&self) -> impl Iterator<Item = &KeyHome> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn of(&self, key: &KeyRef) -> Result<&dyn KeyProvider, KeyProviderError> {
        self.all()
            .find(|home| key.0.starts_with(home.prefix))
            .map(|home| &*home.provider)
            .ok_or_else(|| KeyProviderError::NotFound(key.0.clone()))
    }
}

impl KeyProvider for KeyRing {
    fn reserve(&self, purpose: &KeyPurpose) -> Result<KeyRef, KeyProviderError> {
        self.first.provider.reserve(purpose)
    }

    fn make(&self, key: &KeyRef, purpose: &KeyPurpose) -> Result<(), KeyProviderError> {
        self.of(key)?.make(key, purpose)
    }

    fn public(&self, key: &KeyRef) -> Result<(Vec<u8>, KeyAlgorithm), KeyProviderError> {
        self.of(key)?.public(key)
    }

    fn sign(&self, key: &KeyRef, message: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        self.of(key)?.sign(key, message)
    }

    fn sign_digest(&self, key: &KeyRef, digest: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        self.of(key)?.sign_digest(key, digest)
    }

    fn destroy(&self, key: &KeyRef) -> Result<(), KeyProviderError> {
        self.of(key)?.destroy(key)
    }

    fn health(&self) -> Result<(), KeyProviderError> {
        self.all().try_for_each(|home| home.provider.health())
    }
}
