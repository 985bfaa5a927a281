//! Sessions with a token: one login for the process, and a new one when the token was away.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use super::{Found, TokenOptions};
use crate::KeyProviderError;

/// The first and the longest wait between two attempts to reach a token.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Why something in a session failed: the token, or what was found there.
#[derive(Debug)]
pub(crate) enum PoolError {
    Token(Error),
    Key(KeyProviderError),
}

impl From<Error> for PoolError {
    fn from(error: Error) -> Self {
        Self::Token(error)
    }
}

impl From<KeyProviderError> for PoolError {
    fn from(error: KeyProviderError) -> Self {
        Self::Key(error)
    }
}

impl PoolError {
    /// Whether a new login may help.
    fn is_lost_session(&self) -> bool {
        let Self::Token(Error::Pkcs11(code, _)) = self else {
            return false;
        };
        matches!(
            code,
            RvError::SessionHandleInvalid
                | RvError::SessionClosed
                | RvError::UserNotLoggedIn
                | RvError::DeviceRemoved
                | RvError::DeviceError
                | RvError::TokenNotPresent
                | RvError::TokenNotRecognized
                | RvError::SlotIdInvalid
                | RvError::KeyHandleInvalid
                | RvError::ObjectHandleInvalid
                | RvError::CryptokiNotInitialized
        )
    }
}

impl From<PoolError> for KeyProviderError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Key(error) => error,
            PoolError::Token(error) => Self::Unavailable(format!("the token says: {error}")),
        }
    }
}

/// A session, and which login it belongs to.
pub(crate) struct LoggedIn {
    session: Session,
    login: u64,
}

impl Deref for LoggedIn {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

/// The sessions of one token.
pub(crate) struct Pool {
    context: Pkcs11,
    options: TokenOptions,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    /// Grows with every login; sessions and handles of earlier ones are not used again.
    login: u64,
    idle: Vec<Session>,
    /// Sessions that are open, idle or in use, of this login.
    open: usize,
    known: HashMap<Vec<u8>, Found>,
    is_connected: bool,
    /// When the next attempt to reach the token may be made, and how long the wait was.
    next_attempt: Option<(Instant, Duration)>,
    /// The token said so; asking again would lock it.
    pin_refused: Option<String>,
}

impl Pool {
    /// Loads the library and logs in.
    pub(crate) fn open(options: TokenOptions) -> Result<Self, KeyProviderError> {
        let module = options.module.display().to_string();
        let failed = |what: &str, error: &Error| {
            KeyProviderError::Unavailable(format!("cannot {what} the PKCS#11 library {module}: {error}"))
        };
        let context = Pkcs11::new(&options.module).map_err(|error| failed("load", &error))?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(failed("start", &error)),
        }
        let pool = Self {
            context,
            options,
            state: Mutex::default(),
            returned: Condvar::new(),
        };
        let connected = pool.connect(&mut pool.lock());
        match (connected, pool.lock().pin_refused.take()) {
            (Ok(()), _) => {}
            // Final: whoever opens keys again by himself must not come to this a second time.
            (Err(_), Some(reason)) => return Err(KeyProviderError::Refused(reason)),
            (Err(error), None) => return Err(error),
        }
        Ok(pool)
    }

    /// Runs in a session; when the session was lost, once more after a new login.
    pub(crate) fn run<T>(
        &self,
        work: impl Fn(&LoggedIn) -> Result<T, PoolError>,
    ) -> Result<T, KeyProviderError> {
        match self.in_session(&work) {
            Err(error) if error.is_lost_session() => Ok(self.in_session(&work)?),
            other => Ok(other?),
        }
    }

    /// Runs in a session, once.
    pub(crate) fn once<T>(
        &self,
        work: impl Fn(&LoggedIn) -> Result<T, PoolError>,
    ) -> Result<T, KeyProviderError> {
        Ok(self.in_session(work)?)
    }

    /// What is known of a key since the login of this session.
    pub(crate) fn known(&self, session: &LoggedIn, id: &[u8]) -> Option<Found> {
        let state = self.lock();
        let is_of_now = state.login == session.login;
        state.known.get(id).filter(|_| is_of_now).cloned()
    }

    /// Keeps what is known of a key, unless there was another login since it was looked at: a handle of an
    /// earlier one may be another key's by now.
    pub(crate) fn remember(&self, session: &LoggedIn, id: &[u8], found: &Found) {
        let mut state = self.lock();
        if state.login == session.login {
            state.known.insert(id.to_vec(), found.clone());
        }
    }

    /// Looks at the key anew the next time.
    pub(crate) fn forget(&self, id: &[u8]) {
        self.lock().known.remove(id);
    }

    /// Sessions open now.
    #[cfg(test)]
    pub(super) fn sessions(&self) -> usize {
        self.lock().open
    }

