//! Brings what is in SQLite's log into the database, beside the writer: a checkpoint by the writer itself
//! holds up every write behind it for tens of milliseconds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tracing::warn;

use crate::StoreError;
use crate::engine::sqlite;
use crate::writer::Counters;

/// How often it is done while something is written. Pages that change all the time are written back once
/// in this time.
const EVERY: Duration = Duration::from_secs(1);
/// Pages of the log at which the writer does it after all: under a load that never pauses the log cannot
/// begin anew otherwise, and most of it is in the database already.
const WRITERS_PAGES: i64 = 16_000;

/// A thread that ends when this is dropped.
pub(crate) struct Checkpointer {
    _alive: Sender<()>,
}

impl Checkpointer {
    /// Starts it for a database that this writer writes.
    pub(crate) fn start(
        path: &Path,
        writer: &Connection,
        counters: Arc<Counters>,
    ) -> Result<Self, StoreError> {
        writer.pragma_update(None, "wal_autocheckpoint", WRITERS_PAGES)?;
        let connection = sqlite::open(path)?;
        let (alive, ended) = channel();
        thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(&connection, &counters, &ended))
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Self { _alive: alive })
    }
}

fn run(connection: &Connection, counters: &Counters, ended: &Receiver<()>) {
    let mut done = 0;
    while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        let commits = counters.commits.load(Ordering::Relaxed);
        if commits == done {
            continue;
        }
        done = commits;
        // Waits for nobody, and nobody waits for it.
        let checkpoint = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = checkpoint {
            warn!(
                error = &error as &dyn std::error::Error,
                "the log could not be brought into the database; it is tried again"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// What is in the file of the database alone, without its log.
    fn rows_in_file(path: &Path) -> i64 {
        let copy = path.with_extension("copy");
        std::fs::copy(path, &copy).unwrap();
        let count = Connection::open(&copy)
            .and_then(|connection| connection.query_row("SELECT COUNT(*) FROM noted", [], |row| row.get(0)));
        // A copy in the middle of a checkpoint may be no database.
        count.unwrap_or(0)
    }

    #[test]
    fn what_is_written_comes_into_the_database_without_the_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let writer = sqlite::open(&path).unwrap();
        writer.execute_batch("CREATE TABLE noted (a)").unwrap();
        let counters = Arc::new(Counters::default());
        let checkpointer = Checkpointer::start(&path, &writer, Arc::clone(&counters)).unwrap();
        for number in 0..50 {
            writer.execute("INSERT INTO noted VALUES (?1)", [number]).unwrap();
        }
        assert_eq!(rows_in_file(&path), 0);
        counters.commits.fetch_add(50, Ordering::Relaxed);
        let deadline = Instant::now() + Duration::from_secs(20);
        while rows_in_file(&path) < 50 {
            assert!(Instant::now() < deadline, "the log is still not in the database");
            thread::yield_now();
        }
        drop(checkpointer);
    }
}
