//! Making and replacing CAs when something fails in between: no key without a CA stays, and no CA loses its
//! key.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use provost_access::{AdminCaller, NewToken, authenticate};
use provost_ca::CaKeys;
use provost_keys::{KekSource, KeyAlgorithm, KeyProvider, KeyProviderError, KeyPurpose, SealedKeys};
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::registry::{CaState, KeyRef, OperationState};
use provost_model::{Assignment, CredentialPolicyName, DeviceId, HubName, NamespaceName, Secret, Uuid};
use provost_registry::{
    CredentialInput, LinkedHubs, NamespaceInput, PolicyInput, PortFuture, RegistryOptions, RegistryParts,
    RegistryService,
};
use provost_store::{Store, StoreError, WriteTx};
use provost_testkit::TestStore;
use serde_json::Map;

mod lost_commit;
mod unused_keys;

/// Sealed keys that say which there are, and fail when they are told to.
struct WatchedKeys {
    keys: SealedKeys,
    there: Mutex<BTreeSet<String>>,
    /// Signing fails.
    is_broken: AtomicBool,
    /// Destroying fails.
    keeps: AtomicBool,
    /// Two runners meet here, each with a fresh key and nothing written.
    meeting: Mutex<Option<Arc<Barrier>>>,
    made: AtomicUsize,
    /// Set when something is signed.
    on_signing: Mutex<Option<Arc<AtomicBool>>>,
    _folder: tempfile::TempDir,
}

impl WatchedKeys {
    fn new() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let kek = KekSource::key(Secret::new(vec![7; 32])).unwrap();
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let path = folder.path().join("keys");
        Arc::new(Self {
            keys: SealedKeys::open(&path, &kek, Duration::ZERO, clock, random).unwrap(),
            there: Mutex::default(),
            is_broken: AtomicBool::new(false),
            keeps: AtomicBool::new(false),
            meeting: Mutex::default(),
            made: AtomicUsize::new(0),
            on_signing: Mutex::default(),
            _folder: folder,
        })
    }

    fn count(&self) -> usize {
        self.there.lock().unwrap().len()
    }
}

impl KeyProvider for WatchedKeys {
    fn reserve(&self, purpose: &KeyPurpose) -> Result<KeyRef, KeyProviderError> {
        self.keys.reserve(purpose)
    }

    fn make(&self, key: &KeyRef, purpose: &KeyPurpose) -> Result<(), KeyProviderError> {
        self.keys.make(key, purpose)?;
        self.there.lock().unwrap().insert(key.0.clone());
        self.made.fetch_add(1, Ordering::SeqCst);
        let meeting = self.meeting.lock().unwrap().clone();
        if let Some(meeting) = meeting {
            meeting.wait();
        }
        Ok(())
    }

    fn public(&self, key: &KeyRef) -> Result<(Vec<u8>, KeyAlgorithm), KeyProviderError> {
        self.keys.public(key)
    }

    fn sign(&self, key: &KeyRef, message: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(KeyProviderError::Unavailable("the token is away".to_owned()));
        }
        if let Some(flag) = &*self.on_signing.lock().unwrap() {
            flag.store(true, Ordering::SeqCst);
        }
        self.keys.sign(key, message)
    }

    fn destroy(&self, key: &KeyRef) -> Result<(), KeyProviderError> {
        if self.keeps.load(Ordering::SeqCst) {
            return Err(KeyProviderError::Unavailable("the token is away".to_owned()));
        }
        self.there.lock().unwrap().remove(&key.0);
        self.keys.destroy(key)
    }

    fn health(&self) -> Result<(), KeyProviderError> {
        self.keys.health()
    }
}

/// Nobody is linked.
struct NoHubs;

impl LinkedHubs for NoHubs {
    fn set_enabled(&self, _: &WriteTx<'_>, _: &HubName, _: &DeviceId, _: bool) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn announce(&self, _: &WriteTx<'_>, _: &HubName, _: &DeviceId) -> Result<(), StoreError> {
        Ok(())
    }

    fn settle<'a>(&'a self, _: &'a [Assignment]) -> PortFuture<'a> {
        Box::pin(std::future::ready(()))
    }

    fn settle_leaves(&self, _: Uuid) -> PortFuture<'_> {
        Box::pin(std::future::ready(()))
    }

    fn settle_authorities(&self) -> PortFuture<'_> {
        Box::pin(std::future::ready(()))
    }

    fn connected(&self) -> Vec<Assignment> {
        Vec::new()
    }
}

fn registry_of(store: &Store, keys: &Arc<WatchedKeys>) -> RegistryService {
    RegistryService::new(RegistryParts {
        store: store.clone(),
        keys: CaKeys::new(Arc::clone(keys) as Arc<dyn KeyProvider>),
        hubs: Arc::new(NoHubs),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        options: RegistryOptions::default(),
    })
}

