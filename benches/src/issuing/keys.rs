//! Where the key of the issuing CA is.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use provost_ca::CaKeys;
use provost_keys::{
    KekSource, KeyHome, KeyRing, LaunchedSigner, OpenedKeys, SealedKeys, SignerProcess, TokenKeys,
    TokenOptions, TokenUri, serve_signer,
};
use provost_model::Secret;
use provost_model::ambient::{SystemClock, SystemRandom};

use super::KeyPlace;

/// As the server holds opened keys unless told otherwise.
const HOLD: Duration = Duration::from_secs(1);
const PIN: &str = "471147";
/// Where distributions put SoftHSM.
const SOFTHSM: [&str; 5] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// The library of the token in software; `None` when it is not installed.
pub(crate) fn softhsm() -> Option<PathBuf> {
    SOFTHSM.iter().map(PathBuf::from).find(|path| path.exists())
}

/// Writes the configuration of a token of our own; the library reads its place from `SOFTHSM2_CONF`.
pub(crate) fn make_token(folder: &Path) -> Result<PathBuf> {
    let (file, tokens) = (folder.join("softhsm2.conf"), folder.join("tokens"));
    std::fs::create_dir_all(&tokens)?;
    let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
    std::fs::write(&file, text)?;
    let made = Command::new("softhsm2-util")
        .args([
            "--init-token",
            "--free",
            "--label",
            "bench",
            "--pin",
            PIN,
            "--so-pin",
            PIN,
        ])
        .env("SOFTHSM2_CONF", &file)
        .stdout(Stdio::null())
        .status()
        .context("softhsm2-util")?;
    ensure!(made.success(), "softhsm2-util made no token");
    Ok(file)
}

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
                module: softhsm().context("SoftHSM is not installed")?,
                uri: TokenUri::parse("pkcs11:token=bench")?,
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
