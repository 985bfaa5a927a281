use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use provost_model::Clock;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::checkpoint::Checkpointer;
use crate::engine::{Engine, postgres, sqlite};
use crate::migrate::migrate;
use crate::tx::{AppendTx, Audited, ReadTx, WriteTx};
use crate::writer::{Connect, Counters, Job, JobContext, Writer};
use crate::{StoreError, audit};

/// Where the data is.
#[derive(Clone)]
pub enum StoreAddress {
    /// A SQLite file; made when missing.
    Sqlite(PathBuf),
    /// A PostgreSQL connection URL or key-value string. May hold a password, so it is not printed.
    Postgres(String),
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "Sqlite({})", path.display()),
            Self::Postgres(_) => f.write_str("Postgres(..)"),
        }
    }
}

/// How to open a store.
#[derive(Clone)]
pub struct StoreOptions {
    /// Where the data is.
    pub address: StoreAddress,
    /// Stamps audit events and changes.
    pub clock: Arc<dyn Clock>,
    /// Writes that may wait at a time; more are refused with [`StoreError::Busy`].
    pub queue: usize,
}

/// The store. Cheap to clone; closed when the last clone is gone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Readers,
    jobs: mpsc::Sender<Job>,
    runtime: Handle,
    changed: watch::Receiver<u64>,
    counters: Arc<Counters>,
}

enum Readers {
    Sqlite(
        sqlite::Readers,
        #[expect(dead_code, reason = "it works as long as it is held")] Checkpointer,
    ),
    Postgres(postgres::Readers),
}

/// How many commits the store made and how many writes they held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitCounts {
    /// Commits; on SQLite each is one fsync of the log.
    pub commits: u64,
    /// Writes acknowledged in them.
    pub writes: u64,
}

