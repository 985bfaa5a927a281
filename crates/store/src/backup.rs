//! Copies of a SQLite database, and what a database of an earlier day needs before it may serve.

mod database;
mod finish;
mod mark;
mod newer;
mod reapply;

use std::fs::File;
use std::path::Path;

use provost_model::registry::KeyRef;
use rusqlite::{Connection, OpenFlags};

use self::database::{Database, open_existing};
use crate::engine::{Engine, sqlite};
use crate::{ReadTx, StoreAddress, StoreError};

pub use self::finish::finish_restore;
pub use self::mark::AuditMark;
pub use self::reapply::Reapplied;

/// What tells one copy from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Version of its tables.
    pub schema: i64,
    /// Number of its last audit event, 0 when there is none.
    pub last_audit_event: i64,
}

/// The private key of a CA, as a database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKeyRef {
    /// The CA.
    pub ca: String,
    /// Where its key is, e.g. `sealed:…`.
    pub key: String,
    /// Whether it was destroyed.
    pub is_destroyed: bool,
    /// Whether the CA was revoked: its key is destroyed a moment before that is noted.
    pub is_revoked: bool,
}

/// Copies a database as it is at one instant, also while a server works with it. The new file is its
/// owner's alone and on disk when this returns; it must not be there before.
pub fn copy_sqlite(from: &Path, to: &Path) -> Result<DatabaseFacts, StoreError> {
    if to.exists() {
        return Err(StoreError::Open(format!("{} is there already", to.display())));
    }
    let connection = open_existing(from)?;
    sqlite::create(to)?;
    connection.execute("VACUUM INTO ?1", [path_text(to)?])?;
    File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::Open(format!("{}: {error}", to.display())))?;
    facts_of(Engine::Sqlite(&connection_of_copy(to)?))
}

/// Reads the facts of a database and has the engine check every page.
pub fn check_sqlite(path: &Path) -> Result<DatabaseFacts, StoreError> {
    let connection = open_existing(path)?;
    let answer: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if answer != "ok" {
        return Err(StoreError::Open(format!("{}: {answer}", path.display())));
    }
    facts_of(Engine::Sqlite(&connection))
}

/// The facts of a database. Blocks; with PostgreSQL call it where a thread may block.
pub fn database_facts(address: &StoreAddress) -> Result<DatabaseFacts, StoreError> {
    facts_of(Database::open(address)?.engine())
}

/// The keys of all CAs in a database, destroyed ones included. Blocks as [`database_facts`] does.
pub fn stored_key_refs(address: &StoreAddress) -> Result<Vec<StoredKeyRef>, StoreError> {
    let database = Database::open(address)?;
    let sql = "SELECT id, key_ref, key_destroyed_at, state FROM ca ORDER BY id";
    database.engine().query(sql, &[], |row| {
        Ok(StoredKeyRef {
            ca: row.text(0)?,
            key: row.text(1)?,
            is_destroyed: row.opt_int(2)?.is_some(),
            is_revoked: row.text(3)? == "revoked",
        })
    })
}

/// Every key that something in a database has or is about to have. Blocks as [`database_facts`] does.
///
/// List the keys before it is called: what is made after that is written down first, and found here.
pub fn keys_in_use(address: &StoreAddress) -> Result<Vec<KeyRef>, StoreError> {
    let database = Database::open(address)?;
    let engine = database.engine();
    ReadTx { engine }.keys_in_use()
}

fn facts_of(engine: Engine<'_>) -> Result<DatabaseFacts, StoreError> {
    let number = |sql: &str| -> Result<i64, StoreError> {
        let rows = engine.query(sql, &[], |row| row.int(0))?;
        Ok(rows.first().copied().unwrap_or(0))
    };
    Ok(DatabaseFacts {
        schema: number("SELECT COALESCE(MAX(version), 0) FROM migration")?,
        last_audit_event: number("SELECT COALESCE(MAX(number), 0) FROM audit_event")?,
    })
}

/// A copy has no log beside it, and none is to be made.
fn connection_of_copy(path: &Path) -> Result<Connection, StoreError> {
    Ok(Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?)
}

fn path_text(path: &Path) -> Result<&str, StoreError> {
    path.to_str()
        .ok_or_else(|| StoreError::Open(format!("{} is not UTF-8", path.display())))
}

#[cfg(test)]
mod tests;
