//! The server's end: a provider that forwards to a signer, which it starts, watches and starts again.

use std::collections::HashMap;
use std::io::{self, BufReader};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use provost_model::registry::KeyRef;
use tracing::{error, info};

use super::connection::{Connection, gone, unexpected};
use super::frame::{read_frame, write_frame};
use super::message::{Answer, NotOpened, Opened, Opening, PROTOCOL_VERSION, Task};
use crate::{KeyAlgorithm, KeyProvider, KeyProviderError, KeyPurpose, PendingSignature};

/// How long opening the keys may take: a passphrase costs a fraction of a second, a token far away some.
const OPENING_LIMIT: Duration = Duration::from_mins(1);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a signer may take to end after its connection did.
const END_LIMIT: Duration = Duration::from_secs(3);
/// The first and the longest pause before a signer that ended is started again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A signer that lived so long did not fail at its start.
const STEADY: Duration = Duration::from_mins(1);
/// Public halves kept, more than anybody has CAs; with more they are asked for again.
const KNOWN: usize = 1024;

/// A signer that was started: the server's end of the socket pair, and its process.
pub struct LaunchedSigner {
    /// The other end is its standard input.
    pub stream: UnixStream,
    /// Its process; `None` where it is a thread of a test.
    pub process: Option<Child>,
}

/// Starts a signer, each time it is called another one.
pub type SignerLauncher = Box<dyn Fn() -> io::Result<LaunchedSigner> + Send + Sync>;

/// Keys in a process of their own. No secret of theirs is ever in this one.
///
/// A signer that ends is started again after a pause that grows. Meanwhile, and for what was under way, every call fails with
/// [`KeyProviderError::Unavailable`]; nothing is ever asked a second time.
pub struct SignerProcess {
    shared: Arc<Shared>,
    watching: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    launch: SignerLauncher,
    settings: Vec<u8>,
    link: Mutex<Link>,
    closing: Condvar,
    /// Public halves never change.
    known: Mutex<HashMap<KeyRef, (Vec<u8>, KeyAlgorithm)>>,
}

#[derive(Default)]
struct Link {
    connection: Option<Arc<Connection>>,
    /// One that was started and has not opened its keys yet.
    greeted: Option<UnixStream>,
    is_closing: bool,
    /// Why no signer is started any more.
    given_up: Option<String>,
    restarts: u64,
}

/// A signer whose keys are open.
struct Running {
    connection: Arc<Connection>,
    process: Option<Child>,
}

impl SignerProcess {
    /// Starts the signer; returns when it has opened the keys. Blocks.
    ///
    /// `settings` are what its side makes of them, and hold no secret.
    pub fn start(launch: SignerLauncher, settings: Vec<u8>) -> Result<Self, KeyProviderError> {
        let shared = Arc::new(Shared {
            launch,
            settings,
            link: Mutex::default(),
            closing: Condvar::new(),
            known: Mutex::default(),
        });
        let running = shared.start_one().map_err(NotOpened::into_error)?;
        lock(&shared.link).connection = Some(Arc::clone(&running.connection));
        let watched = Arc::clone(&shared);
        let watching = thread::Builder::new()
            .name("signer".to_owned())
            .spawn(move || watched.watch(running))
            .map_err(|error| KeyProviderError::Unavailable(format!("no thread for the signer: {error}")))?;
        Ok(Self {
            shared,
            watching: Mutex::new(Some(watching)),
        })
    }

    /// How often it had to be started again.
    pub fn restarts(&self) -> u64 {
        lock(&self.shared.link).restarts
    }

    /// Ends the signer and waits until it has ended, a few seconds at most. Blocks.
    pub fn close(&self) {
        self.shared.close();
        let watching = lock(&self.watching).take();
        if let Some(watching) = watching {
            // It does not panic, and there is nothing left to do if it did.
            let _ = watching.join();
        }
    }

    fn connection(&self) -> Result<Arc<Connection>, KeyProviderError> {
        let link = lock(&self.shared.link);
        match (&link.connection, &link.given_up) {
            (Some(connection), _) => Ok(Arc::clone(connection)),
            (None, Some(reason)) => Err(KeyProviderError::Unavailable(reason.clone())),
            (None, None) => Err(gone()),
        }
    }

