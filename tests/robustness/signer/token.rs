//! Keys in a token, reached by the signer alone.

use std::path::{Path, PathBuf};

use provost_softhsm::{CONFIGURATION_VARIABLE, LABEL, NOT_INSTALLED, PIN};
use provost_testkit::eventually;

use super::{House, signal};

pub(crate) fn toml(pin: &Path) -> String {
    let library = provost_softhsm::library().expect(NOT_INSTALLED);
    format!(
        "[keys.token]\nuri = 'pkcs11:token={LABEL}'\nmodule = '{}'\npin_file = '{}'\n",
        library.display(),
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
    let configuration = provost_softhsm::make_token(folder.path()).unwrap();
    let pin = pin_file(folder.path());
    let house = House::open_in(folder, &toml(&pin), &[(CONFIGURATION_VARIABLE, &configuration)]).await;
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
