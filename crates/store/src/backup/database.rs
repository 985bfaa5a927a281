//! A database opened apart from a store, for work that no server takes part in.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::runtime::{Builder, Runtime};

use crate::engine::{Engine, postgres, sqlite};
use crate::{StoreAddress, StoreError};

/// One connection of either engine. PostgreSQL's brings the threads it needs.
pub(super) enum Database {
    Sqlite(Connection),
    // Dropped in this order: the connection ends before what drives it.
    Postgres(
        postgres::Session,
        #[expect(dead_code, reason = "drives the session")] Runtime,
    ),
}

impl Database {
    /// Opens a database that is there.
    pub(super) fn open(address: &StoreAddress) -> Result<Self, StoreError> {
        match address {
            StoreAddress::Sqlite(path) => Ok(Self::Sqlite(open_existing(path)?)),
            StoreAddress::Postgres(url) => {
                let runtime = Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .map_err(|error| StoreError::Open(error.to_string()))?;
                let session = postgres::Session::connect(url, runtime.handle(), None)?;
                Ok(Self::Postgres(session, runtime))
            }
        }
    }

    /// The same with the settings of a server's connections, to be written to.
    pub(super) fn open_for_writing(address: &StoreAddress) -> Result<Self, StoreError> {
        match address {
            StoreAddress::Sqlite(path) if path.is_file() => Ok(Self::Sqlite(sqlite::open(path)?)),
            other => Self::open(other),
        }
    }

    pub(super) fn engine(&self) -> Engine<'_> {
        match self {
            Self::Sqlite(connection) => Engine::Sqlite(connection),
            Self::Postgres(session, _) => Engine::Postgres(session),
        }
    }

    /// Fails while other programs are connected to a PostgreSQL database. Who works with a SQLite file is
    /// kept away by the lock of its folder.
    pub(super) fn refuse_in_use(&self) -> Result<(), StoreError> {
        if matches!(self, Self::Sqlite(_)) {
            return Ok(());
        }
        let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND usename = current_user AND pid <> pg_backend_pid()";
        let rows = self.engine().query(sql, &[], |row| row.int(0))?;
        match rows.first() {
            None | Some(0) => Ok(()),
            Some(others) => Err(StoreError::Open(format!(
                "{others} other connections work with the database: stop every server on it first"
            ))),
        }
    }
}

pub(super) fn open_existing(path: &Path) -> Result<Connection, StoreError> {
    if !path.is_file() {
        return Err(StoreError::Open(format!("{} is not there", path.display())));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    Ok(connection)
}
