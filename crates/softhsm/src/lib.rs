//! SoftHSM, the token in software of tests and benchmarks: where its library is, and a token of one's own.
//!
//! It is apart from the other fixtures because the tests of keys need it, and those fixtures need the keys.
//! SoftHSM reads where its tokens are from an environment variable, hence whatever uses one is a process of its
//! own, started with [`CONFIGURATION_VARIABLE`] set.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Label of the token that [`make_token`] makes.
pub const LABEL: &str = "provost";
/// Its PIN, for users and for the security officer.
pub const PIN: &str = "471147";
/// The environment variable that names SoftHSM's configuration.
pub const CONFIGURATION_VARIABLE: &str = "SOFTHSM2_CONF";
/// What to tell whoever needs it and has it not.
pub const NOT_INSTALLED: &str =
    "SoftHSM is not installed: run `scripts/softhsm.sh` or install the package softhsm2";

/// Where distributions put it.
const PLACES: [&str; 5] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// The PKCS#11 library; `None` when it is not installed.
pub fn library() -> Option<PathBuf> {
    PLACES.iter().map(PathBuf::from).find(|path| path.exists())
}

/// Writes a configuration with tokens in this folder, none as yet; answers where it is.
pub fn configure(folder: &Path) -> io::Result<PathBuf> {
    let (file, tokens) = (folder.join("softhsm2.conf"), folder.join("tokens"));
    std::fs::create_dir_all(&tokens)?;
    let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
    std::fs::write(&file, text)?;
    Ok(file)
}

/// A token in this folder, labelled [`LABEL`] and opened by [`PIN`]; answers the configuration that leads to it.
///
/// # Errors
/// Where files cannot be written, or `softhsm2-util` is missing or refuses, with what it said.
pub fn make_token(folder: &Path) -> io::Result<PathBuf> {
    let configuration = configure(folder)?;
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", LABEL])
        .args(["--pin", PIN, "--so-pin", PIN])
        .env(CONFIGURATION_VARIABLE, &configuration)
        .output()?;
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        return Err(io::Error::other(format!("softhsm2-util made no token: {said}")));
    }
    Ok(configuration)
}