    fn ask(&self, task: Task) -> Result<Answer, KeyProviderError> {
        match self.connection()?.ask(task)? {
            Answer::Failed(error) => Err(error),
            answer => Ok(answer),
        }
    }
}

impl Drop for SignerProcess {
    fn drop(&mut self) {
        // Whoever wants to wait for its end closes it before.
        self.shared.close();
    }
}

impl KeyProvider for SignerProcess {
    fn reserve(&self, purpose: &KeyPurpose) -> Result<KeyRef, KeyProviderError> {
        match self.ask(Task::Reserve(purpose.clone()))? {
            Answer::Key(key) => Ok(key),
            _ => Err(unexpected()),
        }
    }

    fn make(&self, key: &KeyRef, purpose: &KeyPurpose) -> Result<(), KeyProviderError> {
        match self.ask(Task::Make(key.clone(), purpose.clone()))? {
            Answer::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }

    fn public(&self, key: &KeyRef) -> Result<(Vec<u8>, KeyAlgorithm), KeyProviderError> {
        if let Some(known) = lock(&self.shared.known).get(key) {
            return Ok(known.clone());
        }
        let Answer::Public(der, algorithm) = self.ask(Task::Public(key.clone()))? else {
            return Err(unexpected());
        };
        let mut known = lock(&self.shared.known);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(key.clone(), (der.clone(), algorithm));
        Ok((der, algorithm))
    }

    fn sign(&self, key: &KeyRef, message: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        let known = lock(&self.shared.known).get(key).map(|known| known.1);
        let algorithm = match known {
            Some(algorithm) => algorithm,
            None => self.public(key)?.1,
        };
        self.sign_digest(key, &algorithm.digest(message))
    }

    fn begin_signing(&self, key: &KeyRef, message: &[u8]) -> Option<PendingSignature> {
        // One whose kind is not known yet, or that cannot be asked for now, is asked for where one may wait.
        let algorithm = lock(&self.shared.known).get(key).map(|known| known.1)?;
        let connection = self.connection().ok()?;
        connection.begin_signing(key, algorithm.digest(message))
    }

    fn sign_digest(&self, key: &KeyRef, digest: &[u8]) -> Result<Vec<u8>, KeyProviderError> {
        match self.ask(Task::Sign(key.clone(), digest.to_vec()))? {
            Answer::Signature(signature) => Ok(signature),
            _ => Err(unexpected()),
        }
    }

    fn destroy(&self, key: &KeyRef) -> Result<(), KeyProviderError> {
        lock(&self.shared.known).remove(key);
        match self.ask(Task::Destroy(key.clone()))? {
            Answer::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }

    fn health(&self) -> Result<(), KeyProviderError> {
        match self.ask(Task::Health)? {
            Answer::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

impl Shared {
    fn start_one(&self) -> Result<Running, NotOpened> {
        let failed = |what: &str, error: &dyn std::fmt::Display| NotOpened {
            is_final: false,
            reason: format!("cannot {what} the signer process: {error}"),
        };
        let LaunchedSigner { stream, mut process } =
            (self.launch)().map_err(|error| failed("start", &error))?;
        let opened = self
            .greet_unless_closing(&stream)
            .map_err(|error| failed("talk to", &error))
            .and_then(|opened| opened.0);
        let connection = opened.and_then(|()| {
            Connection::new(
                stream.try_clone().map_err(|error| failed("talk to", &error))?,
                PATIENCE,
            )
            .map_err(|error| failed("talk to", &error))
        });
        match connection {
            Ok(connection) => Ok(Running {
                connection: Arc::new(connection),
                process,
            }),
            Err(error) => {
                drop(stream);
                reap(&mut process);
                Err(error)
            }
        }
    }

    /// The greeting, which [`Self::close`] cuts off: a token may take its time.
    fn greet_unless_closing(&self, stream: &UnixStream) -> io::Result<Opened> {
        {
            let mut link = lock(&self.link);
            if link.is_closing {
                return Err(io::Error::other("the program ends"));
            }
            link.greeted = Some(stream.try_clone()?);
        }
        let opened = self.greet(stream);
        lock(&self.link).greeted = None;
        opened
    }

    /// Tells where the keys are, and hears whether they were opened.
    fn greet(&self, stream: &UnixStream) -> io::Result<Opened> {
        let opening = Opening {
            version: PROTOCOL_VERSION,
            settings: self.settings.clone(),
        };
        let other = |error: &dyn std::error::Error| io::Error::other(error.to_string());
        stream.set_read_timeout(Some(OPENING_LIMIT))?;
        write_frame(&mut &*stream, &opening.to_bytes()).map_err(|error| other(&error))?;
        // One byte more than the answer is never there: the signer speaks when it is asked.
        let frame = read_frame(&mut BufReader::new(stream)).map_err(|error| other(&error))?;
        let frame = frame.ok_or_else(|| io::Error::other("it ended before it opened the keys"))?;
        stream.set_read_timeout(None)?;
        Opened::parse(&frame).map_err(|error| other(&error))
    }

    /// Waits for the end of each signer and starts the next one, until all is over.
    fn watch(&self, mut running: Running) {
        let mut pause = FIRST_PAUSE;
        loop {
            let since = Instant::now();
            running.connection.read_answers();
            lock(&self.link).connection = None;
            let ended = reap(&mut running.process);
            if lock(&self.link).is_closing {
                return;
            }
            error!(
                status = ended,
                "the process that holds the keys of CAs ended and is started again"
            );
            if since.elapsed() > STEADY {
                pause = FIRST_PAUSE;
            }
            match self.start_again(&mut pause) {
                Some(next) => running = next,
                None => return,
            }
        }
    }

    fn start_again(&self, pause: &mut Duration) -> Option<Running> {
        loop {
            if self.is_closing_within(*pause) {
                return None;
            }
            *pause = (*pause * 2).min(LONGEST_PAUSE);
            match self.start_one() {
                Ok(running) => {
                    let mut link = lock(&self.link);
                    link.restarts += 1;
                    if link.is_closing {
                        running.connection.break_off();
                    } else {
                        link.connection = Some(Arc::clone(&running.connection));
                        info!(restarts = link.restarts, "the keys of CAs can be used again");
                    }
                    return Some(running);
                }
                Err(_) if lock(&self.link).is_closing => return None,
                Err(failed) if failed.is_final => {
                    error!(
                        reason = failed.reason,
                        "the keys of CAs cannot be opened again before the next start"
                    );
                    lock(&self.link).given_up = Some(failed.reason);
                    return None;
                }
                Err(failed) => error!(
                    reason = failed.reason,
                    "the keys of CAs cannot be opened; tried again"
                ),
            }
        }
    }

    fn is_closing_within(&self, pause: Duration) -> bool {
        let link = lock(&self.link);
        let waited = self
            .closing
            .wait_timeout_while(link, pause, |link| !link.is_closing);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_closing
    }

    fn close(&self) {
        let mut link = lock(&self.link);
        link.is_closing = true;
        if let Some(connection) = link.connection.take() {
            connection.break_off();
        }
        if let Some(greeted) = link.greeted.take() {
            // It may have ended by itself.
            let _ = greeted.shutdown(Shutdown::Both);
        }
        self.closing.notify_all();
    }
}

impl NotOpened {
    fn into_error(self) -> KeyProviderError {
        if self.is_final {
            KeyProviderError::Refused(self.reason)
        } else {
            KeyProviderError::Unavailable(self.reason)
        }
    }
}

/// Waits for the end of a process whose connection is over, and ends it when it does not; says how it ended.
fn reap(process: &mut Option<Child>) -> String {
    let Some(process) = process else {
        return "over".to_owned();
    };
    let deadline = Instant::now() + END_LIMIT;
    while Instant::now() < deadline {
        match process.try_wait() {
            Ok(Some(status)) => return status.to_string(),
            Ok(None) => thread::sleep(Duration::from_millis(5)),
            Err(error) => return error.to_string(),
        }
    }
    // It may have ended this very moment.
    let _ = process.kill();
    match process.wait() {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that may panic runs under the locks.
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
