//! One connection to one signer: many requests at a time, answers in any order.

use std::collections::HashMap;
use std::io::{self, BufReader};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{error, warn};

use super::frame::{FrameError, read_frame, write_frame};
use super::message::{Answer, Request, Task};
use crate::KeyProviderError;

/// Requests at a time; who comes then waits for one to end. So many fit into the socket's buffer.
const MAX_IN_FLIGHT: usize = 256;

/// The server's end, with who waits for what.
pub(super) struct Connection {
    stream: UnixStream,
    writer: Mutex<UnixStream>,
    state: Mutex<State>,
    freed: Condvar,
    /// How long an answer may take.
    patience: Duration,
}

struct State {
    waiting: HashMap<u64, SyncSender<Answer>>,
    last_id: u64,
    last_answer: Instant,
    is_over: bool,
}

impl Connection {
    /// Over a stream on which the first frames are through.
    pub(super) fn new(stream: UnixStream, patience: Duration) -> io::Result<Self> {
        stream.set_write_timeout(Some(patience))?;
        Ok(Self {
            writer: Mutex::new(stream.try_clone()?),
            stream,
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
        let (id, answer) = self.enter(now, deadline)?;
        let request = Request { id, task }.to_bytes();
        let written = write_frame(&mut *lock(&self.writer), &request);
        match written {
            Ok(()) => {}
            Err(FrameError::TooLong(length)) => {
                self.leave(id);
                return Err(KeyProviderError::Refused(format!(
                    "a request of {length} bytes is too long for the signer"
                )));
            }
            // Part of it may be on the way: nothing that follows would be understood.
            Err(FrameError::Io(_)) => self.break_off(),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match answer.recv_timeout(left) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
            Err(RecvTimeoutError::Timeout) => {
                self.leave(id);
                Err(KeyProviderError::Unavailable(
                    "the signer process did not answer in time".to_owned(),
                ))
            }
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
            // Whoever asked may be gone this very moment.
            (Some(waiting), answer) => {
                let _ = waiting.try_send(answer);
            }
            (None, Answer::Key(key)) => warn!(
                key = key.0,
                "a key was made too late for who asked for it: destroy it with `provost keys destroy`"
            ),
            (None, _) => {}
        }
    }

    fn enter(&self, now: Instant, deadline: Instant) -> Result<(u64, Receiver<Answer>), KeyProviderError> {
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
        let (sender, receiver) = sync_channel(1);
        state.last_id += 1;
        let id = state.last_id;
        if state.waiting.is_empty() {
            // Silence counts from when there is something to say.
            state.last_answer = now;
        }
        state.waiting.insert(id, sender);
        Ok((id, receiver))
    }

    /// Waits no longer. A signer that answered nobody all the while is stuck, and is ended.
    fn leave(&self, id: u64) {
        let mut state = lock(&self.state);
        state.waiting.remove(&id);
        let is_stuck = state.last_answer.elapsed() >= self.patience;
        drop(state);
        self.freed.notify_one();
        if is_stuck {
            error!("the signer process answers nobody and is ended");
            self.break_off();
        }
    }
}

/// What is said to who waited for a signer that went away.
pub(super) fn gone() -> KeyProviderError {
    KeyProviderError::Unavailable("the signer process is gone and is being started again".to_owned())
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that may panic runs under the locks.
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
