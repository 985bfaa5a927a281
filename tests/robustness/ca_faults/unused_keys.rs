//! What a process leaves that ends while it makes a CA: a row says so, and the key goes.

use std::time::Duration;

use provost_model::registry::{CaId, KeyIntent, KeyOwner, KeyRef};
use provost_registry::{CredentialView, Made, RegistryError};
use provost_store::{GivenUpKey, ReadTx};
use provost_testkit::{ManualClock, eventually};
use tokio::task::JoinHandle;

use super::*;

/// Longer than what was intended may wait.
const LONG: Duration = Duration::from_mins(16);

/// The same service with a clock that is moved by hand.
fn registry_at(store: &Store, keys: &Arc<WatchedKeys>, clock: &ManualClock) -> RegistryService {
    RegistryService::new(RegistryParts {
        store: store.clone(),
        keys: CaKeys::new(Arc::clone(keys) as Arc<dyn KeyProvider>),
        hubs: Arc::new(NoHubs),
        clock: Arc::new(clock.clone()),
        random: Arc::new(SystemRandom),
        options: RegistryOptions::default(),
    })
}

async fn given_up(store: &Store) -> Vec<String> {
    let read = |tx: &ReadTx<'_>| tx.given_up_keys();
    let found: Result<Vec<GivenUpKey>, StoreError> = store.read(read).await;
    found.unwrap().into_iter().map(|key| key.intent.key.0).collect()
}

async fn in_use(store: &Store) -> BTreeSet<String> {
    let found: Result<Vec<KeyRef>, StoreError> = store.read(|tx| tx.keys_in_use()).await;
    found.unwrap().into_iter().map(|key| key.0).collect()
}

