//! The process that holds the keys of CAs for a server (docs/KEYS-AND-BACKUP.md).
//!
//! `provost serve` starts it from its own program, with one end of a socket pair as its standard input, and it ends when that is closed:
//! with the server, however that ended. It opens no socket, and only it reads what opens the keys.

mod hardening;
mod leaving;

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use provost_keys::{
    KeyProviderError, LaunchedSigner, NotOpened, OpenedKeys, SignerError, SignerLauncher, serve_signer,
};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::config::{KeysConfig, LogConfig};
use crate::serve::{Ambient, keys, telling};

/// The verb it is started by.
const VERB: &str = "signer";
/// More threads than any token has use for.
const MAX_THREADS: usize = 64;

/// What it is told at its start. No secret.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    keys: KeysConfig,
    log: LogConfig,
}

/// The settings as they are sent.
pub(crate) fn settings(keys: &KeysConfig, log: &LogConfig) -> Result<Vec<u8>> {
    let settings = Settings {
        keys: keys.clone(),
        log: log.clone(),
    };
    serde_json::to_vec(&settings)
        .context("the paths of the keys cannot be told to the process that opens them")
}

/// How the program at this path is started as a signer.
pub(crate) fn launcher(program: &Path) -> SignerLauncher {
    let program = program.to_owned();
    Box::new(move || {
        let (ours, its) = UnixStream::pair()?;
        // What a library prints must not get between the frames: it goes where the log goes.
        let log = io::stderr().as_fd().try_clone_to_owned()?;
        let process = Command::new(&program)
            .arg0("provost")
            .arg(VERB)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(its)))
            .stdout(Stdio::from(log))
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(LaunchedSigner {
            stream: ours,
            process: Some(process),
        })
    })
}

/// The verb: signs until its standard input is closed.
pub(crate) fn run() -> Result<()> {
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    if stream.local_addr().is_err() {
        bail!("`provost {VERB}` is started by `provost serve`, not by people");
    }
    let hardened = hardening::harden();
    outlive_the_server()?;
    leaving::leave_with_the_server(&stream)?;
    let ended = serve_signer(stream, |settings| {
        open(settings, &hardened).map_err(|error| NotOpened {
            is_final: !matches!(
                error.downcast_ref::<KeyProviderError>(),
                Some(KeyProviderError::Unavailable(_))
            ),
            reason: format!("{error:#}"),
        })
    });
    match ended {
        // The server knows, and says it.
        Ok(()) | Err(SignerError::NotOpened(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The signals that end a server come to its whole group: it still signs while it drains.
fn outlive_the_server() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let _inside = runtime.enter();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        // A handler stays for the life of the process; nobody looks at what it notes.
        drop(signal(kind)?);
    }
    Ok(())
}

fn open(settings: &[u8], hardened: &[hardening::NotHardened]) -> Result<OpenedKeys> {
    let Settings { keys, log } = serde_json::from_slice(settings).context("the settings cannot be read")?;
    telling::start_log(&log)?;
    for failed in hardened {
        warn!("{failed}");
    }
    let provider = keys::open_ring(&keys, &Ambient::default())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // A token may be far away: as many signatures at a time as it has sessions for.
    let sessions = keys.token.as_ref().map_or(0, |token| token.sessions);
    let threads = cores.max(sessions).min(MAX_THREADS);
    info!(threads, "the keys of CAs are open in a process of their own");
    Ok(OpenedKeys {
        provider: Box::new(provider),
        threads,
    })
}
