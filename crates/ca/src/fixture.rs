//! Keys, a clock and a CA for the tests of this crate.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provost_keys::{KeyAlgorithm, KeyProvider, KeyProviderError, KeyPurpose};
use provost_model::registry::{Ca, CaId, CaRole, CaState, KeyRef, SerialNumber};
use provost_model::{Clock, CredentialPolicyName, NamespaceName, Timestamp};
use provost_pki::issue::{self, KeyPair, Signer};

use crate::{CaKeys, RootOrder, sign_root};

/// Keys in memory that count what is done with them.
#[derive(Default)]
pub(crate) struct CountedKeys {
    pub(crate) keys: Mutex<HashMap<String, (KeyAlgorithm, Arc<KeyPair>)>>,
    pub(crate) signatures: AtomicUsize,
    pub(crate) is_away: AtomicBool,
}

impl CountedKeys {
    pub(crate) fn find(&self, key: &KeyRef) -> Result<(KeyAlgorithm, Arc<KeyPair>), KeyProviderError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(KeyProviderError::Unavailable("away".to_owned()));
        }
        let found = self.keys.lock().unwrap().get(&key.0).cloned();
        found.ok_or_else(|| KeyProviderError::NotFound(key.0.clone()))
    }

    pub(crate) fn count(&self) -> usize {
        self.keys.lock().unwrap().len()
    }
}

impl KeyProvider for CountedKeys {
    fn reserve(&self, purpose: &KeyPurpose) -> Result<KeyRef, KeyProviderError> {
        Ok(KeyRef(purpose.label.clone()))
    }

    fn make(&self, key: &KeyRef, purpose: &KeyPurpose) -> Result<(), KeyProviderError> {
        let algorithm = match purpose.algorithm {
            KeyAlgorithm::P256 => issue::KeyAlgorithm::P256,
            KeyAlgorithm::P384 => issue::KeyAlgorithm::P384,
        };
        let made = (purpose.algorithm, Arc::new(KeyPair::generate(algorithm).unwrap()));
        self.keys.lock().unwrap().insert(key.0.clone(), made);
        Ok(())
    }

    fn public(&self, key: &KeyRef) -> Result<(Vec<u8>, KeyAlgorithm), KeyProviderError> {
        let (algorithm, pair) = self.find(key)?;
        Ok((pair.public_key_der().unwrap(), algorithm))
    }

    fn sign(&self, key: &KeyRef, message: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        let (_, pair) = self.find(key)?;
        self.signatures.fetch_add(1, Ordering::SeqCst);
        Ok(pair.sign(message).unwrap())
    }

    fn destroy(&self, key: &KeyRef) -> Result<(), KeyProviderError> {
        self.keys.lock().unwrap().remove(&key.0);
        Ok(())
    }

    fn health(&self) -> Result<(), KeyProviderError> {
        Ok(())
    }
}

/// A clock that is moved by hand, in seconds.
pub(crate) struct HandClock(pub(crate) AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(Ordering::SeqCst))
    }
}

/// An issuing CA that signed itself, valid from now for so many days.
pub(crate) fn a_ca(keys: &CaKeys, now: Timestamp, days: u32) -> Ca {
    let id = CaId::parse(&"0c".repeat(16)).unwrap();
    let signer = keys.make("ca").unwrap();
    let order = RootOrder {
        common_name: format!("rootca-{id}"),
        serial: SerialNumber::from_bytes(&[0x41; 16]).unwrap(),
        not_before: now,
        not_after: now.after(Duration::from_hours(24) * days),
    };
    let signed = sign_root(&order, &signer).unwrap();
    Ca {
        id,
        namespace: NamespaceName::parse("plant").unwrap(),
        policy: Some(CredentialPolicyName::parse("default").unwrap()),
        role: CaRole::Issuing,
        parent: None,
        state: CaState::Active,
        key: signer.key().clone(),
        subject: signed.subject,
        signing_request: None,
        certificate: Some(signed.certificate),
        issuers: Vec::new(),
        not_before: Some(signed.not_before),
        not_after: Some(signed.not_after),
        shards: 1,
        created_at: now,
        changed_at: now,
    }
}
