use provost_model::ErrorKind;

/// Why the store did not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine refused or failed.
    #[error("SQLite failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The engine refused or failed.
    #[error("PostgreSQL failed")]
    Postgres(#[from] tokio_postgres::Error),
    /// A stored value cannot be what it is.
    #[error("inconsistent value in {table}.{column} of {key}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        key: String,
    },
    /// A column has another type than the statement expects.
    #[error("column {0} has an unexpected type")]
    Column(usize),
    /// The transaction this write belonged to was not committed.
    #[error("the transaction was not committed: {0}")]
    NotCommitted(String),
    /// The write failed in a way that should not be possible.
    #[error("a write stopped unexpectedly")]
    Stopped,
    /// The store is closing down.
    #[error("the store is closed")]
    Closed,
    /// The queue of writes is full.
    #[error("too many writes are waiting")]
    Busy,
    /// The database was written by a newer program.
    #[error("the database is at version {found}, this program knows {known}")]
    TooNew {
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The store's address makes no sense or its folder cannot be made.
    #[error("cannot open the store: {0}")]
    Open(String),
}

impl StoreError {
    /// What a caller can do about it: wait when the engine is away, nothing otherwise.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Busy => ErrorKind::Throttled { retry_after: 1 },
            Self::Closed | Self::NotCommitted(_) | Self::Postgres(_) | Self::Open(_) => {
                ErrorKind::Unavailable
            }
            Self::Sqlite(_)
            | Self::Inconsistent { .. }
            | Self::Column(_)
            | Self::Stopped
            | Self::TooNew { .. } => ErrorKind::Internal,
        }
    }
}
