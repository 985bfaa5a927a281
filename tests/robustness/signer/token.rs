//! Keys in a token, reached by the signer alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use provost_testkit::eventually;

use super::{House, signal};

const PIN: &str = "471147";

fn library() -> PathBuf {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    let found = places.iter().map(PathBuf::from).find(|path| path.exists());
    found.expect("SoftHSM is not installed: run `scripts/softhsm.sh` or install the package softhsm2")
}

/// A token in the folder; answers SoftHSM's configuration.
pub(crate) fn make_token(folder: &Path) -> PathBuf {
    let configuration = folder.join("softhsm2.conf");
    let tokens = folder.join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
    std::fs::write(&configuration, text).unwrap();
    let made = Command::new("softhsm2-util")
        .args([
            "--init-token",
            "--free",
            "--label",
            "provost",
            "--pin",
            PIN,
            "--so-pin",
            PIN,
        ])
        .env("SOFTHSM2_CONF", &configuration)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    configuration
}

pub(crate) fn toml(pin: &Path) -> String {
    format!(
        "[keys.token]\nuri = 'pkcs11:token=provost'\nmodule = '{}'\npin_file = '{}'\n",
        library().display(),
        pin.display()
    )
}

/// A file with the token's PIN.
pub(crate) fn pin_file(folder: &Path) -> PathBuf {
    let pin = folder.join("pin");
    std::fs::write(&pin, PIN).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&pin, mode).unwrap();
    pin
}

fn has_library(process: u32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    maps.contains("softhsm")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_used_by_the_signer_and_its_library_is_loaded_there_alone() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = make_token(folder.path());
    let pin = pin_file(folder.path());
    let house = House::open_in(folder, &toml(&pin), &[("SOFTHSM2_CONF", &configuration)]).await;
    house.certify("press").await.unwrap();
    let signer = house.server.signer().expect("a signer");
    assert!(!has_library(house.server.id()));
    // The signer lets itself be looked at by root alone.
    if std::fs::read(format!("/proc/{signer}/maps")).is_ok() {
        assert!(has_library(signer));
    }
    // Another one logs in to the same token.
    signal("-KILL", signer);
    eventually("a certificate after all", async || {
        house.certify("drill").await.ok()
    })
    .await;
    assert!(
        std::fs::read_dir(house.data().join("keys")).is_err(),
        "no key is a file"
    );
}