async fn owner(store: &Store) -> AdminCaller {
    let made = store.write(|tx| {
        let token = NewToken::owner("test").create(&tx, &SystemRandom)?;
        let event = crate::store::event("adminToken");
        tx.record(&event, token)
    });
    let made: Result<_, StoreError> = made.await;
    let bearer = format!("Bearer {}", made.unwrap().expose());
    authenticate(store, Some(&bearer)).await.expect("an owner")
}

fn namespace() -> NamespaceName {
    NamespaceName::parse("plant").unwrap()
}

fn policy() -> CredentialPolicyName {
    CredentialPolicyName::parse("line-7").unwrap()
}

fn place() -> CredentialInput {
    CredentialInput {
        location: "here".to_owned(),
        tags: Map::new(),
    }
}

/// A namespace on an empty store.
async fn opened(store: &Store, keys: &Arc<WatchedKeys>) -> (RegistryService, AdminCaller) {
    let (registry, caller) = (registry_of(store, keys), owner(store).await);
    let input = NamespaceInput {
        location: "here".to_owned(),
        tags: Map::new(),
        document: Map::new(),
    };
    registry
        .put_namespace(&caller, &namespace(), input)
        .await
        .unwrap();
    (registry, caller)
}

fn managed(is_external: bool) -> PolicyInput {
    PolicyInput {
        validity_days: 30,
        is_external,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_cannot_be_signed_leaves_no_key_behind() {
    let (test, keys) = (TestStore::open().await, WatchedKeys::new());
    let (registry, caller) = opened(&test.store, &keys).await;
    keys.is_broken.store(true, Ordering::SeqCst);
    assert!(
        registry
            .put_credential(&caller, &namespace(), place())
            .await
            .is_err()
    );
    assert_eq!((keys.made.load(Ordering::SeqCst), keys.count()), (1, 0), "a root");
    keys.is_broken.store(false, Ordering::SeqCst);
    registry
        .put_credential(&caller, &namespace(), place())
        .await
        .unwrap();
    assert_eq!(keys.count(), 1);
    keys.is_broken.store(true, Ordering::SeqCst);
    for is_external in [false, true] {
        let made = registry
            .put_policy(&caller, &namespace(), &policy(), managed(is_external))
            .await;
        assert!(made.is_err());
        assert_eq!(keys.count(), 1, "external: {is_external}");
    }
    assert_eq!(keys.made.load(Ordering::SeqCst), 4, "each had its key");
    keys.is_broken.store(false, Ordering::SeqCst);
    let made = registry
        .put_policy(&caller, &namespace(), &policy(), managed(false))
        .await;
    assert!(made.unwrap().is_new);
    assert_eq!(keys.count(), 2);
}

/// Two nodes go on with one revocation of an issuer, each with a new CA in hand: one of these is put in place,
/// the other one's key goes, and the operation ends once.
#[tokio::test(flavor = "multi_thread")]
async fn two_runners_of_one_operation_put_one_ca_in_place() {
    let (test, keys) = (TestStore::open().await, WatchedKeys::new());
    let (registry, caller) = opened(&test.store, &keys).await;
    registry
        .put_credential(&caller, &namespace(), place())
        .await
        .unwrap();
    let made = registry
        .put_policy(&caller, &namespace(), &policy(), managed(false))
        .await;
    let old = made.unwrap().value.issuing.unwrap();
    // The keys are away when it is asked for: the operation is written down and waits.
    keys.is_broken.store(true, Ordering::SeqCst);
    let begun = registry
        .revoke_issuer(&caller, &namespace(), &policy())
        .await
        .unwrap();
    assert_eq!(begun.state, OperationState::Running);
    assert_eq!(keys.count(), 2, "root and issuing CA");
    keys.is_broken.store(false, Ordering::SeqCst);
    *keys.meeting.lock().unwrap() = Some(Arc::new(Barrier::new(2)));
    let other = registry_of(&test.open_again().await, &keys);
    let (one, two) = tokio::join!(registry.resume(true), other.resume(true));
    one.unwrap();
    two.unwrap();
    let ended = registry
        .operation(&caller, &namespace(), &begun.id)
        .await
        .unwrap();
    assert_eq!(ended.state, OperationState::Succeeded);
    let cas = registry.authorities(&caller, &namespace()).await.unwrap();
    let issuing: Vec<_> = cas.iter().filter(|ca| ca.policy.is_some()).collect();
    assert_eq!(issuing.len(), 2, "the loser's was never written down");
    let in_state = |state| issuing.iter().filter(move |ca| ca.state == state);
    assert_eq!(
        in_state(CaState::Revoked).map(|ca| &ca.id).collect::<Vec<_>>(),
        [&old.id]
    );
    let new = in_state(CaState::Active).next().expect("a new one");
    let root = cas.iter().find(|ca| ca.policy.is_none()).unwrap();
    let expected: BTreeSet<String> = [new.key.0.clone(), root.key.0.clone()].into();
    assert_eq!(*keys.there.lock().unwrap(), expected);
}
