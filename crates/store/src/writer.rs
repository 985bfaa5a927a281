//! The one writer of a node: takes queued writes, runs many in one transaction, each in its own
//! savepoint, and answers all of them after the commit.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use provost_model::{Clock, Timestamp};
use tokio::sync::{mpsc, watch};
use tracing::error;

use crate::StoreError;
use crate::audit::AuditHash;
use crate::engine::Engine;
use crate::registry::RegistryVersion;
use crate::tx::{Numbers, lock_numbers, save_numbers};

/// Writes that share one commit at most.
const MAX_BATCH: usize = 256;
/// With so many a commit is worth its fsync; fewer wait for company, but only under load.
const GOOD_BATCH: usize = 16;
/// One look for company, and how many looks at most: a write waits 2 ms at the longest.
const LOOK: Duration = Duration::from_micros(500);
const MAX_LOOKS: usize = 4;

/// What a job sees.
pub(crate) struct JobContext<'a> {
    pub(crate) engine: Engine<'a>,
    pub(crate) numbers: &'a Cell<i64>,
    /// The hash of the last audit event.
    pub(crate) head: &'a Cell<AuditHash>,
    pub(crate) has_changes: &'a Cell<bool>,
    pub(crate) registry: &'a RegistryVersion,
    pub(crate) now: Timestamp,
}

/// Answers the caller once the commit is known.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A queued write. Says whether its savepoint is kept, and how to answer.
pub(crate) type Job = Box<dyn FnOnce(&JobContext<'_>) -> (bool, Answer) + Send>;

/// Where a writer gets its connection from.
pub(crate) trait Connect: Send + 'static {
    /// The connection as an engine; opens or reopens it when needed.
    fn engine(&mut self) -> Result<Engine<'_>, StoreError>;
}

/// Counts of what was committed, for benchmarks and metrics.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) writes: AtomicU64,
}

/// The writer's surroundings.
pub(crate) struct Writer<C> {
    pub(crate) connect: C,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) changed: watch::Sender<u64>,
    pub(crate) counters: Arc<Counters>,
}

impl<C: Connect> Writer<C> {
    /// Runs until every sender is gone.
    pub(crate) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut is_busy = false;
        while let Some(first) = jobs.blocking_recv() {
            let mut batch = vec![first];
            gather(&mut batch, &mut jobs, is_busy);
            // A lone writer never waits: the batch before it held one job.
            is_busy = batch.len() > 1;
            self.run_batch(batch);
        }
    }

    fn run_batch(&mut self, batch: Vec<Job>) {
        let has_changes = Cell::new(false);
        let now = self.clock.now();
        let mut answers = Vec::with_capacity(batch.len());
        let result = self
            .connect
            .engine()
            .and_then(|engine| run_transaction(engine, batch, &has_changes, now, &mut answers));
        match &result {
            // Nothing of it was to be kept: there was nothing to wait for.
            Ok(Kept::Nothing) => {}
            Ok(Kept::Something) => {
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                self.counters
                    .writes
                    .fetch_add(answers.len() as u64, Ordering::Relaxed);
            }
            Err(error) => error!(
                error = error as &dyn std::error::Error,
                "a batch of writes was not committed"
            ),
        }
        for answer in answers {
            answer(match &result {
                Ok(_) => Ok(()),
                Err(error) => Err(StoreError::NotCommitted(error.to_string())),
            });
        }
        if matches!(result, Ok(Kept::Something)) && has_changes.get() {
            self.changed.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// Takes what is queued; under load looks again a few times while more keeps coming.
fn gather(batch: &mut Vec<Job>, jobs: &mut mpsc::Receiver<Job>, is_busy: bool) {
    drain(batch, jobs);
    for _ in 0..MAX_LOOKS {
        if !is_busy || batch.len() >= GOOD_BATCH {
            return;
        }
        std::thread::sleep(LOOK);
        let before = batch.len();
        drain(batch, jobs);
        if batch.len() == before {
            return;
        }
    }
}

fn drain(batch: &mut Vec<Job>, jobs: &mut mpsc::Receiver<Job>) {
    while batch.len() < MAX_BATCH
        && let Ok(job) = jobs.try_recv()
    {
        batch.push(job);
    }
}

/// What a batch leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Nothing,
    Something,
}

/// Runs the jobs and commits, or rolls back when none of them is kept: a refusal costs no fsync. Jobs not run because of an early failure are dropped, which closes
/// their callers' channels: those read [`StoreError::Closed`].
fn run_transaction(
    engine: Engine<'_>,
    batch: Vec<Job>,
    has_changes: &Cell<bool>,
    now: Timestamp,
    answers: &mut Vec<Answer>,
) -> Result<Kept, StoreError> {
    engine.control(begin(engine))?;
    let work = lock_numbers(engine).and_then(|begun| {
        let (numbers, head) = (Cell::new(begun.last), Cell::new(begun.head));
        let registry = RegistryVersion::new(begun.registry);
        let context = JobContext {
            engine,
            numbers: &numbers,
            head: &head,
            has_changes,
            registry: &registry,
            now,
        };
        let mut kept = Kept::Nothing;
        for job in batch {
            if run_job(&context, job, answers)? {
                kept = Kept::Something;
            }
        }
        if kept == Kept::Nothing {
            return Ok(kept);
        }
        if numbers.get() != begun.last || registry.committed().is_none() {
            let numbers = Numbers {
                last: numbers.get(),
                head: head.get(),
                registry: registry.get(),
            };
            save_numbers(engine, &numbers)?;
        }
        if has_changes.get()
            && let Engine::Postgres(session) = engine
        {
            session.run_script("NOTIFY provost_change")?;
        }
        Ok(kept)
    });
    match work {
        Ok(Kept::Nothing) => engine.control("ROLLBACK").map(|()| Kept::Nothing),
        Ok(kept) => {
            engine.control("COMMIT").inspect_err(|_| roll_back(engine))?;
            Ok(kept)
        }
        Err(error) => {
            roll_back(engine);
            Err(error)
        }
    }
}

fn begin(engine: Engine<'_>) -> &'static str {
    match engine {
        Engine::Sqlite(_) => "BEGIN IMMEDIATE",
        Engine::Postgres(_) => "BEGIN",
    }
}

fn roll_back(engine: Engine<'_>) {
    if engine.in_transaction()
        && let Err(error) = engine.run_script("ROLLBACK")
    {
        error!(error = &error as &dyn std::error::Error, "could not roll back");
    }
}

/// Runs one job in its savepoint; says whether what it wrote is kept. An error here means the whole transaction
/// is lost.
fn run_job(context: &JobContext<'_>, job: Job, answers: &mut Vec<Answer>) -> Result<bool, StoreError> {
    let engine = context.engine;
    let (head, registry) = (context.head.get(), context.registry.get());
    engine.execute("SAVEPOINT job", &[])?;
    let keep = if let Ok((keep, answer)) = catch_unwind(AssertUnwindSafe(|| job(context))) {
        answers.push(answer);
        keep
    } else {
        // The caller's channel is dropped with the job and reads as stopped.
        error!("a write panicked; it was rolled back");
        false
    };
    if !engine.in_transaction() {
        return Err(StoreError::NotCommitted(
            "the engine gave the transaction up".into(),
        ));
    }
    if !keep {
        // Its audit event is rolled back, too: the next one follows the one before it.
        context.head.set(head);
        context.registry.put_back(registry);
        engine.execute("ROLLBACK TO SAVEPOINT job", &[])?;
    }
    engine.execute("RELEASE SAVEPOINT job", &[])?;
    Ok(keep)
}
