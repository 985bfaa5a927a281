//! The answer to a COMMIT is lost on the way: what was committed stands though it was answered with an error.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use provost_model::ambient::SystemClock;
use provost_store::{Store, StoreAddress, StoreOptions};
use provost_testkit::{TestStore, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{UnixListener, UnixStream};

use super::{WatchedKeys, namespace, opened, place, registry_of};

/// What PostgreSQL says when a transaction is committed.
const COMMITTED: &[u8] = b"COMMIT\0";
const SOCKET: &str = ".s.PGSQL.5432";

/// Stands between a store and PostgreSQL; once armed, it drops the connection instead of passing on that a
/// transaction was committed.
struct Wire {
    is_armed: Arc<AtomicBool>,
    has_cut: Arc<AtomicBool>,
    folder: tempfile::TempDir,
}

impl Wire {
    fn before(socket: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let wire = Self {
            is_armed: Arc::default(),
            has_cut: Arc::default(),
            folder,
        };
        let (is_armed, has_cut) = (Arc::clone(&wire.is_armed), Arc::clone(&wire.has_cut));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&is_armed), Arc::clone(&has_cut)));
            }
        });
        wire
    }
}

async fn carry(client: UnixStream, server: UnixStream, is_armed: Arc<AtomicBool>, has_cut: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
        let said = &buffer[..count];
        let is_commit = said.windows(COMMITTED.len()).any(|part| part == COMMITTED);
        if is_commit && is_armed.swap(false, Ordering::SeqCst) {
            has_cut.store(true, Ordering::SeqCst);
            break;
        }
        if to_client.write_all(said).await.is_err() {
            break;
        }
    }
    asking.abort();
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

/// Only a database of its own can lose an answer: with SQLite a commit is a call.
#[tokio::test(flavor = "multi_thread")]
async fn a_ca_whose_commit_was_not_answered_keeps_its_key() {
    let test = TestStore::open().await;
    let StoreAddress::Postgres(address) = &test.address else {
        return;
    };
    let host = host_of(address).expect("a socket");
    let wire = Wire::before(Path::new(host).join(SOCKET));
    let keys = WatchedKeys::new();
    // The namespace is there before.
    let (_, caller) = opened(&test.store, &keys).await;
    let store = through(address, host, wire.folder.path()).await;
    let cut = registry_of(&store, &keys);
    // Signing is the last that is done before the transaction.
    *keys.on_signing.lock().unwrap() = Some(Arc::clone(&wire.is_armed));
    let made = cut.put_credential(&caller, &namespace(), place()).await;
    assert!(wire.has_cut.load(Ordering::SeqCst), "the answer was lost");
    assert!(made.is_err(), "nobody knows: {made:?}");
    *keys.on_signing.lock().unwrap() = None;
    let beside = registry_of(&test.store, &keys);
    let view = beside.credential(&caller, &namespace()).await.expect("it stands");
    assert!(
        keys.there.lock().unwrap().contains(&view.root.key.0),
        "and has its key"
    );
    assert_eq!(keys.count(), 1);
    // Asked again, the same stands, over the same store.
    let again = eventually("the store is back", async || {
        cut.put_credential(&caller, &namespace(), place()).await.ok()
    })
    .await;
    assert!(!again.is_new);
    assert_eq!(again.value.root.id, view.root.id);
}
