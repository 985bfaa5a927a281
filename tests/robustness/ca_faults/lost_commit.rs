//! The answer to a COMMIT is lost on the way: what was committed stands though it was answered with an error.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use provost_access::AdminCaller;
use provost_model::ambient::SystemClock;
use provost_registry::RegistryService;
use provost_store::{Store, StoreAddress, StoreOptions};
use provost_testkit::{TestStore, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Notify};

use super::{WatchedKeys, namespace, opened, place, registry_of};

/// What PostgreSQL is told and says when a transaction is committed.
const COMMIT: &[u8] = b"COMMIT\0";
/// How every write begins.
const BEGINNING: &[u8] = b"UPDATE counter SET value = value";
const SOCKET: &str = ".s.PGSQL.5432";

/// Where the next commit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It arrives, and its answer does not.
    Answer,
    /// It arrives after a while; whoever sent it has lost the connection by then.
    Late,
    /// It does not arrive.
    Commit,
}

/// Stands between a store and PostgreSQL; once armed, it cuts the connection at the next commit.
struct Wire {
    cuts: Arc<Cuts>,
    folder: tempfile::TempDir,
}

struct Cuts {
    at: Cut,
    is_armed: Arc<AtomicBool>,
    has_cut: AtomicBool,
    /// Another write has begun since.
    is_followed: Notify,
    /// What came late was answered.
    is_through: Notify,
}

impl Wire {
    fn before(socket: PathBuf, at: Cut) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let cuts = Arc::new(Cuts {
            at,
            is_armed: Arc::default(),
            has_cut: AtomicBool::new(false),
            is_followed: Notify::new(),
            is_through: Notify::new(),
        });
        let of_wire = Arc::clone(&cuts);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&of_wire)));
            }
        });
        Self { cuts, folder }
    }
}

async fn carry(client: UnixStream, server: UnixStream, cuts: Arc<Cuts>) {
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let to_client = Arc::new(Mutex::new(Some(to_client)));
    let answering = tokio::spawn(answer(from_server, Arc::clone(&to_client), Arc::clone(&cuts)));
    let (mut buffer, mut has_begun) = (vec![0; 64 * 1024], false);
    while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
        let said = &buffer[..count];
        if cuts.at != Cut::Answer && cuts.strikes(said) {
            drop(to_client.lock().await.take());
            drop(from_client);
            if cuts.at == Cut::Late {
                // The transaction is open: whoever writes next waits for it.
                cuts.is_followed.notified().await;
                to_server.write_all(said).await.unwrap();
                cuts.is_through.notified().await;
            }
            break;
        }
        if std::mem::replace(&mut has_begun, false) {
            cuts.is_followed.notify_one();
        }
        has_begun = cuts.has_cut.load(Ordering::SeqCst) && contains(said, BEGINNING);
        if to_server.write_all(said).await.is_err() || answering.is_finished() {
            break;
        }
    }
    answering.abort();
}

/// Passes on what PostgreSQL says, while there is somebody to hear it.
async fn answer(
    mut from_server: OwnedReadHalf,
    to_client: Arc<Mutex<Option<OwnedWriteHalf>>>,
    cuts: Arc<Cuts>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
        let said = &buffer[..count];
        let mut to_client = to_client.lock().await;
        if cuts.at == Cut::Answer && cuts.strikes(said) {
            to_client.take();
            return;
        }
        match &mut *to_client {
            Some(hears) => {
                let passed = hears.write_all(said).await;
                if passed.is_err() {
                    return;
                }
            }
            None if contains(said, COMMIT) => cuts.is_through.notify_one(),
            None => {}
        }
    }
}

impl Cuts {
    fn strikes(&self, said: &[u8]) -> bool {
        let strikes = contains(said, COMMIT) && self.is_armed.swap(false, Ordering::SeqCst);
        if strikes {
            self.has_cut.store(true, Ordering::SeqCst);
        }
        strikes
    }
}

fn contains(said: &[u8], wanted: &[u8]) -> bool {
    said.windows(wanted.len()).any(|part| part == wanted)
}

/// The folder of the socket in an address, and the address by way of another folder.
fn host_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("host=")?;
    rest.split('&').next()
}

async fn through(address: &str, host: &str, wire: &Path) -> Store {
    let other = address.replace(&format!("host={host}"), &format!("host={}", wire.display()));
    let options = StoreOptions {
        address: StoreAddress::Postgres(other),
        clock: Arc::new(SystemClock),
        queue: 100,
    };
    Store::open(options).await.expect("the store opens")
}

/// Makes a credential over a connection that is cut at its commit; answers the test's store, the keys, and what
/// is asked next over the same store. `None` with SQLite, where a commit is a call and cannot be cut.
async fn cut_at(cut: Cut) -> Option<(TestStore, Arc<WatchedKeys>, RegistryService, AdminCaller)> {
    let test = TestStore::open().await;
    let StoreAddress::Postgres(address) = &test.address else {
        return None;
    };
    let host = host_of(address).expect("a socket");
    let wire = Wire::before(Path::new(host).join(SOCKET), cut);
    let keys = WatchedKeys::new();
    // The namespace is there before.
    let (_, caller) = opened(&test.store, &keys).await;
    let store = through(address, host, wire.folder.path()).await;
    let registry = registry_of(&store, &keys);
    // Signing is the last that is done before the transaction.
    *keys.on_signing.lock().unwrap() = Some(Arc::clone(&wire.cuts.is_armed));
    let made = registry.put_credential(&caller, &namespace(), place()).await;
    assert!(wire.cuts.has_cut.load(Ordering::SeqCst), "the connection was cut");
    assert!(made.is_err(), "nobody knows: {made:?}");
    *keys.on_signing.lock().unwrap() = None;
    // Asked again, over the same store.
    let again = eventually("the store is back", async || {
        registry.put_credential(&caller, &namespace(), place()).await.ok()
    })
    .await;
    assert_eq!(again.is_new, cut == Cut::Commit, "{cut:?}");
    assert!(
        keys.there.lock().unwrap().contains(&again.value.root.key.0),
        "what stands has its key"
    );
    Some((test, keys, registry, caller))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_whose_commit_was_not_answered_keeps_its_key() {
    if let Some((test, keys, _, caller)) = cut_at(Cut::Answer).await {
        let beside = registry_of(&test.store, &keys);
        let view = beside.credential(&caller, &namespace()).await.expect("it stands");
        assert_eq!(*keys.there.lock().unwrap(), [view.root.key.0].into());
    }
}

/// When the key is given up, the CA is not there yet: its transaction is open, and commits a moment later.
#[tokio::test(flavor = "multi_thread")]
async fn a_ca_whose_commit_comes_late_keeps_its_key() {
    if let Some((test, keys, _, caller)) = cut_at(Cut::Late).await {
        let beside = registry_of(&test.store, &keys);
        let view = beside.credential(&caller, &namespace()).await.expect("it stands");
        assert_eq!(*keys.there.lock().unwrap(), [view.root.key.0].into());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_whose_commit_was_lost_leaves_no_key() {
    if let Some((_test, keys, registry, caller)) = cut_at(Cut::Commit).await {
        let view = registry.credential(&caller, &namespace()).await.unwrap();
        assert_eq!(*keys.there.lock().unwrap(), [view.root.key.0].into());
    }
}
