use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;

use provost_model::{AuditEvent, AuditOrigin, Change, Timestamp};

use crate::audit::AuditHash;
use crate::engine::Engine;
use crate::registry::RegistryVersion;
use crate::sql::{Param, Row, params};
use crate::writer::JobContext;
use crate::{StoreError, audit, feed};

/// One consistent snapshot. The nouns' look-ups are methods of it, in their own files.
pub struct ReadTx<'a> {
    pub(crate) engine: Engine<'a>,
}

impl ReadTx<'_> {
    pub(crate) fn query<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        convert: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.engine.query(sql, params, convert)
    }

    pub(crate) fn find<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        convert: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.engine.query(sql, params, convert)?.into_iter().next())
    }

    pub(crate) fn count(&self, sql: &str, params: &[Param<'_>]) -> Result<i64, StoreError> {
        Ok(self.find(sql, params, |row| row.int(0))?.unwrap_or(0))
    }
}

/// A write in progress: sees the latest committed state and everything written before it in its
/// batch. Ends in [`Self::record`] or [`Self::unchanged`]; an error rolls it back.
pub struct WriteTx<'a> {
    read: ReadTx<'a>,
    numbers: &'a Cell<i64>,
    head: &'a Cell<AuditHash>,
    now: Timestamp,
    has_changes: &'a Cell<bool>,
    registry: &'a RegistryVersion,
    origin: Option<Arc<AuditOrigin>>,
}

/// The end of a write: made only by the transaction itself.
#[must_use]
pub struct Audited<T> {
    pub(crate) value: T,
    pub(crate) keep: bool,
}

impl<'a> WriteTx<'a> {
    pub(crate) fn new(context: &JobContext<'a>, origin: Option<Arc<AuditOrigin>>) -> Self {
        Self {
            read: ReadTx {
                engine: context.engine,
            },
            numbers: context.numbers,
            head: context.head,
            now: context.now,
            has_changes: context.has_changes,
            registry: context.registry,
            origin,
        }
    }

    /// The instant of this write, as the store's clock tells it.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Commits together with its audit event.
    pub fn record<T>(self, event: &AuditEvent, value: T) -> Result<Audited<T>, StoreError> {
        let (number, origin) = (self.next_number(), self.origin.as_deref());
        let head = audit::insert(self.engine(), number, self.now, event, origin, &self.head.get())?;
        self.head.set(head);
        Ok(Audited { value, keep: true })
    }

    /// Ends without a trace: whatever was written in it is rolled back.
    pub fn unchanged<T>(self, value: T) -> Audited<T> {
        Audited { value, keep: false }
    }

    /// Announces a change to whoever must act on it after the commit.
    pub fn announce(&self, change: &Change) -> Result<(), StoreError> {
        self.has_changes.set(true);
        feed::insert(self.engine(), self.next_number(), self.now, change)
    }

    /// Wakes whoever waits for changes after the commit, without one to read.
    pub(crate) fn wake(&self) {
        self.has_changes.set(true);
    }

    /// What stands before it, and what it wrote itself.
    pub fn reader(&self) -> ReadTx<'a> {
        ReadTx {
            engine: self.engine(),
        }
    }

    /// See [`RegistryVersion`].
    pub fn registry_version(&self) -> Option<i64> {
        self.registry.committed()
    }

    /// What certificates are issued by is changed in this transaction: nobody goes on with what he read before.
    pub(crate) fn registry_changes(&self) {
        self.registry.raise();
    }

    pub(crate) fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        self.engine().execute(sql, params)
    }

    pub(crate) fn engine(&self) -> Engine<'a> {
        self.read.engine
    }

    pub(crate) fn numbers(&self) -> &'a Cell<i64> {
        self.numbers
    }

    pub(crate) fn next_number(&self) -> i64 {
        take_number(self.numbers)
    }
}

impl<'a> Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;

    fn deref(&self) -> &ReadTx<'a> {
        &self.read
    }
}

/// A transaction for what is itself a log or a trace and needs no audit event: telemetry, signs of
/// life, deliveries, what clients leave between connections, retention. It can touch nothing else.
pub struct AppendTx<'a> {
    engine: Engine<'a>,
    numbers: &'a Cell<i64>,
    registry: &'a RegistryVersion,
}

impl<'a> AppendTx<'a> {
    pub(crate) fn new(context: &JobContext<'a>) -> Self {
        Self {
            engine: context.engine,
            numbers: context.numbers,
            registry: context.registry,
        }
    }

    /// See [`RegistryVersion`].
    pub fn registry_version(&self) -> Option<i64> {
        self.registry.committed()
    }

    pub(crate) fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        self.engine.execute(sql, params)
    }

    /// What stands before it, and what it wrote itself.
    pub fn read(&self) -> ReadTx<'a> {
        ReadTx { engine: self.engine }
    }

    pub(crate) fn next_number(&self) -> i64 {
        take_number(self.numbers)
    }

    pub(crate) fn engine(&self) -> Engine<'a> {
        self.engine
    }

    pub(crate) fn numbers(&self) -> &'a Cell<i64> {
        self.numbers
    }
}

pub(crate) fn take_number(numbers: &Cell<i64>) -> i64 {
    let next = numbers.get() + 1;
    numbers.set(next);
    next
}

/// What the number row holds.
pub(crate) struct Numbers {
    /// The last number given out.
    pub(crate) last: i64,
    /// The hash of the last audit event.
    pub(crate) head: AuditHash,
    /// See [`RegistryVersion`].
    pub(crate) registry: i64,
}

/// Reads the number row. On PostgreSQL this also takes the lock that puts writers in a line.
pub(crate) fn lock_numbers(engine: Engine<'_>) -> Result<Numbers, StoreError> {
    let sql = "UPDATE counter SET value = value WHERE name = 'number' RETURNING value, head, registry";
    let rows = engine.query(sql, &[], |row| {
        Ok(Numbers {
            last: row.int(0)?,
            head: audit::head(row.opt_blob(1)?)?,
            registry: row.int(2)?,
        })
    })?;
    rows.into_iter().next().ok_or_else(|| StoreError::Inconsistent {
        table: "counter",
        column: "value",
        key: "number".into(),
    })
}

/// Stores what became of it.
pub(crate) fn save_numbers(engine: Engine<'_>, numbers: &Numbers) -> Result<(), StoreError> {
    engine
        .execute(
            "UPDATE counter SET value = ?1, head = ?2, registry = ?3 WHERE name = 'number'",
            params![numbers.last, numbers.head.as_bytes(), numbers.registry],
        )
        .map(|_| ())
}