impl Store {
    /// Opens the store, brings its schema up to date and starts the writer. Call inside a tokio
    /// runtime.
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || Self::open_blocking(options, runtime))
            .await
            .map_err(|_| StoreError::Stopped)?
    }

    fn open_blocking(options: StoreOptions, runtime: Handle) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(options.queue);
        let (changed, watcher) = watch::channel(0);
        let counters = Arc::new(Counters::default());
        let readers = match options.address {
            StoreAddress::Sqlite(path) => {
                sqlite::create(&path)?;
                let connection = sqlite::open(&path)?;
                migrate(Engine::Sqlite(&connection), options.clock.now())?;
                let checkpointer = Checkpointer::start(&path, &connection, Arc::clone(&counters))?;
                let connect = SqliteWriter(connection);
                start(
                    Writer {
                        connect,
                        clock: options.clock,
                        changed,
                        counters: Arc::clone(&counters),
                    },
                    queue,
                )?;
                Readers::Sqlite(sqlite::Readers::new(&path), checkpointer)
            }
            StoreAddress::Postgres(url) => {
                let connect = PostgresWriter {
                    url,
                    runtime: runtime.clone(),
                    session: None,
                };
                let readers = postgres::Readers::new(&connect.url);
                let session = postgres::Session::connect(&connect.url, &runtime, None)?;
                migrate(Engine::Postgres(&session), options.clock.now())?;
                crate::feed::listen(&connect.url, &runtime, changed.clone());
                start(
                    Writer {
                        connect,
                        clock: options.clock,
                        changed,
                        counters: Arc::clone(&counters),
                    },
                    queue,
                )?;
                Readers::Postgres(readers)
            }
        };
        let inner = Inner {
            readers,
            jobs,
            runtime,
            changed: watcher,
            counters,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Runs look-ups on one snapshot. For point reads: on SQLite the closure runs where it is
    /// awaited. Scans belong in [`Self::scan`].
    pub async fn read<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: FnOnce(&ReadTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &self.inner.readers {
            Readers::Sqlite(readers, _) => readers.with(|connection| {
                read(&ReadTx {
                    engine: Engine::Sqlite(connection),
                })
            }),
            Readers::Postgres(_) => self.scan(read).await,
        }
    }

    /// Runs a longer read on one snapshot, on a thread that may block.
    pub async fn scan<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: FnOnce(&ReadTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let _place = match &self.inner.readers {
            Readers::Postgres(readers) => {
                Some(readers.places().acquire().await.map_err(|_| StoreError::Closed)?)
            }
            Readers::Sqlite(..) => None,
        };
        let blocking = move || match &inner.readers {
            Readers::Sqlite(readers, _) => readers.with(|connection| {
                read(&ReadTx {
                    engine: Engine::Sqlite(connection),
                })
            }),
            Readers::Postgres(readers) => readers.with(&inner.runtime, |session| {
                read(&ReadTx {
                    engine: Engine::Postgres(session),
                })
            }),
        };
        self.inner
            .runtime
            .spawn_blocking(blocking)
            .await
            .map_err(|_| StoreError::Stopped)?
    }

    /// Runs two longer reads side by side, each on a snapshot of its own.
    pub async fn scan_both<A, B, E, F, G>(&self, one: F, other: G) -> Result<(A, B), E>
    where
        F: FnOnce(&ReadTx<'_>) -> Result<A, E> + Send + 'static,
        G: FnOnce(&ReadTx<'_>) -> Result<B, E> + Send + 'static,
        A: Send + 'static,
        B: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        tokio::try_join!(self.scan(one), self.scan(other))
    }

    /// Runs a write and answers when it is on disk together with its audit event.
    ///
    /// The closure may run after other writes of the same commit and sees what they wrote.
    pub async fn write<T, E, F>(&self, write: F) -> Result<T, E>
    where
        F: FnOnce(WriteTx<'_>) -> Result<Audited<T>, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let origin = audit::current_origin();
        self.submit(move |context| {
            let tx = WriteTx::new(context, origin);
            match write(tx) {
                Ok(Audited { value, keep }) => (keep, Ok(value)),
                Err(error) => (false, Err(error)),
            }
        })
        .await
    }

    /// Runs an append of what needs no audit event and answers when it is on disk.
    pub async fn append<T, E, F>(&self, append: F) -> Result<T, E>
    where
        F: FnOnce(&AppendTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.submit(move |context| {
            let answer = append(&AppendTx::new(context));
            (answer.is_ok(), answer)
        })
        .await
    }

    async fn submit<T, E, F>(&self, run: F) -> Result<T, E>
    where
        F: FnOnce(&JobContext<'_>) -> (bool, Result<T, E>) + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |context| {
            let (keep, outcome) = run(context);
            let reply = move |committed: Result<(), StoreError>| {
                // The caller may have gone; the write stands all the same.
                let _ = answer.send(committed.map_err(E::from).and(outcome));
            };
            (keep, Box::new(reply))
        });
        self.inner.jobs.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }

    /// Wakes whenever the change feed may have grown.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.changed.clone()
    }

    /// Commits and writes since the store was opened.
    pub fn commit_counts(&self) -> CommitCounts {
        CommitCounts {
            commits: self.inner.counters.commits.load(Ordering::Relaxed),
            writes: self.inner.counters.writes.load(Ordering::Relaxed),
        }
    }
}

fn start<C: Connect>(writer: Writer<C>, queue: mpsc::Receiver<Job>) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || writer.run(queue))
        .map(|_| ())
        .map_err(|error| StoreError::Open(error.to_string()))
}

struct SqliteWriter(rusqlite::Connection);

impl Connect for SqliteWriter {
    fn engine(&mut self) -> Result<Engine<'_>, StoreError> {
        Ok(Engine::Sqlite(&self.0))
    }
}

struct PostgresWriter {
    url: String,
    runtime: Handle,
    session: Option<postgres::Session>,
}

impl Connect for PostgresWriter {
    fn engine(&mut self) -> Result<Engine<'_>, StoreError> {
        if self.session.as_ref().is_none_or(postgres::Session::is_closed) {
            self.session = None;
        }
        let session = match self.session.take() {
            Some(session) => session,
            None => postgres::Session::connect(&self.url, &self.runtime, None)?,
        };
        Ok(Engine::Postgres(self.session.insert(session)))
    }
}