/// A process that ended after it wrote down what it was about to make; with the key, or before there was one.
async fn left(store: &Store, keys: &WatchedKeys, clock: &ManualClock, with_key: bool) -> KeyRef {
    let purpose = KeyPurpose {
        label: "ica-left".to_owned(),
        algorithm: KeyAlgorithm::P384,
    };
    let key = keys.reserve(&purpose).unwrap();
    let intent = KeyIntent {
        key: key.clone(),
        owner: KeyOwner::IssuingCa,
        ca: CaId::generate(&SystemRandom),
        namespace: namespace(),
        policy: Some(policy()),
        serial: None,
        created_at: provost_model::Clock::now(clock),
    };
    let done: Result<(), StoreError> = store.append(move |tx| tx.intend_key(&intent)).await;
    done.unwrap();
    if with_key {
        keys.make(&key, &purpose).unwrap();
    }
    key
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_crash_left_is_destroyed_at_the_next_start_and_its_row_goes_later() {
    for with_key in [false, true] {
        let (test, keys) = (TestStore::open().await, WatchedKeys::new());
        let registry = registry_at(&test.store, &keys, &test.clock);
        let key = left(&test.store, &keys, &test.clock, with_key).await;
        assert!(
            in_use(&test.store).await.contains(&key.0),
            "somebody may be at it"
        );
        test.clock.advance(Duration::from_secs(1));
        registry.resume(true).await.unwrap();
        assert_eq!(keys.count(), 0, "with key: {with_key}");
        assert_eq!(given_up(&test.store).await, std::slice::from_ref(&key.0));
        // A signer that was slow made it after all.
        if !with_key {
            let purpose = KeyPurpose {
                label: "ica-left".to_owned(),
                algorithm: KeyAlgorithm::P384,
            };
            keys.make(&key, &purpose).unwrap();
        }
        test.clock.advance(LONG);
        registry.look_around().await;
        assert_eq!(keys.count(), 0);
        assert_eq!(given_up(&test.store).await, [""; 0]);
        assert!(in_use(&test.store).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_another_node_is_about_to_use_is_left_alone() {
    let (test, keys) = (TestStore::open().await, WatchedKeys::new());
    let registry = registry_at(&test.store, &keys, &test.clock);
    left(&test.store, &keys, &test.clock, true).await;
    test.clock.advance(Duration::from_mins(14));
    registry.resume(false).await.unwrap();
    registry.look_around().await;
    assert_eq!(keys.count(), 1);
    test.clock.advance(Duration::from_mins(2));
    registry.resume(false).await.unwrap();
    assert_eq!(keys.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_destroyed_now_is_destroyed_later() {
    let (test, keys) = (TestStore::open().await, WatchedKeys::new());
    let registry = registry_at(&test.store, &keys, &test.clock);
    let key = left(&test.store, &keys, &test.clock, true).await;
    keys.keeps.store(true, Ordering::SeqCst);
    test.clock.advance(LONG);
    registry.look_around().await;
    test.clock.advance(LONG);
    registry.look_around().await;
    assert_eq!((keys.count(), given_up(&test.store).await), (1, vec![key.0]));
    keys.keeps.store(false, Ordering::SeqCst);
    registry.look_around().await;
    assert_eq!((keys.count(), given_up(&test.store).await.len()), (0, 0));
}

/// A credential whose key is made and waits in the token, for longer than anybody waits for one.
struct Slow {
    registry: RegistryService,
    caller: AdminCaller,
    meeting: Arc<Barrier>,
    made: JoinHandle<Result<Made<CredentialView>, RegistryError>>,
}

impl Slow {
    async fn begin(test: &TestStore, keys: &Arc<WatchedKeys>) -> Self {
        let (_, caller) = opened(&test.store, keys).await;
        let registry = registry_at(&test.store, keys, &test.clock);
        let meeting = Arc::new(Barrier::new(2));
        *keys.meeting.lock().unwrap() = Some(Arc::clone(&meeting));
        let (slow, by) = (registry.clone(), caller.clone());
        let made = tokio::spawn(async move { slow.put_credential(&by, &namespace(), place()).await });
        eventually("a key is made", async || (keys.count() == 1).then_some(())).await;
        test.clock.advance(LONG);
        Self {
            registry,
            caller,
            meeting,
            made,
        }
    }
}

/// The token was so slow that another node gave the key up: the CA is not written down, and nothing stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_ca_whose_key_was_given_up_meanwhile_is_not_written_down() {
    let (test, keys) = (TestStore::open().await, WatchedKeys::new());
    let Slow {
        registry,
        caller,
        meeting,
        made,
    } = Slow::begin(&test, &keys).await;
    let other = registry_at(&test.open_again().await, &keys, &test.clock);
    other.look_around().await;
    assert_eq!(keys.count(), 0);
    *keys.meeting.lock().unwrap() = None;
    tokio::task::spawn_blocking(move || meeting.wait()).await.unwrap();
    let refused = made.await.unwrap().unwrap_err();
    assert_eq!(refused.code(), "KeysUnavailable");
    assert!(registry.credential(&caller, &namespace()).await.is_err());
    assert_eq!(keys.count(), 0);
    // The next attempt has a key of its own.
    let again = registry.put_credential(&caller, &namespace(), place()).await;
    assert!(again.unwrap().is_new);
    assert_eq!(keys.count(), 1);
    assert_eq!(in_use(&test.store).await, *keys.there.lock().unwrap());
}

/// As above, but the key is still there when the CA is to be written down: only the row tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_given_up_stops_a_ca_whose_key_is_still_there() {
    let (test, keys) = (TestStore::open().await, WatchedKeys::new());
    let Slow { meeting, made, .. } = Slow::begin(&test, &keys).await;
    keys.keeps.store(true, Ordering::SeqCst);
    let other = registry_at(&test.open_again().await, &keys, &test.clock);
    other.look_around().await;
    keys.keeps.store(false, Ordering::SeqCst);
    tokio::task::spawn_blocking(move || meeting.wait()).await.unwrap();
    let refused = made.await.unwrap().unwrap_err();
    assert!(matches!(refused, RegistryError::KeyGivenUp(_)), "{refused}");
    assert_eq!(keys.count(), 0, "whoever made it destroys it");
}