    /// As when the token went away.
    #[cfg(test)]
    pub(super) fn lose_login(&self) {
        let mut state = self.lock();
        state.is_connected = false;
        state.known.clear();
        state.idle.clear();
    }

    fn in_session<T>(&self, work: impl Fn(&LoggedIn) -> Result<T, PoolError>) -> Result<T, PoolError> {
        let session = self.take()?;
        let done = work(&session);
        let is_lost = matches!(&done, Err(error) if error.is_lost_session());
        self.give_back(session, is_lost);
        done
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<LoggedIn, PoolError> {
        let mut state = self.lock();
        loop {
            if !state.is_connected {
                self.connect(&mut state)?;
            }
            if let Some(session) = state.idle.pop() {
                return Ok(LoggedIn {
                    session,
                    login: state.login,
                });
            }
            if state.open < self.options.sessions.max(1) {
                let slot = self.find_slot()?;
                let session = self.context.open_rw_session(slot)?;
                state.open += 1;
                return Ok(LoggedIn {
                    session,
                    login: state.login,
                });
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_back(&self, session: LoggedIn, is_lost: bool) {
        let mut state = self.lock();
        if session.login == state.login {
            if is_lost {
                // All sessions fall with the login.
                state.is_connected = false;
                state.idle.clear();
                state.known.clear();
            } else {
                state.idle.push(session.session);
            }
        }
        self.returned.notify_all();
    }

    /// Logs in anew; waits longer after each failure, and refuses until then.
    fn connect(&self, state: &mut State) -> Result<(), KeyProviderError> {
        if let Some(reason) = &state.pin_refused {
            return Err(KeyProviderError::Unavailable(reason.clone()));
        }
        if state.next_attempt.is_some_and(|(at, _)| at > Instant::now()) {
            return Err(KeyProviderError::Unavailable(
                "the token was not there a moment ago".to_owned(),
            ));
        }
        state.idle.clear();
        state.known.clear();
        match self.login() {
            Ok(session) => {
                *state = State {
                    login: state.login + 1,
                    idle: vec![session],
                    open: 1,
                    is_connected: true,
                    ..State::default()
                };
                Ok(())
            }
            Err(error) => {
                let wait = state
                    .next_attempt
                    .map_or(FIRST_WAIT, |(_, wait)| (wait * 2).min(LONGEST_WAIT));
                state.next_attempt = Some((Instant::now() + wait, wait));
                if let PoolError::Token(Error::Pkcs11(
                    RvError::PinIncorrect | RvError::PinLocked | RvError::PinExpired | RvError::PinInvalid,
                    _,
                )) = &error
                {
                    let reason = "the token refuses the PIN; it is not tried again before the next start";
                    state.pin_refused = Some(reason.to_owned());
                    return Err(KeyProviderError::Unavailable(reason.to_owned()));
                }
                Err(error.into())
            }
        }
    }

    fn login(&self) -> Result<Session, PoolError> {
        let slot = self.find_slot()?;
        self.check_tries(slot)?;
        let session = self.context.open_rw_session(slot)?;
        let pin = AuthPin::from(self.options.pin.expose().as_str());
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => Err(error.into()),
        }
    }

    /// A PIN is tried only where a wrong one costs nothing yet: a program that is started again and again must
    /// not use up the tries.
    fn check_tries(&self, slot: Slot) -> Result<(), PoolError> {
        let token = self.context.get_token_info(slot)?;
        let reason = if token.user_pin_locked() {
            "the token has locked the user's PIN"
        } else if token.user_pin_final_try() || token.user_pin_count_low() {
            "a wrong PIN was tried at the token, which locks after a few: check the PIN by logging in once with \
             another program (`pkcs11-tool --login --list-objects`), then start again"
        } else {
            return Ok(());
        };
        Err(KeyProviderError::Refused(reason.to_owned()).into())
    }

    /// The one token the URI names.
    fn find_slot(&self) -> Result<Slot, PoolError> {
        let mut found = Vec::new();
        for slot in self.context.get_slots_with_initialized_token()? {
            if self.is_named(slot)? {
                found.push(slot);
            }
        }
        match found.as_slice() {
            [slot] => Ok(*slot),
            [] => {
                Err(KeyProviderError::Unavailable("the token the URI names is not there".to_owned()).into())
            }
            several => Err(KeyProviderError::Refused(format!(
                "the URI names {} tokens; it must name one, for example by its serial",
                several.len()
            ))
            .into()),
        }
    }

    fn is_named(&self, slot: Slot) -> Result<bool, Error> {
        let token = self.context.get_token_info(slot)?;
        let uri = &self.options.uri;
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value.trim_end())
        };
        Ok(is(&uri.token, token.label())
            && is(&uri.serial, token.serial_number())
            && is(&uri.manufacturer, token.manufacturer_id())
            && is(&uri.model, token.model())
            && uri.slot_id.is_none_or(|wanted| wanted == slot.id()))
    }
}
