//! One connection to one signer: many requests at a time, answers in any order.

use std::collections::HashMap;
use std::io::{self, BufReader};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use provost_model::registry::KeyRef;
use tracing::{error, warn};

use super::frame::{FrameError, read_frame};
use super::message::{Answer, Request, Task};
use super::outbox::Outbox;
use crate::pending::{SignatureWay, Slot};
use crate::{KeyProviderError, PendingSignature};

/// Requests at a time; who comes then waits for one to end. So many fit into the socket's buffer.
const MAX_IN_FLIGHT: usize = 256;

/// The server's end, with who waits for what.
pub(super) struct Connection {
    stream: UnixStream,
    outbox: Outbox,
    state: Mutex<State>,
    freed: Condvar,
    /// How long an answer may take.
    patience: Duration,
}

struct State {
    waiting: HashMap<u64, Waiting>,
    last_id: u64,
    last_answer: Instant,
    is_over: bool,
}

impl Connection {
    /// Over a stream on which the first frames are through.
    pub(super) fn new(stream: UnixStream, patience: Duration) -> io::Result<Self> {
        stream.set_write_timeout(Some(patience))?;
        Ok(Self {
            stream,
            outbox: Outbox::default(),
            state: Mutex::new(State {
                waiting: HashMap::new(),
                last_id: 0,
                last_answer: Instant::now(),
                is_over: false,
            }),
            freed: Condvar::new(),
            patience,
        })
    }

    /// Asks once and waits for the answer. What was asked may have been done though no answer came.
    pub(super) fn ask(&self, task: Task) -> Result<Answer, KeyProviderError> {
        let now = Instant::now();
        let deadline = now + self.patience;
        let (sender, answer) = sync_channel(1);
        let id = self.enter(now, deadline, Waiting::Thread(sender))?;
        self.leave_request(id, task)?;
        self.write();
        let left = deadline.saturating_duration_since(Instant::now());
        match answer.recv_timeout(left) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
            Err(RecvTimeoutError::Timeout) => {
                self.leave(id, true);
                Err(KeyProviderError::Unavailable(
                    "the signer process did not answer in time".to_owned(),
                ))
            }
        }
    }

    /// Asks for a signature without waiting for it; `None` when so much is under way that one has to wait for a
    /// place.
    pub(super) fn begin_signing(self: &Arc<Self>, key: &KeyRef, digest: Vec<u8>) -> Option<PendingSignature> {
        let now = Instant::now();
        let slot = Arc::new(Slot::default());
        let waiting = Waiting::Task(TaskWaiting(Arc::clone(&slot)));
        // A deadline that has passed: it does not wait.
        let id = self.enter(now, now, waiting).ok()?;
        self.leave_request(id, Task::Sign(key.clone(), digest)).ok()?;
        let way = Way {
            connection: Arc::clone(self),
            id,
        };
        Some(PendingSignature::new(slot, Box::new(way), self.patience))
    }

    fn leave_request(&self, id: u64, task: Task) -> Result<(), KeyProviderError> {
        let left = self.outbox.leave(&Request { id, task }.to_bytes());
        left.map(|_| ()).map_err(|error| {
            self.leave(id, false);
            KeyProviderError::Refused(format!("a request is too long for the signer: {error}"))
        })
    }

    fn write(&self) {
        if self.outbox.write_to(&self.stream).is_err() {
            self.break_off();
        }
    }

    /// Gives the answers to who waits for them, until the connection is over; then nobody waits any more.
    pub(super) fn read_answers(&self) {
        match self.read_until_the_end() {
            Ok(()) | Err(FrameError::Io(_)) => {}
            Err(error) => error!(
                error = &error as &dyn std::error::Error,
                "the signer process says what is no answer"
            ),
        }
        self.break_off();
        let mut state = lock(&self.state);
        state.is_over = true;
        state.waiting.clear();
        self.freed.notify_all();
    }

    /// Ends the connection from this side; the signer ends with it.
    pub(super) fn break_off(&self) {
        // It may be over already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn read_until_the_end(&self) -> Result<(), FrameError> {
        let mut from = BufReader::new(&self.stream);
        while let Some(frame) = read_frame(&mut from)? {
            let (id, answer) = Answer::parse(&frame).map_err(|error| io::Error::other(error.to_string()))?;
            self.hand_over(id, answer);
        }
        Ok(())
    }

    fn hand_over(&self, id: u64, answer: Answer) {
        let mut state = lock(&self.state);
        state.last_answer = Instant::now();
        let waiting = state.waiting.remove(&id);
        self.freed.notify_one();
        drop(state);
        match (waiting, answer) {
            (Some(waiting), answer) => waiting.tell(answer),
            (None, Answer::Key(key)) => warn!(
                key = key.0,
                "a key was made too late for who asked for it: destroy it with `provost keys destroy`"
            ),
            (None, _) => {}
        }
    }

    fn enter(&self, now: Instant, deadline: Instant, waiting: Waiting) -> Result<u64, KeyProviderError> {
        let mut state = lock(&self.state);
        while state.waiting.len() >= MAX_IN_FLIGHT && !state.is_over {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(KeyProviderError::Unavailable(
                    "the signer process has too much to do".to_owned(),
                ));
            }
            let waited = self.freed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.is_over {
            return Err(gone());
        }
        state.last_id += 1;
        let id = state.last_id;
        if state.waiting.is_empty() {
            // Silence counts from when there is something to say.
            state.last_answer = now;
        }
        state.waiting.insert(id, waiting);
        Ok(id)
    }

    /// Waits no longer. When it was for too long, and the signer answered nobody all the while, it is stuck, and is ended.
    fn leave(&self, id: u64, is_late: bool) {
        let mut state = lock(&self.state);
        let was_waiting = state.waiting.remove(&id);
        let is_stuck = is_late && state.last_answer.elapsed() >= self.patience;
        drop(state);
        if was_waiting.is_some() {
            self.freed.notify_one();
        }
        if is_stuck {
            error!("the signer process answers nobody and is ended");
            self.break_off();
        }
    }
}

/// Who waits for an answer.
enum Waiting {
    Thread(SyncSender<Answer>),
    Task(TaskWaiting),
}

impl Waiting {
    fn tell(self, answer: Answer) {
        match self {
            // Whoever asked may be gone this very moment.
            Self::Thread(sender) => {
                let _ = sender.try_send(answer);
            }
            Self::Task(task) => task.0.put(match answer {
                Answer::Signature(signature) => Ok(signature),
                Answer::Failed(error) => Err(error),
                _ => Err(unexpected()),
            }),
        }
    }
}

/// A task; told that the signer is gone when it is told nothing else.
struct TaskWaiting(Arc<Slot>);

impl Drop for TaskWaiting {
    fn drop(&mut self) {
        self.0.put(Err(gone()));
    }
}

/// The way of one signature.
struct Way {
    connection: Arc<Connection>,
    id: u64,
}

impl SignatureWay for Way {
    fn hand_on(&self) {
        self.connection.write();
    }

    fn let_go(&self, is_late: bool) {
        self.connection.leave(self.id, is_late);
    }
}

/// What is said when the signer answers something else.
pub(super) fn unexpected() -> KeyProviderError {
    KeyProviderError::Unavailable("the signer process answers what it was not asked".to_owned())
}

/// What is said to who waited for a signer that went away.
pub(super) fn gone() -> KeyProviderError {
    KeyProviderError::Unavailable("the signer process is gone and is being started again".to_owned())
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that may panic runs under the locks.
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
