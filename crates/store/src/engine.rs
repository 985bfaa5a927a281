//! What a transaction runs on: one connection of either engine.

pub(crate) mod checkpoint;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use crate::StoreError;
use crate::sql::{Param, Row};

/// A borrowed connection inside a transaction.
#[derive(Clone, Copy)]
pub(crate) enum Engine<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a postgres::Session),
}

impl Engine<'_> {
    /// Runs a statement and counts the rows it touched.
    pub(crate) fn execute(self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, sql, params),
            Self::Postgres(session) => session.execute(sql, params),
        }
    }

    /// Runs a query and converts every row.
    pub(crate) fn query<T>(
        self,
        sql: &str,
        params: &[Param<'_>],
        convert: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::query(connection, sql, params, convert),
            Self::Postgres(session) => session.query(sql, params, convert),
        }
    }

    /// Runs a statement that begins or ends a transaction; prepared once where that saves something.
    pub(crate) fn control(self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, sql, &[]).map(|_| ()),
            Self::Postgres(session) => session.run_script(sql),
        }
    }

    /// Runs several statements without parameters, as a migration does.
    pub(crate) fn run_script(self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres(session) => session.run_script(sql),
        }
    }

    /// Whether a transaction is still open: SQLite gives it up by itself on a full disk.
    pub(crate) fn in_transaction(self) -> bool {
        match self {
            Self::Sqlite(connection) => !connection.is_autocommit(),
            Self::Postgres(session) => !session.is_closed(),
        }
    }
}
