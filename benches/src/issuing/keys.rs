//! Where the key of the issuing CA is.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use provost_ca::CaKeys;
use provost_keys::{
    KekSource, KeyHome, KeyRing, LaunchedSigner, OpenedKeys, SealedKeys, SignerProcess, TokenKeys,
    TokenOptions, TokenUri, serve_signer,
};
use provost_model::Secret;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_softhsm::{LABEL, NOT_INSTALLED, PIN};

use super::KeyPlace;

/// As the server holds opened keys unless told otherwise.
const HOLD: Duration = Duration::from_secs(1);

/// Keys, and the process besides this one that signs with them.
pub(super) struct Opened {
    pub(super) keys: CaKeys,
    pub(super) process: Option<u32>,
}

/// Opens the place for keys.
pub(super) fn open(place: KeyPlace, folder: &Path) -> Result<Opened> {
    let home = match place {
        KeyPlace::Process => return in_process(folder),
        KeyPlace::Held => KeyHome::sealed(sealed(folder, HOLD)?),
        KeyPlace::Opened => KeyHome::sealed(sealed(folder, Duration::ZERO)?),
        KeyPlace::Token => KeyHome::token(TokenKeys::open(
            TokenOptions {
                module: provost_softhsm::library().context(NOT_INSTALLED)?,
                uri: TokenUri::parse(&format!("pkcs11:token={LABEL}"))?,
                pin: Secret::new(PIN.to_owned()),
                allow_imported: false,
                sessions: 4,
            },
            Arc::new(SystemRandom),
        )?),
    };
    Ok(Opened {
        keys: CaKeys::new(Arc::new(KeyRing::new(home, Vec::new()))),
        process: None,
    })
}

/// This program again, as the server starts a signer.
fn in_process(folder: &Path) -> Result<Opened> {
    let (program, folder) = (std::env::current_exe()?, folder.to_owned());
    let id = Arc::new(AtomicU32::new(0));
    let noted = Arc::clone(&id);
    let launch = move || -> io::Result<LaunchedSigner> {
        let (ours, its) = UnixStream::pair()?;
        let process = Command::new(&program)
            .args(["signer", "--folder"])
            .arg(&folder)
            .stdin(Stdio::from(OwnedFd::from(its)))
            .stdout(Stdio::null())
            .spawn()?;
        noted.store(process.id(), Ordering::Relaxed);
        Ok(LaunchedSigner {
            stream: ours,
            process: Some(process),
        })
    };
    let signer = SignerProcess::start(Box::new(launch), Vec::new())?;
    Ok(Opened {
        keys: CaKeys::new(Arc::new(signer)),
        process: Some(id.load(Ordering::Relaxed)),
    })
}

/// Signs with the sealed keys of a folder until standard input is closed.
pub(crate) fn sign(folder: &Path) -> Result<()> {
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let keys = sealed(folder, HOLD)?;
    serve_signer(stream, |_| {
        Ok(OpenedKeys {
            provider: Box::new(KeyRing::new(KeyHome::sealed(keys), Vec::new())),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        })
    })?;
    Ok(())
}

fn sealed(folder: &Path, hold: Duration) -> Result<SealedKeys> {
    let source = KekSource::key(Secret::new(vec![7; 32]))?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    SealedKeys::open(&folder.join("keys"), &source, hold, clock, random).context("sealed keys")
}
