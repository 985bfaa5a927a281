use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::StoreError;
use crate::sql::{Param, Row};

/// Makes the file when it is missing, readable by its owner alone: it holds keys. The log files
/// beside it inherit the mode.
pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Open(format!("{}: {error}", path.display()))),
    }
}

/// Opens the file with the settings every connection needs.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(256);
    // Without it SQLite plans a statement anew whenever a value it compares with the condition of a
    // partial index is bound, which is every time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit is on disk when it returns; NORMAL would lose the last ones at a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The default of 1,000 pages would write the hot ones back many times a second under load; at
    // 8,000 the log stays below 40 MiB. The writer of a store has a checkpointer beside it.
    connection.pragma_update(None, "wal_autocheckpoint", 8_000)?;
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    // A mapped file is unmapped and mapped again after every commit of another connection, which
    // costs more than the copies it saves.
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Runs a statement.
pub(crate) fn execute(connection: &Connection, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let count = statement.execute(rusqlite::params_from_iter(params))?;
    Ok(count as u64)
}

/// Runs a query.
pub(crate) fn query<T>(
    connection: &Connection,
    sql: &str,
    params: &[Param<'_>],
    mut convert: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    let mut answer = Vec::new();
    while let Some(row) = rows.next()? {
        answer.push(convert(&Row::Sqlite(row))?);
    }
    Ok(answer)
}

/// Connections for reading, made when needed and kept.
pub(crate) struct Readers {
    path: std::path::PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// Idle readers beyond this are closed.
const MAX_IDLE: usize = 16;

impl Readers {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Runs the closure on one snapshot.
    pub(crate) fn with<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let connection = self.take().map_err(E::from)?;
        let answer = begin(&connection)
            .map_err(E::from)
            .and_then(|()| read(&connection));
        // A reader that cannot end its transaction is not used again.
        if execute(&connection, "COMMIT", &[]).is_ok() {
            self.give_back(connection);
        }
        answer
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        match idle {
            Some(connection) => Ok(connection),
            None => open(&self.path),
        }
    }

    fn give_back(&self, connection: Connection) {
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < MAX_IDLE
        {
            idle.push(connection);
        }
    }
}

fn begin(connection: &Connection) -> Result<(), StoreError> {
    execute(connection, "BEGIN", &[]).map(|_| ())
}
