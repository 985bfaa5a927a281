use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use provost_store::{Store, StoreAddress, StoreOptions};
use tempfile::TempDir;

use crate::ManualClock;

/// Environment variable with the URL of a PostgreSQL the tests may use; without it they run on SQLite.
const POSTGRES: &str = "PROVOST_TEST_POSTGRES";

/// A fresh store of the engine under test, gone with this value.
pub struct TestStore {
    /// The store.
    pub store: Store,
    /// The clock that stamps its audit events.
    pub clock: ManualClock,
    /// Where it is, to open it a second time.
    pub address: StoreAddress,
    _folder: TempDir,
}

impl TestStore {
    /// Opens an empty store.
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let address = fresh_address(&folder).await;
        let clock = ManualClock::default();
        let store = open(&address, &clock).await;
        Self {
            store,
            clock,
            address,
            _folder: folder,
        }
    }

    /// Opens the same data once more, as another node or after a restart.
    pub async fn open_again(&self) -> Store {
        open(&self.address, &self.clock).await
    }

    /// Whether the engine under test is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.address, StoreAddress::Postgres(_))
    }
}

async fn open(address: &StoreAddress, clock: &ManualClock) -> Store {
    let options = StoreOptions {
        address: address.clone(),
        clock: Arc::new(clock.clone()),
        queue: 10_000,
    };
    Store::open(options).await.expect("store opens")
}

/// An empty place for one test: a file in the folder, or a schema of its own in PostgreSQL.
pub(crate) async fn fresh_address(folder: &TempDir) -> StoreAddress {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    #[expect(clippy::disallowed_methods, reason = "the test command chooses the engine")]
    let Ok(url) = std::env::var(POSTGRES) else {
        return StoreAddress::Sqlite(folder.path().join("provost.db"));
    };
    let schema = schema_for(folder, NEXT.fetch_add(1, Ordering::SeqCst));
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .expect("PostgreSQL answers");
    let connection = tokio::spawn(connection);
    client
        .batch_execute(&format!("CREATE SCHEMA {schema}"))
        .await
        .expect("schema is made");
    drop(client);
    connection
        .await
        .expect("connection task")
        .expect("connection ends");
    let separator = if url.contains('?') { '&' } else { '?' };
    StoreAddress::Postgres(format!("{url}{separator}options=-csearch_path%3D{schema}"))
}

/// A name no other test has. Process ids come again within one run; the names of temporary folders are random.
fn schema_for(folder: &TempDir, number: u32) -> String {
    let mut schema = "t".to_owned();
    for byte in folder.path().file_name().unwrap_or_default().as_encoded_bytes() {
        let _ = write!(schema, "{byte:02x}");
    }
    schema + &format!("_{number}")
}
