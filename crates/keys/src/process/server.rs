//! The signer's end: reads requests, has them done by a bounded number of threads, and writes answers.

use std::collections::HashMap;
use std::io::BufReader;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use provost_model::registry::KeyRef;
use tracing::debug;

use super::frame::{FrameError, read_frame, write_frame};
use super::message::{Answer, MessageError, NotOpened, Opened, Opening, PROTOCOL_VERSION, Request, Task};
use super::outbox::Outbox;
use crate::{KeyProvider, KeyProviderError};

/// A signature that took no longer may wait for the next ones.
const MOMENT: Duration = Duration::from_micros(300);
/// So many answers are written together at most.
const TOGETHER: usize = 8;
/// How long a signature under way may take once the server is gone.
const LAST_WORK: Duration = Duration::from_secs(2);

/// What the signer works with.
pub struct OpenedKeys {
    /// The keys.
    pub provider: Box<dyn KeyProvider>,
    /// Signatures at a time.
    pub threads: usize,
}

/// Why a signer ended though its server did not ask for it.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// Frames cannot be read or written.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame holds no message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The server speaks another version.
    #[error("the server speaks version {0} with its signer, this program {PROTOCOL_VERSION}")]
    Version(u16),
    /// The keys could not be opened; the server knows why.
    #[error("the keys were not opened: {0}")]
    NotOpened(String),
    /// There is nothing to work with.
    #[error("the signer cannot work")]
    Io(#[from] std::io::Error),
    /// A mistake in this program.
    #[error("a thread of the signer failed")]
    Failed,
}

/// Opens the keys as the first frame says and does what is asked, until the server closes its end or is gone.
///
/// # Errors
/// [`SignerError`]; the process is to end after it, and the server starts another one.
pub fn serve_signer(
    stream: UnixStream,
    open: impl FnOnce(&[u8]) -> Result<OpenedKeys, NotOpened>,
) -> Result<(), SignerError> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream.try_clone()?;
    // A server that was gone at once asked for nothing.
    let Some(first) = read_frame(&mut reader)? else {
        return Ok(());
    };
    let opening = Opening::parse(&first)?;
    let opened = if opening.version == PROTOCOL_VERSION {
        open(&opening.settings)
    } else {
        Err(NotOpened {
            is_final: true,
            reason: SignerError::Version(opening.version).to_string(),
        })
    };
    let told = Opened(opened.as_ref().map(|_| ()).map_err(Clone::clone));
    write_frame(&mut writer, &told.to_bytes())?;
    let opened = opened.map_err(|failed| SignerError::NotOpened(failed.reason))?;
    let desk = Arc::new(Desk {
        provider: opened.provider,
        reader: Mutex::new(reader),
        outbox: Outbox::default(),
        stream,
        signatures: Mutex::default(),
    });
    let threads = opened.threads.max(1);
    let ended = hire(&desk, threads)?;
    desk.until_the_end(&ended, threads)
}

/// Starts the threads; each says how it ended.
fn hire(desk: &Arc<Desk>, threads: usize) -> Result<Receiver<Result<(), SignerError>>, SignerError> {
    let (end, ended) = channel();
    for number in 0..threads {
        let (desk, end): (_, Sender<_>) = (Arc::clone(desk), end.clone());
        thread::Builder::new()
            .name(format!("signer-{number}"))
            .spawn(move || {
                let outcome = catch_unwind(AssertUnwindSafe(|| desk.work()));
                let _ = end.send(outcome.unwrap_or(Err(SignerError::Failed)));
            })?;
    }
    Ok(ended)
}

/// Where requests come in and answers go out.
struct Desk {
    provider: Box<dyn KeyProvider>,
    /// Whoever is free reads the next request himself: it need not be handed on.
    reader: Mutex<BufReader<UnixStream>>,
    outbox: Outbox,
    stream: UnixStream,
    /// Since the start, for each key.
    signatures: Mutex<HashMap<KeyRef, u64>>,
}

impl Desk {
    fn work(&self) -> Result<(), SignerError> {
        while let Some(frame) = self.next()? {
            let Request { id, task } = Request::parse(&frame)?;
            let is_signature = matches!(task, Task::Sign(..));
            if !is_signature {
                // May take long: nobody's signature waits for it.
                self.outbox.write_to(&self.stream)?;
            }
            let begun = Instant::now();
            let answer = self.answer(id, task).unwrap_or_else(Answer::Failed);
            let waiting = self.outbox.leave(&answer.to_bytes(id))?;
            let is_quick = is_signature && begun.elapsed() < MOMENT;
            if !(is_quick && waiting < TOGETHER && self.has_more()) {
                self.outbox.write_to(&self.stream)?;
            }
        }
        Ok(())
    }

    /// The next request. Whoever would wait for it first writes the answers that are there.
    fn next(&self) -> Result<Option<Vec<u8>>, SignerError> {
        let mut reader = lock(&self.reader);
        if reader.buffer().is_empty() {
            self.outbox.write_to(&self.stream)?;
        }
        Ok(read_frame(&mut *reader)?)
    }

    /// Whether another request is here already. Not when somebody waits for one: he cannot write.
    fn has_more(&self) -> bool {
        self.reader
            .try_lock()
            .is_ok_and(|reader| !reader.buffer().is_empty())
    }

    fn answer(&self, id: u64, task: Task) -> Result<Answer, KeyProviderError> {
        Ok(match task {
            Task::Reserve(purpose) => Answer::Key(self.provider.reserve(&purpose)?),
            Task::Make(key, purpose) => {
                self.provider.make(&key, &purpose)?;
                debug!(key = key.0, request = id, "made a key");
                Answer::Done
            }
            Task::Public(key) => {
                let (der, algorithm) = self.provider.public(&key)?;
                Answer::Public(der, algorithm)
            }
            Task::Sign(key, digest) => {
                let signature = self.provider.sign_digest(&key, &digest)?;
                let signatures = self.count(&key);
                debug!(key = key.0, request = id, signatures, "signed");
                Answer::Signature(signature)
            }
            Task::Destroy(key) => {
                self.provider.destroy(&key)?;
                lock(&self.signatures).remove(&key);
                debug!(key = key.0, request = id, "destroyed a key");
                Answer::Done
            }
            Task::Health => {
                self.provider.health()?;
                Answer::Done
            }
        })
    }

    fn count(&self, key: &KeyRef) -> u64 {
        let mut signatures = lock(&self.signatures);
        let count = signatures.entry(key.clone()).or_default();
        *count += 1;
        *count
    }

    /// With the first thread all of them end: nothing more comes, or nothing more is understood.
    fn until_the_end(
        &self,
        ended: &Receiver<Result<(), SignerError>>,
        threads: usize,
    ) -> Result<(), SignerError> {
        let first = ended.recv().unwrap_or(Err(SignerError::Failed));
        let _ = self.stream.shutdown(Shutdown::Read);
        let deadline = Instant::now() + LAST_WORK;
        for _ in 1..threads {
            let left = deadline.saturating_duration_since(Instant::now());
            if ended.recv_timeout(left).is_err() {
                break;
            }
        }
        first
    }
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that failed under it ends the process anyway.
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
